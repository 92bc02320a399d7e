"""The simple recurrent unit (Lei, Zhang & Artzi 2017)."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxrnn import _containers
from jaxrnn.cells import _declared
from jaxrnn.cells._affine import inputs, plus, straight


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class SRUParams:
    """w_x (I, 3H) in the order n f r, b (2H) in the order f r; w_s (I, H), None where I = H."""

    w_x: jax.Array
    b: jax.Array
    w_s: jax.Array | None


@_containers.carry
class SRUCarry(NamedTuple):
    """c (*batch, H), the memory."""

    c: jax.Array


@dataclasses.dataclass(frozen=True, repr=False)
class SRU(_declared.Declared):
    """One instant of a simple recurrent unit, linear in its carry (eq. 3–7 of Lei, Zhang & Artzi
    2017, arXiv:1709.02755v1, before the gates saw c)::

        n    = x W_x
        f, r = σ(x W_x + b)
        c'   = f ⊙ c + (1 - f) ⊙ n
        y    = r ⊙ tanh(c') + (1 - r) ⊙ x         x W_s where I is not H

    Errors: see :class:`LSTM`.

    >>> cell = jaxrnn.sru(5)
    >>> params = cell.init(jax.random.key(0), input_size=5)
    >>> params.w_s is None                       # x goes past as it is
    True
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(5))
    >>> y.shape
    (5,)
    """

    hidden_size: int

    Params = SRUParams
    Carry = SRUCarry

    def declare(self, input_size: int) -> _declared.Begins:
        H = self.hidden_size
        return {
            "w_x": _declared.glorot(input_size, 3, H),
            "b": _declared.zeros(2 * H),
            "w_s": None if input_size == H else _declared.glorot(input_size, 1, H),
        }

    def initial_carry(self, params: SRUParams, batch_shape: tuple[int, ...] = ()) -> SRUCarry:
        return SRUCarry(self.zeros(params, batch_shape, self.hidden_size))

    def step(self, params: SRUParams, carry: SRUCarry, x: jax.Array) -> tuple[SRUCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y (*batch, H)."""
        self.check(params, carry, x)
        n, fr = jnp.split(inputs(params.w_x, x), [self.hidden_size], axis=-1)
        f, r = jnp.split(jax.nn.sigmoid(plus(fr, params.b)), 2, axis=-1)
        c = f * carry.c + (1 - f) * n
        y = r * jnp.tanh(c) + (1 - r) * straight(params.w_s, x, self.hidden_size, c.dtype)
        return SRUCarry(c), y


sru = SRU
