"""The slow twin: one `lax.scan` of the instant, differentiated by JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from jaxrnn.engine import _sums


def walk(body: Callable, keep: str, reverse: bool, shared: Any, carry: Any, timed: Any) -> Any:
    """``keep="carries"`` keeps these alone for the way back, and takes each step again there."""
    wide = _sums.widened(shared)

    def narrow(carry, timed):
        return body(_sums.like(wide, shared), carry, timed)

    if keep == "carries":
        narrow = jax.checkpoint(narrow, prevent_cse=False)
    return jax.lax.scan(narrow, carry, timed, reverse=reverse)
