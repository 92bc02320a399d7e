"""Dropout is a loop over masks that one key drew before; without a key there is none."""

import dataclasses
import itertools
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _odd_steps import ODD, I
from _table import Leaky, LeakyCarry

import jaxrnn
from jaxrnn import Dropout, bidirectional, engine, gru, lstm, stack, training, unroll, vanilla
from jaxrnn.dropout import drop
from jaxrnn.engine import Places
from jaxrnn.testing import LAWS, draw, same
from jaxrnn.testing._case import jit, numpy, pull

ALL = Dropout(inputs=0.3, recurrent=0.4, weights=0.2, zoneout=0.25)
KINDS = {
    "inputs": Dropout(inputs=0.3),
    "recurrent": Dropout(recurrent=0.4),
    "weights": Dropout(weights=0.2),
    "zoneout": Dropout(zoneout=0.25),
    "all": ALL,
}
CELLS = {
    "lstm": lstm(4),
    "gru": gru(4),
    "gru-before": gru(4, "before"),
    "tanh": vanilla(4),
    "own": Leaky(4),
}


def every_cell_and_kind():
    """Inputs are dropped before the walk, so one cell stands for all. Daily, all kinds at once on
    each cell, and each kind on one."""
    for cell, kind in itertools.product(CELLS, KINDS):
        if cell == "lstm" or kind != "inputs":
            daily = cell == "lstm" or kind == "all" or (cell, kind) == ("gru", "weights")
            marks = [] if daily else [pytest.mark.slow]
            yield pytest.param(cell, kind, id=f"{cell}-{kind}", marks=marks)


def places(cell, params, carry, xs):
    return lambda: Places(engine.read(cell, params, carry, xs[0]))


def answer(layer, case, key, **gaps):
    apply = partial(layer.apply, key=key) if key is not None else layer.apply
    return numpy(jit(partial(pull, apply))(*case.question(**gaps)))


