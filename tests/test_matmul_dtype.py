"""Products in 16 bits: their operands are rounded, and nothing else is."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxrnn
from jaxrnn import gru, lstm, unroll, vanilla
from jaxrnn.testing import draw
from jaxrnn.testing._case import pull

CELLS = {
    "lstm": lstm,
    "gru": gru,
    "gru-before": partial(gru, reset="before"),
    "tanh": vanilla,
}
EPSILON = {"bfloat16": 2.0**-8, "float16": 2.0**-11}  # half a unit in the last place


def distance(got, want):
    """‖got - want‖ / ‖want‖."""
    return float(jnp.linalg.norm(got - want) / jnp.linalg.norm(want))


def answer(layer, case):
    return jax.jit(partial(pull, layer.apply))(*case.question())


@pytest.mark.parametrize("engine", ["auto", "scan"])
@pytest.mark.parametrize("name", CELLS)
def test_near_and_of_the_params_dtype(name, engine):
    """Every output and gradient: of the params' dtype, near the exact one, but not equal to it.
    The hand-written adjoint is nearer: it adds up weight gradients in float32."""
    case = draw(unroll(CELLS[name](16)), 8, 0)
    want = case.answer()
    for dtype, epsilon in EPSILON.items():
        cell = CELLS[name](16, matmul_dtype=dtype)
        got = answer(unroll(cell, engine=engine), case)
        for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
            assert a.dtype == b.dtype
            assert 0 < distance(a, b) < 20 * epsilon, (dtype, distance(a, b))


@pytest.mark.parametrize("name", CELLS)
def test_step_and_walk_round_alike(name):
    """One instant on both paths from the same carry: rounded to the same 16 bits, so equal to
    float32's own rounding."""
    cell = CELLS[name](16, matmul_dtype="bfloat16")
    case = draw(unroll(CELLS[name](16)), 8, 0).part(0, 1)
    _, one = cell.step(case.params, case.carry, case.xs[0])
    _, ys = unroll(cell).apply(case.params, case.carry, case.xs)
    np.testing.assert_allclose(ys[0], one, rtol=0, atol=1e-3 if "before" in name else 1e-5)


def test_sums_are_in_float32():
    """4,096 ones and a small rest: bfloat16 could count by ones to 256."""
    from jaxrnn.cells import _affine

    a, b = jnp.ones((1, 4096), jnp.float32), jnp.ones((4096, 1), jnp.float32)
    assert _affine.dot(a, b, "bfloat16")[0, 0] == 4096
    dw = jax.grad(lambda w: _affine.drives(w, a.T, "bfloat16").sum())(jnp.ones((1, 1), jnp.float32))
    assert dw[0, 0] == 4096 and dw.dtype == jnp.float32


def test_the_cell_state_is_not_rounded():
    """c + 2⁻¹² four hundred times over: lost in bfloat16, kept here."""
    cell = lstm(1, matmul_dtype="bfloat16")
    zeros = jnp.zeros((1, 4), jnp.float32)
    b = jnp.array([30, 30, 2.0**-12, 30], jnp.float32)  # i, f, o open; g = tanh(2⁻¹²)
    params = jaxrnn.LSTMParams(zeros, zeros, b)
    start = jaxrnn.LSTMCarry(jnp.zeros((1,), jnp.float32), jnp.ones((1,), jnp.float32))
    carry, _ = unroll(cell).apply(params, start, jnp.zeros((400, 1), jnp.float32))
    np.testing.assert_allclose(carry.c, 1 + 400 * 2.0**-12, rtol=1e-4)


@pytest.mark.parametrize("engine", ["auto", "scan"])
def test_tokens_are_still_one_hot(engine, getkey):
    layer = unroll(gru(4, matmul_dtype="bfloat16"), engine=engine)
    params = layer.init(getkey(), 5)
    ids = jax.random.randint(getkey(), (6, 3), -1, 6)
    one_hot = jax.nn.one_hot(ids, 5, dtype=params.w_x.dtype)
    said = jax.value_and_grad(lambda p, xs: layer.apply(p, None, xs)[1].sum())
    jaxrnn.testing.same(said(params, ids), said(params, one_hot), within=1e-2)
    ys, want = (layer.apply(params, None, xs)[1] for xs in (ids, one_hot))
    np.testing.assert_allclose(ys, want, atol=1e-5)


def test_it_has_no_twin():
    from jaxrnn import reference

    with pytest.raises(TypeError, match=r"has no reference twin: its products"):
        reference.twin(unroll(gru(4, matmul_dtype="bfloat16")))
    with pytest.raises(TypeError, match=r"has no reference twin: .* its carry"):
        reference.twin(unroll(gru(4), dropout=jaxrnn.Dropout(zoneout=0.1)))


def test_the_field_is_canonical():
    assert lstm(4, matmul_dtype=jnp.bfloat16) == lstm(4, matmul_dtype="bfloat16")
    assert "matmul_dtype='float16'" in repr(gru(4, matmul_dtype=np.float16))
    for bad in ("float32", "float64", "int8"):
        with pytest.raises(ValueError, match=rf"`matmul_dtype` must be one of .* got '{bad}'"):
            vanilla(4, matmul_dtype=bad)
    with pytest.raises(TypeError, match="`matmul_dtype` must name a dtype, got 'half a float'"):
        vanilla(4, matmul_dtype="half a float")
