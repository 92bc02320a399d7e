"""Bucketing: which few T's to pad to, and batches that have no other."""

from collections.abc import Iterable, Iterator, Sequence
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from jaxrnn import _values

from . import _ragged
from ._pad import Padded, Side, pad, unpad


def buckets(lengths: ArrayLike, count: int) -> tuple[int, ...]:
    """The boundaries, at most `count`, that pad sequences of `lengths` (N) with the fewest cells.

    A sequence is padded to the first boundary that holds it, so the last is the longest length,
    and each is some length (an empty sequence takes the shortest; a boundary is at least 1). With
    u the distinct lengths, and the n[i…j] sequences of lengths u[i…j-1] in one bucket ::

        cells[k, j] = min over i < j of cells[k - 1, i] + n[i…j] u[j - 1]

    is exact, in O(count · distinct²). Cells of empty columns are not counted. Raises ValueError
    for lengths that are no integers of 0 or more, for none, and for a count below 1.

    >>> jaxrnn.sequences.buckets([3, 7, 2, 8, 3], 2)
    (3, 8)
    """
    lengths = np.maximum(_ragged.integers("lengths", lengths, 0), 1)
    count = _values.positive("count", count)
    distinct, counts = np.unique(lengths, return_counts=True)
    shorter = np.concatenate([[0], np.cumsum(counts)])
    cells = np.concatenate([[0.0], np.full(len(distinct), np.inf)])
    cuts = []
    for _ in range(min(count, len(distinct))):
        cells, cut = _one_more(cells, shorter, distinct)
        cuts.append(cut)
    boundaries, j = [], len(distinct)
    for cut in reversed(cuts):
        boundaries.append(int(distinct[j - 1]))
        j = cut[j]
    return tuple(reversed(boundaries))


