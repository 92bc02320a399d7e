"""Padding: ragged sequences as the columns of one array, and back."""

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike

from jaxrnn import _values

from . import _ragged

Side = Literal["right", "left"]


class Padded(NamedTuple):
    """Sequences side by side, time first: xs (T, B, ...), zeros where `mask` (T, B), booleans, is
    false; index (B), int32, says which sequence each column holds, -1 for an empty column.

    Give a layer ``mask=batch.mask``: it is right on whichever side the padding lies. `lengths` is
    no field but derived from it, and refuses padding on the left, where ``lengths=`` would read
    the padding and leave the sequence out. All three fields are arrays whose shapes follow from
    (T, B) alone, so a `Padded` goes through `jax.jit` as it is.
    """

    xs: np.ndarray
    mask: np.ndarray
    index: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """How many steps each column has, (B), int32: for ``lengths=``. Raises ValueError where the
        padding is on the left."""
        mask = np.asarray(self.mask)
        if (mask[1:] > mask[:-1]).any():
            raise ValueError(
                "these sequences are padded on the left, where `lengths=` would read the padding: "
                "give the layer `mask=` (and count with `mask.sum(0)`)."
            )
        return mask.sum(0, dtype=np.int32)


def pad(
    sequences: Iterable[ArrayLike],
    steps: int | None = None,
    *,
    side: Side = "right",
    index: ArrayLike | None = None,
) -> Padded:
    """Sequences (T_i, ...), features or token ids -> `Padded` of T = `steps`, None: the longest.

    `side`, ``"right"`` or ``"left"``, is where the padding goes. `index` (B) says which sequence
    each column holds, -1 for an empty column; None: all of them in their order. So the labels of a
    batch of `bucketed` are ``pad(labels, len(batch.xs), index=batch.index).xs``. Empty ones are
    allowed, as arrays of the others' dtype.

    Raises ValueError for no sequence, for sequences that differ in dtype or in the axes after
    time, for one longer than `steps`, another side, and an index out of range; TypeError for what
    is no list.

    >>> from jaxrnn import sequences
    >>> batch = sequences.pad([np.array([1, 2, 3]), np.array([4])])
    >>> batch.xs.T.tolist(), batch.mask.T.tolist()
    ([[1, 2, 3], [4, 0, 0]], [[True, True, True], [True, False, False]])
    """
    _values.one_of("side", side, get_args(Side))
    sequences = _ragged.listed("sequences", sequences)
    columns = _columns(index, len(sequences))
    filled = columns >= 0
    arrays = _ragged.arrays(sequences, columns[filled])
    lengths = np.zeros(len(columns), np.int64)
    lengths[filled] = [len(array) for array in arrays]
    T = _steps(steps, lengths, columns)
    mask = np.arange(T)[:, None] < lengths
    if side == "left":
        mask = mask[::-1].copy()
    xs = np.zeros((T, len(columns), *arrays[0].shape[1:]), arrays[0].dtype)
    xs.swapaxes(0, 1)[mask.T] = np.concatenate(arrays)
    return Padded(xs, mask, columns)


def _columns(index: ArrayLike | None, count: int) -> np.ndarray:
    """`index` (B) int32, checked against the count of sequences."""
    if index is None:
        return np.arange(count, dtype=np.int32)
    columns = _ragged.integers("index", index, -1)
    if columns.max() >= count:
        raise ValueError(f"`index` must be less than {count} sequences, got {columns.max()}.")
    return columns.astype(np.int32)


def _steps(steps: int | None, lengths: np.ndarray, columns: np.ndarray) -> int:
    number, length = _ragged.longest(lengths, columns)
    if steps is None:
        return length
    steps = _values.positive("steps", steps)
    if length > steps:
        raise ValueError(
            f"sequence {number} is {length} steps long, but `steps` is {steps}: cut it, or give "
            f"`steps` of at least {length}."
        )
    return steps


def unpad(ys: ArrayLike, mask: ArrayLike) -> list[np.ndarray]:
    """ys (T, B, ...) -> B arrays (T_i, ...): of each column what lies under the mask.

    `mask` (T, B) booleans, or lengths (B) integers. The inverse of `pad`:
    ``unpad(batch.xs, batch.mask)``. Raises ValueError where the two do not fit.

    >>> from jaxrnn import sequences
    >>> batch = sequences.pad([np.array([1, 2, 3]), np.array([4])])
    >>> [row.tolist() for row in sequences.unpad(batch.xs, batch.mask)]
    [[1, 2, 3], [4]]
    """
    ys, mask = np.asarray(ys), np.asarray(mask)
    if mask.ndim == 1 and mask.dtype.kind in "iu":
        mask = _within(mask, ys)
    if mask.dtype != bool or mask.ndim != 2 or mask.shape != ys.shape[:2]:
        raise ValueError(
            f"unpad needs ys (T, B, ...) with a boolean mask (T, B) or integer lengths (B), got ys "
            f"{ys.shape} with {mask.dtype} {mask.shape}."
        )
    return [ys[mask[:, b], b] for b in range(mask.shape[1])]


def _within(lengths: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """The mask (T, B) that lengths (B) mean."""
    T = len(ys)
    out = lengths[(lengths < 0) | (lengths > T)]
    if out.size:
        raise ValueError(f"lengths must lie in 0…T = {T}, got {out[0]}.")
    return np.arange(T)[:, None] < lengths
