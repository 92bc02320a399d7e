"""The LSTM with layer normalisation (Ba, Kiros & Hinton 2016)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from jaxrnn import _checks, _containers
from jaxrnn.cells import _declared
from jaxrnn.cells._affine import inputs, plus
from jaxrnn.cells._arithmetic import layer_norm, times
from jaxrnn.cells._lstm import LSTMCarry


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class LayerNormLSTMParams:
    """w_x (I, 4H), w_h (H, 4H), b (4H), scale_x (4H), scale_h (4H), gates in the order i f g o;
    scale_c (H), shift_c (H)."""

    w_x: jax.Array
    w_h: jax.Array
    b: jax.Array
    scale_x: jax.Array
    scale_h: jax.Array
    scale_c: jax.Array
    shift_c: jax.Array


@dataclasses.dataclass(frozen=True, repr=False)
class LayerNormLSTM(_declared.Declared):
    """One instant of a layer-normalised LSTM (eq. 20–22 of Ba et al. 2016; their two shifts of the
    sum and its bias are one, b)::

        i, f, g, o = N(h W_h) ⊙ s_h + N(x W_x) ⊙ s_x + b      N over all 4H
        c'         = σ(f) ⊙ c + σ(i) ⊙ tanh(g)
        h'         = σ(o) ⊙ tanh(N(c') ⊙ s_c + b_c)

    with N(a) = (a - mean) / √(variance + ε), ε = `epsilon`.

    The carry is :class:`LSTMCarry`, h and c (*batch, H). Raises ValueError for an `epsilon` that is
    no number above 0; other errors: see :class:`LSTM`.

    >>> cell = jaxrnn.layer_norm_lstm(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> params.scale_x.shape, params.scale_c.shape
    ((20,), (5,))
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(3))
    >>> y.shape
    (5,)
    """

    hidden_size: int
    epsilon: float = 1e-5

    Params = LayerNormLSTMParams
    Carry = LSTMCarry

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.above_zero("epsilon", self.epsilon)

    def declare(self, input_size: int) -> _declared.Begins:
        H = self.hidden_size
        return {
            "w_x": _declared.glorot(input_size, 4, H),
            "w_h": _declared.orthogonal(H, 4, H),
            "b": _declared.bias(H, 0, 1, 0, 0),
            "scale_x": _declared.ones(4 * H),
            "scale_h": _declared.ones(4 * H),
            "scale_c": _declared.ones(H),
            "shift_c": _declared.zeros(H),
        }

    def initial_carry(
        self, params: LayerNormLSTMParams, batch_shape: tuple[int, ...] = ()
    ) -> LSTMCarry:
        return LSTMCarry(*(self.zeros(params, batch_shape, self.hidden_size) for _ in range(2)))

    def step(
        self, params: LayerNormLSTMParams, carry: LSTMCarry, x: jax.Array
    ) -> tuple[LSTMCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        self.check(params, carry, x)
        a_x = times(layer_norm(inputs(params.w_x, x), self.epsilon), params.scale_x)
        a_h = times(layer_norm(carry.h @ params.w_h, self.epsilon), params.scale_h)
        i, f, g, o = jnp.split(plus(a_h + a_x, params.b), 4, axis=-1)
        c = jax.nn.sigmoid(f) * carry.c + jax.nn.sigmoid(i) * jnp.tanh(g)
        normed = plus(times(layer_norm(c, self.epsilon), params.scale_c), params.shift_c)
        h = jax.nn.sigmoid(o) * jnp.tanh(normed)
        return LSTMCarry(h, c), h


layer_norm_lstm = LayerNormLSTM
