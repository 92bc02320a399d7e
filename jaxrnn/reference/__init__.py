"""The ground truth: recurrent networks in NumPy float64, written from the papers' formulas.

Every cell and layer of the library has a twin here: one plain loop over time, one product a step,
no automatic differentiation, no JAX. It is slow and meant to be read. Time comes first, then any
number of batch axes (also none), features last.

    >>> layer = unroll(lstm(4))
    >>> carry, ys, tape = layer.forward(params, None, xs)
    >>> dparams, dcarry, dxs = layer.backward(params, tape, dcarry, dys)

A *tape* is what the backward pass remembers of the forward one. Parameters are any dataclass with
the fields that a cell's maker names, and gradients come back as the same class; carries are any
tuple in the order of `VanillaCarry`, `GRUCarry`, `LSTMCarry` and so on, and come back as the same
class too.

The first three cells have their backpropagation through time by hand. Gradients of all need none:
every forward pass also runs on complex numbers, and with `h = 1e-20`

    Im forward(θ + i h d) / h

is the slope along d of all that it gives, to the last digits, for nothing is subtracted.
A leaf that is complex already goes in as pairs of reals: see `pairs` and `whole`.
"""

from ._conv_lstm import ConvLSTM, ConvLSTMCarry, conv_lstm
from ._gru import GRU, GRUCarry, gru
from ._indrnn import IndRNN, IndRNNCarry, indrnn
from ._language_model import (
    LanguageModel,
    clip_by_global_norm,
    language_model,
    softmax_cross_entropy,
)
from ._layer_norm import LayerNormGRU, LayerNormLSTM, layer_norm_gru, layer_norm_lstm
from ._layers import Bidirectional, Stack, Unroll, bidirectional, stack, unroll
from ._lru import LRU, LRUCarry, lru
from ._lstm import LSTM, LSTMCarry, lstm
from ._lstm_variants import (
    CoupledLSTM,
    PeepholeLSTM,
    ProjectionLSTM,
    coupled_lstm,
    peephole_lstm,
    projection_lstm,
)
from ._mgu import MGU, MGUCarry, mgu
from ._minimal import MinGRU, MinGRUCarry, MinLSTM, MinLSTMCarry, mingru, minlstm
from ._mlstm import MLSTM, MLSTMCarry, mlstm
from ._paragru import ParaGRU, ParaGRUCarry, paragru
from ._qrnn import QRNN, QRNNCarry, qrnn
from ._rg_lru import RGLRU, RGLRUCarry, rg_lru
from ._slstm import SLSTM, SLSTMCarry, slstm
from ._sru import SRU, SRUCarry, sru
from ._trees import pairs, whole
from ._twin import twin
from ._vanilla import Vanilla, VanillaCarry, vanilla

__all__ = [
    # One instant
    "vanilla",
    "gru",
    "lstm",
    "projection_lstm",
    "peephole_lstm",
    "coupled_lstm",
    "layer_norm_lstm",
    "layer_norm_gru",
    "mgu",
    "indrnn",
    "conv_lstm",
    "slstm",
    "mlstm",
    "mingru",
    "minlstm",
    "sru",
    "qrnn",
    "lru",
    "rg_lru",
    "paragru",
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
    # Complex leaves as real ones, and back
    "pairs",
    "whole",
    # What these make, and what they carry
    "Vanilla",
    "GRU",
    "LSTM",
    "ProjectionLSTM",
    "PeepholeLSTM",
    "CoupledLSTM",
    "LayerNormLSTM",
    "LayerNormGRU",
    "MGU",
    "IndRNN",
    "ConvLSTM",
    "SLSTM",
    "MLSTM",
    "MinGRU",
    "MinLSTM",
    "SRU",
    "QRNN",
    "LRU",
    "RGLRU",
    "ParaGRU",
    "VanillaCarry",
    "GRUCarry",
    "LSTMCarry",
    "MGUCarry",
    "IndRNNCarry",
    "ConvLSTMCarry",
    "SLSTMCarry",
    "MLSTMCarry",
    "MinGRUCarry",
    "MinLSTMCarry",
    "SRUCarry",
    "QRNNCarry",
    "LRUCarry",
    "RGLRUCarry",
    "ParaGRUCarry",
    "Unroll",
    "Bidirectional",
    "Stack",
    "LanguageModel",
]
