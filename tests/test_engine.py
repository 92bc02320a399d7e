"""What the engine chooses and why, and what it owes to small dtypes and to donated carries."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _table import CELLS, Leaky

import jaxrnn
from jaxrnn import engine
from jaxrnn.testing import check_layer


class Doubled:
    """A mixin with a step of its own."""

    def step(self, params, carry, x):
        carry, y = super().step(params, carry, x)  # pyright: ignore[reportAttributeAccessIssue]
        return carry, 2 * y


class DoubledLSTM(Doubled, jaxrnn.LSTM):
    pass


class HandsOn:
    """Wraps a cell or a layer; everything is what it wraps has."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)


class Delegate(HandsOn):
    """With a step of its own."""

    def step(self, params, carry, x):
        carry, y = self._inner.step(params, carry, x)
        return carry, 2 * y


@dataclasses.dataclass(frozen=True)
class Mean:
    """A cell without params."""

    output_size: int = 1

    def init(self, key, input_size, dtype=None):
        return ()

    def initial_carry(self, params, batch_shape=()):
        return jaxrnn.VanillaCarry(jnp.zeros((*batch_shape, 1)))

    def step(self, params, carry, x):
        h = jnp.tanh(carry.h + x.mean(-1, keepdims=True))
        return jaxrnn.VanillaCarry(h), h


@dataclasses.dataclass(frozen=True)
class Decay:
    """h' = a ⊙ h + x W, without a product of the carry; with a trained or not."""

    output_size: int
    trained: bool

    def init(self, key, input_size, dtype=None):
        w = jax.random.normal(key, (input_size, self.output_size), dtype)
        return (w, jnp.linspace(0.5, 0.9, self.output_size, dtype=w.dtype)) if self.trained else w

    def initial_carry(self, params, batch_shape=()):
        dtype = jax.tree.leaves(params)[0].dtype
        return jaxrnn.VanillaCarry(jnp.zeros((*batch_shape, self.output_size), dtype))

    def step(self, params, carry, x):
        w, a = params if self.trained else (params, None)
        decayed = 0.7 * carry.h if a is None else jnp.broadcast_to(a, carry.h.shape) * carry.h
        h = decayed + x @ w
        return jaxrnn.VanillaCarry(h), h


class Loud(Leaky):
    """Its step has side effects: a call of Python, in order."""

    def step(self, params, carry, x):
        jax.debug.callback(lambda: None, ordered=True)
        return super().step(params, carry, x)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("trained", [False, True])
def test_a_cell_without_products_of_its_carry(trained, reverse):
    layer = jaxrnn.unroll(Decay(4, trained), reverse)
    assert engine.choose(layer.cell, "derived").path == "derived"
    check_layer(layer, laws=["fast_is_plain", "what_is_kept_changes_nothing"])


def test_a_cell_without_params():
    check_layer(jaxrnn.unroll(Mean()))


@pytest.mark.parametrize(
    "make",
    [
        lambda inner: jaxrnn.unroll(inner(jaxrnn.gru(4))),
        lambda inner: jaxrnn.bidirectional(inner(jaxrnn.gru(4))),
        lambda inner: jaxrnn.unroll(jaxrnn.learnable_start(inner(jaxrnn.gru(4)))),
        lambda inner: jaxrnn.residual(inner(jaxrnn.unroll(jaxrnn.gru(4)))),
        lambda inner: jaxrnn.language_model(inner(jaxrnn.unroll(jaxrnn.gru(4))), 4).layer,
    ],
    ids=["unroll", "bidirectional", "learnable_start", "residual", "language_model"],
)
def test_what_hands_on_is_taken_for_what_it_wraps(make, getkey):
    """Python 3.12 made `isinstance` of a protocol blind to `__getattr__`."""
    plain, wrapped = make(lambda inner: inner), make(HandsOn)
    params, xs = plain.init(getkey(), 4), jax.random.normal(getkey(), (6, 2, 4))
    jaxrnn.testing.same(wrapped.apply(params, None, xs), plain.apply(params, None, xs))


