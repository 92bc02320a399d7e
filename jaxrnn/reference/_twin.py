"""From a jaxrnn cell, layer or language model to its twin, known by class name and fields alone."""

from typing import Any

from ._gru import gru
from ._language_model import language_model
from ._layers import bidirectional, stack, unroll
from ._lstm import lstm
from ._vanilla import vanilla

_TWINS = {
    "Vanilla": lambda it: vanilla(it.hidden_size, it.activation),
    "GRU": lambda it: gru(it.hidden_size, it.reset),
    "LSTM": lambda it: lstm(it.hidden_size),
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
