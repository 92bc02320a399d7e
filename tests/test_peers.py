"""What libraries beside us get wrong, one regression test each.

The docstrings say which and how, as seen with Flax 0.12.8 (nnx and linen alike, unless one is
named), JAX 0.10.2 and PyTorch 2.13.0. No peer is imported: what they do tomorrow is their own.
"""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _table import CELLS

from jaxrnn import bidirectional, gru, lstm, reference, stack, unroll, vanilla
from jaxrnn.testing import draw, same
from jaxrnn.testing._case import jit

KINDS = {
    "lstm": lstm(4),
    "gru": gru(4),
    "gru-before": gru(4, reset="before"),
    "vanilla": vanilla(4),
}
SHAPES = {
    "one": unroll,
    "reversed": lambda cell, **how: unroll(cell, reverse=True, **how),
    "stack": lambda cell: stack([unroll(cell), unroll(cell, reverse=True)]),
    "bidirectional": bidirectional,
}
T, B, I = 5, 6, 3
LENGTHS = np.array([2, 0, T, 1, 0, 4], np.int32)
PADDED = np.arange(T)[:, None] >= LENGTHS

every_kind = pytest.mark.parametrize("kind", KINDS)
every_shape = pytest.mark.parametrize("shape", SHAPES)


def question(kind, shape):
    return draw(SHAPES[shape](KINDS[kind]), I, 0, T, B)


@every_kind
@every_shape
def test_a_row_of_no_length_keeps_the_carry_passed_in(kind, shape):
    """In Flax's RNN and `jax.experimental.rnn.lstm_ref` a row of length 0 picks the carry at
    index -1: the one after all of the padding."""
    case = question(kind, shape)
    answer, empty = case.answer(lengths=LENGTHS), LENGTHS == 0

    def rows(tree):
        return jax.tree.map(lambda a: a[empty], tree)

    same(rows(answer.carry), rows(case.carry), within=0)
    same(rows(answer.dcarry), rows(case.dcarry), within=0)
    assert not answer.ys[:, empty].any() and not answer.dxs[:, empty].any()


@every_kind
@every_shape
@pytest.mark.parametrize("junk", [np.nan, np.inf, -np.inf])
def test_padding_does_not_poison_gradients(kind, shape, junk):
    """NaN in the padding of Flax's RNN, or of `jax.experimental.rnn.lstm_ref`, makes the weights'
    gradients NaN, though the loss reads valid steps alone and is finite."""
    case = question(kind, shape)
    poisoned = case.but(xs=np.where(PADDED[..., None], junk, case.xs)).answer(lengths=LENGTHS)
    chex.assert_tree_all_finite(poisoned)
    assert not poisoned.dxs[PADDED].any()
    same(poisoned, case.answer(lengths=LENGTHS), within=0)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
@every_shape
def test_lengths_of_two_batch_axes_with_a_carry(kind, shape):
    """Flax's RNN raises `Incompatible shapes for broadcasting` when it is asked for the carry of
    rows (2, 3) of unequal length."""
    case = question(kind, shape)

    def unfold(tree, axis):
        return jax.tree.map(lambda a: a.reshape(*a.shape[:axis], 2, 3, *a.shape[axis + 1 :]), tree)

    @jit
    def apply(*question, lengths):
        return case.layer.apply(*question, lengths=lengths)

    carry, ys = apply(
        case.params, unfold(case.carry, 0), unfold(case.xs, 1), lengths=LENGTHS.reshape(2, 3)
    )
    flat = case.answer(lengths=LENGTHS)
    same((carry, ys), (unfold(flat.carry, 0), unfold(flat.ys, 1)))


def valid_part_reversed(case, row):
    """A row's valid part, last step first, through the NumPy twin that walks forwards."""
    n = LENGTHS[row]
    carry = jax.tree.map(lambda a: a[row : row + 1], case.carry)
    xs = case.xs[:n, row : row + 1][::-1]
    carry, ys, _ = reference.unroll(reference.twin(case.layer.cell)).forward(case.params, carry, xs)
    return carry, np.pad(ys[::-1], [(0, T - n), (0, 0), (0, 0)])


@every_kind
def test_a_reversed_walk_starts_at_each_rows_last_valid_step(kind):
    """The backward half of `torch.nn.GRU` on a padded tensor that was not packed, and any plain
    reversed scan, walk the padding first: what is valid then depends on how much there is."""
    case, both = question(kind, "reversed"), question(kind, "bidirectional")
    both = both.but(params=(case.params,) * 2, carry=(case.carry,) * 2, xs=case.xs)
    alone = [valid_part_reversed(case, row) for row in range(B)]
    carry = jax.tree.map(lambda *rows: np.concatenate(rows), *(carry for carry, _ in alone))
    ys = np.concatenate([ys for _, ys in alone], axis=1)
    got = case.answer(lengths=LENGTHS)
    same((got.carry, got.ys), (carry, ys))
    got = both.answer(lengths=LENGTHS)
    same((got.carry[1], got.ys[..., 4:]), (carry, ys))


