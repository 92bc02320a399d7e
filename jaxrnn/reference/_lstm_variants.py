"""Three kin of the LSTM: what is shown is projected, gates peep at the memory, gates are coupled.

All three have the LSTM's candidate `g = tanh(·)` and gates `σ(·)` of `· = x W_x + b + h W_h`.

Projection (Sak, Senior and Beaufays, 2014), h of P features, gates i f g o:

    c' = f ⊙ c + i ⊙ g,   h' = (o ⊙ tanh(c')) W_r

Peepholes (Gers and Schmidhuber, 2000; Graves, 2013), gates i f g o:

    i = σ(· + p_i ⊙ c),   f = σ(· + p_f ⊙ c)
    c' = f ⊙ c + i ⊙ g
    o = σ(· + p_o ⊙ c'),   h' = o ⊙ tanh(c')

Coupled (the CIFG of Greff et al., 2017), gates i g o: what is written makes room for itself,

    c' = (1 - i) ⊙ c + i ⊙ g,   h' = o ⊙ tanh(c')

Everywhere y = h', and the blocks lie side by side in the last axis of the parameters.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._arithmetic import Array, double, like_carry, sigmoid, weights
from ._cell import Cell
from ._lstm import LSTMCarry


@dataclass(frozen=True)
class ProjectionLSTM(Cell):
    projection_size: int

    @property
    def output_size(self) -> int:
        return self.projection_size

    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> LSTMCarry:
        h, c = np.zeros((*batch_shape, self.projection_size)), np.zeros(self.hidden_size)
        return LSTMCarry(h, np.broadcast_to(c, (*batch_shape, self.hidden_size)))

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        w_x, w_h, b, b_h = weights(params)
        x, _ = self.instant(params, carry, x)
        h, c = map(double, carry)
        i, f, g, o = np.split(x @ w_x + b + h @ w_h + b_h, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = (sigmoid(o) * np.tanh(c)) @ double(params.w_r)
        return like_carry(carry, [h, c]), h, None


@dataclass(frozen=True)
class PeepholeLSTM(Cell):
    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> LSTMCarry:
        zeros = np.zeros((*batch_shape, self.hidden_size))
        return LSTMCarry(zeros, zeros)

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        x, _ = self.instant(params, carry, x)
        h, c = map(double, carry)
        a = x @ double(params.w_x) + h @ double(params.w_h) + double(params.b)
        h, c = peep(a, c, *np.split(double(params.p), 3))
        return like_carry(carry, [h, c]), h, None


def peep(a: Array, c: Array, p_i: Array, p_f: Array, p_o: Array) -> tuple[Array, Array]:
    """The new h and c, of the arguments `a (*batch, 4H)` without their peepholes."""
    a_i, a_f, a_g, a_o = np.split(a, 4, axis=-1)
    i, f = sigmoid(a_i + p_i * c), sigmoid(a_f + p_f * c)
    c = f * c + i * np.tanh(a_g)
    o = sigmoid(a_o + p_o * c)
    return o * np.tanh(c), c


@dataclass(frozen=True)
class CoupledLSTM(Cell):
    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> LSTMCarry:
        zeros = np.zeros((*batch_shape, self.hidden_size))
        return LSTMCarry(zeros, zeros)

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        x, _ = self.instant(params, carry, x)
        h, c = map(double, carry)
        a = x @ double(params.w_x) + h @ double(params.w_h) + double(params.b)
        i, g, o = np.split(a, 3, axis=-1)
        i = sigmoid(i)
        c = (1.0 - i) * c + i * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        return like_carry(carry, [h, c]), h, None


def projection_lstm(hidden_size: int, projection_size: int) -> ProjectionLSTM:
    """`w_x (I, 4H)`, `w_h (P, 4H)`, `b (4H)`, `b_h (4H)` or None, `w_r (H, P)`."""
    return ProjectionLSTM(hidden_size, projection_size)


def peephole_lstm(hidden_size: int) -> PeepholeLSTM:
    """`w_x (I, 4H)`, `w_h (H, 4H)`, `b (4H)`, `p (3H)` in the order i f o."""
    return PeepholeLSTM(hidden_size)


def coupled_lstm(hidden_size: int) -> CoupledLSTM:
    """`w_x (I, 3H)`, `w_h (H, 3H)`, `b (3H)`."""
    return CoupledLSTM(hidden_size)
