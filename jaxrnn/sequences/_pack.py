"""Packing: documents laid end to end in rows of one length, and back."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxrnn import _values

from . import _ragged


class Packed(NamedTuple):
    """Documents end to end in B rows of T steps, time first: xs (T, B, ...), zeros in holes; mask
    and resets (T, B), booleans, where there is a document and where one begins; index (T, B),
    int32, which it is, -1 in holes.

    ``layer.apply(params, None, packed.xs, mask=packed.mask, resets=packed.resets)`` reads every
    document as if it were alone, in both directions: a forward walk restarts before step t where
    ``resets[t]``, a reversed one after it, which is before the document that ends at t - 1. The
    carry is None: a row's first document discards another, but to a reversed walk its last one
    would read it. The final carry is that of the last document walked; what is wanted of each is
    to be had from its outputs.

    All four fields are arrays whose shapes follow from (T, B) alone, however many the documents.
    """

    xs: np.ndarray
    mask: np.ndarray
    resets: np.ndarray
    index: np.ndarray


def pack(sequences: Iterable[ArrayLike], steps: int, rows: int | None = None) -> Packed:
    """Documents (T_i, ...), features or token ids -> `Packed` of T = `steps` and B = `rows`, None:
    as many as are needed, found by first-fit decreasing.

    From the longest to the shortest, each goes into the first row that has room for it. That
    depends on the lengths alone, so labels of the same lengths are laid out alike by the same call.

    Raises ValueError for sequences that `pad` refuses, for an empty document (it would leave no
    trace to unpack), for one longer than `steps`, and where `rows` are too few; TypeError for what
    is no list.

    >>> packed = jaxrnn.sequences.pack([np.array([1, 2, 3]), np.array([4]), np.array([5, 6])], 4)
    >>> packed.xs.T.tolist()
    [[1, 2, 3, 4], [5, 6, 0, 0]]
    >>> packed.resets.T.astype(int).tolist()
    [[1, 0, 0, 1], [1, 0, 0, 0]]
    """
    steps = _values.positive("steps", steps)
    sequences = _ragged.listed("sequences", sequences)
    arrays = _ragged.arrays(sequences, range(len(sequences)))
    lengths = np.array([len(array) for array in arrays])
    _check(lengths, steps)
    places = _first_fit_decreasing(lengths, steps)
    B = _rows(rows, 1 + max(row for row, _ in places), steps)
    xs = np.zeros((steps, B, *arrays[0].shape[1:]), arrays[0].dtype)
    resets, index = np.zeros((steps, B), bool), np.full((steps, B), -1, np.int32)
    for i, (array, (row, start)) in enumerate(zip(arrays, places, strict=True)):
        here = slice(start, start + len(array)), row
        xs[here], index[here], resets[start, row] = array, i, True
    return Packed(xs, index >= 0, resets, index)


def _check(lengths: np.ndarray, steps: int) -> None:
    number, length = _ragged.longest(lengths, np.arange(len(lengths)))
    if length > steps:
        raise ValueError(
            f"sequence {number} is {length} steps long, but a row has `steps` = {steps}: cut it, "
            f"or give `steps` of at least {length}."
        )
    if not lengths.all():
        raise ValueError(
            f"sequence {np.argmin(lengths)} has length 0, of which a row keeps no trace: leave it "
            f"out."
        )


def _first_fit_decreasing(lengths: np.ndarray, steps: int) -> list[tuple[int, int]]:
    """(row, start) of each document."""
    used = np.zeros(len(lengths), np.int64)
    places, opened = [(0, 0)] * len(lengths), 0
    for i in np.argsort(-lengths, kind="stable"):
        row = int(np.argmax(used[: opened + 1] <= steps - lengths[i]))
        places[i] = row, int(used[row])
        used[row] += lengths[i]
        opened = max(opened, row + 1)
    return places


def _rows(rows: int | None, needed: int, steps: int) -> int:
    if rows is None:
        return needed
    rows = _values.positive("rows", rows)
    if needed > rows:
        raise ValueError(
            f"the documents fill {needed} rows of {steps} steps, but `rows` is {rows}: give more "
            f"rows, or fewer documents at a time."
        )
    return rows


def unpack(ys: ArrayLike, packed: Packed) -> list[np.ndarray]:
    """ys (T, B, ...) -> arrays (T_i, ...), one a document, in the order that `pack` was given.

    Raises ValueError where ys are not (T, B, ...) of `packed`, TypeError where that is no `Packed`.

    >>> from jaxrnn import sequences
    >>> packed = sequences.pack([np.array([1, 2, 3]), np.array([4]), np.array([5, 6])], 4)
    >>> [row.tolist() for row in sequences.unpack(packed.xs, packed)]
    [[1, 2, 3], [4], [5, 6]]
    """
    index = np.asarray(_ragged.of_type("packed", packed, Packed).index)
    ys = np.asarray(ys)
    if ys.shape[:2] != index.shape:
        T, B = index.shape
        raise ValueError(f"ys must be (T, B, ...) = ({T}, {B}, ...), got shape {ys.shape}.")
    numbers, cells = index.T.ravel(), ys.swapaxes(0, 1).reshape(-1, *ys.shape[2:])
    order = np.argsort(numbers, kind="stable")  # row by row, so time keeps its order
    holes = np.count_nonzero(numbers < 0)
    ends = np.cumsum(np.bincount(numbers[order[holes:]]))
    return np.split(cells[order[holes:]], ends[:-1])