def _one_more(
    cells: np.ndarray, shorter: np.ndarray, distinct: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """cells[k - 1] -> cells[k], and the i of each; `shorter[j]` sequences are below u[j]."""
    more, cut = np.full_like(cells, np.inf), np.zeros(len(cells), np.int64)
    for j in range(1, len(cells)):
        costs = cells[:j] + (shorter[j] - shorter[:j]) * distinct[j - 1]
        cut[j] = np.argmin(costs)
        more[j] = costs[cut[j]]
    return more, cut


def bucketed(
    sequences: Iterable[ArrayLike],
    batch_size: int,
    boundaries: ArrayLike,
    *,
    side: Side = "right",
    seed: int | Sequence[int] | None = None,
    drop_last: bool = False,
) -> Iterator[Padded]:
    """`Padded` batches of B = `batch_size`, each of a T among `boundaries`: so a jitted function
    compiles at most once a boundary. The sequences are (T_i, ...), `side` is that of `pad`.

    Every sequence is in one batch, that of the first boundary to hold it, and ``batch.index``
    tells which it is. What is left of a bucket is filled up with empty columns (index -1, mask
    false), or left out with `drop_last`. Without a `seed` the order is: short buckets first, and
    as given within them. With one, sequences are shuffled within their bucket and then the
    batches, alike for the same seed; ``seed=[seed, epoch]`` gives each epoch an order of its own.
    Labels follow a batch by ``pad(labels, len(batch.xs), index=batch.index)``.

    Raises at the call, not at the first batch: ValueError for what `pad` refuses, boundaries that
    do not increase, a sequence longer than the last of them, a batch_size below 1, and a seed that
    is no integer of 0 or more; TypeError for what is no list of sequences.

    >>> from jaxrnn import sequences
    >>> documents = [np.arange(n) for n in (3, 7, 2, 8, 3)]
    >>> [batch.xs.shape for batch in sequences.bucketed(documents, 2, boundaries=(3, 8))]
    [(3, 2), (3, 2), (8, 2)]
    """
    size = _values.positive("batch_size", batch_size)
    bounds = _increasing(boundaries)
    _values.one_of("side", side, get_args(Side))
    _values.flag("drop_last", drop_last)
    sequences = _ragged.listed("sequences", sequences)
    arrays = _ragged.arrays(sequences, range(len(sequences)))
    bucket_of = _bucket_of(arrays, bounds)
    rng = None if seed is None else _rng(seed)
    plan = _plan(bucket_of, size, rng, drop_last)
    return (pad(arrays, int(bounds[b]), side=side, index=index) for b, index in plan)


def _rng(seed: int | Sequence[int]) -> np.random.Generator:
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise ValueError(
            f"`seed` must be an integer of at least 0, or several, got {_values.quote(seed)}."
        ) from None


def _increasing(boundaries: ArrayLike) -> np.ndarray:
    bounds = _ragged.integers("boundaries", boundaries, 1)
    if (np.diff(bounds) <= 0).any():
        raise ValueError(f"`boundaries` must increase, got {_values.quote(bounds.tolist())}.")
    return bounds


def _bucket_of(arrays: list[np.ndarray], bounds: np.ndarray) -> np.ndarray:
    """(N) which boundary is the first to hold each."""
    lengths = np.array([len(array) for array in arrays])
    number, length = _ragged.longest(lengths, np.arange(len(arrays)))
    if length > bounds[-1]:
        raise ValueError(
            f"sequence {number} is {length} steps long, but the last of `boundaries` is "
            f"{bounds[-1]}: cut it, or give a boundary of at least {length}."
        )
    return np.searchsorted(bounds, lengths)


def _plan(
    bucket_of: np.ndarray, size: int, rng: np.random.Generator | None, drop_last: bool
) -> list[tuple[int, np.ndarray]]:
    """The batches in their order: bucket, index (B)."""
    plan = []
    for bucket in np.unique(bucket_of):
        members = np.flatnonzero(bucket_of == bucket)
        if rng is not None:
            members = rng.permutation(members)
        whole, left = divmod(len(members), size)
        if left and not drop_last:
            members = np.append(members, np.full(size - left, -1))
            whole += 1
        plan += [(bucket, index) for index in members[: whole * size].reshape(whole, size)]
    return plan if rng is None else [plan[i] for i in rng.permutation(len(plan))]


def restore(
    outputs: Iterable[ArrayLike], batches: Iterable[Padded], count: int
) -> list[np.ndarray]:
    """The outputs (T, B, ...) of each batch of `bucketed` -> arrays (T_i, ...) in the order of the
    `count` sequences, whatever the order of the batches.

    Raises ValueError where a sequence is in none of them, as `drop_last` leaves some out, and where
    the outputs, the batches or the count do not fit each other; TypeError for what is no list, and
    batches that are no `Padded`.

    >>> from jaxrnn import sequences
    >>> documents = [np.arange(n) for n in (3, 7, 2, 8, 3)]
    >>> batches = list(sequences.bucketed(documents, 2, (3, 8), seed=0))
    >>> outputs = [batch.xs for batch in batches]          # of a layer, say
    >>> [len(row) for row in sequences.restore(outputs, batches, len(documents))]
    [3, 7, 2, 8, 3]
    """
    count, found = _values.positive("count", count), {}
    outputs = _ragged.listed("outputs", outputs)
    batches = [_ragged.of_type("batches", b, Padded) for b in _ragged.listed("batches", batches)]
    if len(outputs) != len(batches):
        raise ValueError(
            f"restore needs an output for each batch, got {len(outputs)} for {len(batches)}."
        )
    for ys, batch in zip(outputs, batches, strict=True):
        for i, y in zip(np.asarray(batch.index), unpad(ys, batch.mask), strict=True):
            if i >= 0:
                found[int(i)] = y
    if found and max(found) >= count:
        raise ValueError(f"`count` is {count}, but the batches hold sequence {max(found)}.")
    missing = set(range(count)) - found.keys()
    if missing:
        raise ValueError(
            f"sequence {min(missing)} is in none of the batches: restore needs all of an epoch, "
            f"made without `drop_last`."
        )
    return [found[i] for i in range(count)]
