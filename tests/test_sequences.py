"""Ragged sequences: there and back, the fewest cells, one program a boundary, and a document read
the same alone, padded on either side, or packed among others."""

import itertools
import re
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import jaxrnn
from jaxrnn import bidirectional, gru, lstm, sequences, stack, unroll, vanilla
from jaxrnn.testing._case import jit
from jaxrnn.testing._compare import same

I = 3
SIDES = ("right", "left")
LENGTHS = (5, 2, 7, 2, 5)
some_lengths = st.lists(st.integers(0, 9), min_size=1, max_size=12)
whole_lengths = st.lists(st.integers(1, 9), min_size=1, max_size=12)
rests = st.sampled_from([(), (I,), (2, I)])
dtypes = st.sampled_from([np.float32, np.float64, np.int32])
many = settings(max_examples=40)


def ragged(lengths, rest=(I,), dtype=np.float64):
    """Sequences of these lengths, no number of which is zero, as padding is."""
    rng = np.random.default_rng(len(lengths))
    return [(rng.integers(1, 99, (n, *rest)) / 7 + 1).astype(dtype) for n in lengths]


def assert_all_equal(got, want):
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert a.dtype == b.dtype
        assert_array_equal(a, b, strict=True)


# Padding


@many
@given(some_lengths, rests, dtypes, st.sampled_from(SIDES), st.integers(0, 3))
def test_unpad_undoes_pad(lengths, rest, dtype, side, spare):
    documents = ragged(lengths, rest, dtype)
    steps = max(lengths) + spare
    batch = sequences.pad(documents, steps or None, side=side)
    assert batch.xs.shape == (steps, len(lengths), *rest)
    assert_array_equal(batch.mask.sum(0), lengths)
    assert_array_equal(batch.index, np.arange(len(lengths)))
    assert not batch.xs[~batch.mask].any()
    assert_all_equal(sequences.unpad(batch.xs, batch.mask), documents)


@many
@given(some_lengths, st.integers(0, 3))
def test_right_padding_is_lengths(lengths, spare):
    documents = ragged(lengths)
    batch = sequences.pad(documents, max(lengths) + spare or None)
    assert batch.lengths.dtype == np.int32
    assert_array_equal(batch.lengths, lengths)
    assert_all_equal(sequences.unpad(batch.xs, batch.lengths), documents)
    for document, column in zip(documents, batch.xs.swapaxes(0, 1), strict=True):
        assert_array_equal(column[: len(document)], document)


def test_left_padding_ends_together_and_has_no_lengths():
    documents = ragged(LENGTHS)
    batch = sequences.pad(documents, side="left")
    for document, column in zip(documents, batch.xs.swapaxes(0, 1), strict=True):
        assert_array_equal(column[len(column) - len(document) :], document)
    with pytest.raises(ValueError, match=r"padded on the left.*`mask=`"):
        _ = batch.lengths
    full = sequences.pad(ragged([4, 4]), side="left")  # no padding at all
    assert_array_equal(full.lengths, [4, 4])


def test_pad_by_index_lays_out_labels_like_their_batch():
    documents, labels = ragged(LENGTHS), ragged(LENGTHS, (), np.int32)
    for batch in sequences.bucketed(documents, 2, [3, 9], seed=4, side="left"):
        there = sequences.pad(labels, len(batch.xs), side="left", index=batch.index)
        assert_array_equal(there.mask, batch.mask)
        for i, label in zip(batch.index, sequences.unpad(there.xs, there.mask), strict=True):
            assert_array_equal(label, labels[i] if i >= 0 else [])


# Buckets


def padded_cells(lengths, boundaries):
    bounds = np.asarray(boundaries)
    return int(bounds[np.searchsorted(bounds, lengths)].sum())


@settings(max_examples=200)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=10), st.integers(1, 5))
def test_buckets_are_the_best_there_are(lengths, count):
    boundaries = sequences.buckets(lengths, count)
    assert list(boundaries) == sorted(set(boundaries)) and len(boundaries) <= count
    assert all(isinstance(boundary, int) for boundary in boundaries)
    distinct = sorted({max(n, 1) for n in lengths})
    others = itertools.combinations(distinct[:-1], min(count, len(distinct)) - 1)
    fewest = min(padded_cells(lengths, [*other, distinct[-1]]) for other in others)
    assert padded_cells(lengths, boundaries) == fewest


