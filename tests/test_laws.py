"""Every law of `jaxrnn.testing` on every layer of the table.

Daily: all laws on a cell of ours and on one of a user's, walked one way; of the other cells, the
laws that can tell their equations apart; of direction, depth and both ways, each law on a cell that
would tell; of what goes around a cell or a layer, the laws that could tell it from another. The
rest of the grid, and random shapes, are slow.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _table import AROUND, CELLS, LAYERS, SHAPES, Leaky
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxrnn import LSTM, Dropout, gru, language_model, lstm, unroll
from jaxrnn.testing import LAWS, check_cell, check_layer, draw, explain, same

WHOLE = ("lstm", "own")  # one engine walks all: these stand for the laws of time and axes
MEANING = (
    "equals_its_twin",
    "equals_its_twin_with_gaps",
    "slopes_are_its_twins",
    "slopes_are_its_twins_with_gaps",
    "fast_is_plain",
    "fast_is_plain_with_gaps",
    "unroll_is_the_loop",
    "no_time_changes_nothing",
    "dtype_follows_params",
    "tokens_are_one_hot",
)
DAILY = {
    "gru-one": (
        "equals_its_twin",
        "equals_its_twin_with_gaps",
        "fast_is_plain",
        "what_is_kept_changes_nothing",
    ),
    "gru-before-one": ("equals_its_twin", "fast_is_plain", "slopes_are_its_twins"),
    "tanh-one": ("equals_its_twin", "fast_is_plain"),
    "lstm-recurrent-bias-one": ("equals_its_twin",),
    "gru-no-recurrent-bias-one": ("equals_its_twin",),
    "gru-before-recurrent-bias-one": ("equals_its_twin",),
    "relu-recurrent-bias-one": ("equals_its_twin",),
    "lstm-reversed": ("equals_its_twin_with_gaps", "packed_documents_never_meet"),
    "gru-reversed": ("unroll_is_the_loop",),
    "own-reversed": (
        "inference_is_training",
        "unroll_is_the_loop",
        "causality",
        "two_parts_are_the_whole",
        "packed_documents_never_meet",
    ),
    "lstm-stack": ("equals_its_twin_with_gaps", "stack_is_composition"),
    "gru-stack": ("step_is_a_scan_body",),
    "lstm-bidirectional": (
        "equals_its_twin_with_gaps",
        "bidirectional_is_two_unrolls",
        "packed_documents_never_meet",
        "held_padding_repeats",
        "each_row_has_its_length",
    ),
    "own-bidirectional": ("mirror",),
    "gru-deep": ("equals_its_twin_with_gaps",),
    "own-start-reversed": ("packed_documents_never_meet",),
    "own-start-deep": ("no_carry_is_the_initial_one",),
}
OF_MERGES = ("equals_its_twin_with_gaps", "bidirectional_is_two_unrolls")
OF_AROUND = {
    "residual": (
        "padding_is_never_read",
        "fast_is_plain_with_gaps",
        "step_is_a_scan_body",
        "packed_documents_never_meet",
    ),
    "skip": ("held_padding_repeats",),
    "project": ("padding_is_never_read",),
    "start": (
        "unroll_is_the_loop",
        "no_carry_is_the_initial_one",
        "packed_documents_never_meet",
    ),
    "residuals": ("stack_is_composition",),
    "mean": OF_MERGES,
    "product": (*OF_MERGES, "mirror"),
}


def daily(layer_id, law):
    cell, shape = layer_id.rsplit("-", 1)
    return (shape == "one" and cell in WHOLE) or law in DAILY.get(layer_id, ())


def grid():
    for layer_id, layer in LAYERS.items():
        cell, shape = layer_id.rsplit("-", 1)
        for name, law in LAWS.items():
            if law.fits(layer):
                marks = [] if daily(layer_id, name) else [pytest.mark.slow]
                if shape == "one" and (cell in ("lstm", "own") or name in MEANING):
                    marks.append(pytest.mark.float32)
                yield pytest.param(law, layer, id=f"{layer_id}-{name}", marks=marks)
    for around, layer in AROUND.items():
        for name, law in LAWS.items():
            if law.fits(layer):
                marks = [] if name in OF_AROUND[around] else [pytest.mark.slow]
                yield pytest.param(law, layer, id=f"around-{around}-{name}", marks=marks)


@pytest.mark.parametrize(("law", "layer"), list(grid()))
def test_law(law, layer):
    law(layer)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint32"])
@pytest.mark.parametrize("engine", ["auto", "scan"])
def test_ids_of_any_integer_dtype(getkey, engine, dtype):
    """Bytes are ids too, also where the vocabulary is larger than their dtype can count."""
    V, ids = 300, np.arange(0, 120, 10).reshape(4, 3)
    lm = language_model(unroll(gru(4), engine=engine), V)
    params = lm.init(getkey())
    say = jax.jit(lambda ids: (lm.apply(params, None, ids)[1], lm.loss(params, None, ids, ids)[0]))
    same(say(ids.astype(dtype)), say(ids.astype(np.int32)))


# The kit itself.


def test_every_law_is_asked_daily_and_in_each_shape():
    """So that a sample stays a cover: every law, and each shape that a layer can have."""
    asked = {(id_, law) for id_ in LAYERS for law in LAWS if daily(id_, law)}
    fit = {(id_, law) for id_, law in asked if LAWS[law].fits(LAYERS[id_])}
    assert {law for _, law in fit} == {*LAWS}
    assert {id_.rsplit("-", 1)[1] for id_, _ in fit} == {*SHAPES}
    assert {id_ for id_ in DAILY} <= {*LAYERS}


def test_every_law_fits_where_it_should():
    """So that a law cannot go silent: of our own cells, all laws; of another's, all but those that
    ask for a twin or for token ids."""
    ours, own = LAYERS["lstm-one"], LAYERS["own-one"]
    above = {"stack_is_composition", "bidirectional_is_two_unrolls", "mirror"}
    cell = {"unroll_is_the_loop", "step_is_a_scan_body"}
    one_way = {"two_parts_are_the_whole", "causality"}
    ours_only = {name for name in LAWS if "twin" in name}
    assert {name for name, law in LAWS.items() if not law.fits(ours)} == above
    assert {name for name, law in LAWS.items() if not law.fits(own)} == above | ours_only | {
        "tokens_are_one_hot"
    }
    assert LAWS["step_is_a_scan_body"].fits(LAYERS["gru-stack"])
    both = {name for name, law in LAWS.items() if not law.fits(LAYERS["gru-bidirectional"])}
    assert both == {"stack_is_composition", "reversed_is_flipped"} | cell | one_way
    deep = {name for name, law in LAWS.items() if not law.fits(LAYERS["tanh-deep"])}
    assert (
        deep == {"bidirectional_is_two_unrolls", "mirror", "reversed_is_flipped"} | cell | one_way
    )
    alone = above | ours_only | {"unroll_is_the_loop", "held_padding_repeats"}
    for around, left_out in {
        "residual": alone | {"tokens_are_one_hot"},
        "skip": alone - {"held_padding_repeats"} | {"tokens_are_one_hot"},
        "project": alone | {"reversed_is_flipped"} | cell | one_way,
        "start": above | ours_only,
        "mean": both | {"held_padding_repeats"},
    }.items():
        layer = AROUND[around]
        assert {name for name, law in LAWS.items() if not law.fits(layer)} == left_out, around


def test_a_question_repeats_nothing():
    """No number comes twice, in it or in that of another seed: no leaf can stand for another."""
    asked = [draw(LAYERS["lstm-deep"], 3, seed) for seed in (0, 1)]
    numbers = [(case.params, case.carry, case.xs, case.dcarry, case.dys) for case in asked]
    flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(numbers)])
    assert len(np.unique(flat)) == len(flat)
    flags = np.stack([flags for case in asked for flags in (case.valid, case.fresh)])
    for axis in range(3):
        slices = np.moveaxis(flags, axis, 0).reshape(flags.shape[axis], -1)
        assert len(np.unique(slices, axis=0)) == len(slices)


@pytest.mark.slow
def test_check_cell_runs_them_all():
    assert set(check_cell(lstm(4))) == set(LAWS)


class Clairvoyant(Leaky):
    """Its rows see each other."""

    def step(self, params, carry, x):
        return super().step(params, carry, x - x.mean(0, keepdims=True))


def test_a_broken_law_names_itself_the_leaf_and_the_step():
    with pytest.raises(AssertionError, match=r"law `rows_are_independent` broken by .*Clairvoyant"):
        LAWS["rows_are_independent"](unroll(Clairvoyant(4)))
    answer = draw(LAYERS["lstm-one"], 3, 0).answer()
    carry = jax.tree.map(lambda a: a + 1, answer.carry)
    ys = answer.ys + (np.arange(len(answer.ys)) >= 3)[:, None, None]
    with pytest.raises(AssertionError, match=r"\.ys differs first at time step 3, at \[3, 0, 0\]"):
        same(answer._replace(carry=carry, ys=ys), answer)
    dparams = dataclasses.replace(answer.dparams, w_h=answer.dparams.w_h * 2)
    with pytest.raises(AssertionError, match=r"\.dparams\.w_h differs at .* got .*, want "):
        same(answer._replace(dparams=dparams), answer)
    nan = answer._replace(dxs=np.full_like(answer.dxs, np.nan))
    with pytest.raises(AssertionError, match=r"\.dxs differs first at time step 0.* got .*nan"):
        same(nan, answer)


class Stopped(Leaky):
    """No gradient reaches one of its params."""

    def step(self, params, carry, x):
        w_h = jax.lax.stop_gradient(params.w_h)
        return super().step(dataclasses.replace(params, w_h=w_h), carry, x)


def test_a_wrong_slope_names_its_leaf():
    with pytest.raises(AssertionError, match=r"gradient_is_the_slope.*'dparams\.w_h'"):
        LAWS["gradient_is_the_slope"](unroll(Stopped(4)))


class Counting(NamedTuple):
    h: Any
    steps: Any


@dataclasses.dataclass(frozen=True)
class Scaled:
    """h' = h / 2 + a x, with a of no axis; with `counts`, it counts its steps."""

    counts: bool = False
    output_size: int = 3

    def init(self, key, input_size, dtype=None):
        return jnp.ones((), dtype)

    def initial_carry(self, params, batch_shape=()):
        steps = jnp.zeros(batch_shape, jnp.int32 if self.counts else params.dtype)
        return Counting(jnp.zeros((*batch_shape, 3), params.dtype), steps)

    def step(self, params, carry, x):
        h = carry.h / 2 + jnp.broadcast_to(params, x.shape) * x
        return Counting(h, carry.steps + 1), h


