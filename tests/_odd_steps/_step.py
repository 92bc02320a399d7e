"""A step as a cell, and the table that it is entered into."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp

I, H = 4, 6


def draw(key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
    """Normal numbers for what is inexact; small integers; booleans; keys."""
    if dtype == "key":
        return jax.random.split(key, shape)
    dtype = jnp.dtype(dtype or jnp.zeros(()).dtype)
    if jnp.issubdtype(dtype, jnp.inexact):
        return jax.random.normal(key, shape, dtype) / 2
    return jax.random.randint(key, shape, 0, 3).astype(dtype)


@dataclasses.dataclass(frozen=True)
class Step:
    """A cell of one function ``(p, *carry, x) -> (*carry, y)``, where p.name is a weight.

    weights: name, shape, dtype of each; leaves: shape behind the batch and dtype of each leaf of
    the carry. A dtype of None is the default one, "key" that of random keys.
    """

    function: Callable
    weights: tuple[tuple[str, tuple[int, ...], Any], ...] = ()
    leaves: tuple[tuple[tuple[int, ...], Any], ...] = (((H,), None),)
    output_size: int = H
    x: tuple[int, ...] = (I,)
    batch: tuple[int, ...] = (3,)

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", "step")

    def init(self, key, input_size, dtype=None):
        keys = jax.random.split(key, max(len(self.weights), 1))
        pairs = zip(keys, self.weights, strict=False)
        return {name: draw(k, shape, of or dtype) for k, (name, shape, of) in pairs}

    def initial_carry(self, params, batch_shape=()):
        def zeros(shape, dtype):
            if dtype == "key":
                return draw(jax.random.key(0), (*batch_shape, *shape), dtype)
            floats = [a.dtype for a in jax.tree.leaves(params) if a.dtype in FLOATS]
            return jnp.zeros((*batch_shape, *shape), dtype or (floats or [None])[0])

        return tuple(zeros(*leaf) for leaf in self.leaves)

    def step(self, params, carry, x):
        with jax.numpy_rank_promotion("allow"):  # users add a bias (H) to rows (B, H)
            *carry, y = self.function(SimpleNamespace(**params), *carry, x)
        return tuple(carry), y


FLOATS = (jnp.bfloat16, jnp.float32, jnp.float64)


def form(shape, dtype=None):
    """A shape, or a pair (shape, dtype)."""
    paired = len(shape) == 2 and isinstance(shape[0], tuple)
    return shape if paired else (shape, dtype)


ODD: dict[str, Step] = {}


def odd(*, carry=((H,),), y=H, x=(I,), batch=(3,), **weights):
    """Enter a step into the table under its own name."""

    def enter(function):
        shapes = tuple((name, *form(shape)) for name, shape in weights.items())
        cell = Step(function, shapes, tuple(map(form, carry)), y, x, batch)
        ODD[function.__name__] = cell
        return function

    return enter


USUAL = {"w": (I, H), "u": (H, H), "b": (H,)}


def usual(p, h, x):
    h = jnp.tanh(x @ p.w + h @ p.u + p.b)
    return h, h
