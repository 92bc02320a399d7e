"""The GRU whose recurrence is diagonal, so that it walks in parallel (Danieli et al. 2025)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from jaxrnn import _containers
from jaxrnn.cells import _declared
from jaxrnn.cells._affine import inputs, plus
from jaxrnn.cells._arithmetic import times
from jaxrnn.cells._gru import GRUCarry


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class ParaGRUParams:
    """w_x (I, 3H), a (3H), b (3H); gates in the order r z n."""

    w_x: jax.Array
    a: jax.Array
    b: jax.Array


@dataclasses.dataclass(frozen=True, repr=False)
class ParaGRU(_declared.Declared):
    """One instant of ParaRNN's GRU (Danieli et al. 2025): each unit's gates see its own past
    alone::

        r, z = σ(x W_x + a ⊙ h + b)
        n    = tanh(x W_x + a ⊙ (r ⊙ h) + b)
        h'   = (1 - z) ⊙ h + z ⊙ n

    Its Jacobian is diagonal: ``unroll(paragru(256), engine="newton")`` walks all of time at once.

    The carry is :class:`GRUCarry`, h (*batch, H). Errors: see :class:`LSTM`.

    >>> cell = jaxrnn.paragru(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(3))
    >>> y.shape
    (5,)
    >>> jaxrnn.engine.choose(cell, "newton", input_size=3).path           # all of time at once
    'newton'
    """

    hidden_size: int

    Params = ParaGRUParams
    Carry = GRUCarry

    def declare(self, input_size: int) -> _declared.Begins:
        H = self.hidden_size
        return {
            "w_x": _declared.glorot(input_size, 3, H),
            "a": _declared.uniform(0, 1, 3 * H),
            "b": _declared.zeros(3 * H),
        }

    def initial_carry(self, params: ParaGRUParams, batch_shape: tuple[int, ...] = ()) -> GRUCarry:
        return GRUCarry(self.zeros(params, batch_shape, self.hidden_size))

    def step(
        self, params: ParaGRUParams, carry: GRUCarry, x: jax.Array
    ) -> tuple[GRUCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        self.check(params, carry, x)
        h = carry.h
        x_r, x_z, x_n = jnp.split(plus(inputs(params.w_x, x), params.b), 3, axis=-1)
        a_r, a_z, a_n = jnp.split(params.a, 3)
        r = jax.nn.sigmoid(x_r + times(h, a_r))
        z = jax.nn.sigmoid(x_z + times(h, a_z))
        n = jnp.tanh(x_n + times(r * h, a_n))
        h = (1 - z) * h + z * n
        return GRUCarry(h), h


paragru = ParaGRU