@pytest.mark.parametrize(
    "cell",
    [*(make(4) for make in CELLS.values()), DoubledLSTM(4), Delegate(jaxrnn.gru(4)), Mean()],
    ids=lambda cell: type(cell).__name__,
)
def test_every_cell_that_can_be_read_has_a_derived_walk(cell):
    assert engine.choose(cell).path == "derived"
    assert engine.choose(cell, "scan").path == "scan"


def test_what_cannot_be_read_goes_the_plain_scan_and_says_why(getkey):
    """And gives what its like gives that can be read."""
    loud, quiet = jaxrnn.unroll(Loud(4)), jaxrnn.unroll(Leaky(4))
    path, refused = engine.choose(loud.cell)
    assert path == "scan" and "`step` cannot be read: it has side effects" in refused["derived"]
    with pytest.raises(ValueError, match='engine="derived" does not fit: `step` cannot be read'):
        engine.choose(loud.cell, "derived")
    params, xs = quiet.init(getkey(), 3), jax.random.normal(getkey(), (5, 2, 3))
    jaxrnn.testing.same(loud.apply(params, None, xs), quiet.apply(params, None, xs))
    with pytest.raises(ValueError, match='engine="derived" does not fit: `step` cannot be read'):
        jaxrnn.unroll(Loud(4), engine="derived").apply(params, None, xs)


def test_a_step_of_its_own_is_walked(getkey):
    once, twice = jaxrnn.unroll(jaxrnn.lstm(4)), jaxrnn.unroll(DoubledLSTM(4))
    params, xs = once.init(getkey(), 3), jax.random.normal(getkey(), (5, 2, 3))
    ys = once.apply(params, None, xs)[1]
    np.testing.assert_allclose(twice.apply(params, None, xs)[1], 2 * ys, rtol=1e-12)


def test_token_ids_need_a_cell_that_takes_them(getkey):
    layer = jaxrnn.unroll(Leaky(4))
    with pytest.raises(TypeError, match=r"xs is int32, .* Leaky\(hidden_size=4\) does not say"):
        layer.apply(layer.init(getkey(), 5), None, jnp.zeros((7, 5), jnp.int32))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize(
    ("engine", "shape"), [("auto", (128, 32)), ("auto", (2, 2048)), ("scan", (128, 32))]
)
def test_a_frequent_id_does_not_saturate(engine, shape, dtype):
    """4,096 times one id: 16 bits cannot count that far by ones. (Those of one instant, the plain
    scan adds up in them.)"""
    layer = jaxrnn.unroll(jaxrnn.vanilla(2, "relu"), engine=engine)
    params = jax.tree.map(jnp.zeros_like, layer.init(jax.random.key(0), 3, dtype))
    params, ids = dataclasses.replace(params, b=params.b + 1), jnp.zeros(shape, jnp.int32)

    def loss(params):
        return layer.apply(params, None, ids)[1].astype(jnp.float32).sum()

    gradient = jax.grad(loss)(params)
    want = [[4096, 4096], [0, 0], [0, 0]]
    np.testing.assert_array_equal(gradient.w_x.astype(jnp.float32), want)
    np.testing.assert_array_equal(gradient.b.astype(jnp.float32), want[0])


@pytest.mark.parametrize("cell", [jaxrnn.lstm(4), jaxrnn.gru(4), jaxrnn.vanilla(4)], ids=str)
def test_a_carry_can_be_donated(cell, getkey):
    layer = jaxrnn.unroll(cell)
    params, xs = layer.init(getkey(), 3), jax.random.normal(getkey(), (5, 2, 3))
    want = layer.apply(params, None, xs)[1]
    walk = jax.jit(layer.apply, donate_argnums=1)
    np.testing.assert_allclose(walk(params, layer.initial_carry(params, (2,)), xs)[1], want)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_a_small_dtype_has_a_whole_loss(dtype, getkey):
    """In float32, finite with a mask over many positions, and near that of float32 params."""
    lm = jaxrnn.language_model(jaxrnn.unroll(jaxrnn.gru(4)), 64)
    wide = lm.init(getkey(), jnp.float32)
    params = jax.tree.map(lambda a: a.astype(dtype), wide)
    ids = jax.random.randint(getkey(), (700, 128), 0, 64)
    want = lm.loss(wide, None, ids, ids)[0]
    for when in ({}, {"mask": jnp.ones(ids.shape, bool)}):
        loss = lm.loss(params, None, ids, ids, **when)[0]
        assert loss.dtype == jnp.float32
        np.testing.assert_allclose(loss, want, rtol=1e-2)


