"""Counts and ids as integers, or one sentence that quotes what is refused."""

import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._errors import TextError, quoted


def positive(name: str, value: Any, otherwise: str = "") -> int:
    """`value` as a positive int."""
    return _at_least(1, f"positive{otherwise}", f"a positive integer{otherwise}", name, value)


def not_negative(name: str, value: Any) -> int:
    """`value` as an int of at least 0."""
    return _at_least(0, "0 or more", "an integer of 0 or more", name, value)


def _at_least(least: int, few: str, kind: str, name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TextError(f"`{name}` must be {kind}, got {quoted(value)}.")
    if number < least:
        raise TextError(f"`{name}` must be {few}, got {number}.")
    return number


def integers(name: str, values: ArrayLike) -> np.ndarray:
    """`values` as an array of integers, none of them narrowed or rounded."""
    try:
        array = np.asarray(values)
    except Exception:  # unequal lengths, or whatever another library's array says
        array = np.empty((), object)
    if not array.size and array.dtype == np.float64:  # NumPy's idea of no numbers
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TextError(f"`{name}` must be integers, got {quoted(values)}.")
    return array
