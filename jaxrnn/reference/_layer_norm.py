"""The LSTM and the GRU with layer normalisation (Ba, Kiros and Hinton, 2016, equations 20 to 25).

    LN(a) = (a - mean(a)) / sqrt(var(a) + ε)       over the features, var of 1/n

The LSTM, gates i f g o, each LN over all 4H:

    a = LN(h W_h) ⊙ scale_h + LN(x W_x) ⊙ scale_x + b
    c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g)
    h' = σ(o) ⊙ tanh(LN(c') ⊙ scale_c + shift_c),   y = h'

The GRU, gates r z n, with one LN over the 2H of r and z, and one over the H of n:

    (r z) = LN(h W_h,rz) ⊙ scale_h,rz + LN(x W_x,rz) ⊙ scale_x,rz + b_rz
    n = tanh(LN(x W_xn) ⊙ scale_xn + b_xn + σ(r) ⊙ (LN(h W_hn) ⊙ scale_hn + b_n))
    h' = (1 - σ(z)) ⊙ h + σ(z) ⊙ n,   y = h'      here z is the share of the new
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._arithmetic import Array, double, like_carry, sigmoid
from ._cell import Cell
from ._gru import GRUCarry
from ._lstm import LSTMCarry


def layer_norm(a: Array, epsilon: float) -> Array:
    """Not `np.var`, which for complex numbers is another thing: the squares of magnitudes."""
    a = a - a.mean(axis=-1, keepdims=True)
    return a / np.sqrt((a * a).mean(axis=-1, keepdims=True) + epsilon)


@dataclass(frozen=True)
class LayerNormLSTM(Cell):
    epsilon: float = 1e-5

    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> LSTMCarry:
        zeros = np.zeros((*batch_shape, self.hidden_size))
        return LSTMCarry(zeros, zeros)

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        x, _ = self.instant(params, carry, x)
        h, c = map(double, carry)
        from_h = layer_norm(h @ double(params.w_h), self.epsilon) * double(params.scale_h)
        from_x = layer_norm(x @ double(params.w_x), self.epsilon) * double(params.scale_x)
        i, f, g, o = np.split(from_h + from_x + double(params.b), 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        shown = layer_norm(c, self.epsilon) * double(params.scale_c) + double(params.shift_c)
        h = sigmoid(o) * np.tanh(shown)
        return like_carry(carry, [h, c]), h, None


@dataclass(frozen=True)
class LayerNormGRU(Cell):
    epsilon: float = 1e-5

    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> GRUCarry:
        return GRUCarry(np.zeros((*batch_shape, self.hidden_size)))

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        x, _ = self.instant(params, carry, x)
        h, b = double(carry[0]), double(params.b)
        x_rz, x_n = self._normed(x @ double(params.w_x), params.scale_x)
        h_rz, h_n = self._normed(h @ double(params.w_h), params.scale_h)
        b_rz, b_xn = self._two(b)
        r, z = np.split(sigmoid(h_rz + x_rz + b_rz), 2, axis=-1)
        n = np.tanh(x_n + b_xn + r * (h_n + double(params.b_n)))
        h = (1.0 - z) * h + z * n
        return like_carry(carry, [h]), h, None

    def _two(self, a: Any) -> list[Array]:
        """The blocks of r and z, and that of n."""
        return np.split(double(a), [2 * self.hidden_size], axis=-1)

    def _normed(self, a: Array, scale: Any) -> list[Array]:
        two = zip(self._two(a), self._two(scale), strict=True)
        return [layer_norm(part, self.epsilon) * times for part, times in two]


def layer_norm_lstm(hidden_size: int, epsilon: float = 1e-5) -> LayerNormLSTM:
    """`w_x (I, 4H)`, `w_h (H, 4H)`, `b scale_x scale_h (4H)`, `scale_c shift_c (H)`."""
    return LayerNormLSTM(hidden_size, epsilon)


def layer_norm_gru(hidden_size: int, epsilon: float = 1e-5) -> LayerNormGRU:
    """`w_x (I, 3H)`, `w_h (H, 3H)`, `b scale_x scale_h (3H)`, `b_n (H)`."""
    return LayerNormGRU(hidden_size, epsilon)
