"""The LSTM with coupled input and forget gate, CIFG (Greff et al. 2017)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from jaxrnn import _containers
from jaxrnn.cells import _declared
from jaxrnn.cells._affine import inputs, plus
from jaxrnn.cells._lstm import LSTMCarry


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class CoupledLSTMParams:
    """w_x (I, 3H), w_h (H, 3H), b (3H); gates in the order i g o."""

    w_x: jax.Array
    w_h: jax.Array
    b: jax.Array


@dataclasses.dataclass(frozen=True, repr=False)
class CoupledLSTM(_declared.Declared):
    """One instant of an LSTM that forgets as much as it takes in (the variant CIFG of Greff et
    al. 2017, section 5, without peepholes)::

        i, o = σ(x W_x + h W_h + b)
        g    = tanh(x W_x + h W_h + b)
        f    = 1 - i
        c'   = f ⊙ c + i ⊙ g
        h'   = o ⊙ tanh(c')

    The bias of i begins at -1, which is the LSTM's 1 of its forget gate.

    The carry is :class:`LSTMCarry`, h and c (*batch, H). Errors: see :class:`LSTM`.

    >>> cell = jaxrnn.coupled_lstm(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> params.w_x.shape                         # of three gates
    (3, 15)
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(3))
    >>> y.shape
    (5,)
    """

    hidden_size: int

    Params = CoupledLSTMParams
    Carry = LSTMCarry

    def declare(self, input_size: int) -> _declared.Begins:
        H = self.hidden_size
        return {
            "w_x": _declared.glorot(input_size, 3, H),
            "w_h": _declared.orthogonal(H, 3, H),
            "b": _declared.bias(H, -1, 0, 0),
        }

    def initial_carry(
        self, params: CoupledLSTMParams, batch_shape: tuple[int, ...] = ()
    ) -> LSTMCarry:
        return LSTMCarry(*(self.zeros(params, batch_shape, self.hidden_size) for _ in range(2)))

    def step(
        self, params: CoupledLSTMParams, carry: LSTMCarry, x: jax.Array
    ) -> tuple[LSTMCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        self.check(params, carry, x)
        a = plus(inputs(params.w_x, x) + carry.h @ params.w_h, params.b)
        i, g, o = jnp.split(a, 3, axis=-1)
        i = jax.nn.sigmoid(i)
        c = (1 - i) * carry.c + i * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return LSTMCarry(h, c), h


coupled_lstm = CoupledLSTM
