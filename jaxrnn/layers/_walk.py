"""What every layer does with what it is given, before it walks."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn import _checks, engine
from jaxrnn._checks import quote
from jaxrnn._types import Carry, Params


def walk(layer: Any, params: Params, carry: Carry | None, xs: Any, when: tuple, key: Any) -> Any:
    """`layer._walk` of checked arguments, compiled once for each layer and form of these: a layer
    is a value. `when`: lengths, mask and resets as they were given."""
    _checks.key(key)
    _checks.arrays("params", params)
    _checks.arrays("carry", carry)
    batch_shape = _checks.batch_shape_of(xs)
    xs = _checks.wide(xs) if _checks.is_tokens(xs) else jnp.asarray(xs)
    how = _compiled if _is_value(layer) else type(layer)._walk
    return how(layer, params, carry, xs, engine.when((xs.shape[0], *batch_shape), *when), key)


def one_step(layer: Any, params: Params, carry: Carry | None, x: Any) -> tuple[Carry, jax.Array]:
    """`layer.step`, which not every layer of one's own has."""
    step = getattr(layer, "step", None)
    if step is None:
        raise TypeError(f"`step` needs one of each layer, and {quote(layer)} has none.")
    return step(params, carry, x)


@partial(jax.jit, static_argnums=0)
def _compiled(layer, params, carry, xs, when, key):
    return layer._walk(params, carry, xs, when, key)


def _is_value(layer: Any) -> bool:
    try:
        hash(layer)
    except TypeError:
        return False  # a cell of one's own that cannot be hashed
    return True


def split_key(key: jax.Array | None, count: int, salt: int = 0) -> list[jax.Array | None]:
    if key is None:
        return [None] * count
    return list(jax.random.split(key, (2, count))[salt])


def same_count(what: str, got: Any, count: int, layer: Any) -> None:
    plain = isinstance(got, tuple) and not hasattr(got, "_fields")
    if not plain or len(got) != count:
        form = f"a tuple of {len(got)}" if plain else type(got).__name__
        raise ValueError(f"{what} must be a tuple of {count} for {quote(layer)}, got {form}.")


def carries_of(carry: Carry | None, count: int, layer: Any) -> tuple:
    if carry is None:
        return (None,) * count
    same_count("the carry", carry, count, layer)
    return carry