def test_generation_refuses_what_it_cannot_continue(getkey):
    lm = jaxrnn.language_model(jaxrnn.unroll(jaxrnn.gru(4)), 300)
    params = lm.init(getkey())
    prefixes = np.ones((2, 1), np.uint8)
    for bad in (0, 5):
        with pytest.raises(ValueError, match=rf"must lie in 1…T = 2, got {bad}"):
            lm.generate(params, prefixes, [bad], 3)
    head = jaxrnn.HeadParams(params.head.w, params.head.b.at[299].set(100))
    said = lm.generate(jaxrnn.LanguageModelParams(params.layer, head), prefixes, [2], 3)
    np.testing.assert_array_equal(said[:, 0], [299, 299, 299])  # more than a byte can say


def test_no_tokens_have_no_loss(getkey):
    lm = jaxrnn.language_model(jaxrnn.unroll(jaxrnn.gru(4)), 5)
    nothing = jnp.zeros((0, 2), jnp.int32)
    params = lm.init(getkey())
    assert lm.loss(params, None, nothing, nothing)[0] == 0
    assert lm.loss(params, None, nothing, nothing, mask=jnp.zeros((0, 2), bool))[0] == 0


def test_recurrent_bias_is_yes_or_no():
    for cell in (jaxrnn.lstm, jaxrnn.gru, jaxrnn.vanilla):
        with pytest.raises(TypeError, match="`recurrent_bias` must be True or False, got 'yes'"):
            cell(4, recurrent_bias="yes")


@pytest.mark.parametrize("cell", [jaxrnn.lstm(4), jaxrnn.gru(4), jaxrnn.vanilla(4)], ids=str)
def test_without_lengths_there_is_no_choice_in_the_program(cell, getkey):
    """Lengths, masks, resets and dropout that are not given leave nothing behind."""
    bare = jaxrnn.unroll(cell)
    dropping = jaxrnn.unroll(cell, dropout=jaxrnn.Dropout(inputs=0.5, recurrent=0.5))
    params, xs = bare.init(getkey(), 3), jax.random.normal(getkey(), (5, 2, 3))

    def program(layer, **how):
        def loss(params, xs):
            return layer.apply(params, None, xs, **how)[1].sum()

        gradient = jax.jit(jax.grad(loss, (0, 1)))
        return gradient.lower(params, xs).as_text()

    plain, masked = program(bare), program(bare, lengths=jnp.array([2, 3]))
    chosen = 1 if isinstance(cell, jaxrnn.LSTM) else 0  # of a gate's slope, by its place
    assert plain.count("stablehlo.select") <= chosen < masked.count("stablehlo.select")
    assert program(dropping) == plain
    assert "threefry" in program(dropping, key=getkey())


@pytest.mark.parametrize("engine", ["auto", "scan"])
@pytest.mark.parametrize("reverse", [False, True])
def test_an_idle_rows_carry_is_never_computed_with(engine, reverse, getkey):
    """A row of no length hands its carry on, NaN and all, and spoils no gradient."""
    layer = jaxrnn.unroll(jaxrnn.lstm(4), reverse, engine=engine)
    params, xs = layer.init(getkey(), 3), jax.random.normal(getkey(), (5, 3, 3))
    carry, lengths = layer.initial_carry(params, (3,)), jnp.array([5, 0, 2])
    spoilt = jax.tree.map(lambda a: a.at[1].set(jnp.nan), carry)

    def loss(params, carry, xs):
        (after, ys) = layer.apply(params, carry, xs, lengths=lengths)
        return ys.sum() + after.c[::2].sum(), after

    (_, after), got = jax.value_and_grad(loss, (0, 1, 2), has_aux=True)(params, spoilt, xs)
    want = jax.grad(loss, (0, 1, 2), has_aux=True)(params, carry, xs)[0]
    assert jnp.isnan(after.h[1]).all() and jnp.isfinite(after.h[::2]).all()
    jaxrnn.testing.same(got, want, within=0)