@pytest.mark.parametrize(
    "reverse",
    [pytest.param(False, id="forward"), pytest.param(True, id="reversed", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_it_is_the_loop(cell, reverse, getkey):
    """for t: step(W ⊙ masks, carry, x ⊙ mask); then each unit keeps what it had, or not. To drop
    what a product sees, h ⊙ mask, is to drop rows of its weight, for each row of the batch."""
    layer, key = unroll(cell, reverse, dropout=ALL), getkey()
    case = draw(layer, 3, 0)
    of = case.carry, jnp.asarray(case.xs)
    xs, masks, zone = ALL.draw(key, *of, places(cell, case.params, *of))
    (seen,), w_h = masks.operands, case.params.w_h * jnp.concatenate(masks.weights, axis=1)

    @jax.jit
    @jax.vmap
    def step(seen, carry, x):
        return cell.step(dataclasses.replace(case.params, w_h=seen[:, None] * w_h), carry, x)[0]

    carry, ys = case.carry, {}
    for t in range(case.steps)[:: -1 if reverse else 1]:
        new, held = step(seen, carry, xs[t]), [z[t].astype(bool) for z in zone]
        carry = type(new)(*(jnp.where(*each) for each in zip(held, carry, new, strict=True)))
        ys[t] = carry.h
    got = layer.apply(case.params, case.carry, case.xs, key=key)
    same(numpy(got), numpy((carry, jnp.stack([ys[t] for t in range(case.steps)]))))


@pytest.mark.parametrize(("cell", "kind"), list(every_cell_and_kind()))
def test_fast_is_plain(cell, kind, getkey):
    """With gaps, and with less kept for the way back."""
    cell, dropout = CELLS[cell], KINDS[kind]
    key, layer = getkey(), unroll(cell, dropout=dropout)
    case = draw(layer, 3, 0)
    gaps = {"mask": case.valid, "resets": case.fresh}
    want = answer(dataclasses.replace(layer, engine="scan"), case, key, **gaps)
    same(answer(layer, case, key, **gaps), want)
    if dropout is ALL:
        for keep in ("carries", "chunks"):
            same(answer(dataclasses.replace(layer, keep=keep), case, key, **gaps), want)


def test_the_masks_are_what_they_say(getkey):
    """Rates, scales and what is shared: inputs and h over time, w_h over all, zones nowhere."""
    cell, B, T = lstm(64), 50, 40
    params, xs = cell.init(getkey(), 30), jnp.ones((T, B, 30))
    carry = cell.initial_carry(params, (B,))
    dropout = Dropout(inputs=0.3, recurrent=0.4, weights=0.2, zoneout=(0.1, 0.5))
    masked, masks, zone = dropout.draw(getkey(), carry, xs, places(cell, params, carry, xs))
    np.testing.assert_array_equal(masked, jnp.broadcast_to(masked[:1], masked.shape))
    (seen,), (w_h,) = masks.operands, masks.weights  # of w_x, none
    assert (seen.shape, w_h.shape) == ((B, 64), params.w_h.shape)
    for what, mask, rate in [("inputs", masked[0], 0.3), ("h", seen, 0.4), ("w_h", w_h, 0.2)]:
        zero = np.asarray(mask) == 0
        assert abs(zero.mean() - rate) < 0.05, what
        np.testing.assert_allclose(np.asarray(mask)[~zero], 1 / (1 - rate), rtol=1e-6)
    for z, rate in zip(zone, (0.1, 0.5), strict=True):
        assert z.shape == (T, B, 64) and abs(z.mean() - rate) < 0.01
        assert (z[0] != z[1]).any() and (z[:, 0] != z[:, 1]).any()


def masks_of(cell, key, B=12, T=8, I=20):
    """What `draw` draws, every kind by a half: True where something is kept or held."""
    params, dropout = cell.init(jax.random.key(0), I), Dropout(*(0.5,) * 4)
    carry = cell.initial_carry(params, (B,))
    xs, words = jnp.ones((T, B, I)), jnp.zeros((T, B), int)
    rows = dropout.draw(key, carry, words, places(cell, params, carry, words))[1].rows
    xs, drawn, zone = dropout.draw(key, carry, xs, places(cell, params, carry, xs))
    (seen,), w_h = drawn.operands, jnp.concatenate(drawn.weights, axis=1)
    gates = w_h.reshape(len(w_h), -1, cell.hidden_size)
    masks = {"inputs": xs[0], "recurrent": seen, "weights": gates, "words": rows}
    return {k: np.asarray(m) != 0 for k, m in (masks | zone._asdict()).items()}


def never_repeats(mask, what=""):
    """Along no axis are two slices alike."""
    for axis, size in enumerate(mask.shape):
        slices = np.moveaxis(mask, axis, 0).reshape(size, -1)
        assert len(np.unique(slices, axis=0)) == size, (what, axis)


@pytest.mark.parametrize("cell", [lstm(24), gru(24)], ids=["lstm", "gru"])
def test_no_mask_repeats_itself(cell, getkey):
    """Not over rows, units, gates, words or, of zones, time; and each kind follows the key."""
    one, other = getkey(), getkey()
    masks = masks_of(cell, one)
    for kind, mask in masks.items():
        never_repeats(mask, kind)
    another = masks_of(cell, other)
    assert all(0.2 < np.mean(masks[kind] == another[kind]) < 0.8 for kind in masks)
    chex.assert_trees_all_equal(masks_of(cell, one), masks)


def test_what_goes_between_layers_is_dropped_number_by_number(getkey):
    never_repeats(np.asarray(drop(getkey(), 0.5, jnp.ones((9, 12, 24)))) != 0)


def test_without_a_key_nothing_is_dropped(getkey):
    """And zoneout takes its expectation: rate ⊙ old + (1 - rate) ⊙ new."""
    cell = lstm(4)
    case = draw(unroll(cell), 3, 0)
    same(
        answer(unroll(cell, dropout=dataclasses.replace(ALL, zoneout=0)), case, None), case.answer()
    )
    same(answer(unroll(cell), case, getkey()), case.answer())  # nor with one, if no rate is set
    rates = (0.25, 0.5)
    got = unroll(cell, dropout=Dropout(zoneout=rates)).apply(case.params, case.carry, case.xs)
    carry, ys = case.carry, []
    for x in case.xs:
        new, _ = cell.step(case.params, carry, x)
        carry = type(new)(*(p * a + (1 - p) * b for p, a, b in zip(rates, carry, new, strict=True)))
        ys.append(carry.h)
    same(numpy(got), numpy((carry, jnp.stack(ys))))


def test_a_step_takes_the_expectation_too():
    lower = unroll(lstm(4), dropout=Dropout(recurrent=0.3, zoneout=(0.25, 0.5)))
    LAWS["step_is_a_scan_body"](stack([lower, unroll(gru(2), dropout=ALL)], dropout=0.3))


@pytest.mark.parametrize("engine", ["auto", "scan"])
def test_token_dropout_drops_words(engine, getkey):
    """Of ids as of one-hot vectors: a word that is dropped is dropped wherever the row has it."""
    V, key = 5, getkey()
    layer = unroll(gru(4), engine=engine, dropout=Dropout(inputs=0.5))
    params = layer.init(getkey(), V)
    tokens = jax.random.randint(getkey(), (9, 6), -1, V + 1)
    one_hot = jax.nn.one_hot(tokens, V, dtype=params.w_x.dtype)
    said = jax.value_and_grad(lambda p, xs: layer.apply(p, None, xs, key=key)[1].sum())
    same(numpy(said(params, tokens)), numpy(said(params, one_hot)))
    known = tokens % V
    for ids in (known.astype(jnp.int8), known.astype(jnp.uint32)):
        got, want = (layer.apply(params, None, xs, key=key) for xs in (ids, known))
        same(got, want)


def test_between_layers_and_both_ways(getkey):
    """A stack drops between its layers, not below the first nor above the last; every layer and
    every direction draws from a key of its own."""
    identity = unroll(Passing())
    ones = jnp.ones((30, 20, 4))
    _, ys = stack([identity, identity], dropout=0.25).apply((None, None), None, ones, key=getkey())
    assert abs(np.asarray(ys == 0).mean() - 0.25) < 0.03
    np.testing.assert_allclose(ys[ys != 0], 1 / 0.75, rtol=1e-6)
    _, ys = stack([identity], dropout=0.25).apply((None,), None, ones, key=getkey())
    np.testing.assert_array_equal(ys, ones)

    dropout = Dropout(recurrent=0.5)
    both = bidirectional(gru(4), dropout=dropout)
    params = both.init(getkey(), 3)
    same_params = params[0], params[0]
    palindrome = jax.random.normal(getkey(), (3, 5, 3))
    palindrome = jnp.concatenate([palindrome, palindrome[::-1]])
    _, ys = both.apply(same_params, None, palindrome, key=getkey())
    assert not np.allclose(ys[..., :4], ys[::-1, ..., 4:])
    _, ys = both.apply(same_params, None, palindrome)
    np.testing.assert_allclose(ys[..., :4], ys[::-1, ..., 4:], rtol=1e-12)


class Loud(Leaky):
    """It prints, so that its step is not to be read."""

    def step(self, params, carry, x):
        jax.debug.callback(lambda: None)
        return super().step(params, carry, x)


@dataclasses.dataclass(frozen=True)
class Words(Leaky):
    """It looks its token ids up as anyone would, in one of several ways."""

    how: str = "index"
    takes_tokens = True

    def step(self, params, carry, x):
        w, V = params.w_x, len(params.w_x)
        if self.how == "one-hot":
            rows = jax.nn.one_hot(x, V, dtype=w.dtype) @ w
        elif self.how == "two tables":
            rows = w[x] + w[:2][x]
        else:
            rows = w[x] if self.how == "index" else jnp.take(w, x, axis=0)
        h = jnp.tanh(rows + carry.h @ params.w_h)
        return LeakyCarry(h, carry.energy), h


@pytest.mark.parametrize("engine", ["auto", "scan"])
@pytest.mark.parametrize("how", ["index", "take"])
def test_words_of_any_cell_are_dropped(how, engine, getkey):
    """Whatever its table gives for ids out of range: what is dropped is a row of zeros."""
    layer, V = unroll(Words(4, how), engine=engine, dropout=Dropout(inputs=0.5)), 5
    params, words = layer.init(getkey(), V), jax.random.randint(getkey(), (9, 40), 0, V)
    params = dataclasses.replace(params, w_h=jnp.zeros_like(params.w_h))
    _, ys = layer.apply(params, layer.initial_carry(params, (40,)), words, key=getkey())
    dropped = np.asarray((ys == 0).all(-1))
    assert abs(dropped.mean() - 0.5) < 0.1
    for row, (ids, none) in enumerate(zip(words.T, dropped.T, strict=True)):
        assert not {*ids[none].tolist()} & {*ids[~none].tolist()}, row
    want = jnp.where(dropped[..., None], 0, jnp.tanh(2 * params.w_x[words]))
    np.testing.assert_allclose(ys, want, rtol=1e-12)


def test_inputs_and_zones_ask_for_no_reading(getkey):
    layer = unroll(Loud(4), dropout=Dropout(inputs=0.3, zoneout=0.25))
    same_cell = unroll(Leaky(4), dropout=layer.dropout)
    case, key = draw(same_cell, 3, 0), getkey()
    got, want = (it.apply(case.params, None, case.xs, key=key) for it in (layer, same_cell))
    same(numpy(got), numpy(want))


@dataclasses.dataclass(frozen=True)
class Passing:
    """y = x."""

    output_size: int = 4

    def init(self, key, input_size, dtype=None):
        return None

    def initial_carry(self, params, batch_shape=()):
        return LeakyCarry(jnp.zeros((*batch_shape, 1)), jnp.zeros(batch_shape))

    def step(self, params, carry, x):
        return carry, x


def test_one_key_one_answer(getkey):
    layer = stack([unroll(lstm(4), dropout=ALL), unroll(gru(4), dropout=ALL)], dropout=0.3)
    case, key, other = draw(layer, 3, 0), getkey(), getkey()
    one, again, another = (answer(layer, case, k) for k in (key, key, other))
    same(one, again, within=0)
    assert not np.allclose(one.ys, another.ys)


@pytest.mark.standard_promotion  # optax.adam mixes dtypes
def test_an_epoch_draws_for_each_minibatch(getkey):
    """And the key of an epoch decides what. A language model hands its key to its layer."""
    model = jaxrnn.language_model(unroll(gru(4), dropout=Dropout(recurrent=0.5)), 7)
    params, sgd = model.init(getkey()), training.optimizer("sgd", 1e-9, 1.0)
    ids = jnp.broadcast_to(jax.random.randint(getkey(), (1, 6, 5), 0, 7), (3, 6, 5))
    carry = model.initial_carry(params, (5,))

    def losses(key):
        state = training.start(params, sgd, carry)
        return training.epoch(model.loss, sgd, state, ids, ids, carry, "minibatch", key)[1].loss

    key = getkey()
    one, again, another = (np.asarray(losses(k)) for k in (key, key, getkey()))
    assert np.diff(np.sort(one)).min() > 1e-4  # more than an update of this rate makes
    np.testing.assert_array_equal(one, again)
    assert (abs(one - another) > 1e-4).all()
    with pytest.raises(ValueError, match="is trained without a key"):
        losses(None)
    one = model.loss(params, carry, ids[0], ids[0], key=key)[0]
    assert one != model.loss(params, carry, ids[0], ids[0])[0]
    _, logits = model.apply(params, carry, ids[0], key=key)
    _, ys = model.layer.apply(params.layer, carry, ids[0], key=key)
    same(logits, ys @ params.head.w + params.head.b[None, None])
    assert not np.allclose(logits, model.apply(params, carry, ids[0])[1])


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"`inputs` must be a rate in \[0, 1\), got 1.0"):
        Dropout(inputs=1.0)
    with pytest.raises(ValueError, match=r"`zoneout` must be a rate in \[0, 1\), got -0.1"):
        Dropout(zoneout=(0.1, -0.1))
    with pytest.raises(TypeError, match=r"`recurrent` must be a rate .* got 'half'"):
        Dropout(recurrent="half")  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"`dropout` must be a jaxrnn.Dropout, got 0.5"):
        unroll(lstm(4), dropout=0.5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"`dropout` must be a rate in \[0, 1\), got 2"):
        stack([unroll(lstm(4))], dropout=2)
    layer = unroll(lstm(4), dropout=Dropout(zoneout=(0.1, 0.1, 0.1)))
    params = layer.init(jax.random.key(0), 3)
    with pytest.raises(ValueError, match=r"`zoneout` has 3 rates, but the carry .* has 2 leaves"):
        layer.apply(params, None, jnp.ones((2, 3)))
    for field in ("recurrent", "weights"):
        layer = unroll(Passing(), dropout=Dropout(**{field: 0.5}))
        with pytest.raises(TypeError, match=rf"Dropout\({field}=0.5\) works on products of the c"):
            layer.apply(None, None, jnp.ones((2, 4)), key=jax.random.key(0))
        layer = unroll(Loud(4), dropout=Dropout(**{field: 0.5}))
        params = layer.init(jax.random.key(0), 3)
        with pytest.raises(TypeError, match=r"that of Loud\(hidden_size=4\) cannot: it has side"):
            layer.apply(params, None, jnp.ones((2, 3)), key=jax.random.key(0))
    for cell, count in ((Words(4, "one-hot"), 0), (Words(4, "two tables"), 2)):
        layer = unroll(cell, dropout=Dropout(inputs=0.5))
        params = layer.init(jax.random.key(0), 5)
        with pytest.raises(TypeError, match=rf"one table that they pick: there are {count}"):
            layer.apply(params, None, jnp.zeros((3, 2), int), key=jax.random.key(0))
    for bad in (0, np.zeros(3)):
        with pytest.raises(TypeError, match=r"`key` must be a key of jax\.random"):
            unroll(lstm(4), dropout=ALL).apply(params, None, jnp.ones((2, 3)), key=bad)


def test_zoneout_of_what_is_no_float_is_refused(getkey):
    cell = ODD["integer"]
    layer = unroll(cell, dropout=Dropout(zoneout=(0.1, 0.2)))
    params, xs = layer.init(getkey(), I), jnp.ones((5, 3, I))
    with pytest.raises(ValueError, match=r"its rate 0.2 is for int64\(3,\) .* give that leaf 0"):
        layer.apply(params, None, xs)


def test_the_estimate_counts_masks():
    """Zoneout's, which are as long as the sequence, whatever else is kept; a stack's too."""
    T, B, H = 50, 8, 16
    one = jaxrnn.estimate_bytes(unroll(gru(H), keep="carries"), T, B)
    zoned = jaxrnn.estimate_bytes(
        unroll(gru(H), keep="carries", dropout=Dropout(zoneout=0.1)), T, B
    )
    assert zoned >= one + 4 * T * B * H
    deep = [unroll(gru(H))] * 2
    plain, dropping = (jaxrnn.estimate_bytes(stack(deep, dropout=p), T, B) for p in (0.0, 0.5))
    assert dropping >= plain + T * B * H
