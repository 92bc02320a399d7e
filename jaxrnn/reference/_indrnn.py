"""The independently recurrent network (Li et al., 2018, equation 2): no unit sees another.

h' = φ(x W_x + u ⊙ h + b),   y = h',   φ = relu or tanh
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

import numpy as np

from ._arithmetic import Array, double, like_carry, relu
from ._cell import Cell
from ._vanilla import Activation


class IndRNNCarry(NamedTuple):
    h: Array


@dataclass(frozen=True)
class IndRNN(Cell):
    activation: Activation = "relu"

    def __post_init__(self) -> None:
        if self.activation not in get_args(Activation):
            raise ValueError(f'`activation` must be "tanh" or "relu", got {self.activation!r:.80}.')

    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> IndRNNCarry:
        return IndRNNCarry(np.zeros((*batch_shape, self.hidden_size)))

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        x, _ = self.instant(params, carry, x)
        a = x @ double(params.w_x) + double(params.u) * double(carry[0]) + double(params.b)
        h = np.tanh(a) if self.activation == "tanh" else relu(a)
        return like_carry(carry, [h]), h, None


def indrnn(hidden_size: int, activation: Activation = "relu") -> IndRNN:
    """`w_x (I, H)`, `u (H)`, `b (H)`."""
    return IndRNN(hidden_size, activation)
