"""A walk in at most about √T chunks, of √T to 2 √T steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def in_chunks(part: Callable, reverse: bool, state: Any, timed: Any) -> tuple[Any, Any]:
    """`jax.lax.scan` of ``part(state, chunk) -> (state, out)`` over chunks of `timed`, a pytree
    that leads with time, as the outs do. All are of one size where a fitting one divides T, else
    the last is shorter, and every array is copied to cut it off and put it together again. A
    symbolic T (of `jax.export`) has no divisors: it is one chunk."""
    T = jax.tree.leaves(timed)[0].shape[0]
    if not isinstance(T, int):
        return part(state, timed)
    root = math.isqrt(max(T - 1, 0)) + 1  # the least whose square is at least T
    size = next((n for n in range(root, 2 * root) if T % n == 0), root)
    count, rest = divmod(T, size)
    whole = slice(rest, None) if reverse else slice(None, T - rest)
    tail = slice(None, rest) if reverse else slice(T - rest, None)

    def chunked(a: jax.Array) -> jax.Array:
        return a[whole].reshape(count, size, *a.shape[1:])

    state, outs = jax.lax.scan(part, state, jax.tree.map(chunked, timed), reverse=reverse)
    outs = jax.tree.map(lambda a: a.reshape(count * size, *a.shape[2:]), outs)
    if not rest:
        return state, outs
    state, last = part(state, jax.tree.map(lambda a: a[tail], timed))
    order = [last, outs] if reverse else [outs, last]
    return state, jax.tree.map(lambda *parts: jnp.concatenate(parts), *order)