@many
@given(some_lengths, st.integers(1, 4), st.integers(1, 4), st.sampled_from([None, 0, 7]))
def test_every_sequence_is_in_one_batch_of_its_bucket(lengths, size, count, seed):
    documents = ragged(lengths)
    boundaries = np.array(sequences.buckets(lengths, count))
    batches = list(sequences.bucketed(documents, size, boundaries, seed=seed))
    index = np.concatenate([batch.index for batch in batches])
    assert sorted(index[index >= 0]) == list(range(len(lengths)))
    for batch in batches:
        T, B, _ = batch.xs.shape
        assert size == B and batch.index.shape == (B,) and (batch.index >= 0).any()
        assert not batch.mask[:, batch.index < 0].any()
        held = [lengths[i] for i in batch.index if i >= 0]
        assert all(boundaries[np.searchsorted(boundaries, n)] == T for n in held)
    outputs = [batch.xs for batch in batches]
    assert_all_equal(sequences.restore(outputs, batches, len(documents)), documents)


def order_of(seed, **options):
    batches = sequences.bucketed(ragged(range(1, 30)), 4, [9, 20, 29], seed=seed, **options)
    return [batch.index.tolist() for batch in batches]


def test_a_seed_decides_the_order():
    assert order_of(3) == order_of(3)
    assert order_of([3, 1]) == order_of([3, 1])
    assert len({str(order_of(seed)) for seed in (None, 3, 4, (3, 1), (3, 2))}) == 5
    in_order = [i for batch in order_of(None) for i in batch if i >= 0]
    assert in_order == list(range(29))
    together = [set(batch) for batch in order_of(None)]
    assert not all(set(batch) in together for batch in order_of(3))  # shuffled in their buckets
    firsts = [batch[0] for batch in order_of(3)]
    assert [n >= 20 for n in firsts] != sorted(n >= 20 for n in firsts)  # and so are the batches


def test_buckets_follow_where_the_sequences_are():
    """Few long ones are worth no boundary of their own beside many short ones."""
    assert sequences.buckets([1] * 50 + [2] * 50 + [9, 10], 2) == (2, 10)
    assert sequences.buckets([1] * 50 + [8] * 50 + [9] + [10] * 50, 3) == (1, 8, 10)


def test_drop_last_leaves_out_what_fills_no_batch():
    kept = order_of(3, drop_last=True)
    assert len(kept) == 9 // 4 + 11 // 4 + 9 // 4
    assert all(i >= 0 for batch in kept for i in batch)
    for lengths, boundaries, lost in (([3, 8, 8], [3, 8], 0), ([2, 2, 2], [2], 2)):
        documents = ragged(lengths)
        batches = list(sequences.bucketed(documents, 2, boundaries, drop_last=True))
        with pytest.raises(ValueError, match=rf"sequence {lost} is in none .*`drop_last`"):
            sequences.restore([batch.xs for batch in batches], batches, len(documents))


def test_a_jitted_layer_compiles_once_a_boundary():
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 40, 57)
    documents = ragged(lengths)
    layer = unroll(gru(4))
    params = layer.init(jax.random.key(0), I)
    traces = []

    @jit
    def apply(params, batch):
        traces.append(batch.xs.shape)
        return layer.apply(params, None, batch.xs, mask=batch.mask)[1]

    boundaries = sequences.buckets(lengths, 2)
    for epoch in range(2):
        batches = list(sequences.bucketed(documents, 5, boundaries, seed=[0, epoch]))
        sequences.restore([apply(params, batch) for batch in batches], batches, len(documents))
        assert len(batches) > 10
    assert sorted(traces) == [(T, 5, I) for T in boundaries]


# Packing


