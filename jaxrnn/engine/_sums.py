"""Gradients of 16 bits, added up in float32: of many small terms, 16 bits would lose the most."""

from __future__ import annotations

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
