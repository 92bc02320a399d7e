"""What goes around a cell or a layer means what its formula says; what it cannot mean is refused in
a sentence."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from _table import AROUND, Leaky

import jaxrnn
from jaxrnn import (
    bidirectional,
    gru,
    learnable_start,
    lstm,
    normalize,
    project,
    residual,
    skip,
    stack,
    unroll,
    vanilla,
)
from jaxrnn.testing import LAWS, draw, same

T, B, I, H = 7, 6, 3, 4
KEY = jax.random.key(0)


def wrong(value: Any) -> Any:
    return value


def asked(layer, **when):
    """A random question, and (carry, ys) in answer to it."""
    case = draw(layer, I, 0)
    gaps = {"mask": case.valid, "resets": case.fresh} | when
    return case, gaps, layer.apply(case.params, case.carry, case.xs, **gaps)


# The formulas


def test_a_residual_layer_adds_its_input():
    inner = unroll(gru(I))
    case, gaps, got = asked(residual(inner))
    carry, ys = inner.apply(case.params, case.carry, case.xs, **gaps)
    same(got, (carry, np.where(case.valid[..., None], case.xs + ys, 0)))


def test_a_skip_lays_its_input_beside():
    inner = unroll(lstm(H))
    case, gaps, got = asked(skip(inner, I))
    carry, ys = inner.apply(case.params, case.carry, case.xs, **gaps)
    xs = np.where(case.valid[..., None], case.xs, 0)
    same(got, (carry, np.concatenate([xs, ys], axis=-1)))


def test_what_is_read_is_normalised():
    inner = unroll(lstm(H))
    case, gaps, got = asked(normalize(inner, epsilon=0.1))
    p = case.params
    mean, variance = case.xs.mean(-1, keepdims=True), case.xs.var(-1, keepdims=True)
    read = (case.xs - mean) / np.sqrt(variance + 0.1) * p.scale + p.shift
    same(got, inner.apply(p.layer, case.carry, jnp.asarray(read), **gaps))


@pytest.mark.parametrize("bias", [True, False])
def test_what_is_given_is_projected(bias):
    inner = unroll(lstm(H))
    case, gaps, got = asked(project(inner, 2, bias))
    p = case.params
    carry, ys = inner.apply(p.layer, case.carry, case.xs, **gaps)
    want = np.asarray(ys) @ p.w + (p.b if bias else 0)
    same(got, (carry, np.where(case.valid[..., None], want, 0)))


MERGED = {
    "concat": lambda f, b: np.concatenate([f, b], axis=-1),
    "sum": np.add,
    "mean": lambda f, b: (f + b) / 2,
    "product": np.multiply,
}


@pytest.mark.parametrize("padding", ["zero", "held"])
@pytest.mark.parametrize("merge", MERGED)
def test_both_ways_are_merged(merge, padding):
    layer = bidirectional(gru(H), merge=merge, padding=padding)
    assert layer.output_size == (2 * H if merge == "concat" else H)
    case, gaps, (_, ys) = asked(layer)
    each = zip((layer.forward, layer.backward), case.params, case.carry, strict=True)
    halves = [np.asarray(one.apply(p, c, case.xs, **gaps)[1]) for one, p, c in each]
    same(ys, MERGED[merge](*halves))


def test_a_merge_at_its_default_is_not_told():
    """Files of before are read, and what is written is what was."""
    assert "merge" not in str(jaxrnn.describe(bidirectional(gru(H))))
    assert jaxrnn.describe(AROUND["mean"])["merge"] == "mean"


# Padding


def test_held_outputs_are_projected_and_zeros_stay_zero():
    """Before there is an output to hold, a bias does not make one."""
    valid = np.array([0, 1, 1, 0, 1, 0, 0], bool)[:, None].repeat(B, 1)
    for reverse, last in ((False, [-1, 1, 2, 2, 4, 4, 4]), (True, [1, 1, 2, 4, 4, -1, -1])):
        layer = project(unroll(lstm(H), reverse, padding="held"), 2)
        case, _, (_, ys) = asked(normalize(layer), mask=valid, resets=None)
        zero = normalize(project(unroll(lstm(H), reverse), 2))
        want = np.asarray(zero.apply(case.params, case.carry, case.xs, mask=valid)[1])
        shown = np.where((np.array(last) >= 0)[:, None, None], want[last], 0)
        same(ys, shown)
    LAWS["held_padding_repeats"](project(unroll(gru(H)), 2))


def test_held_both_ways_and_beside():
    pair = bidirectional(gru(H), merge="sum", padding="held")
    case, gaps, (_, ys) = asked(project(pair, 2))
    p, valid = case.params, case.valid
    seen = np.asarray(pair.apply(p.layer, case.carry, case.xs, **gaps)[1]) @ p.w + np.asarray(p.b)
    shown = np.logical_or.accumulate(valid) | np.logical_or.accumulate(valid[::-1])[::-1]
    same(ys, np.where(shown[..., None], seen, 0))
    held = unroll(gru(I), padding="held")
    case, gaps, (_, ys) = asked(residual(held))
    _, seen = held.apply(case.params, case.carry, case.xs, **gaps)
    same(ys, np.where(case.valid[..., None], case.xs, 0) + seen)


# Starts


def test_a_start_begins_as_the_cells_own_and_serves_every_row():
    cell = learnable_start(Leaky(H))
    params = cell.init(KEY, I)
    same(params.start, Leaky(H).initial_carry(params.cell))
    start = params.start._replace(h=jnp.arange(4.0))
    carry = cell.initial_carry(dataclasses.replace(params, start=start), (2, 3))
    same(carry.h, np.broadcast_to(np.arange(4.0), (2, 3, 4)))
    assert cell.init(KEY, I, jnp.bfloat16).start.h.dtype == jnp.bfloat16
    assert learnable_start(gru(H)).takes_tokens and not cell.takes_tokens


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_reach_the_start_through_resets(reverse):
    """The carry given hides the start, until a document begins; then rows that begin anew sum."""
    layer, fresh = unroll(learnable_start(gru(H)), reverse), np.zeros((T, B), bool)
    case = draw(layer, I, 0)
    fresh[3, :2] = True  # rows 0 and 1 begin a document in the middle

    def start_of(**when):
        def outputs(params):
            return (layer.apply(params, case.carry, case.xs, **when)[1] * case.dys).sum()

        return np.asarray(jax.grad(outputs)(case.params).start.h)

    assert not start_of().any()
    after = slice(0, 3) if reverse else slice(3, None)
    xs, dys = case.xs[after, :2], case.dys[after, :2]
    begun = layer.initial_carry(case.params, (2,))

    def document(carry):
        return (layer.apply(case.params, carry, xs)[1] * dys).sum()

    same(start_of(resets=fresh), np.asarray(jax.grad(document)(begun).h.sum(0)))


def test_each_walk_of_a_layer_has_a_start_of_its_own():
    layer = stack([residual(normalize(unroll(gru(I)))), project(bidirectional(lstm(H)), 2)])
    got = learnable_start(layer)
    there = stack(
        [
            residual(normalize(unroll(learnable_start(gru(I))))),
            project(bidirectional(learnable_start(lstm(H))), 2),
        ]
    )
    assert got == there and type(got) is type(layer)
    first, second = got.init(KEY, I)
    starts = [first.layer.start, *(half.start for half in second.layer)]
    assert [a.shape for a in jax.tree.leaves(starts)] == [(I,)] + 4 * [(H,)]


class Counted(NamedTuple):
    h: Any
    steps: Any


@dataclasses.dataclass(frozen=True)
class Counting:
    """h' = h / 2 + x, counted; with `rows`, each row begins elsewhere."""

    rows: bool = False
    output_size: int = I

    def init(self, key, input_size, dtype=None):
        return jnp.ones((), dtype)

    def initial_carry(self, params, batch_shape=()):
        h = jnp.zeros((*batch_shape, I), params.dtype)
        if self.rows and batch_shape:
            h = h + jnp.arange(batch_shape[0], dtype=h.dtype).reshape(-1, 1) * jnp.ones_like(h)
        return Counted(h, jnp.full(batch_shape, 5, jnp.int32))

    def step(self, params, carry, x):
        h = carry.h / 2 + x
        return Counted(h, carry.steps + 1), h


