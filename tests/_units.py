"""Cells whose units see themselves alone, as Newton's walk takes them."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Carry(NamedTuple):
    h: jax.Array


class Memory(NamedTuple):
    """Of an sLSTM."""

    h: jax.Array
    c: jax.Array
    n: jax.Array
    m: jax.Array


class Params(NamedTuple):
    w: Any  # (I, G·H)
    u: Any  # (G, H)


@dataclasses.dataclass(frozen=True)
class Alone:
    """carry' = function(u, carry, the G parts of x W); y is its first leaf."""

    function: Callable
    output_size: int = 4
    gates: int = 1
    carry: type = Carry
    scale: float = 1.0

    def init(self, key, input_size, dtype=None):
        key_w, key_u = jax.random.split(key)
        wide = self.gates * self.output_size
        u = jax.random.uniform(key_u, (self.gates, self.output_size), dtype, -1.2, 1.2)
        return Params(jax.random.normal(key_w, (input_size, wide), dtype), self.scale * u)

    def initial_carry(self, params, batch_shape=()):
        zero = jnp.zeros((*batch_shape, self.output_size), params.w.dtype)
        return self.carry(*(zero for _ in self.carry._fields))

    def step(self, params, carry, x):
        parts = jnp.split(x @ params.w, self.gates, axis=-1)
        u = [jnp.broadcast_to(row, parts[0].shape) for row in params.u]
        after = self.carry(*self.function(u, carry, parts))
        return after, after[0]


def indrnn_relu(u, carry, parts):
    return (jax.nn.relu(parts[0] + u[0] * carry.h),)


def indrnn_tanh(u, carry, parts):
    return (jnp.tanh(parts[0] + u[0] * carry.h),)


def paragru(u, carry, parts):
    h = carry.h
    r = jax.nn.sigmoid(parts[0] + u[0] * h)
    z = jax.nn.sigmoid(parts[1] + u[1] * h)
    return ((1 - z) * h + z * jnp.tanh(parts[2] + u[2] * (r * h)),)


def slstm(u, carry, parts):
    """Each unit a head of its own: its gates see its own h."""
    i, f, z, o = (part + of * carry.h for part, of in zip(parts, u, strict=True))
    kept = jax.nn.log_sigmoid(f) + carry.m
    m = jnp.maximum(kept, i)
    i, f = jnp.exp(i - m), jnp.exp(kept - m)
    c, n = f * carry.c + i * jnp.tanh(z), f * carry.n + i
    return jax.nn.sigmoid(o) * c / n, c, n, m


def slstm_unmixed(u, carry, parts):
    """Its gates see the input alone."""
    return slstm([jnp.zeros_like(of) for of in u], carry, parts)


CELLS = {
    "paragru": Alone(paragru, gates=3),
    "indrnn_relu": Alone(indrnn_relu),
    "indrnn_tanh": Alone(indrnn_tanh),
    "slstm": Alone(slstm, gates=4, carry=Memory),
    "slstm_unmixed": Alone(slstm_unmixed, gates=4, carry=Memory),
}
