"""One file a cell: its containers, its equation, and how its work divides for the engine."""

from jaxrnn.cells._gru import GRU, GRUCarry, GRUParams, gru
from jaxrnn.cells._lstm import LSTM, LSTMCarry, LSTMParams, lstm
from jaxrnn.cells._vanilla import Vanilla, VanillaCarry, VanillaParams, vanilla

__all__ = [
    "GRU",
    "LSTM",
    "GRUCarry",
    "GRUParams",
    "LSTMCarry",
    "LSTMParams",
    "Vanilla",
    "VanillaCarry",
    "VanillaParams",
    "gru",
    "lstm",
    "vanilla",
]