def test_what_is_no_float_begins_as_the_cell_says():
    layer = unroll(learnable_start(Counting()))
    params = layer.init(KEY, I)
    assert params.start.steps is None and params.start.h.shape == (I,)
    after, _ = layer.apply(params, None, jnp.ones((T, 2, I)), lengths=np.array([T, 2]))
    assert after.steps.tolist() == [5 + T, 7]


# Around any layer


@dataclasses.dataclass(frozen=True)
class Plain:
    """A layer of a user's own: no `step`, no `key`, no carry."""

    output_size: int = I

    def init(self, key, input_size, dtype=None):
        return jnp.ones((input_size, self.output_size), dtype)

    def initial_carry(self, params, batch_shape=()):
        return ()

    def apply(self, params, carry, xs, *, lengths=None, mask=None, resets=None):
        return (), jnp.tanh(xs @ params) * (1 if mask is None else mask[..., None].astype(xs.dtype))


def test_a_layer_of_ones_own():
    layer = residual(project(normalize(Plain()), I))
    params = layer.init(KEY, I)
    xs = jax.random.normal(KEY, (T, B, I)).at[2].set(jnp.nan)
    _, ys = layer.apply(params, None, xs, mask=np.arange(T)[:, None] != np.full(B, 2), key=KEY)
    assert np.isfinite(ys).all() and not ys[2].any()
    with pytest.raises(TypeError, match=r"`step` needs one of each layer, and Plain\("):
        layer.step(params, (), xs[0])
    with pytest.raises(TypeError, match=r"learnable_start knows no cell in Plain\("):
        learnable_start(layer)


