"""The GRU of ParaRNN (Danieli et al., 2025), whose units see only themselves, not each other.

    r = σ(x W_r + a_r ⊙ h + b_r)
    z = σ(x W_z + a_z ⊙ h + b_z)
    n = tanh(x W_n + a_n ⊙ (r ⊙ h) + b_n)
    h' = (1 - z) ⊙ h + z ⊙ n,   y = h'

The three blocks lie side by side in the last axis of every parameter, in the order r z n.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ._arithmetic import Array, double, like_carry, sigmoid
from ._cell import Cell


class ParaGRUCarry(NamedTuple):
    h: Array


@dataclass(frozen=True)
class ParaGRU(Cell):
    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> ParaGRUCarry:
        return ParaGRUCarry(np.zeros((*batch_shape, self.hidden_size)))

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        x, _ = self.instant(params, carry, x)
        h = double(carry[0])
        x_r, x_z, x_n = np.split(x @ double(params.w_x) + double(params.b), 3, axis=-1)
        a_r, a_z, a_n = np.split(double(params.a), 3)
        r = sigmoid(x_r + a_r * h)
        z = sigmoid(x_z + a_z * h)
        n = np.tanh(x_n + a_n * (r * h))
        h = (1.0 - z) * h + z * n
        return like_carry(carry, [h]), h, None


def paragru(hidden_size: int) -> ParaGRU:
    """`w_x (I, 3H)`, `a (3H)`, `b (3H)`."""
    return ParaGRU(hidden_size)
