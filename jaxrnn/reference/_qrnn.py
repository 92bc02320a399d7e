"""The quasi-recurrent network (Bradbury et al., 2017), of a window of k inputs, with fo-pooling.

    a_t = x_t W_k + x_(t-1) W_(k-1) + ... + x_(t-k+1) W_1 + b          blocks z f o
    z = tanh(a_z),   f = σ(a_f),   o = σ(a_o)
    c' = f ⊙ c + (1 - f) ⊙ z
    y = o ⊙ c'

A window is carried as sums, next to c: what the inputs so far add to the a of the next instant, to
that of the one after it, and so on, k - 1 of them. Before the first input there are zeros.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ._arithmetic import Array, double, like_carry, sigmoid
from ._cell import Cell


class QRNNCarry(NamedTuple):
    c: Array
    past: tuple[Array, ...]


@dataclass(frozen=True)
class QRNN(Cell):
    window: int = 2

    def input_size(self, params: Any) -> int:
        return np.shape(params.w_x)[1]

    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> QRNNCarry:
        nothing = np.zeros((*batch_shape, 3 * self.hidden_size))
        c = np.zeros((*batch_shape, self.hidden_size))
        return QRNNCarry(c, (nothing,) * (self.window - 1))

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        x, _ = self.instant(params, carry, x)
        c, w_x = double(carry[0]), double(params.w_x)
        sums = [*map(double, carry[1]), np.zeros(params.b.shape)]
        for ahead in range(self.window):
            sums[ahead] = sums[ahead] + x @ w_x[self.window - 1 - ahead]
        a = sums[0] + double(params.b)
        z, f, o = np.split(a, 3, axis=-1)
        f = sigmoid(f)
        c = f * c + (1.0 - f) * np.tanh(z)
        return like_carry(carry, [c, like_carry(carry[1], sums[1:])]), sigmoid(o) * c, None


def qrnn(hidden_size: int, window: int = 2) -> QRNN:
    """`w_x (k, I, 3H)`, the newest input's last, and `b (3H)`."""
    return QRNN(hidden_size, window)
