"""Batches: where in a text the chunks of one epoch begin.

Every rule draws a table of starts (N, B), one chunk of `num_steps` tokens for each of N minibatches
and B columns; inputs are the tokens from a start on, targets those one later. With `len` tokens,
B columns and T steps, the two rules of the lyrics (d2l's first edition) and of the Time Machine
(d2l 0.17) are:

| sampling | offset | column b of minibatch i starts at | N |
|---|---|---|---|
| consecutive | 0 | b·L + i·T, L = len // B | (L - 1) // T |
| consecutive-offset | 0 … T | offset + b·L + i·T, L = (len - offset - 1) // B | L // T |
| random | 0 | T·π(i·B + b), π a permutation of the (len - 1) // T chunks | chunks // B |
| random-offset | 0 … T - 1 | offset + as random, for len - offset tokens | chunks // B |

So consecutive minibatches adjoin, column by column, and random chunks never overlap. Offset and
permutation are fresh each epoch and follow from (seed, epoch) alone. N can vary with the offset.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike

from ._checks import integers, not_negative, one_text, positive
from ._errors import TextError, unknown

Sampling = Literal["consecutive", "consecutive-offset", "random", "random-offset"]


class Batches(NamedTuple):
    """One epoch: inputs and targets (N, T, B) int32, time before batch."""

    inputs: np.ndarray
    targets: np.ndarray


def batches(
    sampling: Sampling, ids: ArrayLike, batch_size: int, num_steps: int, seed: int, epoch: int
) -> Batches:
    """The minibatches of one epoch over ids (len,), the `windows` at its `starts`: inputs and
    targets (N, T, B) int32, of T = `num_steps` and B = `batch_size`. `sampling` is one of the four
    rules of *Dive into Deep Learning*: ``"consecutive"``, where each column reads a B-th of the
    text, so that a carry goes on from minibatch to minibatch; ``"random"``, chunks of T tokens in
    a random order; and each from a random offset on, ``"consecutive-offset"``, ``"random-offset"``.
    Order and offset follow from `seed` and `epoch`. Raises TextError for what either refuses.

    >>> from jaxrnn import text
    >>> inputs, targets = text.batches("consecutive", range(20), 2, 3, seed=0, epoch=0)
    >>> inputs.shape
    (3, 3, 2)
    >>> inputs[0].T.tolist(), targets[0].T.tolist()
    ([[0, 1, 2], [10, 11, 12]], [[1, 2, 3], [11, 12, 13]])
    """
    ids = one_text(ids)
    return windows(ids, starts(sampling, len(ids), batch_size, num_steps, seed, epoch), num_steps)


def starts(
    sampling: Sampling, length: int, batch_size: int, num_steps: int, seed: int, epoch: int
) -> np.ndarray:
    """Where in a text of `length` tokens the chunks of one epoch begin: (N, B) int64.

    With `windows`, an epoch may be read a piece at a time: a slice of the starts, then another.

    Raises TextError for an unknown rule, sizes below 1, a text too short to give one minibatch
    whatever the offset, and a seed or an epoch outside of 32 bits: as `jax.random.key` takes a
    seed, and so that no two pairs are the same words of entropy (2³², 0 is 0, 1).

    >>> jaxrnn.text.starts("consecutive", 20, 2, 3, seed=0, epoch=0).tolist()
    [[0, 10], [3, 13], [6, 16]]
    """
    if sampling not in get_args(Sampling):
        raise unknown("no sampling", sampling, _RULES)
    length = not_negative("length", length)
    batch_size, num_steps = positive("batch_size", batch_size), positive("num_steps", num_steps)
    rng = _generator(seed, epoch)
    draw_starts, least_length = _RULES[sampling]
    needed = least_length(batch_size, num_steps)
    if length < needed:
        raise TextError(
            f"{sampling} batches of {batch_size} × {num_steps} need at least {needed} tokens, "
            f"got {length}."
        )
    return draw_starts(length, batch_size, num_steps, rng).astype(np.int64, copy=False)


def _generator(seed: int, epoch: int) -> np.random.Generator:
    for name, value in (("seed", seed), ("epoch", epoch)):
        if not_negative(name, value) >= 2**32:
            raise TextError(f"`{name}` must lie in 0…{2**32 - 1}, got {value}.")
    return np.random.default_rng([seed, epoch])


def windows(ids: ArrayLike, starts: ArrayLike, num_steps: int) -> Batches:
    """Inputs and targets of T = `num_steps` tokens at starts (N, B) of ids (len,): (N, T, B) int32.

    Only what is read is copied, so that `ids` may be a memory map larger than memory. Raises
    TextError for a window that does not lie in the text, and for an id read that 32 bits do not
    hold.

    >>> inputs, targets = jaxrnn.text.windows(range(100, 120), [[0, 10]], num_steps=3)
    >>> inputs[0].T.tolist(), targets[0].T.tolist()
    ([[100, 101, 102], [110, 111, 112]], [[101, 102, 103], [111, 112, 113]])
    """
    ids, begin = one_text(ids), integers("starts", starts)
    num_steps = positive("num_steps", num_steps)
    if begin.ndim != 2:
        raise TextError(f"`starts` must be (N, B), got shape {begin.shape}.")
    outside = begin[(begin < 0) | (begin >= len(ids) - num_steps)]
    if outside.size:
        raise TextError(
            f"{num_steps} inputs and targets from {outside[0]} on do not lie in {len(ids)} ids."
        )
    if not begin.size:
        return Batches(*np.empty((2, len(begin), num_steps, begin.shape[1]), np.int32))
    read = time_major(_narrow(np.lib.stride_tricks.sliding_window_view(ids, num_steps + 1)[begin]))
    return Batches(read[:, :-1], read[:, 1:])


def _narrow(read: np.ndarray) -> np.ndarray:
    narrow = read.astype(np.int32, copy=False)
    if not np.can_cast(read.dtype, np.int32):
        wide = read[read != narrow]
        if wide.size:
            raise TextError(f"`ids` must fit 32 bits, got {wide[0]}.")
    return narrow


def time_major(batch: ArrayLike) -> np.ndarray:
    """(..., B, T) -> (..., T, B): time before batch. Raises TextError for fewer than two axes.

    >>> jaxrnn.text.time_major(np.zeros((2, 6))).shape
    (6, 2)
    """
    if np.ndim(batch) < 2:
        raise TextError(f"a batch must be (..., B, T), got shape {np.shape(batch)}.")
    return np.swapaxes(np.asarray(batch), -1, -2)


def _consecutive(length: int, batch: int, steps: int, _: np.random.Generator) -> np.ndarray:
    row = length // batch
    return _rows(row, (row - 1) // steps, batch, steps)


def _consecutive_offset(
    length: int, batch: int, steps: int, rng: np.random.Generator
) -> np.ndarray:
    offset = int(rng.integers(steps, endpoint=True))
    row = (length - offset - 1) // batch
    return offset + _rows(row, row // steps, batch, steps)


def _rows(row: int, num_batches: int, batch: int, steps: int) -> np.ndarray:
    """Starts (num_batches, batch): the text in `batch` rows, one a column, read in steps."""
    return steps * np.arange(num_batches)[:, None] + row * np.arange(batch)


def _random(length: int, batch: int, steps: int, rng: np.random.Generator) -> np.ndarray:
    chunks = rng.permutation((length - 1) // steps)
    num_batches = len(chunks) // batch
    return steps * chunks[: num_batches * batch].reshape(num_batches, batch)


def _random_offset(length: int, batch: int, steps: int, rng: np.random.Generator) -> np.ndarray:
    offset = int(rng.integers(steps))
    return offset + _random(length - offset, batch, steps, rng)


# How to draw starts, and the least length that gives a minibatch even at the greatest offset.
_RULES: dict[str, tuple[Callable[..., np.ndarray], Callable[[int, int], int]]] = {
    "consecutive": (_consecutive, lambda b, t: b * (t + 1)),
    "consecutive-offset": (_consecutive_offset, lambda b, t: b * t + t + 1),
    "random": (_random, lambda b, t: b * t + 1),
    "random-offset": (_random_offset, lambda b, t: b * t + t),
}