def test_params_without_axes_keep_the_laws():
    check_layer(unroll(Scaled()))


def test_integers_walk_but_are_not_judged():
    """Not by the laws, nor by zoneout."""
    layer = unroll(Scaled(counts=True), dropout=Dropout(zoneout=0.5))
    params, key = jnp.ones(()), jax.random.key(0)
    after = layer.apply(params, None, jnp.ones((9, 2, 3)), lengths=np.array([9, 4]), key=key)[0]
    assert after.steps.tolist() == [9, 4]
    with pytest.raises(TypeError, match=r"judge floats, but .* \['carry'\]\.steps of int32"):
        check_layer(layer)


class Deaf(Leaky):
    """It does not listen to the dtype asked of it."""

    def init(self, key, input_size, dtype=None):
        return super().init(key, input_size)


def test_a_cell_that_ignores_dtype_is_told_so():
    with pytest.raises(
        AssertionError, match=r"dtype_follows_params.*is float64 for params of float32"
    ):
        LAWS["dtype_follows_params"](unroll(Deaf(4)))


def test_explain_names_the_gate_and_the_step(capsys):
    case = draw(LAYERS["lstm-one"], 3, 0)
    question = case.params, case.carry, case.xs
    assert explain(lstm(4), *question) is None
    assert capsys.readouterr().out == ""

    class Slipping(LSTM):
        def step(self, params, carry, x):
            after, y = super().step(params, carry, x)
            slip = jnp.all(x == case.xs[4]).astype(x.dtype)
            return after._replace(c=after.c + slip), y

    Slipping.__name__ = "LSTM"  # twins go by name
    found = explain(Slipping(4), *question)
    assert found is not None and (found.step, found.name) == (4, "c")
    np.testing.assert_allclose(found.got, found.want + 1, rtol=1e-12)
    assert set(found.gates) == {"i", "f", "g", "o", "c", "h"}
    assert "step 4: c[0, 0] is" in capsys.readouterr().out


# Any shape: what the fixed sizes of the laws cannot show.

SIZES = st.integers(1, 6)


@pytest.mark.slow
@settings(max_examples=25)
@given(
    cell=st.sampled_from(list(CELLS)),
    shape=st.sampled_from(["one", "reversed", "stack", "bidirectional", "deep"]),
    law=st.sampled_from([name for name in LAWS if "gaps" in name or "length" in name]),
    input_size=SIZES,
    steps=SIZES,
    batch=SIZES,
    seed=st.integers(0, 100),
)
def test_laws_in_any_shape(cell, shape, law, input_size, steps, batch, seed):
    """Random sizes, and with the seed random masks and resets."""
    jax.clear_caches()  # no two examples are alike
    layer = LAYERS[f"{cell}-{shape}"]
    if LAWS[law].fits(layer):
        LAWS[law](layer, input_size=input_size, seed=seed, steps=steps, batch=batch)
