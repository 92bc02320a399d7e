"""What Linen and NNX have in common: carries, functions, and cells walked by an RNN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxrnn import cells
from jaxrnn._checks import quote
from jaxrnn.interop._form import BATCH_FIRST, InteropError


def theirs(carry: Any) -> Any:
    """Our carry as Flax has it: c before h."""
    return (carry.c, carry.h) if isinstance(carry, cells.LSTMCarry) else carry.h


def ours(like: Any, carry: Any) -> Any:
    return (
        cells.LSTMCarry(carry[1], carry[0])
        if isinstance(like, cells.LSTMCarry)
        else type(like)(carry)
    )


def activation_of(cell: Any) -> str:
    """tanh or relu; gates must be sigmoid, and nothing be added."""
    name = getattr(cell.activation_fn, "__name__", quote(cell.activation_fn))
    gate = getattr(getattr(cell, "gate_fn", None), "__name__", "sigmoid")
    vanilla = type(cell).__name__ == "SimpleCell"
    if name not in ("tanh", *(["relu"] * vanilla)) or gate not in ("sigmoid", "logistic"):
        raise InteropError(
            f"{type(cell).__name__} has activation_fn {name} and gate_fn {gate}: jaxrnn's cells "
            f"have tanh (vanilla also relu) and sigmoid."
        )
    if getattr(cell, "residual", False):
        raise InteropError("SimpleCell with residual=True adds h before the tanh: jaxrnn has none.")
    return name


def check_walk(rnn: Any, reverse: bool) -> None:
    if reverse and not rnn.keep_order:
        raise InteropError(
            "an RNN with reverse=True and keep_order=False gives its outputs last first: with "
            "keep_order=True they are in the order of time, as jaxrnn's."
        )


def check_merge(bidirectional: Any) -> None:
    name = getattr(bidirectional.merge_fn, "__name__", "")
    if name not in ("_concatenate", "concatenate"):
        raise InteropError(
            f"Bidirectional has merge_fn {quote(bidirectional.merge_fn)}: only its own, which "
            f"concatenates, is known."
        )
    if getattr(bidirectional.backward_rnn, "reverse", False):
        raise InteropError("Bidirectional reverses its backward RNN itself: leave reverse=False.")


def notes_of_axes(modules: Sequence[Any]) -> tuple[str, ...]:
    """Of cells none: they have no time."""
    return (BATCH_FIRST,) * (not all(getattr(module, "time_major", True) for module in modules))


def modules(source: Any) -> list[Any]:
    return list(source) if isinstance(source, Sequence) else [source]
