"""Plain values, checked without JAX: one sentence that quotes what is refused."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any


def positive(name: str, value: Any) -> int:
    """`value` as a positive int, or a sentence that quotes it."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"`{name}` must be a positive integer, got {value!r}.")
    if number <= 0:
        raise ValueError(f"`{name}` must be positive, got {number}.")
    return number


def flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"`{name}` must be True or False, got {value!r}.")


def one_of(name: str, value: Any, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, choices))}, got {value!r}.")
