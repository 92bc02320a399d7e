"""Windows: an epoch read a piece at a time, and a text cut in three."""

import tracemalloc

import numpy as np
import pytest
from _texts import SAMPLINGS, refusal
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from jaxrnn import text

DTYPES = (np.uint8, np.uint16, np.int32, np.int64, np.uint64)


def slow_twin(ids, starts, num_steps):
    """Token by token."""
    inputs = [[[ids[s + t] for s in row] for t in range(num_steps)] for row in starts.tolist()]
    targets = [[[ids[s + t + 1] for s in row] for t in range(num_steps)] for row in starts.tolist()]
    return np.array(inputs), np.array(targets)


@pytest.fixture(scope="module", params=DTYPES, ids=lambda dtype: dtype.__name__)
def on_disk(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("ids") / "ids.npy"
    np.save(path, np.random.default_rng(0).integers(0, 200, 1_000).astype(request.param))
    return np.load(path, mmap_mode="r")


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_windows_of_a_memory_map_are_the_batches(sampling, on_disk):
    """Bit for bit, whole or a piece at a time."""
    for epoch in range(5):
        starts = text.starts(sampling, len(on_disk), 6, 7, seed=3, epoch=epoch)
        assert starts.dtype == np.int64
        twin = slow_twin(on_disk, starts, 7)
        pieces = [text.windows(on_disk, starts[i : i + 4], 7) for i in range(0, len(starts), 4)]
        joined = map(np.concatenate, zip(*pieces, strict=True))
        whole = text.windows(on_disk, starts, 7)
        batches = text.batches(sampling, np.array(on_disk), 6, 7, 3, epoch)
        for want, *others in zip(twin, joined, whole, batches, strict=True):
            for other in others:
                assert other.dtype == np.int32
                assert_array_equal(other, want)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_batches_are_those_of_before(sampling):
    """The sums were made when batches were one function."""
    inputs, targets = text.batches(sampling, np.arange(5_000) % 251, 7, 11, seed=5, epoch=2)
    assert (_sum(inputs), _sum(targets)) == BEFORE[sampling]


def _sum(array):
    weights = np.arange(1, array.size + 1)
    return array.shape, int((array.ravel() * weights % 1_000_003).sum())


BEFORE = {
    "consecutive": (((64, 11, 7), 1432898790), ((64, 11, 7), 1431773206)),
    "consecutive-offset": (((64, 11, 7), 1435600777), ((64, 11, 7), 1434575342)),
    "random": (((64, 11, 7), 1405992467), ((64, 11, 7), 1410262706)),
    "random-offset": (((64, 11, 7), 1414534973), ((64, 11, 7), 1414149569)),
}


def test_no_more_than_what_is_read_is_copied(tmp_path):
    """16 MB of ids, of which windows read 16 KB."""
    np.lib.format.open_memmap(tmp_path / "ids.npy", "w+", np.uint8, (1 << 24,))[:] = 7
    ids = np.load(tmp_path / "ids.npy", mmap_mode="r")
    starts = text.starts("random", len(ids), 32, 511, 0, 0)
    tracemalloc.start()
    inputs, _ = text.windows(ids, starts[:1], 511)
    parts = text.split(ids)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert inputs.shape == (1, 511, 32) and (inputs == 7).all()
    assert all(np.shares_memory(part, ids) for part in parts[:2])
    assert peak < 1 << 19


def test_no_starts_are_no_windows():
    for some in text.windows(np.arange(9), np.zeros((0, 4), int), 20):
        assert some.shape == (0, 20, 4) and some.dtype == np.int32


@pytest.mark.parametrize(
    ("ids", "starts", "steps", "sentence"),
    [
        (range(9), [[0, 7]], 2, "2 inputs and targets from 7 on do not lie in 9 ids."),
        (range(9), [[-1]], 2, "2 inputs and targets from -1 on do not lie in 9 ids."),
        (range(2), [[0]], 2, "2 inputs and targets from 0 on do not lie in 2 ids."),
        ([], [[0]], 1, "1 inputs and targets from 0 on do not lie in 0 ids."),
        (range(9), [0, 1], 2, "`starts` must be (N, B), got shape (2,)."),
        (range(9), [[0.5]], 2, "`starts` must be integers, got [[0.5]]."),
        (range(9), [[0]], 0, "`num_steps` must be positive, got 0."),
        ([[1, 2], [3, 4]], [[0]], 1, "`ids` must be one text (len,), got shape (2, 2)."),
        ([0, 2**40, 0], [[0]], 1, "`ids` must fit 32 bits, got 1099511627776."),
        ([0.5, 1.0], [[0]], 1, "`ids` must be integers, got [0.5, 1.0]."),
    ],
)
def test_windows_that_cannot_be_read_are_refused(ids, starts, steps, sentence):
    ids = list(ids)
    assert refusal(text.windows, ids, starts, steps) == sentence
    if sentence.startswith("`num_steps`"):
        assert text.windows(ids, starts, 8).inputs.shape == (1, 8, 1)  # the longest there is


def test_starts_that_cannot_be_drawn_are_refused():
    assert refusal(text.starts, "random", -1, 1, 1, 0, 0) == "`length` must be 0 or more, got -1."
    assert refusal(text.starts, "random", 4.0, 1, 1, 0, 0) == (
        "`length` must be an integer of 0 or more, got 4.0."
    )
    assert refusal(text.starts, ["random"], 4, 1, 1, 0, 0) == (
        "['random'] is no sampling; there are consecutive, consecutive-offset, random, "
        "random-offset."
    )


# Split


@given(st.integers(1, 400), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_a_split_is_the_text_in_order(length, validation, test):
    ids = np.arange(length)
    counts = round(length * validation), round(length * test)
    if (validation and not counts[0]) or (test and not counts[1]):
        assert "ids is not one: take more, or 0 for none." in refusal(
            text.split, ids, validation, test
        )
    elif sum(counts) >= length:
        assert "to train on: take less." in refusal(text.split, ids, validation, test)
    else:
        parts = text.split(ids, validation, test)
        assert_array_equal(np.concatenate(parts), ids)
        assert (len(parts.validation), len(parts.test)) == counts
        assert all(np.shares_memory(part, ids) for part in parts if len(part))


def test_split_by_hand():
    assert [len(part) for part in text.split(range(20))] == [18, 2, 0]
    train, validation, test = text.split(np.arange(10), validation=0.2, test=0.3)
    assert (train.tolist(), validation.tolist()) == ([0, 1, 2, 3, 4], [5, 6])
    assert test.tolist() == [7, 8, 9]


@pytest.mark.parametrize(
    ("fractions", "sentence"),
    [
        ({"validation": 1.0}, "`validation` must lie in [0, 1), got 1.0."),
        ({"validation": -0.1}, "`validation` must lie in [0, 1), got -0.1."),
        ({"test": float("nan")}, "`test` must lie in [0, 1), got nan."),
        ({"test": "0.1"}, "`test` must lie in [0, 1), got '0.1'."),
        ({"validation": True}, "`validation` must lie in [0, 1), got True."),
        (
            {"validation": 0.5, "test": 0.5},
            "`validation` 0.5 and `test` 0.5 leave none of 10 ids to train on: take less.",
        ),
        (
            {"validation": 0.99},
            "`validation` 0.99 and `test` 0.0 leave none of 10 ids to train on: take less.",
        ),
        (
            {"test": 0.01},
            "`test` 0.01 of 10 ids is not one: take more, or 0 for none.",
        ),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(fractions, sentence):
    assert refusal(text.split, np.arange(10), **fractions) == sentence


def test_what_is_no_text_is_not_split():
    assert refusal(text.split, np.zeros((2, 3), int)) == (
        "`ids` must be one text (len,), got shape (2, 3)."
    )
    assert refusal(text.split, [], 0) == (
        "`validation` 0 and `test` 0.0 leave none of 0 ids to train on: take less."
    )
