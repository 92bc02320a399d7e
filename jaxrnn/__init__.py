"""jaxrnn: recurrent networks for JAX, as pure functions under `jax.lax.scan`."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

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
    LSTM,
    GRUCarry,
    GRUParams,
    LSTMCarry,
    LSTMParams,
    Vanilla,
    VanillaCarry,
    VanillaParams,
    gru,
    lstm,
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
    from jaxrnn import linen as linen
    from jaxrnn import nnx as nnx
    from jaxrnn import recompilation as recompilation
    from jaxrnn import reference as reference
    from jaxrnn import saving as saving
    from jaxrnn import sequences as sequences
    from jaxrnn import testing as testing
    from jaxrnn import text as text
    from jaxrnn import training as training

__version__ = "0.1.0"

_ROOMS = (
    "linen",
    "nnx",
    "recompilation",
    "reference",
    "saving",
    "sequences",
    "testing",
    "text",
    "training",
)


def __getattr__(name: str):
    if name in _ROOMS:
        return _import_module(f"jaxrnn.{name}")
    raise AttributeError(f"module 'jaxrnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})


__all__ = [
    "GRU",
    "LSTM",
    "Bidirectional",
    "Cell",
    "Dropout",
    "GRUCarry",
    "GRUParams",
    "HeadParams",
    "LSTMCarry",
    "LSTMParams",
    "LanguageModel",
    "LanguageModelParams",
    "Layer",
    "LearnableStart",
    "Normalize",
    "NormalizeParams",
    "Project",
    "ProjectParams",
    "Residual",
    "Skip",
    "Stack",
    "StartParams",
    "Unroll",
    "Vanilla",
    "VanillaCarry",
    "VanillaParams",
    "bidirectional",
    "build",
    "cross_entropy",
    "describe",
    "engine",
    "estimate_bytes",
    "generation",
    "gru",
    "language_model",
    "learnable_start",
    "load",
    "lstm",
    "normalize",
    "project",
    "residual",
    "save",
    "skip",
    "stack",
    "unroll",
    "vanilla",
]
