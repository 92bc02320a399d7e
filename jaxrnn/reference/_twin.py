"""From a jaxrnn cell, layer or language model to its twin, known by class name and fields alone."""

from typing import Any

from ._conv_lstm import conv_lstm
from ._gru import gru
from ._indrnn import indrnn
from ._language_model import language_model
from ._layer_norm import layer_norm_gru, layer_norm_lstm
from ._layers import bidirectional, stack, unroll
from ._lru import lru
from ._lstm import lstm
from ._lstm_variants import coupled_lstm, peephole_lstm, projection_lstm
from ._mgu import mgu
from ._minimal import mingru, minlstm
from ._mlstm import mlstm
from ._paragru import paragru
from ._qrnn import qrnn
from ._rg_lru import rg_lru
from ._slstm import slstm
from ._sru import sru
from ._vanilla import vanilla

_TWINS = {
    "Vanilla": lambda it: vanilla(it.hidden_size, it.activation),
    "GRU": lambda it: gru(it.hidden_size, it.reset),
    "LSTM": lambda it: lstm(it.hidden_size),
    "ProjectionLSTM": lambda it: projection_lstm(it.hidden_size, it.projection_size),
    "PeepholeLSTM": lambda it: peephole_lstm(it.hidden_size),
    "CoupledLSTM": lambda it: coupled_lstm(it.hidden_size),
    "LayerNormLSTM": lambda it: layer_norm_lstm(it.hidden_size, it.epsilon),
    "LayerNormGRU": lambda it: layer_norm_gru(it.hidden_size, it.epsilon),
    "MGU": lambda it: mgu(it.hidden_size),
    "IndRNN": lambda it: indrnn(it.hidden_size, it.activation),
    "ConvLSTM": lambda it: conv_lstm(it.hidden_size, it.spatial),
    "SLSTM": lambda it: slstm(it.hidden_size, it.heads, it.forget),
    "MinGRU": lambda it: mingru(it.hidden_size),
    "MinLSTM": lambda it: minlstm(it.hidden_size),
    "SRU": lambda it: sru(it.hidden_size),
    "QRNN": lambda it: qrnn(it.hidden_size, it.window),
    "LRU": lambda it: lru(it.hidden_size),
    "RGLRU": lambda it: rg_lru(it.hidden_size),
    "MLSTM": lambda it: mlstm(it.hidden_size, it.heads, it.forget),
    "ParaGRU": lambda it: paragru(it.hidden_size),
    "Unroll": lambda it: unroll(twin(it.cell), it.reverse, getattr(it, "padding", "zero")),
    "Bidirectional": lambda it: bidirectional(
        twin(it.forward), twin(it.backward), getattr(it, "merge", "concat")
    ),
    "Stack": lambda it: stack(twin(layer) for layer in it.layers),
    "LanguageModel": lambda it: language_model(twin(it.layer)),
}


def twin(thing: Any) -> Any:
    """The reference of a jaxrnn object, to be given the same params and carries.

    What the parameters already tell (a recurrent bias, a vocabulary) is not asked of the object.
    Raises TypeError for what has no twin, such as a user's own cell.
    """
    name = type(thing).__name__
    if name not in _TWINS:
        raise TypeError(f"{name} has no reference twin; these have one: {', '.join(_TWINS)}.")
    if getattr(thing, "matmul_dtype", None) or getattr(_dropout(thing), "zoneout", 0):
        raise TypeError(f"{thing} has no reference twin: its products or its carry are changed.")
    return _TWINS[name](thing)


def _dropout(thing: Any) -> Any:
    return getattr(thing, "dropout", None)
