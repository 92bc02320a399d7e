"""What was given, as arrays and integers, or one sentence that quotes what is refused."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from jaxrnn._values import quote

T = TypeVar("T")


def listed(name: str, values: object) -> list:
    """What is given one by one, as a list; TypeError where it is nothing of the kind."""
    try:
        given = iter(values)  # pyright: ignore[reportArgumentType, reportCallIssue]
    except TypeError:
        raise TypeError(f"`{name}` must be a list, got {quote(values)}.") from None
    return list(given)


def of_type(name: str, value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"`{name}` must be of {kind.__name__}, got {quote(value)}.")
    return value


def arrays(sequences: Sequence[ArrayLike], index: Iterable[int]) -> list[np.ndarray]:
    """``sequences[i]`` for each i of `index`: all (T_i, ...), of one dtype and one trailing shape.

    Raises ValueError for none at all, and one that quotes the first that is unlike the others.
    """
    numbered = [(int(i), _array(int(i), sequences[i])) for i in index]
    if not numbered:
        raise ValueError("there must be at least one sequence, got none.")
    first, like = numbered[0]
    for i, array in numbered:
        if array.shape[1:] != like.shape[1:] or array.dtype != like.dtype:
            raise ValueError(
                f"sequence {i} is {_form(array)}, but sequence {first} is {_form(like)}: give all "
                f"of them one dtype and the same axes after time."
            )
    return [array for _, array in numbered]


def _array(i: int, sequence: ArrayLike) -> np.ndarray:
    try:
        array = np.asarray(sequence)
    except Exception:  # unequal lengths within it, or whatever another library's array says
        array = np.empty((), object)
    if array.ndim == 0 or array.dtype.kind in "OUS":
        raise ValueError(
            f"sequence {i} must be an array (T, ...) of numbers, time first, got {quote(sequence)}."
        )
    return array


def _form(array: np.ndarray) -> str:
    return f"{array.dtype} ({', '.join(['T', *map(str, array.shape[1:])])})"


def longest(lengths: np.ndarray, index: np.ndarray) -> tuple[int, int]:
    """The number and the length of the longest sequence; `lengths` belong to ``index``."""
    at = int(np.argmax(lengths))
    return int(index[at]), int(lengths[at])


def integers(name: str, values: ArrayLike, least: int) -> np.ndarray:
    """`values` (N,) as integers of at least `least`, at least one of them."""
    try:
        array = np.asarray(values)
    except Exception:
        array = np.empty((), object)
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iu":
        raise ValueError(f"`{name}` must be one or more integers (N,), got {quote(values)}.")
    if array.min() < least:
        raise ValueError(f"`{name}` must be at least {least}, got {array.min()}.")
    if array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"`{name}` must fit 63 bits, got {array.max()}.")
    return array.astype(np.int64)
