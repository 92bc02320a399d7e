"""The simple recurrent unit (Lei et al., 2017, first version, equations 3 to 7).

    n = x W_n
    f = σ(x W_f + b_f),   r = σ(x W_r + b_r)
    c' = f ⊙ c + (1 - f) ⊙ n
    y = r ⊙ tanh(c') + (1 - r) ⊙ s,   s = x, or x W_s where x is of another size

The blocks of W_x lie in the order n f r, those of b in the order f r.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ._arithmetic import Array, double, like_carry, sigmoid
from ._cell import Cell


class SRUCarry(NamedTuple):
    c: Array


@dataclass(frozen=True)
class SRU(Cell):
    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> SRUCarry:
        return SRUCarry(np.zeros((*batch_shape, self.hidden_size)))

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        x, _ = self.instant(params, carry, x)
        n, f, r = np.split(x @ double(params.w_x), 3, axis=-1)
        b_f, b_r = np.split(double(params.b), 2)
        f, r = sigmoid(f + b_f), sigmoid(r + b_r)
        c = f * double(carry[0]) + (1.0 - f) * n
        y = r * np.tanh(c) + (1.0 - r) * skip(params, x)
        return like_carry(carry, [c]), y, None


def skip(params: Any, x: Array) -> Array:
    """The input itself, or its image under `w_s (I, H)`."""
    return x if params.w_s is None else x @ double(params.w_s)


def sru(hidden_size: int) -> SRU:
    """`w_x (I, 3H)`, `b (2H)`, `w_s (I, H)`, or None where I = H."""
    return SRU(hidden_size)