@many
@given(whole_lengths, rests, dtypes, st.integers(0, 9), st.integers(0, 2))
def test_unpack_undoes_pack(lengths, rest, dtype, spare, more_rows):
    documents, steps = ragged(lengths, rest, dtype), max(lengths) + spare
    packed = sequences.pack(documents, steps)
    T, B = packed.index.shape
    assert steps == T and packed.xs.shape == (T, B, *rest)
    assert_all_equal(sequences.unpack(packed.xs, packed), documents)
    assert_array_equal(packed.mask, packed.index >= 0)
    assert not packed.xs[~packed.mask].any()
    before = np.concatenate([np.full((1, B), -1), packed.index[:-1]])
    assert_array_equal(packed.resets, packed.mask & (packed.index != before))
    roomy = sequences.pack(documents, steps, rows=B + more_rows)
    assert roomy.xs.shape[1] == B + more_rows and not roomy.mask[:, B:].any()
    assert_all_equal(sequences.unpack(roomy.xs, roomy), documents)


@many
@given(whole_lengths, st.integers(0, 9))
def test_packing_wastes_little(lengths, spare):
    """First fit leaves at most one row half empty: a later one would have gone into it."""
    steps = max(lengths) + spare
    filled = sequences.pack(ragged(lengths), steps).mask.sum(0)
    assert (filled > 0).all() and (2 * filled <= steps).sum() <= 1


def test_packing_is_first_fit_decreasing():
    packed = sequences.pack([np.full(n, n) for n in (2, 5, 3, 7, 4)], 10)
    want = [[7] * 7 + [3] * 3, [5] * 5 + [4] * 4 + [0], [2] * 2 + [0] * 8]
    assert_array_equal(packed.xs.T, want)


@many
@given(whole_lengths)
def test_labels_are_packed_like_their_documents(lengths):
    packed = sequences.pack(ragged(lengths), 12)
    labels = sequences.pack(ragged(lengths, (), np.int32), 12)
    assert_array_equal(labels.index, packed.index)


# Through layers: alone, padded, packed

LAYERS: dict[str, Any] = {
    "gru": unroll(gru(4)),
    "lstm-reversed": unroll(lstm(4), reverse=True),
    "deep": stack([bidirectional(lstm(4)), bidirectional(vanilla(2))]),
}


@partial(jit, static_argnums=0)
def pulled(layer, params, xs, dys, mask=None, resets=None):
    """Outputs, and the gradient of their sum, weighed by dys, to params."""

    def weighed(params):
        _, ys = layer.apply(params, None, xs, mask=mask, resets=resets)
        return (ys * dys).sum(), ys

    gradient, ys = jax.grad(weighed, has_aux=True)(params)
    return ys, gradient


@pytest.fixture(scope="module", params=LAYERS)
def alone(request):
    """A layer, its params, documents and weights of their outputs; and each read by itself."""
    layer, rng = LAYERS[request.param], np.random.default_rng(1)
    params = layer.init(jax.random.key(2), I)
    documents = [rng.normal(size=(n, I)) for n in LENGTHS]
    weights = [rng.normal(size=(n, layer.output_size)) for n in LENGTHS]
    each = [pulled(layer, params, xs, dys) for xs, dys in zip(documents, weights, strict=True)]
    gradient = jax.tree.map(lambda *parts: sum(parts), *(gradient for _, gradient in each))
    return layer, params, documents, weights, [ys for ys, _ in each], gradient


@pytest.mark.parametrize("side", SIDES)
def test_padded_is_alone(alone, side):
    layer, params, documents, weights, want, want_gradient = alone
    batch = sequences.pad(documents, 7, side=side)
    dys, resets = sequences.pad(weights, 7, side=side).xs, np.zeros_like(batch.mask)
    ys, gradient = pulled(layer, params, batch.xs, dys, batch.mask, resets)
    same(sequences.unpad(ys, batch.mask), want)
    same(gradient, want_gradient)


@pytest.mark.parametrize(
    ("steps", "rows"),
    [(sum(LENGTHS) + 4, 1), (7, 5)],
    ids=["one long row", "full rows and empty ones"],
)
def test_packed_is_alone(alone, steps, rows):
    layer, params, documents, weights, want, want_gradient = alone
    packed = sequences.pack(documents, steps, rows)
    dys = sequences.pack(weights, steps, rows).xs
    ys, gradient = pulled(layer, params, packed.xs, dys, packed.mask, packed.resets)
    same(sequences.unpack(ys, packed), want)
    same(gradient, want_gradient)


