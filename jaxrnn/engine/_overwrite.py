"""A scan of which an output takes the place of an input that it has read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn._platform import is_tpu


def steps(T: Any) -> Any:
    """T for `lax.scan`; None for a symbolic one (of `jax.export`), which it reads off its xs."""
    return T if isinstance(T, int) else None


def scan(
    body: Callable, state: Any, spent: list, timed: Any, T: Any, *, reverse: bool, late: bool
) -> tuple[Any, list, Any]:
    """``lax.scan`` of ``body(state, spent, timed) -> (state, instead, outs)`` over T instants,
    where what comes `instead` is written over `spent`, which would else need as much room again.

    XLA copies nothing where all that reads an instant is done before it is written: so `late`
    writes it at the next instant, before that is read. On a TPU this takes longer than it saves.
    """
    if not spent or is_tpu():

        def plain(state, inputs):
            state, *outs = body(state, *inputs)
            return state, outs

        inputs, T = (spent, timed), steps(T)
        state, (instead, outs) = jax.lax.scan(plain, state, inputs, length=T, reverse=reverse)
        return state, instead, outs
    at = {"axis": 0, "allow_negative_indices": False}

    def read(buffer, t):
        return jax.lax.dynamic_index_in_dim(buffer, t, keepdims=False, **at)

    def write(buffers, values, t):
        pairs = zip(buffers, values, strict=True)
        return [jax.lax.dynamic_update_index_in_dim(b, a, t, **at) for b, a in pairs]

    def step(all_state, inputs):
        (state, buffers, last), (t, timed) = all_state, inputs
        if late:
            buffers = write(buffers, last, jnp.clip(t + (1 if reverse else -1), 0, T - 1))
        state, instead, outs = body(state, [read(buffer, t) for buffer in buffers], timed)
        if late:
            return (state, buffers, instead), outs
        return (state, write(buffers, instead, t), last), outs

    end = 0 if reverse else T - 1
    last = [buffer[-1 if reverse else 0] for buffer in spent] if late else []
    (state, spent, last), outs = jax.lax.scan(
        step, (state, spent, last), (jnp.arange(T), timed), reverse=reverse
    )
    return state, write(spent, last, end) if late else spent, outs
