"""The minimal LSTM, without its past in its gates (Feng et al. 2024)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from jaxrnn import _containers
from jaxrnn.cells import _declared
from jaxrnn.cells._affine import inputs, plus
from jaxrnn.cells._gru import GRUCarry


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class MinLSTMParams:
    """w_x (I, 3H), b (3H); in the order f i n."""

    w_x: jax.Array
    b: jax.Array


@dataclasses.dataclass(frozen=True, repr=False)
class MinLSTM(_declared.Declared):
    """One instant of a minLSTM, linear in its carry (section 3.2 of Feng et al. 2024)::

        f, i = σ(x W_x + b)
        n    = x W_x + b
        h'   = f / (f + i) ⊙ h + i / (f + i) ⊙ n

    The shares are computed as σ(±(log f - log i)), which does not divide 0 by 0 (their appendix
    B.2).

    The carry is :class:`GRUCarry`, h (*batch, H). Errors: see :class:`LSTM`.

    >>> cell = jaxrnn.minlstm(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(3))
    >>> y.shape
    (5,)
    """

    hidden_size: int

    Params = MinLSTMParams
    Carry = GRUCarry

    def declare(self, input_size: int) -> _declared.Begins:
        H = self.hidden_size
        return {"w_x": _declared.glorot(input_size, 3, H), "b": _declared.bias(H, 1, 0, 0)}

    def initial_carry(self, params: MinLSTMParams, batch_shape: tuple[int, ...] = ()) -> GRUCarry:
        return GRUCarry(self.zeros(params, batch_shape, self.hidden_size))

    def step(
        self, params: MinLSTMParams, carry: GRUCarry, x: jax.Array
    ) -> tuple[GRUCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        self.check(params, carry, x)
        f, i, n = jnp.split(plus(inputs(params.w_x, x), params.b), 3, axis=-1)
        ratio = jax.nn.log_sigmoid(f) - jax.nn.log_sigmoid(i)
        h = jax.nn.sigmoid(ratio) * carry.h + jax.nn.sigmoid(-ratio) * n
        return GRUCarry(h), h


minlstm = MinLSTM
