"""The linear recurrent unit (Orvieto et al., 2023): complex numbers that turn and fade.

    λ = exp(-exp(ν) + i exp(θ))
    h' = λ ⊙ h + exp(γ) ⊙ (x W_re + i x W_im)
    y = Re(h') C_re - Im(h') C_im + x D       the real part of h' C, C = C_re + i C_im

h is written as the pair of its real and imaginary parts, `(*batch, H, 2)`, and so is the carry here
(`pairs` makes it of a complex one, `whole` undoes it): a complex step needs real arithmetic.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ._arithmetic import Array, double, like_carry
from ._cell import Cell


class LRUCarry(NamedTuple):
    h: Array


@dataclass(frozen=True)
class LRU(Cell):
    def input_size(self, params: Any) -> int:
        return len(params.w_re)

    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> LRUCarry:
        return LRUCarry(np.zeros((*batch_shape, self.hidden_size, 2)))

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        x, _ = self.instant(params, carry, x)
        h = double(carry[0])
        re, im = h[..., 0], h[..., 1]
        radius, angle = np.exp(-np.exp(double(params.nu))), np.exp(double(params.theta))
        turn_re, turn_im = radius * np.cos(angle), radius * np.sin(angle)
        scale = np.exp(double(params.gamma))
        new_re = turn_re * re - turn_im * im + scale * (x @ double(params.w_re))
        new_im = turn_re * im + turn_im * re + scale * (x @ double(params.w_im))
        y = new_re @ double(params.c_re) - new_im @ double(params.c_im) + x @ double(params.d)
        return like_carry(carry, [np.stack([new_re, new_im], axis=-1)]), y, None


def lru(hidden_size: int) -> LRU:
    """`nu theta gamma (H)`, `w_re w_im (I, H)`, `c_re c_im (H, H)`, `d (I, H)`."""
    return LRU(hidden_size)