@pytest.mark.parametrize("name", AROUND)
def test_a_key_reaches_the_dropout_within(name):
    def dropping(it):
        return dataclasses.replace(it, dropout=jaxrnn.Dropout(recurrent=0.5))

    layer = jaxrnn.testing._trees.rebuild(AROUND[name], dropping)
    params, xs = layer.init(KEY, I), jax.random.normal(KEY, (T, B, I))
    outputs = [layer.apply(params, None, xs, key=key)[1] for key in (None, KEY, jax.random.key(1))]
    without, one, other = map(np.asarray, outputs)
    assert not np.allclose(one, without) and not np.allclose(one, other)


@pytest.mark.parametrize("name", AROUND)
def test_a_file_and_a_face(name, tmp_path):
    """Saved and loaded bit for bit; jitted or not; as a Flax module."""
    layer = AROUND[name]
    case = draw(layer, I, 0)
    params = jax.tree.map(jnp.asarray, case.params)
    jaxrnn.save(tmp_path / "layer.safetensors", layer, params)
    model, read = jaxrnn.load(tmp_path / "layer.safetensors")
    assert model == layer and jax.tree.structure(read) == jax.tree.structure(params)
    same(read, params, within=0)
    want = layer.apply(params, None, case.xs)
    same(jax.jit(layer.apply)(params, None, case.xs), want)
    same(jaxrnn.nnx.RNN(layer, params=params)(case.xs), want)
    assert jaxrnn.estimate_bytes(layer, T, B, input_size=I) > 0


def test_what_goes_around_keeps_little():
    """A residual layer, the outputs that are not its own any more; a projection, what it maps; what
    normalises, what is read: all else is computed again."""
    inner, number = unroll(gru(I)), 4 * T * B

    def kept(layer):
        return jaxrnn.estimate_bytes(layer, T, B)

    assert kept(residual(inner)) <= kept(inner) + number * I
    assert kept(project(inner, I)) <= kept(inner) + number * I + 4 * I * I
    assert kept(normalize(inner)) <= kept(inner) + number * I


