"""A model as JSON and back: its class by its public name, and the fields that are not at their
defaults."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jaxrnn import _language_model, cells, dropout, layers
from jaxrnn._types import Follows
from jaxrnn._values import quote

_OWN = {
    cls.__name__: cls
    for cls in (
        *cells.CELLS.values(),
        layers.Unroll,
        layers.Bidirectional,
        layers.Stack,
        layers.LearnableStart,
        layers.Normalize,
        layers.Project,
        layers.Residual,
        layers.Skip,
        dropout.Dropout,
        _language_model.LanguageModel,
    )
}
_PLAIN = str | bool | int | float | None


class DescriptionError(ValueError):
    """A model that JSON cannot say, or JSON that says no model; one sentence tells why."""


def describe(model: Any) -> dict[str, Any]:
    """A cell, layer or language model as what `json.dumps` takes, and `build` reads again::

        {"class": "Unroll", "cell": {"class": "LSTM", "hidden_size": 256}}

    A frozen dataclass is its class, by name, and the fields that are not at their defaults; a
    function, of initialisers say, is ``{"function": name}``; tuples are lists. Cells and layers of
    your own are dataclasses of such values; `build` is given their classes.

    Raises DescriptionError, a ValueError, for what it cannot say: another object, a lambda, a
    number that is not finite, a class of yours that is called as one of jaxrnn's.

    >>> jaxrnn.describe(jaxrnn.unroll(jaxrnn.gru(5, reset="before")))
    {'class': 'Unroll', 'cell': {'class': 'GRU', 'hidden_size': 5, 'reset': 'before'}}
    """
    return _of_class(model, type(model).__name__)


def build(description: Mapping[str, Any], classes: Iterable[Any] = ()) -> Any:
    """The model that `describe` described. `classes` are those of your own that it names, and the
    functions: nothing else is looked up, and nothing of the description is run.

    Raises DescriptionError, a ValueError, for a name that nobody gave, for fields that a class does
    not have, and for what the class itself refuses.

    >>> layer = jaxrnn.unroll(jaxrnn.gru(5, reset="before"))
    >>> jaxrnn.build(jaxrnn.describe(layer)) == layer
    True
    """
    known: dict[str, Any] = dict(_OWN)
    if not isinstance(classes, Iterable):
        raise DescriptionError(f"`classes` must be a list of them, got {quote(classes)}.")
    for each in classes:
        name = getattr(each, "__name__", None)
        if name is None or not callable(each):
            raise DescriptionError(f"`classes` are classes and functions, got {quote(each)}.")
        if known.setdefault(name, each) is not each:
            raise DescriptionError(f"`classes` name {name!r} twice, or as jaxrnn does: rename it.")
    try:
        return _built(description, known, "the model")
    except RecursionError:
        raise DescriptionError("the description is nested too deeply to be a model.") from None


def _of_class(value: Any, where: str) -> dict[str, Any]:
    cls = type(value)
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise DescriptionError(
            f"{where} is {quote(value)}, which cannot be described: make it a dataclass."
        )
    if _OWN.get(cls.__name__, cls) is not cls:
        raise DescriptionError(f"{where} is called as jaxrnn's own {cls.__name__}: rename it.")
    told = {"class": cls.__name__}
    for field in dataclasses.fields(value):
        part = getattr(value, field.name)
        if field.name == "class" or not field.init:
            continue
        if not _is_default(field, part):
            told[field.name] = _value(part, f"{where}.{field.name}")
    return told


def _is_default(field: Any, value: Any) -> bool:
    if isinstance(value, Follows):
        return True
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    return type(value) is type(default) and value == default


def _value(value: Any, where: str) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise DescriptionError(f"{where} is {value}: a description holds finite numbers alone.")
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, tuple | list):
        return [_value(each, f"{where}[{i}]") for i, each in enumerate(value)]
    if callable(value) and not dataclasses.is_dataclass(value):
        name = getattr(value, "__name__", None)
        if name is None or not name.isidentifier():
            raise DescriptionError(f"{where} is {quote(value)}: only a named function can be said.")
        return {"function": name}
    return _of_class(value, where)


def _built(told: Any, known: Mapping[str, Any], where: str) -> Any:
    if isinstance(told, list | tuple) and where != "the model":
        return tuple(_built(each, known, f"{where}[{i}]") for i, each in enumerate(told))
    if isinstance(told, _PLAIN) and where != "the model":
        return told
    if not isinstance(told, Mapping) or not all(isinstance(name, str) for name in told):
        raise DescriptionError(f"{where} must be an object with a class, got {quote(told)}.")
    if [*told] == ["function"]:
        return _named(told["function"], known, where)
    cls = _named(told.get("class"), known, where)
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise DescriptionError(f"{where} is of {quote(cls)}, which is no dataclass.")
    fields = {name: value for name, value in told.items() if name != "class"}
    there = [field.name for field in dataclasses.fields(cls) if field.init]
    if unknown := next((name for name in fields if name not in there), None):
        raise DescriptionError(
            f"{where}: {cls.__name__} has no field {unknown!r}; it has {', '.join(there)}. "
            f"Another version of it may have written this."
        )
    parts = {name: _built(value, known, f"{where}.{name}") for name, value in fields.items()}
    return _made(cls, parts, where)


def _made(cls: Callable, parts: dict[str, Any], where: str) -> Any:
    try:
        return cls(**parts)
    except (TypeError, ValueError) as error:
        raise DescriptionError(f"{where}: no {cls.__name__} is made of it: {error}") from None


def _named(name: Any, known: Mapping[str, Any], where: str) -> Any:
    if not isinstance(name, str):
        raise DescriptionError(f"{where} must name its class, got {quote(name)}.")
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise DescriptionError(
            f"{where} is of {name!r}, which is none of jaxrnn's: {hint}give your own in "
            f"`classes`, say classes=[{name if name.isidentifier() else 'MyCell'}]."
        )
    return known[name]
