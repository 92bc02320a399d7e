"""The one table of cells and layers that every law goes through, and a cell that is not ours."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxrnn import (
    Vanilla,
    VanillaCarry,
    bidirectional,
    gru,
    learnable_start,
    lstm,
    normalize,
    project,
    residual,
    skip,
    stack,
    unroll,
    vanilla,
)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LeakyParams:
    w_x: jax.Array  # (I, H)
    w_h: jax.Array  # (H, H)
    start: jax.Array  # (H), a learnt initial state


class LeakyCarry(NamedTuple):
    h: jax.Array  # (*batch, H)
    energy: jax.Array  # (*batch): a leaf without features


@dataclasses.dataclass(frozen=True)
class Leaky:
    """A user's own cell, with `step` alone: a leaky integrator that begins where it has learnt to,
    and is damped by the energy that it has seen::

        e' = e / 2 + mean(h²)
        h' = 0.7 h + 0.3 tanh(x W_x + h W_h) / (1 + e'²)
    """

    hidden_size: int

    @property
    def output_size(self) -> int:
        return self.hidden_size

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> LeakyParams:
        dtype = jnp.zeros(()).dtype if dtype is None else dtype
        key_x, key_h, key_start = jax.random.split(key, 3)
        H = self.hidden_size
        return LeakyParams(
            w_x=jax.random.normal(key_x, (input_size, H), dtype),
            w_h=jax.random.normal(key_h, (H, H), dtype) / 2,
            start=jax.random.normal(key_start, (H,), dtype),
        )

    def initial_carry(self, params: LeakyParams, batch_shape: tuple[int, ...] = ()) -> LeakyCarry:
        h = jnp.broadcast_to(params.start, (*batch_shape, self.hidden_size))
        return LeakyCarry(h, jnp.zeros(batch_shape, h.dtype))

    def step(
        self, params: LeakyParams, carry: LeakyCarry, x: jax.Array
    ) -> tuple[LeakyCarry, jax.Array]:
        energy = carry.energy / 2 + jnp.mean(carry.h**2, axis=-1)
        drive = jnp.tanh(x @ params.w_x + carry.h @ params.w_h)
        h = 0.7 * carry.h + 0.3 * drive / jnp.expand_dims(1 + energy**2, -1)
        return LeakyCarry(h, energy), h


class TiedStart(Vanilla):
    """A cell of ours that begins at φ(b), not at zero: a start that params decide."""

    def initial_carry(self, params, batch_shape=()):
        start = jnp.tanh(params.b)
        return VanillaCarry(jnp.broadcast_to(start, (*batch_shape, self.hidden_size)))


CELLS = {
    "lstm": lstm,
    "lstm-recurrent-bias": lambda size: lstm(size, recurrent_bias=True),
    "gru": gru,
    "gru-no-recurrent-bias": lambda size: gru(size, recurrent_bias=False),
    "gru-before": lambda size: gru(size, reset="before"),
    "gru-before-recurrent-bias": lambda size: gru(size, reset="before", recurrent_bias=True),
    "tanh": vanilla,
    "relu-recurrent-bias": lambda size: vanilla(size, activation="relu", recurrent_bias=True),
    "own": Leaky,
    "own-start": TiedStart,
}
SHAPES = {
    "one": lambda cell: unroll(cell(4)),
    "reversed": lambda cell: unroll(cell(4), reverse=True),
    "stack": lambda cell: stack([unroll(cell(4)), unroll(cell(2))]),
    "bidirectional": lambda cell: bidirectional(cell(4), cell(2)),
    "deep": lambda cell: stack([bidirectional(cell(4)), bidirectional(cell(2))]),
}
LAYERS = {
    f"{name}-{shape}": build(cell)
    for name, cell in CELLS.items()
    for shape, build in SHAPES.items()
}
# What goes around a cell or a layer, for inputs of three features.
AROUND = {
    "residual": residual(normalize(unroll(gru(3)))),
    "skip": skip(unroll(lstm(4)), 3),
    "project": project(bidirectional(gru(4), merge="sum"), 2),
    "start": unroll(learnable_start(lstm(4))),
    "residuals": stack(
        [
            residual(normalize(unroll(gru(3)))),
            residual(project(learnable_start(unroll(vanilla(4), reverse=True)), 3, bias=False)),
        ]
    ),
    "mean": bidirectional(gru(4), vanilla(4), merge="mean"),
    "product": learnable_start(bidirectional(vanilla(4), merge="product")),
}
