"""Exponential gates without overflow: what sLSTM and mLSTM share (Beck et al. 2024)."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp

from jaxrnn import _checks
from jaxrnn._checks import quote
from jaxrnn.cells import _declared

Forget = Literal["sigmoid", "exponential"]


def check_fields(cell: Any) -> None:
    """`heads` and `forget`, made canonical: or one sentence says what is wrong."""
    object.__setattr__(cell, "heads", _checks.positive("heads", cell.heads))
    if cell.hidden_size % cell.heads:
        raise ValueError(
            f"`heads` must divide hidden_size, got {quote(cell.heads)} for {cell.hidden_size}."
        )
    _checks.one_of("forget", cell.forget, get_args(Forget))


def nothing(like: jax.Array) -> jax.Array:
    """The stabiliser of an empty memory: so small that what it stands for is 0. It is float32 at
    least, as all that is stabilised by it."""
    return jnp.full_like(like, -1e30)


def log_forget(forget: Forget, f: jax.Array) -> jax.Array:
    return jax.nn.log_sigmoid(f) if forget == "sigmoid" else f


def gates(log_f: jax.Array, log_i: jax.Array, m: jax.Array) -> tuple[Any, Any, Any]:
    """(i, f, m') as eq. 15–17 have them::

    m' = max(log f + m, log i)
    i  = exp(log i - m'),   f = exp(log f + m - m')
    """
    kept = m + log_f
    most = jnp.maximum(kept, log_i)
    return jnp.exp(log_i - most), jnp.exp(kept - most), most


def least(m: jax.Array) -> jax.Array:
    """exp(-m), below which no normaliser goes; where it would overflow, so large that what it
    divides is nothing, and has a slope that is a number."""
    return jnp.exp(jnp.minimum(-m, 0.9 * math.log(float(jnp.finfo(m.dtype).max))))


def forget_bias(forget: Forget, width: int) -> _declared.Begin:
    """σ from 3 to 6, or as much by exp: memories of some twenty to four hundred steps."""

    def draw(key, shape, dtype):
        sums = jnp.linspace(3, 6, width, dtype=dtype)
        return sums if forget == "sigmoid" else jax.nn.log_sigmoid(sums)

    return _declared.Begin((width,), draw)
