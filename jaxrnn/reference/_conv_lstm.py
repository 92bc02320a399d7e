"""The convolutional LSTM (Shi et al., 2015, equation 3): an LSTM with peepholes at every site.

    i f g o = x * W_x + h * W_h + b           four blocks of channels
    i = σ(i + p_i ⊙ c),   f = σ(f + p_f ⊙ c)
    c' = f ⊙ c + i ⊙ tanh(g)
    h' = σ(o + p_o ⊙ c') ⊙ tanh(c'),   y = h'

x is an image `(*spatial, C_in)` and h, c are `(*spatial, C)`, all flattened in C order. `*` is what
is called a convolution, in truth a cross-correlation, with zeros around the image so that its size
stays: of a kernel of k sites, (k - 1) // 2 lie before the site and the others after it.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ._arithmetic import Array, double, like_carry
from ._cell import Cell
from ._lstm_variants import peep


class ConvLSTMCarry(NamedTuple):
    h: Array
    c: Array


@dataclass(frozen=True)
class ConvLSTM(Cell):
    """`hidden_size` is the number of channels C."""

    spatial: tuple[int, ...]

    @property
    def output_size(self) -> int:
        return prod(self.spatial) * self.hidden_size

    def input_size(self, params: Any) -> int:
        return prod(self.spatial) * np.shape(params.w_x)[-2]

    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> ConvLSTMCarry:
        zeros = np.zeros((*batch_shape, self.output_size))
        return ConvLSTMCarry(zeros, zeros)

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        x, _ = self.instant(params, carry, x)
        h, c = (self._image(double(a)) for a in carry)
        a = convolve(self._image(x), double(params.w_x)) + convolve(h, double(params.w_h))
        p: Any = np.zeros(3) if params.p is None else double(params.p)
        h, c = (self._flat(a) for a in peep(a + double(params.b), c, *p))
        return like_carry(carry, [h, c]), h, None

    def _image(self, a: Array) -> Array:
        channels = a.shape[-1] // prod(self.spatial)
        return a.reshape(*a.shape[:-1], *self.spatial, channels)

    def _flat(self, a: Array) -> Array:
        return a.reshape(*a.shape[: -len(self.spatial) - 1], self.output_size)


def convolve(image: Array, w: Array) -> Array:
    """`image (*batch, *spatial, C_in)`, `w (*kernel, C_in, C_out)`: the sum over the offsets in the
    kernel of the image moved by that much, times the matrix of that offset."""
    kernel, dims = w.shape[:-2], w.ndim - 2
    spatial, others = image.shape[-1 - dims : -1], image.ndim - dims - 1
    around = [((k - 1) // 2, k // 2) for k in kernel]
    padded = np.pad(image, [*[(0, 0)] * others, *around, (0, 0)])
    out: Any = 0.0
    for offset in np.ndindex(*kernel):
        sites = [slice(o, o + n) for o, n in zip(offset, spatial, strict=True)]
        out = out + padded[(..., *sites, slice(None))] @ w[offset]
    return out


def conv_lstm(channels: int, spatial: tuple[int, ...]) -> ConvLSTM:
    """`w_x (*kernel, C_in, 4C)`, `w_h (*kernel, C, 4C)`, `b (4C)`, `p (3, *spatial, C)` or None."""
    return ConvLSTM(channels, tuple(spatial))
