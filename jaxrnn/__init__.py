"""jaxrnn: recurrent networks for JAX, as pure functions under `jax.lax.scan`."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING
from typing import Any as _Any

from jaxrnn import engine, generation
from jaxrnn._describe import build, describe
from jaxrnn._language_model import (
    HeadParams,
    LanguageModel,
    LanguageModelParams,
    cross_entropy,
    language_model,
)
from jaxrnn._memory import estimate_bytes
from jaxrnn._types import Cell, Layer
from jaxrnn.cells import (
    GRU,
    LRU,
    LSTM,
    MGU,
    MLSTM,
    QRNN,
    RGLRU,
    SLSTM,
    SRU,
    ConvLSTM,
    ConvLSTMParams,
    CoupledLSTM,
    CoupledLSTMParams,
    GRUCarry,
    GRUParams,
    IndRNN,
    IndRNNParams,
    LayerNormGRU,
    LayerNormGRUParams,
    LayerNormLSTM,
    LayerNormLSTMParams,
    LRUCarry,
    LRUParams,
    LSTMCarry,
    LSTMParams,
    MGUParams,
    MinGRU,
    MinGRUParams,
    MinLSTM,
    MinLSTMParams,
    MLSTMCarry,
    MLSTMParams,
    ParaGRU,
    ParaGRUParams,
    PeepholeLSTM,
    PeepholeLSTMParams,
    ProjectionLSTM,
    ProjectionLSTMCarry,
    ProjectionLSTMParams,
    QRNNCarry,
    QRNNParams,
    RGLRUParams,
    SLSTMCarry,
    SLSTMParams,
    SRUCarry,
    SRUParams,
    Vanilla,
    VanillaCarry,
    VanillaParams,
    conv_lstm,
    coupled_lstm,
    gru,
    indrnn,
    layer_norm_gru,
    layer_norm_lstm,
    lru,
    lstm,
    mgu,
    mingru,
    minlstm,
    mlstm,
    paragru,
    peephole_lstm,
    projection_lstm,
    qrnn,
    rg_lru,
    slstm,
    sru,
    vanilla,
)
from jaxrnn.dropout import Dropout
from jaxrnn.layers import (
    Bidirectional,
    LearnableStart,
    Normalize,
    NormalizeParams,
    Project,
    ProjectParams,
    Residual,
    Skip,
    Stack,
    StartParams,
    Unroll,
    bidirectional,
    learnable_start,
    normalize,
    project,
    residual,
    skip,
    stack,
    unroll,
)
from jaxrnn.saving import load, save

# Rooms that are loaded when first used; editors and type checkers see them here.
if TYPE_CHECKING:
    from jaxrnn import insight as insight
    from jaxrnn import interop as interop
    from jaxrnn import linen as linen
    from jaxrnn import nnx as nnx
    from jaxrnn import recompilation as recompilation
    from jaxrnn import reference as reference
    from jaxrnn import saving as saving
    from jaxrnn import sequences as sequences
    from jaxrnn import serving as serving
    from jaxrnn import testing as testing
    from jaxrnn import text as text
    from jaxrnn import training as training

__version__ = "0.1.0"

_ROOMS = (
    "insight",
    "interop",
    "linen",
    "nnx",
    "recompilation",
    "reference",
    "saving",
    "sequences",
    "serving",
    "testing",
    "text",
    "training",
)


def __getattr__(name: str) -> _Any:
    if name in _ROOMS:
        return _import_module(f"jaxrnn.{name}")
    raise AttributeError(f"module 'jaxrnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})


__all__ = [
    "Bidirectional",
    "Cell",
    "ConvLSTM",
    "ConvLSTMParams",
    "CoupledLSTM",
    "CoupledLSTMParams",
    "Dropout",
    "GRU",
    "GRUCarry",
    "GRUParams",
    "HeadParams",
    "IndRNN",
    "IndRNNParams",
    "LRU",
    "LRUCarry",
    "LRUParams",
    "LSTM",
    "LSTMCarry",
    "LSTMParams",
    "LanguageModel",
    "LanguageModelParams",
    "Layer",
    "LayerNormGRU",
    "LayerNormGRUParams",
    "LayerNormLSTM",
    "LayerNormLSTMParams",
    "LearnableStart",
    "MGU",
    "MGUParams",
    "MLSTM",
    "MLSTMCarry",
    "MLSTMParams",
    "MinGRU",
    "MinGRUParams",
    "MinLSTM",
    "MinLSTMParams",
    "Normalize",
    "NormalizeParams",
    "ParaGRU",
    "ParaGRUParams",
    "PeepholeLSTM",
    "PeepholeLSTMParams",
    "Project",
    "ProjectParams",
    "ProjectionLSTM",
    "ProjectionLSTMCarry",
    "ProjectionLSTMParams",
    "QRNN",
    "QRNNCarry",
    "QRNNParams",
    "RGLRU",
    "RGLRUParams",
    "Residual",
    "SLSTM",
    "SLSTMCarry",
    "SLSTMParams",
    "SRU",
    "SRUCarry",
    "SRUParams",
    "Skip",
    "Stack",
    "StartParams",
    "Unroll",
    "Vanilla",
    "VanillaCarry",
    "VanillaParams",
    "bidirectional",
    "build",
    "conv_lstm",
    "coupled_lstm",
    "cross_entropy",
    "describe",
    "engine",
    "estimate_bytes",
    "generation",
    "gru",
    "indrnn",
    "language_model",
    "layer_norm_gru",
    "layer_norm_lstm",
    "learnable_start",
    "load",
    "lru",
    "lstm",
    "mgu",
    "mingru",
    "minlstm",
    "mlstm",
    "normalize",
    "paragru",
    "peephole_lstm",
    "project",
    "projection_lstm",
    "qrnn",
    "residual",
    "rg_lru",
    "save",
    "skip",
    "slstm",
    "sru",
    "stack",
    "unroll",
    "vanilla",
]
