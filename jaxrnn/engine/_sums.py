"""Gradients of 16 bits, added up in float32: of many small terms, 16 bits would lose the most."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn import _checks


def nought(a: jax.Array) -> jax.Array:
    """Zero, in what many of `a`'s dtype can be added up in."""
    return jnp.zeros_like(a, dtype=_wide(a))


def widened(tree: Any) -> Any:
    """`tree` in what many gradients of its leaves can be added up in: a loop that reads these, and
    makes them `like` the narrow ones inside, adds up wide ones."""
    return jax.tree.map(lambda a: _cast(a, _wide(a)), tree)


def like(tree: Any, narrow: Any) -> Any:
    """`tree` in the dtypes of `narrow`."""
    return jax.tree.map(lambda a, b: _cast(a, jnp.result_type(b)), tree, narrow)


def _wide(a: Any) -> jnp.dtype:
    dtype = jnp.result_type(a)
    return _checks.at_least_float32(dtype) if jnp.issubdtype(dtype, jnp.floating) else dtype


def _cast(a: Any, dtype: jnp.dtype) -> Any:
    return a if jnp.result_type(a) == dtype else a.astype(dtype)


def is_narrow(a: Any) -> bool:
    return hasattr(a, "dtype") and _wide(a) != a.dtype


@partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def spread(a: jax.Array, T: Any, shape: tuple, axes: tuple) -> jax.Array:
    """`a` broadcast to (T, *shape), with its axes at `axes` of `shape`."""
    return _spread(a, T, shape, axes)


def _spread(a, T, shape, axes):
    return jax.lax.broadcast_in_dim(a, (T, *shape), tuple(axis + 1 for axis in axes))


def _gathered(T, shape, axes, a, da):
    return (total(da, a, axes),)


spread.defvjp(lambda a, T, shape, axes: (_spread(a, T, shape, axes), a), _gathered)


def total(da: jax.Array, a: Any, axes: tuple) -> jax.Array:
    """Σ da (T, …) over time and all it was spread over: the cotangent of `a`, whose axes lie at
    `axes` behind time."""
    kept = [
        axis + 1
        for axis, size in zip(axes, jnp.shape(a), strict=True)
        if size == da.shape[axis + 1]
    ]
    others = tuple(axis for axis in range(da.ndim) if axis not in kept)
    return da.sum(others, dtype=_wide(da)).reshape(jnp.shape(a)).astype(da.dtype)