def test_a_language_model_writes_with_them():
    deep = stack([residual(normalize(unroll(learnable_start(gru(8))))) for _ in range(2)])
    lm = jaxrnn.language_model(deep, 5, embedding=8, tied=True)
    params = lm.init(KEY)
    written = lm.generate(params, jnp.array([[1, 2], [3, 4]]), [2, 1], 4)
    _, logits = lm.apply(params, None, jnp.array([[1], [3]]))
    assert written.shape == (4, 2) and int(written[0, 0]) == int(logits[-1, 0].argmax())
    both = project(bidirectional(gru(8), merge="mean"), 8)
    with pytest.raises(ValueError, match="walks forwards"):
        model = jaxrnn.language_model(both, 5)
        next(jaxrnn.generation.stream(model, model.init(KEY), np.array([1]), key=KEY))


# 16 bits


def test_statistics_of_16_bits_are_of_32():
    xs = jax.random.normal(KEY, (T, B, 512), jnp.float32) + 16
    xs = xs.astype(jnp.bfloat16)
    layer = normalize(Plain(512))
    read = jaxrnn.layers._normalize.normalized
    params = layer.init(KEY, 512, jnp.bfloat16)
    got = read(xs, params.scale, params.shift, 1e-5)
    wide = np.asarray(xs, np.float64)
    want = (wide - wide.mean(-1, keepdims=True)) / wide.std(-1, keepdims=True)
    assert got.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(got, np.float64), want, rtol=2**-8, atol=2e-3)


def test_products_of_16_bits_are_summed_in_32():
    """1 + 512 · 2⁻¹⁰ is 1.5; in bfloat16 each of the summands would vanish beside the 1."""
    ys = jnp.full((1, 513), 2.0**-10, jnp.bfloat16).at[0, 0].set(1)
    w, b = jnp.ones((513, 1), jnp.bfloat16), jnp.full((1,), 2.0**-9, jnp.bfloat16)
    out = jaxrnn.layers._project.projected(ys, w, b)
    assert out.dtype == jnp.bfloat16 and out[0, 0] == jnp.bfloat16(1.5)


# Deep


@pytest.mark.float32
def test_six_residual_layers_train(getkey):
    """Pre-norm blocks: the first answer's loss is halved by a few steps of Adam."""
    block = residual(normalize(unroll(vanilla(16))))
    layer = project(stack([project(unroll(vanilla(8)), 16), *[block] * 6]), 1)
    params = layer.init(getkey(), I, jnp.float32)
    xs = jax.random.normal(getkey(), (12, 8, I), jnp.float32)
    want = jnp.cumsum(xs, axis=0)[..., :1] / 3
    adam = optax.adam(0.01)

    def loss(params):
        return ((layer.apply(params, None, xs)[1] - want) ** 2).mean()

    @jax.jit
    def update(params, state):
        value, gradient = jax.value_and_grad(loss)(params)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = adam.update(gradient, state)
            return optax.apply_updates(params, updates), state, value

    state, losses = adam.init(params), []
    for _ in range(30):
        params, state, value = update(params, state)
        losses.append(float(value))
    assert losses[-1] < losses[0] / 2, losses


# Refusals

LAYER: Any = unroll(gru(H))
XS = jnp.ones((T, B, I))
IDS = jnp.zeros((T, B), int)
NARROW = XS.astype(jnp.bfloat16)


def run(layer, xs, of=None, size=I):
    of = layer if of is None else of
    return layer.apply(of.init(KEY, size), None, xs)