def test_a_model_scores_packed_tokens_as_padded_ones():
    model = jaxrnn.language_model(unroll(gru(4)), 6)
    params = model.init(jax.random.key(0))
    rng = np.random.default_rng(2)
    pairs = [rng.integers(0, 6, (n, 2)).astype(np.int32) for n in LENGTHS]  # (token, target)
    batch, packed = sequences.pad(pairs), sequences.pack(pairs, 7, rows=len(pairs))
    score = jit(lambda *question, **when: model.loss(params, None, *question, **when)[0])
    scores = [
        score(it.xs[..., 0], it.xs[..., 1], mask=it.mask, resets=resets)
        for it, resets in ((batch, np.zeros_like(batch.mask)), (packed, packed.resets))
    ]
    same(*scores)


# What is refused


class Elsewhere:
    """As the arrays of other libraries that lie on another device."""

    def __array__(self, *_, **__):
        raise TypeError("copy it to the host first")

    def __repr__(self):
        return "elsewhere"


XS = ragged([3, 4])
OTHER_REST = [*XS, np.ones((2, 5))]
OTHER_DTYPE = [*XS, np.ones((2, I), np.float32)]
PACKED = sequences.pack(XS, 6)


def wrong(value: Any) -> Any:
    return value


# id: (what is done, the sentence's words in their order)
CASES = {
    "none": (lambda: sequences.pad([]), "at least one sequence, got none"),
    "none to pack": (lambda: sequences.pack([], 5), "at least one sequence, got none"),
    "none to bucket": (lambda: sequences.bucketed([], 2, [5]), "at least one sequence, got none"),
    "only empty columns": (
        lambda: sequences.pad(XS, index=[-1, -1]),
        "at least one sequence, got none",
    ),
    "scalars": (lambda: sequences.pad(wrong([3, 4])), "sequence 0 (T, ...) got 3"),
    "texts": (lambda: sequences.pack(["ab"], 3), "sequence 0 numbers, time first, got 'ab'"),
    "ragged within": (lambda: sequences.pad([[[1], [2, 3]]]), "sequence 0 got [[1], [2, 3]]"),
    "rest": (
        lambda: sequences.pad(OTHER_REST),
        "sequence 2 is float64 (T, 5), but sequence 0 is float64 (T, 3): give one dtype",
    ),
    "dtype": (
        lambda: sequences.bucketed(OTHER_DTYPE, 2, [5]),
        "sequence 2 is float32 (T, 3), but sequence 0 is float64 (T, 3): give",
    ),
    "dtype to pack": (lambda: sequences.pack(OTHER_DTYPE, 5), "sequence 2 is float32 (T, 3)"),
    "too long": (
        lambda: sequences.pad(XS, 3),
        "sequence 1 is 4 steps long, but `steps` is 3: cut it, or at least 4",
    ),
    "too long to pack": (
        lambda: sequences.pack(XS, 3),
        "sequence 1 is 4 steps long, but a row has `steps` = 3: cut it",
    ),
    "too long to bucket": (
        lambda: sequences.bucketed(XS, 2, [1, 3]),
        "sequence 1 is 4 steps long, but the last of `boundaries` is 3: cut it, or at least 4",
    ),
    "no steps": (lambda: sequences.pad(XS, 0), "`steps` must be positive, got 0"),
    "half steps": (lambda: sequences.pack(XS, wrong(4.5)), "`steps` positive integer, got 4.5"),
    "side": (
        lambda: sequences.pad(XS, side="both"),
        "`side` must be one of 'right', 'left', got 'both'",
    ),
    "side to bucket": (lambda: sequences.bucketed(XS, 2, [5], side="top"), "`side` got 'top'"),
    "index": (lambda: sequences.pad(XS, index=[0, 2]), "`index` less than 2 sequences, got 2"),
    "index below": (lambda: sequences.pad(XS, index=[-2]), "`index` must be at least -1, got -2"),
    "index of floats": (lambda: sequences.pad(XS, index=[0.5]), "`index` integers got [0.5]"),
    "mask": (
        lambda: sequences.unpad(np.ones((4, 2, 3)), np.ones((3, 2), bool)),
        "boolean mask (T, B) got ys (4, 2, 3) with bool (3, 2)",
    ),
    "mask of floats": (
        lambda: sequences.unpad(np.ones((4, 2)), np.ones((4, 2))),
        "boolean mask (T, B) got ys (4, 2) with float64 (4, 2)",
    ),
    "lengths": (lambda: sequences.unpad(np.ones((4, 2)), [3, 5]), "lengths 0…T = 4, got 5"),
    "lengths of others": (
        lambda: sequences.unpad(np.ones((4, 2)), [3, 4, 1]),
        "integer lengths (B), got ys (4, 2) with bool (4, 3)",
    ),
    "boundaries": (
        lambda: sequences.bucketed(XS, 2, [5, 4]),
        "`boundaries` must increase, got [5, 4]",
    ),
    "boundaries twice": (lambda: sequences.bucketed(XS, 2, [5, 5]), "must increase, got [5, 5]"),
    "boundary zero": (
        lambda: sequences.bucketed(XS, 2, [0, 5]),
        "`boundaries` must be at least 1, got 0",
    ),
    "no boundaries": (lambda: sequences.bucketed(XS, 2, []), "`boundaries` one or more got []"),
    "batch size": (
        lambda: sequences.bucketed(XS, 0, [5]),
        "`batch_size` must be positive, got 0",
    ),
    "no lengths": (lambda: sequences.buckets([], 2), "`lengths` one or more integers (N,), got []"),
    "negative lengths": (
        lambda: sequences.buckets([3, -1], 2),
        "`lengths` must be at least 0, got -1",
    ),
    "count": (lambda: sequences.buckets([3], 0), "`count` must be positive, got 0"),
    "bool count": (lambda: sequences.buckets([3], True), "`count` positive integer, got True"),
    "empty to pack": (
        lambda: sequences.pack(ragged([2, 0]), 5),
        "sequence 1 has length 0, leave it out",
    ),
    "rows": (
        lambda: sequences.pack(XS, 6, rows=1),
        "fill 2 rows of 6 steps, but `rows` is 1: give more rows",
    ),
    "no rows": (lambda: sequences.pack(XS, 6, rows=0), "`rows` must be positive, got 0"),
    "index of 64 bits": (
        lambda: sequences.pad(XS, index=np.array([2**64 - 1], np.uint64)),
        "`index` must fit 63 bits, got 18446744073709551615",
    ),
    "index beyond 32 bits": (
        lambda: sequences.pad(XS, index=np.array([2**32])),
        "`index` must be less than 2 sequences, got 4294967296",
    ),
    "lengths of 64 bits": (
        lambda: sequences.buckets(np.array([2**63], np.uint64), 1),
        "`lengths` must fit 63 bits, got 9223372036854775808",
    ),
    "lengths without an array": (
        lambda: sequences.buckets([[1], [1, 2]], 1),
        "`lengths` must be one or more integers (N,), got [[1], [1, 2]]",
    ),
    "an array of others": (
        lambda: sequences.pad([Elsewhere()]),
        "sequence 0 must be an array (T, ...) of numbers got elsewhere",
    ),
    "pad: no list": (lambda: sequences.pad(3), "`sequences` must be a list, got 3"),
    "pack: no list": (lambda: sequences.pack(None, 4), "`sequences` a list, got None"),
    "bucketed: no list": (
        lambda: sequences.bucketed(3, 2, (3, 8)),
        "`sequences` must be a list, got 3",
    ),
    "restore: no list": (lambda: sequences.restore(3, [], 1), "`outputs` must be a list got 3"),
    "restore: other batches": (
        lambda: sequences.restore([XS], [XS], 1),
        "`batches` must be of Padded, got [",
    ),
    "unpack: of a batch": (
        lambda: sequences.unpack(np.ones((6, 2)), sequences.pad(XS)),
        "`packed` must be of Packed, got Padded(",
    ),
    "unpack": (
        lambda: sequences.unpack(np.ones((6, 3, 1)), PACKED),
        "ys must be (T, B, ...) = (6, 2, ...), got shape (6, 3, 1)",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_clear_sentence(case):
    do, words = CASES[case]
    with pytest.raises((ValueError, TypeError)) as error:
        do()
    sentence = str(error.value)
    assert re.search(".*".join(map(re.escape, words.split(" "))), sentence), sentence
    assert sentence.endswith(".") and "\n" not in sentence


def test_the_room_imports_no_jax():
    for path in Path(sequences.__file__).parent.glob("*.py"):
        assert not re.search(r"^\s*(import|from) (jax|flax|optax)\b", path.read_text(), re.M), path
