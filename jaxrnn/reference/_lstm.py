"""Long short-term memory (Hochreiter and Schmidhuber, 1997; with the forget gate of Gers, 2000).

    i = σ(x W_xi + b_i + h W_hi + b_hi)        how much of the candidate to write
    f = σ(x W_xf + b_f + h W_hf + b_hf)        how much of the memory to keep
    g = tanh(x W_xg + b_g + h W_hg + b_hg)     the candidate
    o = σ(x W_xo + b_o + h W_ho + b_ho)        how much of the memory to show
    c' = f ⊙ c + i ⊙ g
    h' = o ⊙ tanh(c'),   y = h'

The four blocks lie side by side in the last axis of every parameter, in the order i f g o.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ._arithmetic import (
    Array,
    double,
    like_carry,
    like_params,
    outer,
    sigmoid,
    total,
    weights,
)
from ._cell import Cell


class LSTMCarry(NamedTuple):
    h: Array
    c: Array


class LSTMTape(NamedTuple):
    x: Array
    tokens: bool
    h_before: Array
    c_before: Array
    i: Array
    f: Array
    g: Array
    o: Array
    c: Array
    h: Array


@dataclass(frozen=True)
class LSTM(Cell):
    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> LSTMCarry:
        zeros = np.zeros((*batch_shape, self.hidden_size))
        return LSTMCarry(zeros, zeros)

    def forward(self, params: Any, carry: tuple[Any, ...], x: Any) -> tuple[Any, Array, LSTMTape]:
        """One instant: `x (*batch, I)`, or token ids `(*batch,)`, to `y (*batch, H)`."""
        w_x, w_h, b, b_h = weights(params)
        x, tokens = self.instant(params, carry, x)
        h_before, c_before = double(carry[0]), double(carry[1])
        a_i, a_f, a_g, a_o = np.split(x @ w_x + b + h_before @ w_h + b_h, 4, axis=-1)
        i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
        c = f * c_before + i * g
        h = o * np.tanh(c)
        tape = LSTMTape(x, tokens, h_before, c_before, i, f, g, o, c, h)
        return like_carry(carry, [h, c]), h, tape

    def backward(
        self, params: Any, tape: LSTMTape, dcarry: tuple[Any, ...], dy: Array
    ) -> tuple[Any, Any, Array | None]:
        """From the last equation to the first, with σ' = σ (1 - σ) and tanh' = 1 - tanh².

        c' is read twice, by the next instant and by h', so its two cotangents add.
        """
        w_x, w_h, _, _ = weights(params)
        x, tokens, h_before, c_before, i, f, g, o, c, _ = tape
        dh = double(dcarry[0]) + double(dy)
        dc = double(dcarry[1]) + dh * o * (1.0 - np.tanh(c) ** 2)

        da_i = dc * g * i * (1.0 - i)
        da_f = dc * c_before * f * (1.0 - f)
        da_g = dc * i * (1.0 - g**2)
        da_o = dh * np.tanh(c) * o * (1.0 - o)
        da = np.concatenate([da_i, da_f, da_g, da_o], axis=-1)

        dparams = like_params(params, outer(x, da), outer(h_before, da), total(da), total(da))
        dx = None if tokens else da @ w_x.T
        return dparams, like_carry(dcarry, [da @ w_h.T, dc * f]), dx

    def gates(self, params: Any, carry: tuple[Any, ...], x: Any) -> dict[str, Array]:
        """What one instant computes, by name; c and h are the new ones."""
        tape = self.forward(params, carry, x)[2]
        return {name: getattr(tape, name) for name in ("i", "f", "g", "o", "c", "h")}


def lstm(hidden_size: int) -> LSTM:
    """An LSTM; its parameters are `w_x (I, 4H)`, `w_h (H, 4H)`, `b (4H)`, `b_h (4H)` or None."""
    return LSTM(hidden_size)
