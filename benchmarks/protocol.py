"""What a framework's file in `workers/` hands to the worker that runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.weights import Weights


class Built(NamedTuple):
    """call: one timed piece of work, finished when it returns. probe: what it computes, by name."""

    call: Callable[[], Any]
    probe: Callable[[], Weights]


class NotOffered(Exception):
    """The framework has nothing for this workload; the message says what."""
