"""The minimal GRU and LSTM (Feng et al., 2024): gates and candidate that see the input alone.

minGRU (section 3.1), blocks z n:

    z = σ(x W_z + b_z),   n = x W_n + b_n
    h' = (1 - z) ⊙ h + z ⊙ n,   y = h'

minLSTM (section 3.2), blocks f i n, the two gates normed to a sum of 1:

    f = σ(x W_f + b_f),   i = σ(x W_i + b_i),   n = x W_n + b_n
    h' = f / (f + i) ⊙ h + i / (f + i) ⊙ n,   y = h'

f / (f + i) is 1 / (1 + i / f) = σ(log f - log i): it has a value also where both round to 0.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ._arithmetic import Array, double, like_carry, log_sigmoid, sigmoid
from ._cell import Cell


class MinGRUCarry(NamedTuple):
    h: Array


class MinLSTMCarry(NamedTuple):
    h: Array


@dataclass(frozen=True)
class MinGRU(Cell):
    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> MinGRUCarry:
        return MinGRUCarry(np.zeros((*batch_shape, self.hidden_size)))

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        x, _ = self.instant(params, carry, x)
        z, n = np.split(x @ double(params.w_x) + double(params.b), 2, axis=-1)
        z = sigmoid(z)
        h = (1.0 - z) * double(carry[0]) + z * n
        return like_carry(carry, [h]), h, None


@dataclass(frozen=True)
class MinLSTM(Cell):
    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> MinLSTMCarry:
        return MinLSTMCarry(np.zeros((*batch_shape, self.hidden_size)))

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        x, _ = self.instant(params, carry, x)
        f, i, n = np.split(x @ double(params.w_x) + double(params.b), 3, axis=-1)
        ahead = log_sigmoid(f) - log_sigmoid(i)
        h = sigmoid(ahead) * double(carry[0]) + sigmoid(-ahead) * n
        return like_carry(carry, [h]), h, None


def mingru(hidden_size: int) -> MinGRU:
    """`w_x (I, 2H)`, `b (2H)`."""
    return MinGRU(hidden_size)


def minlstm(hidden_size: int) -> MinLSTM:
    """`w_x (I, 3H)`, `b (3H)`."""
    return MinLSTM(hidden_size)
