"""Newton's walk: the plain scan's answer and gradients, all of time at once; what is no such cell
is refused with its reason, and what does not settle is walked step by step."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _units import CELLS, Alone, Carry, indrnn_tanh, paragru

import jaxrnn
from jaxrnn import engine, unroll
from jaxrnn.engine._newton import MOST
from jaxrnn.testing import check_layer, same

slow = pytest.mark.slow
H = 4


def newton(cell, *how, **named):
    return unroll(cell, *how, engine="newton", **named)


def question(layer, steps, batch=(2,), seed=0, dtype=None, size=1.0):
    key_params, key_xs = jax.random.split(jax.random.key(seed))
    params = layer.init(key_params, 3, dtype)
    return params, None, size * jax.random.normal(key_xs, (steps, *batch, 3), params.w.dtype)


def both(cell, asked, within=None, **when):
    """Newton's answer is the plain scan's; the turns that it took."""
    layer, plain = newton(cell), unroll(cell, engine="scan")

    @jax.jit
    def answers(*asked):
        walked = [of.apply(*asked, **when) for of in (layer, plain)]
        return walked, engine.newton_turns(layer, *asked, **when)

    (got, want), turns = answers(*asked)
    same(got, want, within)
    return turns


LAWS = ("fast_is_plain", "fast_is_plain_with_gaps")
WIDE = (
    "unroll_is_the_loop",
    "inference_is_training",
    "vmap_is_the_batch_axis",
    "vmap_is_an_ensemble",
    "gradient_of_gradient",
    "no_time_changes_nothing",
    "padding_is_never_read",
    "each_row_has_its_length",
    "packed_documents_never_meet",
)
DAILY = {
    *(("paragru", law) for law in (LAWS[1], "no_time_changes_nothing")),
    ("indrnn_tanh", "gradient_of_gradient"),
    ("slstm_unmixed", LAWS[0]),
}


@pytest.mark.parametrize(
    ("name", "law"),
    [
        (name, law) if (name, law) in DAILY else pytest.param(name, law, marks=slow)
        for name in CELLS
        for law in (*LAWS, *WIDE)
    ],
)
def test_laws(name, law):
    check_layer(newton(CELLS[name]), laws=[law])


@pytest.mark.parametrize(
    "name", [n if n == "indrnn_relu" else pytest.param(n, marks=slow) for n in CELLS]
)
def test_from_the_end(name):
    check_layer(newton(CELLS[name], True), laws=["fast_is_plain_with_gaps"])


@slow
@pytest.mark.parametrize("name", CELLS)
def test_in_chunks(name):
    check_layer(newton(CELLS[name], keep="chunks"), laws=["fast_is_plain_with_gaps"])


@slow
def test_zones(getkey):
    zoned = jaxrnn.Dropout(zoneout=0.4)
    cell, key = CELLS["paragru"], getkey()
    asked = question(cell, 9)
    got, want = (
        unroll(cell, engine=name, dropout=zoned).apply(*asked, key=key)
        for name in ("newton", "scan")
    )
    same(got, want)


@pytest.mark.parametrize("batch", [(), (2, 3)])
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_few_instants_and_odd_batches(steps, batch):
    cell = CELLS["paragru"]
    asked = question(cell, steps, batch)
    got, want = (unroll(cell, engine=name).apply(*asked) for name in ("newton", "scan"))
    same(got, want)


# cell, turns at most, of 1,000 steps in float64
LONG = {
    "paragru": 8,
    "indrnn_tanh": 10,
    "slstm_unmixed": 20,
    "slstm": 40,
}


@pytest.mark.parametrize(
    "name", [n if n == "paragru" else pytest.param(n, marks=slow) for n in LONG]
)
def test_a_thousand_steps(name):
    cell = dataclasses.replace(CELLS[name], output_size=8)
    turns = both(cell, question(cell, 1000))
    assert turns.settled and turns.count <= LONG[name], turns


@pytest.mark.parametrize("dtype", [jnp.float32, pytest.param(jnp.bfloat16, marks=slow)])
@pytest.mark.parametrize(
    "name", [n if n == "indrnn_tanh" else pytest.param(n, marks=slow) for n in LONG]
)
def test_narrow_dtypes(name, dtype):
    """16 bits are walked in float32: as near as they can tell."""
    cell = dataclasses.replace(CELLS[name], output_size=8)
    within = 1e-5 if dtype == jnp.float32 else 0.1
    turns = both(cell, question(cell, 1000, dtype=dtype), within)
    assert turns.settled and turns.count <= LONG[name], turns


def gated(z):
    """A leak whose gate is z at all times."""

    def function(u, carry, parts):
        return ((1 - z) * carry.h + z * jnp.tanh(parts[0] + u[0] * carry.h),)

    return function


@pytest.mark.parametrize("z", [0.0, 1.0])
def test_gates_that_are_all_open_or_shut(z):
    cell = Alone(gated(z))
    assert both(cell, question(cell, 50)).settled


@pytest.mark.parametrize(
    "name", [n if n == "paragru" else pytest.param(n, marks=slow) for n in CELLS]
)
def test_inputs_of_a_thousand(name):
    both(CELLS[name], question(CELLS[name], 50, size=1e3))


def logistic(u, carry, parts):
    """The logistic map: an error doubles with each step."""
    return (4 * carry.h * (1 - carry.h) + 0 * parts[0],)


def test_chaos_is_walked_step_by_step():
    """What comes of each instant is of the one before it, to the last bits; and it says so."""
    cell = Alone(logistic)
    params, _, xs = question(cell, 200)
    layer, begin = newton(cell), Carry(jnp.array([[0.3, 0.2, 0.1, 0.4], [0.7, 0.6, 0.9, 0.11]]))

    @jax.jit
    def answers(*asked):
        return engine.newton_turns(layer, *asked), layer.apply(*asked)[1]

    turns, ys = answers(params, begin, xs)
    assert not turns.settled and turns.count == MOST
    same(ys[1:], 4 * ys[:-1] * (1 - ys[:-1]), 1e-14)
    same(ys[0], 4 * begin.h * (1 - begin.h), 1e-14)


def hard(scale):
    return Alone(indrnn_tanh, scale=scale)


def test_what_does_not_settle_has_the_gradients_of_the_scan():
    """Units of two states, that the inputs throw to and fro: many turns, or too many."""
    cell = hard(4.0)
    asked = question(cell, 80)
    got, want = (
        jax.value_and_grad(lambda p, of=of: (of.apply(p, *asked[1:])[1] ** 2).sum())(asked[0])
        for of in (newton(cell), unroll(cell, engine="scan"))
    )
    assert not engine.newton_turns(newton(cell), *asked).settled
    same(got, want, 1e-10)


def test_one_of_many_does_not_settle():
    """Under `jax.vmap`, where a condition does both sides."""
    easy, _, xs = question(hard(1.0), 80)
    params = jax.tree.map(lambda a: jnp.stack([a, a]), easy)
    params = params._replace(u=params.u * jnp.array([1.0, 4.0])[:, None, None])
    layer, plain = newton(hard(1.0)), unroll(hard(1.0), engine="scan")
    turns = jax.vmap(lambda p: engine.newton_turns(layer, p, None, xs))(params)
    assert turns.settled.tolist() == [True, False]
    got, want = (jax.vmap(lambda p, of=of: of.apply(p, None, xs))(params) for of in (layer, plain))
    same(got, want, 1e-10)


@slow
def test_overflow_on_the_way():
    """1.2⁸⁰⁰⁰ is no number: what is no number at the end is none on the way there."""

    def function(u, carry, parts):
        return (jax.nn.relu(1.2 * carry.h + jnp.clip(parts[0], -1, 1) - 0.2),)

    cell = Alone(function)
    asked = question(cell, 8000, ())
    got, want = (
        jnp.nan_to_num(unroll(cell, engine=name).apply(*asked)[1]) for name in ("newton", "scan")
    )
    assert not engine.newton_turns(newton(cell), *asked).settled
    same(got, want, 1e-9)


def test_forward_mode_and_curvature(getkey):
    cell = CELLS["paragru"]
    params, _, xs = question(cell, 5)
    along = jax.tree.map(jnp.cos, params)

    def answers(name):
        def loss(params):
            return (unroll(cell, engine=name).apply(params, None, xs)[1] ** 2).sum()

        tangent = jax.jvp(loss, (params,), (along,))[1]
        return tangent, jax.jvp(jax.grad(loss), (params,), (along,))[1]

    same(answers("newton"), answers("scan"))


def test_no_gradient_goes_back_through_the_turns():
    """One loop, that of the turns, and that of the steps which are not taken: forwards alone."""
    cell = CELLS["paragru"]
    params, carry, xs = question(cell, 9)

    def loss(params):
        return newton(cell).apply(params, carry, xs)[1].sum()

    def loops(function):
        return jax.jit(function).lower(params).as_text().count("stablehlo.while")

    assert loops(jax.grad(loss)) == loops(loss)


class Two(NamedTuple):
    h: jax.Array
    total: jax.Array


@dataclasses.dataclass(frozen=True)
class OddLeaf(Alone):
    """Its second leaf has no features, or is of another dtype."""

    leaf: Callable = jnp.zeros

    def initial_carry(self, params, batch_shape=()):
        return Two(jnp.zeros((*batch_shape, H), params.w.dtype), self.leaf(batch_shape))


def reads(function):
    return Alone(lambda u, carry, parts: (jnp.tanh(parts[0] + function(carry.h)),))


def total(u, carry, parts):
    return jnp.tanh(parts[0] + u[0] * carry.h), carry.total + 1


REFUSED = {
    "lstm": (jaxrnn.lstm(H), "`dot_general` of it"),
    "gru": (jaxrnn.gru(H), "`dot_general` of it"),
    "sum": (reads(lambda h: h.sum(-1, keepdims=True) + 0 * h), "`reduce_sum` of it"),
    "cumsum": (reads(lambda h: jnp.cumsum(h, -1)), "`cumsum` of it"),
    "reversed": (reads(lambda h: h[..., ::-1]), "it reads another's past"),
    "rolled": (reads(lambda h: jnp.roll(h, 1, -1) + h), "`add` of two units"),
    "first": (reads(lambda h: jnp.broadcast_to(h[..., :1], h.shape)), "it reads another's past"),
    "loop": (reads(lambda h: jax.lax.fori_loop(0, 2, lambda i, a: a / 2, h)), "`scan` of it"),
    "no features": (
        OddLeaf(total, carry=Two, leaf=lambda batch: jnp.zeros(batch)),
        r"no units in common: they are float64\[2,4\], float64\[2\]",
    ),
    "integers": (
        OddLeaf(total, carry=Two, leaf=lambda batch: jnp.zeros((*batch, H), int)),
        "is int64",
    ),
    "complex": (
        OddLeaf(total, carry=Two, leaf=lambda batch: jnp.zeros((*batch, H), complex)),
        "is complex128, and Newton's steps are of real numbers",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    cell, why = REFUSED[name]
    with pytest.raises(ValueError, match=f'engine="newton" does not fit: .*{why}'):
        engine.choose(cell, "newton")


def test_carries_alone_are_refused():
    cell = CELLS["paragru"]
    with pytest.raises(ValueError, match='keep="carries" is no less'):
        newton(cell, keep="carries").apply(*question(cell, 5))


def moved_and_back(u, carry, parts):
    """Side by side, through axes and blocks of one weight each, and back at its own place."""
    wide = jnp.concatenate([carry.h, carry.h + 1], -1)
    blocks = jnp.einsum("...kd,kde->...ke", wide[..., None], jnp.ones((2 * H, 1, 2)))
    one, two = jnp.split(jnp.swapaxes(blocks, -1, -2)[..., 0, :], 2, axis=-1)
    return (jnp.tanh(parts[0] + u[0] * one[..., ::-1][..., ::-1] - two / 4),)


def test_units_that_move_and_come_back():
    cell = Alone(moved_and_back)
    assert both(cell, question(cell, 9)).settled


def test_it_is_taken_by_name_alone():
    cell = Alone(paragru, gates=3)
    assert engine.choose(cell).path == "derived"
    assert engine.choose(cell, "newton").path == "newton"


@slow
def test_products_of_the_input_are_rounded():
    cell = CELLS["paragru"]
    asked = question(cell, 9)
    got, want = (
        unroll(cell, engine=name, matmul_dtype="bfloat16").apply(*asked)
        for name in ("newton", "scan")
    )
    same(got, want, 1e-6)
    with np.testing.assert_raises(AssertionError):
        same(got, newton(cell).apply(*asked), 1e-6)


@pytest.mark.parametrize("scale", [1e-4, 1e-20])
def test_small_signals_settle_on_their_own_scale(getkey, scale):
    cell = jaxrnn.indrnn(16)
    params = cell.init(getkey(), 8, jnp.float32)
    xs = scale * jax.random.normal(getkey(), (200, 4, 8), jnp.float32)
    got, want = (
        jaxrnn.unroll(cell, engine=way).apply(params, None, xs)[1] for way in ("newton", "scan")
    )
    assert np.abs(got - want).max() <= 1e-5 * np.abs(want).max()