SAME = residual(unroll(gru(I)))
REFUSED = {
    "residual of a cell": (lambda: residual(wrong(gru(H))), r"residual needs a layer, got GRU\("),
    "skip of a cell": (lambda: skip(wrong(gru(H)), 3), r"skip needs a layer, got .*`unroll`"),
    "normalize of a cell": (lambda: normalize(wrong(gru(H))), "normalize needs a layer"),
    "project of a cell": (lambda: project(wrong(gru(H)), 3), "project needs a layer"),
    "start of nothing": (lambda: learnable_start(wrong(3)), "learnable_start needs a cell .* 3"),
    "two starts": (lambda: learnable_start(learnable_start(gru(H))), "learnable start already"),
    "two starts, deep": (lambda: learnable_start(AROUND["start"]), "learnable start already"),
    "sizes": (lambda: residual(LAYER).init(KEY, I), r"`input_size` 3 .* 4; `project\(…, 3\)`"),
    "told another": (lambda: skip(LAYER, 5).init(KEY, I), "`input_size` is 3, but .* told 5"),
    "no size": (lambda: skip(LAYER, 0), "`input_size` must be positive, got 0"),
    "no output": (lambda: project(LAYER, -1), "`output_size` must be positive, got -1"),
    "bias": (lambda: project(LAYER, 2, wrong(1)), "`bias` must be True or False, got 1"),
    "epsilon": (lambda: normalize(LAYER, 0.0), "`epsilon` must be positive and finite, got 0.0"),
    "no epsilon": (lambda: normalize(LAYER, wrong("1")), "`epsilon` must be a number, got '1'"),
    "merge": (
        lambda: bidirectional(gru(H), merge=wrong("max")),
        "`merge` must be one of 'concat', 'sum', 'mean', 'product', got 'max'",
    ),
    "sizes of a merge": (
        lambda: bidirectional(gru(4), gru(2), merge="sum"),
        "merge='sum' needs two directions of one output_size, got 4 and 2",
    ),
    "ids added": (lambda: run(SAME, IDS), r"token ids, but Residual\(.* embed them first"),
    "ids beside": (lambda: run(skip(LAYER, I), IDS), r"token ids, but Skip\(.* embed"),
    "ids normalised": (lambda: run(normalize(LAYER), IDS), r"token ids, but Normalize\(.* embed"),
    "features": (lambda: run(SAME, XS[..., :2]), r"x \(7, 6, 2\) must have 3 features"),
    "dtype": (lambda: run(normalize(LAYER), NARROW), "xs is bfloat16 but the params .* float64"),
    "params": (lambda: run(normalize(LAYER), XS, LAYER), r"Normalize\(.* NormalizeParams, got GRU"),
    "params to project": (lambda: run(project(LAYER, 2), XS, LAYER), "needs ProjectParams, got"),
    "params of another": (
        lambda: run(project(LAYER, 2), XS, project(LAYER, 5)),
        r"`w` has shape \(4, 5\), but .* needs \(4, 2\)",
    ),
    "bias of another": (
        lambda: run(project(LAYER, 2), XS, project(LAYER, 2, False)),
        "`b` is None but .* has bias=True",
    ),
    "params of a cell": (lambda: run(AROUND["start"], XS, unroll(lstm(H))), "needs StartParams"),
    "a start for each row": (
        lambda: learnable_start(Counting(rows=True)).init(KEY, I),
        r"initial carry of Counting\(rows=True, .* is another for each row",
    ),
    "a start of a batch": (
        lambda: rows_of_start(),
        r"the start of Learn.* is GRUCarry\(h=float64\[6, 4\]\), but .*\[4\]\) is needed",
    ),
    "step of a reversed one": (
        lambda: residual(unroll(gru(I), True)).step(gru(I).init(KEY, I), None, XS[0]),
        "reversed layer",
    ),
    "no xs": (lambda: SAME.step(gru(I).init(KEY, I), None, wrong([0.5])), "xs must be an array"),
}


def rows_of_start():
    cell = learnable_start(gru(H))
    params = cell.init(KEY, I)
    start = cell.initial_carry(params, (B,))
    return cell.initial_carry(dataclasses.replace(params, start=start), (B,))


@pytest.mark.parametrize("act, said", REFUSED.values(), ids=REFUSED.keys())
def test_what_it_cannot_mean_is_a_sentence(act, said):
    with pytest.raises((TypeError, ValueError), match=said) as caught:
        act()
    assert len(str(caught.value)) < 420 and "\n" not in str(caught.value)
    assert caught.traceback[-1].frame.f_globals["__name__"].startswith("jaxrnn.")