@every_kind
def test_reversal_shows_only_on_inputs_that_change(kind):
    """On `jnp.ones` a walk that forgot to reverse its input, but did reverse its output, passes
    every comparison below: on ones, flipped inputs are the inputs."""
    case, whole = question(kind, "reversed"), np.full(B, T, np.int32)
    ahead = case.but(layer=SHAPES["one"](KINDS[kind]))

    def walk(case, xs):
        answer = case.but(xs=xs).answer(lengths=whole)
        return answer.carry, answer.ys

    (carry, ys), (carry_ahead, ys_ahead) = walk(case, case.xs), walk(ahead, case.xs[::-1])
    same((carry, ys), (carry_ahead, ys_ahead[::-1]))
    forgotten = walk(ahead, case.xs)[1][::-1]
    assert (np.abs(ys - forgotten).max(axis=(1, 2)) > 1e-3).all()
    ones = np.ones_like(case.xs)
    same(walk(case, ones)[1], walk(ahead, ones)[1][::-1])


@every_shape
def test_one_trace_for_all_lengths(shape):
    """Where a layer takes no lengths, as `haiku.dynamic_unroll`, rows are cut to their own, and
    jit compiles the loop again for each."""
    case = question("lstm", shape)

    @jit
    @partial(chex.assert_max_traces, n=1)
    def apply(lengths):
        return case.layer.apply(case.params, case.carry, case.xs, lengths=lengths)

    for n in range(T + 1):
        apply(np.full(B, n, np.int32))
        apply(np.roll(LENGTHS, n))


@pytest.mark.float32
@pytest.mark.parametrize("cell", [name for name in CELLS if not name.startswith("own")])
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_params_begin_in_16_bits(getkey, cell, dtype):
    """With `param_dtype=jnp.bfloat16`, Flax's LSTMs, GRU and SimpleCell, all but `nnx.LSTMCell`,
    fail where the orthogonal weights are drawn. Ours round float32's."""
    key, cell = getkey(), CELLS[cell](4)
    small = cell.init(key, I, dtype)
    wide = cell.init(key, I, jnp.float32)
    same(small, jax.tree.map(lambda a: a.astype(dtype), wide), within=0)


@every_kind
@pytest.mark.parametrize(
    "dtype, engine", [(jnp.bfloat16, "auto"), (jnp.bfloat16, "scan"), (jnp.float16, "auto")]
)
def test_16_bits_stay_16_bits(kind, dtype, engine):
    """With `dtype=jnp.bfloat16` and params in float32, Flax's LSTM and GRU return float32, and its
    SimpleCell raises scan's TypeError, since the carry begins in float32. Here whatever goes in as
    `dtype` comes out so, gradients too, and near what the NumPy twin computes in float64."""
    layer = unroll(KINDS[kind], engine=engine)
    case, given = draw(layer, I, 0, T, B), ("params", "carry", "xs", "dcarry", "dys")
    small = {n: jax.tree.map(lambda a: a.astype(dtype), getattr(case, n)) for n in given}
    case = case.but(**small)
    got, twin = case.answer(lengths=LENGTHS), reference.twin(layer)
    carry, ys, tape = twin.forward(case.params, case.carry, case.xs, ~PADDED)
    want = (carry, ys, *twin.backward(case.params, tape, case.dcarry, case.dys))
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert a.dtype == dtype
        near = 16 * float(jnp.finfo(dtype).eps) * np.abs(b).max()
        np.testing.assert_allclose(a.astype(np.float64), b, rtol=0, atol=near)


@pytest.mark.parametrize("shape", ["one", "reversed", "bidirectional"])
@pytest.mark.parametrize("engine", ["auto", "scan"])
def test_lengths_keep_no_history_of_carries(shape, engine):
    """Given lengths and asked for the carry, Flax's RNN keeps the carry of every step to pick one:
    for the LSTM two arrays (T, B, H) more. Ours needs a mask and a copy of its input, (T, B, I)."""
    steps, batch, width, hidden = 200, 64, 2, 256
    layer, history = SHAPES[shape](lstm(hidden), engine=engine), 4 * steps * batch * hidden
    params = jax.eval_shape(lambda: layer.init(jax.random.key(0), width, jnp.float32))
    xs = jax.ShapeDtypeStruct((steps, batch, width), jnp.float32)
    lengths = jax.ShapeDtypeStruct((batch,), jnp.int32)

    def temporaries(**when):
        compiled = jax.jit(layer.apply).lower(params, None, xs, **when).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert temporaries(lengths=lengths) < temporaries() + 0.05 * history
