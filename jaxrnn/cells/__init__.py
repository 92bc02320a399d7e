"""One file a cell: its containers, and its equation. `CELLS` has all, by name."""

from typing import Any

from jaxrnn.cells._conv_lstm import ConvLSTM, ConvLSTMParams, conv_lstm
from jaxrnn.cells._coupled_lstm import CoupledLSTM, CoupledLSTMParams, coupled_lstm
from jaxrnn.cells._gru import GRU, GRUCarry, GRUParams, gru
from jaxrnn.cells._indrnn import IndRNN, IndRNNParams, indrnn
from jaxrnn.cells._layer_norm_gru import LayerNormGRU, LayerNormGRUParams, layer_norm_gru
from jaxrnn.cells._layer_norm_lstm import LayerNormLSTM, LayerNormLSTMParams, layer_norm_lstm
from jaxrnn.cells._lru import LRU, LRUCarry, LRUParams, lru
from jaxrnn.cells._lstm import LSTM, LSTMCarry, LSTMParams, lstm
from jaxrnn.cells._mgu import MGU, MGUParams, mgu
from jaxrnn.cells._mingru import MinGRU, MinGRUParams, mingru
from jaxrnn.cells._minlstm import MinLSTM, MinLSTMParams, minlstm
from jaxrnn.cells._mlstm import MLSTM, MLSTMCarry, MLSTMParams, mlstm
from jaxrnn.cells._paragru import ParaGRU, ParaGRUParams, paragru
from jaxrnn.cells._peephole_lstm import PeepholeLSTM, PeepholeLSTMParams, peephole_lstm
from jaxrnn.cells._projection_lstm import (
    ProjectionLSTM,
    ProjectionLSTMCarry,
    ProjectionLSTMParams,
    projection_lstm,
)
from jaxrnn.cells._qrnn import QRNN, QRNNCarry, QRNNParams, qrnn
from jaxrnn.cells._rg_lru import RGLRU, RGLRUParams, rg_lru
from jaxrnn.cells._slstm import SLSTM, SLSTMCarry, SLSTMParams, slstm
from jaxrnn.cells._sru import SRU, SRUCarry, SRUParams, sru
from jaxrnn.cells._vanilla import Vanilla, VanillaCarry, VanillaParams, vanilla

CELLS: dict[str, type[Any]] = {
    "conv_lstm": conv_lstm,
    "coupled_lstm": coupled_lstm,
    "gru": gru,
    "indrnn": indrnn,
    "layer_norm_gru": layer_norm_gru,
    "layer_norm_lstm": layer_norm_lstm,
    "lru": lru,
    "lstm": lstm,
    "mgu": mgu,
    "mingru": mingru,
    "minlstm": minlstm,
    "mlstm": mlstm,
    "paragru": paragru,
    "peephole_lstm": peephole_lstm,
    "projection_lstm": projection_lstm,
    "qrnn": qrnn,
    "rg_lru": rg_lru,
    "slstm": slstm,
    "sru": sru,
    "vanilla": vanilla,
}

__all__ = [
    "CELLS",
    "ConvLSTM",
    "ConvLSTMParams",
    "CoupledLSTM",
    "CoupledLSTMParams",
    "GRU",
    "GRUCarry",
    "GRUParams",
    "IndRNN",
    "IndRNNParams",
    "LRU",
    "LRUCarry",
    "LRUParams",
    "LSTM",
    "LSTMCarry",
    "LSTMParams",
    "LayerNormGRU",
    "LayerNormGRUParams",
    "LayerNormLSTM",
    "LayerNormLSTMParams",
    "MGU",
    "MGUParams",
    "MLSTM",
    "MLSTMCarry",
    "MLSTMParams",
    "MinGRU",
    "MinGRUParams",
    "MinLSTM",
    "MinLSTMParams",
    "ParaGRU",
    "ParaGRUParams",
    "PeepholeLSTM",
    "PeepholeLSTMParams",
    "ProjectionLSTM",
    "ProjectionLSTMCarry",
    "ProjectionLSTMParams",
    "QRNN",
    "QRNNCarry",
    "QRNNParams",
    "RGLRU",
    "RGLRUParams",
    "SLSTM",
    "SLSTMCarry",
    "SLSTMParams",
    "SRU",
    "SRUCarry",
    "SRUParams",
    "Vanilla",
    "VanillaCarry",
    "VanillaParams",
    "conv_lstm",
    "coupled_lstm",
    "gru",
    "indrnn",
    "layer_norm_gru",
    "layer_norm_lstm",
    "lru",
    "lstm",
    "mgu",
    "mingru",
    "minlstm",
    "mlstm",
    "paragru",
    "peephole_lstm",
    "projection_lstm",
    "qrnn",
    "rg_lru",
    "slstm",
    "sru",
    "vanilla",
]
