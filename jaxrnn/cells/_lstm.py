"""The long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000)."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxrnn import _containers
from jaxrnn._types import brief
from jaxrnn.cells import _affine, _initializers
from jaxrnn.cells._initializers import Initializer

GATES = 4  # in the order i f g o


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class LSTMParams:
    """w_x (I, 4H), w_h (H, 4H), b (4H), b_h (4H) or None; columns in the order i f g o."""

    w_x: jax.Array
    w_h: jax.Array
    b: jax.Array
    b_h: jax.Array | None = None


@_containers.carry
class LSTMCarry(NamedTuple):
    """h (*batch, H), the output; c (*batch, H), the memory."""

    h: jax.Array
    c: jax.Array


@dataclasses.dataclass(frozen=True)
class LSTM:
    """One instant of an LSTM (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000)::

        i, f, o = σ(x W_x + h W_h + b)        input, forget and output gate
        g       = tanh(x W_x + h W_h + b)     candidate
        c'      = f ⊙ c + i ⊙ g
        h'      = o ⊙ tanh(c')

    each gate with its own columns of the weights. With `recurrent_bias`, a second bias b_h
    is added to the first (PyTorch's parameterisation: both are trained).

    `initializer` is ``"glorot_orthogonal"`` (forget bias 1), ``"small_normal"`` (N(0, 0.01²),
    biases zero), ``"pytorch_uniform"`` (U(±1/√H) throughout), or a function ``(key, input_size,
    hidden_size, gates, forget_gate, dtype)`` that returns ``(w_x, w_h, b, b_h)`` as
    :class:`LSTMParams` has them; `forget_gate` is the index of that gate, 1 here, or None.

    Raises TypeError for a size that is no integer and a flag that is no bool, ValueError for a size
    below 1 and an option that is not told here. `init` raises TypeError for what is no key or no
    floating dtype, ValueError where that function gives other shapes. `step` raises TypeError for
    params of another cell and for x of another dtype than theirs, ValueError for shapes that do not
    fit and for another carry than `initial_carry` gives.

    >>> cell = jaxrnn.lstm(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> params.b[::5].tolist()                   # of i f g o
    [0.0, 1.0, 0.0, 0.0]
    >>> carry = cell.initial_carry(params, batch_shape=(2,))
    >>> carry, y = cell.step(params, carry, jnp.ones((2, 3)))
    >>> carry.h.shape, carry.c.shape
    ((2, 5), (2, 5))
    """

    hidden_size: int
    recurrent_bias: bool = False
    initializer: Initializer = "glorot_orthogonal"

    def __post_init__(self) -> None:
        _affine.check_fields(self)

    __repr__ = brief
    takes_tokens = True

    @property
    def output_size(self) -> int:
        return self.hidden_size

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> LSTMParams:
        return _initializers.draw(
            self.initializer,
            LSTMParams,
            key,
            input_size=input_size,
            hidden_size=self.hidden_size,
            gates=GATES,
            forget_gate=1,
            recurrent_bias=self.recurrent_bias,
            dtype=dtype,
        )

    def initial_carry(self, params: LSTMParams, batch_shape: tuple[int, ...] = ()) -> LSTMCarry:
        h, c = (_affine.zeros(self, LSTMParams, params, batch_shape) for _ in range(2))
        return LSTMCarry(h, c)  # two arrays, so that a carry can be donated

    def step(
        self, params: LSTMParams, carry: LSTMCarry, x: jax.Array
    ) -> tuple[LSTMCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        _affine.check(self, LSTMParams, GATES, params, x)
        _affine.check_carry(self, LSTMCarry, carry, params, x)
        a = _affine.plus(_affine.inputs(params.w_x, x) + carry.h @ params.w_h, params.b)
        i, f, g, o = jnp.split(_affine.plus(a, params.b_h), GATES, axis=-1)
        c = jax.nn.sigmoid(f) * carry.c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return LSTMCarry(h, c), h


lstm = LSTM
