"""The LSTM whose gates see its memory (Gers & Schmidhuber 2000)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from jaxrnn import _containers
from jaxrnn.cells import _declared
from jaxrnn.cells._affine import inputs, plus
from jaxrnn.cells._arithmetic import times
from jaxrnn.cells._lstm import LSTMCarry


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class PeepholeLSTMParams:
    """w_x (I, 4H), w_h (H, 4H), b (4H), gates in the order i f g o; p (3H), peepholes of i f o."""

    w_x: jax.Array
    w_h: jax.Array
    b: jax.Array
    p: jax.Array


@dataclasses.dataclass(frozen=True, repr=False)
class PeepholeLSTM(_declared.Declared):
    """One instant of an LSTM with peepholes (Gers & Schmidhuber 2000, as eq. 3–7 of Graves 2013
    have them: one weight a unit)::

        i, f = σ(x W_x + h W_h + p ⊙ c + b)
        g    = tanh(x W_x + h W_h + b)
        c'   = f ⊙ c + i ⊙ g
        o    = σ(x W_x + h W_h + p ⊙ c' + b)
        h'   = o ⊙ tanh(c')

    The carry is :class:`LSTMCarry`, h and c (*batch, H). Errors: see :class:`LSTM`.

    >>> cell = jaxrnn.peephole_lstm(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> params.p.shape                           # the peepholes
    (15,)
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(3))
    >>> y.shape
    (5,)
    """

    hidden_size: int

    Params = PeepholeLSTMParams
    Carry = LSTMCarry

    def declare(self, input_size: int) -> _declared.Begins:
        H = self.hidden_size
        return {
            "w_x": _declared.glorot(input_size, 4, H),
            "w_h": _declared.orthogonal(H, 4, H),
            "b": _declared.bias(H, 0, 1, 0, 0),
            "p": _declared.zeros(3 * H),
        }

    def initial_carry(
        self, params: PeepholeLSTMParams, batch_shape: tuple[int, ...] = ()
    ) -> LSTMCarry:
        return LSTMCarry(*(self.zeros(params, batch_shape, self.hidden_size) for _ in range(2)))

    def step(
        self, params: PeepholeLSTMParams, carry: LSTMCarry, x: jax.Array
    ) -> tuple[LSTMCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        self.check(params, carry, x)
        a = plus(inputs(params.w_x, x) + carry.h @ params.w_h, params.b)
        i, f, g, o = jnp.split(a, 4, axis=-1)
        p_i, p_f, p_o = jnp.split(params.p, 3)
        i = jax.nn.sigmoid(i + times(carry.c, p_i))
        f = jax.nn.sigmoid(f + times(carry.c, p_f))
        c = f * carry.c + i * jnp.tanh(g)
        h = jax.nn.sigmoid(o + times(c, p_o)) * jnp.tanh(c)
        return LSTMCarry(h, c), h


peephole_lstm = PeepholeLSTM
