"""Counts and ids as integers, or one sentence that quotes what is refused."""

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._errors import TextError, quoted

PIECE = 1 << 20
"""Of ids that are looked at one piece at a time: they may be more than fit in memory."""


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
    """`values` as an array of integers, none narrowed or rounded; an array is not copied."""
    try:
        array = np.asarray(values)
    except Exception:  # unequal lengths, or whatever another library's array says
        array = np.empty((), object)
    if not array.size and array.dtype == np.float64:  # NumPy's idea of no numbers
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TextError(f"`{name}` must be integers, got {quoted(values)}.")
    return array


def one_text(ids: ArrayLike) -> np.ndarray:
    """Ids (len,) as an array of integers, not copied if they are one."""
    array = integers("ids", ids)
    if array.ndim != 1:
        raise TextError(f"`ids` must be one text (len,), got shape {array.shape}.")
    return array


def in_range(ids: ArrayLike, size: int) -> np.ndarray:
    """Ids (N,) as an int64 array; TextError quotes the first outside 0 … size - 1."""
    array = integers("ids", ids).reshape(-1)
    outside = array[(array < 0) | (array >= size)]
    if outside.size:
        raise TextError(f"id {outside[0]} is not among the {size} of the vocabulary.")
    return array.astype(np.int64)


def in_pieces(ids: ArrayLike, size: int) -> Iterator[np.ndarray]:
    """The same, PIECE ids at a time."""
    array = integers("ids", ids).reshape(-1)
    return (in_range(array[i : i + PIECE], size) for i in range(0, len(array), PIECE))
