"""Plain values, checked without JAX: one sentence that quotes what is refused."""

from __future__ import annotations

import math
import operator
import reprlib
from collections.abc import Sequence
from typing import Any

LINE = 80  # what a sentence quotes of one value

_reprs = reprlib.Repr()  # never spells out more of a container than it shows
_reprs.maxlist = _reprs.maxtuple = _reprs.maxset = _reprs.maxfrozenset = _reprs.maxdict = 20
_reprs.maxstring = _reprs.maxlong = _reprs.maxother = LINE
_reprs.fillvalue = "…"


def quote(value: Any) -> str:
    """The repr of `value`, on one line and no longer than a line."""
    return cut(_reprs.repr(value))


def cut(text: str) -> str:
    text = " ".join(line.strip() for line in text.splitlines())
    return text if len(text) <= LINE else f"{text[: LINE - 1]}…"


def positive(name: str, value: Any) -> int:
    """`value` as a positive int, or a sentence that quotes it."""
    return _at_least(1, "positive", "a positive integer", name, value)


def not_negative(name: str, value: Any) -> int:
    """`value` as an int of at least 0, or a sentence that quotes it."""
    return _at_least(0, "0 or more", "an integer of 0 or more", name, value)


def _at_least(least: int, few: str, kind: str, name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"`{name}` must be {kind}, got {quote(value)}.")
    if number < least:
        raise ValueError(f"`{name}` must be {few}, got {quote(number)}.")
    return number


def above_zero(name: str, value: Any) -> None:
    """A finite number above 0, or a sentence that quotes it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"`{name}` must be a number above 0, got {quote(value)}.")


def flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"`{name}` must be True or False, got {quote(value)}.")


def one_of(name: str, value: Any, choices: Sequence[str]) -> Any:
    """`value`, which must be one of `choices`, `get_args` of its Literal."""
    if not isinstance(value, str) or value not in choices:  # an array would compare each number
        listed = ", ".join(map(repr, choices))
        raise ValueError(f"`{name}` must be one of {listed}, got {quote(value)}.")
    return value
