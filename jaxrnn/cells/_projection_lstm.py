"""The LSTM with a recurrent projection (Sak, Senior & Beaufays 2014)."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxrnn import _checks, _containers
from jaxrnn.cells import _declared
from jaxrnn.cells._affine import inputs, plus


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class ProjectionLSTMParams:
    """w_x (I, 4H), w_h (P, 4H), b (4H), b_h (4H) or None, w_r (H, P); gates i f g o."""

    w_x: jax.Array
    w_h: jax.Array
    b: jax.Array
    b_h: jax.Array | None
    w_r: jax.Array


@_containers.carry
class ProjectionLSTMCarry(NamedTuple):
    """h (*batch, P), the output; c (*batch, H), the memory."""

    h: jax.Array
    c: jax.Array


@dataclasses.dataclass(frozen=True, repr=False)
class ProjectionLSTM(_declared.Declared):
    """One instant of an LSTM whose output is projected, and comes back so (eq. 1–7 of Sak et al.
    2014 without peepholes: PyTorch's ``proj_size``)::

        i, f, o = σ(x W_x + h W_h + b)
        g       = tanh(x W_x + h W_h + b)
        c'      = f ⊙ c + i ⊙ g
        h'      = (o ⊙ tanh(c')) W_r          of P = `projection_size` features

    `recurrent_bias` and errors as in :class:`LSTM`.

    >>> cell = jaxrnn.projection_lstm(5, projection_size=2)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(3))
    >>> carry.h.shape, carry.c.shape, y.shape
    ((2,), (5,), (2,))
    """

    hidden_size: int
    projection_size: int
    recurrent_bias: bool = False

    Params = ProjectionLSTMParams
    Carry = ProjectionLSTMCarry

    def __post_init__(self) -> None:
        super().__post_init__()
        P = _checks.positive("projection_size", self.projection_size)
        object.__setattr__(self, "projection_size", P)
        _checks.flag("recurrent_bias", self.recurrent_bias)

    @property
    def output_size(self) -> int:
        return self.projection_size

    def declare(self, input_size: int) -> _declared.Begins:
        H, P = self.hidden_size, self.projection_size
        return {
            "w_x": _declared.glorot(input_size, 4, H),
            "w_h": _declared.orthogonal(P, 4, H),
            "b": _declared.bias(H, 0, 1, 0, 0),
            "b_h": _declared.zeros(4 * H) if self.recurrent_bias else None,
            "w_r": _declared.glorot(H, 1, P),
        }

    def initial_carry(
        self, params: ProjectionLSTMParams, batch_shape: tuple[int, ...] = ()
    ) -> ProjectionLSTMCarry:
        sizes = self.projection_size, self.hidden_size
        return ProjectionLSTMCarry(*(self.zeros(params, batch_shape, size) for size in sizes))

    def step(
        self, params: ProjectionLSTMParams, carry: ProjectionLSTMCarry, x: jax.Array
    ) -> tuple[ProjectionLSTMCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, P)."""
        self.check(params, carry, x)
        a = plus(plus(inputs(params.w_x, x) + carry.h @ params.w_h, params.b), params.b_h)
        i, f, g, o = jnp.split(a, 4, axis=-1)
        c = jax.nn.sigmoid(f) * carry.c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = (jax.nn.sigmoid(o) * jnp.tanh(c)) @ params.w_r
        return ProjectionLSTMCarry(h, c), h


projection_lstm = ProjectionLSTM
