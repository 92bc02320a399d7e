"""The real-gated linear recurrent unit of Griffin (De et al., 2024, equations 1 to 4).

    r = σ(x W_r + b_r)                        how fast to forget
    i = σ(x W_i + b_i)                        how much of the input to take
    a_t = σ(a)^(8 r),   log a_t = -8 r softplus(-a)
    h' = a_t ⊙ h + sqrt(1 - a_t²) ⊙ (i ⊙ s),   y = h'
    s = x, or x W_s where x is of another size

The two blocks lie side by side in the last axis of W_x and b, in the order r i.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ._arithmetic import Array, double, like_carry, sigmoid, softplus
from ._cell import Cell
from ._sru import skip


class RGLRUCarry(NamedTuple):
    h: Array


@dataclass(frozen=True)
class RGLRU(Cell):
    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> RGLRUCarry:
        return RGLRUCarry(np.zeros((*batch_shape, self.hidden_size)))

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        x, _ = self.instant(params, carry, x)
        r, i = np.split(sigmoid(x @ double(params.w_x) + double(params.b)), 2, axis=-1)
        log_a = -8.0 * r * softplus(-double(params.a))
        fresh = np.sqrt(-np.expm1(2.0 * log_a)) * i * skip(params, x)
        h = np.exp(log_a) * double(carry[0]) + fresh
        return like_carry(carry, [h]), h, None


def rg_lru(hidden_size: int) -> RGLRU:
    """`w_x (I, 2H)`, `b (2H)`, `a (H)`, `w_s (I, H)`, or None where I = H."""
    return RGLRU(hidden_size)
