"""Products in 16 bits: their operands are rounded, and nothing else is."""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _table import Leaky

import jaxrnn
from jaxrnn import bidirectional, gru, lstm, unroll, vanilla
from jaxrnn.testing import draw
from jaxrnn.testing._case import pull

CELLS = {
    "lstm": lstm,
    "gru": gru,
    "gru-before": partial(gru, reset="before"),
    "tanh": vanilla,
    "own": Leaky,
}
EPSILON = {"bfloat16": 2.0**-8, "float16": 2.0**-11}  # half a unit in the last place


def distance(got, want):
    """‖got - want‖ / ‖want‖."""
    return float(jnp.linalg.norm(got - want) / jnp.linalg.norm(want))


def wrong(value: Any) -> Any:
    return value


def answer(layer, case):
    return jax.jit(partial(pull, layer.apply))(*case.question())


@pytest.mark.parametrize("engine", ["auto", pytest.param("scan", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CELLS)
def test_near_and_of_the_params_dtype(name, engine):
    """Every output and gradient: of the params' dtype, near the exact one, but not equal to it.
    The derived adjoint is nearer: it adds up weight gradients in float32."""
    case = draw(unroll(CELLS[name](16)), 8, 0)
    want = case.answer()
    for dtype, epsilon in EPSILON.items():
        got = answer(unroll(CELLS[name](16), engine=engine, matmul_dtype=dtype), case)
        for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
            assert a.dtype == b.dtype
            if np.any(b):  # not the start that `own` has learnt, which nobody began from
                assert 0 < distance(a, b) < 20 * epsilon, (dtype, distance(a, b))


@pytest.mark.parametrize("name", CELLS)
def test_step_and_walk_round_alike(name):
    """One instant on both paths from the same carry: rounded to the same 16 bits, so equal to
    float32's own rounding."""
    layer = unroll(CELLS[name](16), matmul_dtype="bfloat16")
    case = draw(unroll(layer.cell), 8, 0).part(0, 1)
    _, one = layer.step(case.params, case.carry, case.xs[0])
    _, ys = layer.apply(case.params, case.carry, case.xs)
    np.testing.assert_allclose(ys[0], one, rtol=0, atol=1e-3 if "before" in name else 1e-5)


@pytest.mark.parametrize("engine", ["auto", "scan"])
def test_sums_are_in_float32(engine):
    """1,024 ones of x or of h, and gradients of as many rows: bfloat16 could count to 256."""
    layer, n = unroll(vanilla(1024, "relu"), engine=engine, matmul_dtype="bfloat16"), 1024
    params = jax.eval_shape(lambda: layer.init(jax.random.key(0), n, jnp.float32))
    nothing = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), params)
    ones = jnp.ones((1, n, n), jnp.float32)
    of_x, of_h = (dataclasses.replace(nothing, **{w: ones[0]}) for w in ("w_x", "w_h"))
    said = jax.value_and_grad(lambda *of: layer.apply(*of)[1][0, :, 0].sum())
    for params, weight in ((of_x, "w_x"), (of_h, "w_h")):
        total, gradient = said(params, layer.initial_carry(params, (n,))._replace(h=ones[0]), ones)
        assert total == n * n
        assert (getattr(gradient, weight)[:, 0] == n).all() and gradient.b[0] == n


def test_the_cell_state_is_not_rounded():
    """c + 2⁻¹² four hundred times over: lost in bfloat16, kept here."""
    layer = unroll(lstm(1), matmul_dtype="bfloat16")
    zeros = jnp.zeros((1, 4), jnp.float32)
    b = jnp.array([30, 30, 2.0**-12, 30], jnp.float32)  # i, f, o open; g = tanh(2⁻¹²)
    params = jaxrnn.LSTMParams(zeros, zeros, b)
    start = jaxrnn.LSTMCarry(jnp.zeros((1,), jnp.float32), jnp.ones((1,), jnp.float32))
    carry, _ = layer.apply(params, start, jnp.zeros((400, 1), jnp.float32))
    np.testing.assert_allclose(carry.c, 1 + 400 * 2.0**-12, rtol=1e-4)


@pytest.mark.parametrize("engine", ["auto", "scan"])
def test_tokens_are_still_one_hot(engine, getkey):
    layer = unroll(gru(4), engine=engine, matmul_dtype="bfloat16")
    params = layer.init(getkey(), 5)
    ids = jax.random.randint(getkey(), (6, 3), -1, 6)
    one_hot = jax.nn.one_hot(ids, 5, dtype=params.w_x.dtype)
    said = jax.value_and_grad(lambda p, xs: layer.apply(p, None, xs)[1].sum())
    jaxrnn.testing.same(said(params, ids), said(params, one_hot), within=1e-2)
    ys, want = (layer.apply(params, None, xs)[1] for xs in (ids, one_hot))
    np.testing.assert_allclose(ys, want, atol=1e-5)


def test_it_has_no_twin():
    from jaxrnn import reference

    for make in (unroll, bidirectional):
        with pytest.raises(TypeError, match=r"has no reference twin: its products"):
            reference.twin(make(gru(4), matmul_dtype="bfloat16"))
    with pytest.raises(TypeError, match=r"has no reference twin: .* its carry"):
        reference.twin(unroll(gru(4), dropout=jaxrnn.Dropout(zoneout=0.1)))


def test_the_field_is_canonical():
    cell: Any = lstm(4)
    narrow: Any = jnp.bfloat16
    for make in (unroll, bidirectional):
        assert make(cell, matmul_dtype=narrow) == make(cell, matmul_dtype="bfloat16") != make(cell)
    assert "matmul_dtype='float16'" in repr(unroll(cell, matmul_dtype=wrong(np.float16)))
    for bad in ("float32", "float64", "int8"):
        with pytest.raises(ValueError, match=rf"`matmul_dtype` must be one of .* got '{bad}'"):
            unroll(cell, matmul_dtype=wrong(bad))
    with pytest.raises(TypeError, match="`matmul_dtype` must name a dtype, got 'half a float'"):
        unroll(cell, matmul_dtype=wrong("half a float"))


class Loud(Leaky):
    """It has side effects, so that its step is not to be read."""

    def step(self, params, carry, x):
        jax.debug.callback(lambda: None)
        return super().step(params, carry, x)


@pytest.mark.parametrize("engine", ["auto", "scan"])
def test_products_that_cannot_be_read_are_not_rounded(engine, getkey):
    layer = unroll(Loud(4), engine=engine, matmul_dtype="bfloat16")
    params, xs = layer.init(getkey(), 3), jnp.ones((5, 2, 3))
    sentence = r"that of Loud\(hidden_size=4\) cannot: it has side effects"
    with pytest.raises(TypeError, match=sentence):
        layer.apply(params, None, xs)
    with pytest.raises(TypeError, match=sentence):
        layer.step(params, None, xs[0])
