"""The minimal gated unit (Zhou et al., 2016): a GRU whose one gate both resets and updates.

    f = σ(x W_xf + h W_hf + b_f)
    n = tanh(x W_xn + (f ⊙ h) W_hn + b_n)
    h' = (1 - f) ⊙ h + f ⊙ n,   y = h'

The two blocks lie side by side in the last axis of every parameter, in the order f n.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ._arithmetic import Array, double, like_carry, sigmoid
from ._cell import Cell


class MGUCarry(NamedTuple):
    h: Array


@dataclass(frozen=True)
class MGU(Cell):
    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> MGUCarry:
        return MGUCarry(np.zeros((*batch_shape, self.hidden_size)))

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        x, _ = self.instant(params, carry, x)
        h = double(carry[0])
        x_f, x_n = np.split(x @ double(params.w_x) + double(params.b), 2, axis=-1)
        w_hf, w_hn = np.split(double(params.w_h), 2, axis=-1)
        f = sigmoid(x_f + h @ w_hf)
        n = np.tanh(x_n + (f * h) @ w_hn)
        h = (1.0 - f) * h + f * n
        return like_carry(carry, [h]), h, None


def mgu(hidden_size: int) -> MGU:
    """`w_x (I, 2H)`, `w_h (H, 2H)`, `b (2H)`."""
    return MGU(hidden_size)
