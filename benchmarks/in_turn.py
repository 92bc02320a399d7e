"""Calls timed in one process, in turn: A B C A B C …"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

WARM = 2  # rounds that are not counted


def seconds(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Of every call, `rounds` times each."""
    taken: dict[str, list[float]] = {what: [] for what in calls}
    for round_ in range(rounds + WARM):
        for what, call in calls.items():
            begin = time.perf_counter()
            call()
            if round_ >= WARM:
                taken[what].append(time.perf_counter() - begin)
    return taken
