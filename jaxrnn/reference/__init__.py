"""The ground truth: recurrent networks in NumPy float64, with backpropagation through time by hand.

Every cell and layer of the library has a twin here, written from the papers' formulas: one plain
loop over time, one product a step, no automatic differentiation, no JAX. It is slow and meant to be
read. Time comes first, then any number of batch axes (also none), features last.

    >>> layer = unroll(lstm(4))
    >>> carry, ys, tape = layer.forward(params, None, xs)
    >>> dparams, dcarry, dxs = layer.backward(params, tape, dcarry, dys)

A *tape* is what the backward pass remembers of the forward one. Parameters are any dataclass with
the fields `w_x, w_h, b, b_h`, and gradients come back as the same class; carries are any tuple in
the order of `VanillaCarry`, `GRUCarry`, `LSTMCarry`, and come back as the same class too.
"""

from ._gru import GRU, GRUCarry, gru
from ._language_model import (
    LanguageModel,
    clip_by_global_norm,
    language_model,
    softmax_cross_entropy,
)
from ._layers import Bidirectional, Stack, Unroll, bidirectional, stack, unroll
from ._lstm import LSTM, LSTMCarry, lstm
from ._twin import twin
from ._vanilla import Vanilla, VanillaCarry, vanilla

__all__ = [
    # One instant
    "vanilla",
    "gru",
    "lstm",
    # All of time
    "unroll",
    "bidirectional",
    "stack",
    # Training
    "language_model",
    "softmax_cross_entropy",
    "clip_by_global_norm",
    # From a jaxrnn object to its reference
    "twin",
    # What these make, and what they carry
    "Vanilla",
    "GRU",
    "LSTM",
    "VanillaCarry",
    "GRUCarry",
    "LSTMCarry",
    "Unroll",
    "Bidirectional",
    "Stack",
    "LanguageModel",
]
