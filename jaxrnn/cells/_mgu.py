"""The minimal gated unit (Zhou, Wu, Zhang & Zhou 2016)."""

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
class MGUParams:
    """w_x (I, 2H), w_h (H, 2H), b (2H); gates in the order f n."""

    w_x: jax.Array
    w_h: jax.Array
    b: jax.Array


@dataclasses.dataclass(frozen=True, repr=False)
class MGU(_declared.Declared):
    """One instant of a minimal gated unit, whose one gate forgets and resets (eq. 4a–4c of Zhou et
    al. 2016)::

        f  = σ(x W_x + h W_h + b)
        n  = tanh(x W_x + (f ⊙ h) W_h + b)
        h' = (1 - f) ⊙ h + f ⊙ n

    The carry is :class:`GRUCarry`, h (*batch, H). Errors: see :class:`LSTM`.

    >>> cell = jaxrnn.mgu(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> params.w_x.shape                         # of one gate, and of what is new
    (3, 10)
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(3))
    >>> y.shape
    (5,)
    """

    hidden_size: int

    Params = MGUParams
    Carry = GRUCarry

    def declare(self, input_size: int) -> _declared.Begins:
        H = self.hidden_size
        return {
            "w_x": _declared.glorot(input_size, 2, H),
            "w_h": _declared.orthogonal(H, 2, H),
            "b": _declared.zeros(2 * H),
        }

    def initial_carry(self, params: MGUParams, batch_shape: tuple[int, ...] = ()) -> GRUCarry:
        return GRUCarry(self.zeros(params, batch_shape, self.hidden_size))

    def step(self, params: MGUParams, carry: GRUCarry, x: jax.Array) -> tuple[GRUCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        self.check(params, carry, x)
        x_f, x_n = jnp.split(plus(inputs(params.w_x, x), params.b), 2, axis=-1)
        w_f, w_n = jnp.split(params.w_h, 2, axis=-1)
        f = jax.nn.sigmoid(x_f + carry.h @ w_f)
        n = jnp.tanh(x_n + (f * carry.h) @ w_n)
        h = (1 - f) * carry.h + f * n
        return GRUCarry(h), h


mgu = MGU
