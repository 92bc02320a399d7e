"""tanh and σ of the engine: the digits of float64, in float32 too, however small, and the ends."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxrnn
from jaxrnn.engine import _activations

pytestmark = pytest.mark.float32

ENDS = np.array([np.inf, -np.inf, 1e6, -1e6, 40.0, -200.0, 0.0, np.nan], np.float32)


def everywhere():
    near, small = np.linspace(-20, 20, 400_001), np.geomspace(1e-30, 1, 10_001)
    return np.concatenate([near, small, -small, np.linspace(-87, -20, 100_001)]).astype(np.float32)


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def pair(x):
    """The first half through `each` as a tanh gate, the second as a σ gate."""
    return _activations.each(("tanh", "logistic"), jnp.concatenate([x, x]))


@pytest.mark.parametrize(
    ("ours", "true"),
    [
        (_activations.one("tanh"), np.tanh),
        (_activations.one("logistic"), sigmoid),
        (_activations.one("tanh", read=False), np.tanh),
        (_activations.one("logistic", read=False), sigmoid),
        (lambda x: pair(x)[: x.size], np.tanh),
        (lambda x: pair(x)[x.size :], sigmoid),
    ],
    ids=["tanh", "sigmoid", "tanh-unread", "sigmoid-unread", "each-tanh", "each-sigmoid"],
)
def test_within_three_ulp_and_right_at_the_ends(ours, true):
    x = everywhere()
    want = true(x.astype(np.float64))
    ulp = np.maximum(np.spacing(np.abs(want).astype(np.float32)), np.finfo(np.float32).tiny)
    assert (np.abs(np.asarray(jax.jit(ours)(x), np.float64) - want) <= 3 * ulp).all()
    np.testing.assert_array_equal(
        jax.jit(ours)(ENDS), true(ENDS.astype(np.float64)).astype(np.float32)
    )


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_slopes_of_every_order(name):
    ours = _activations.one({"tanh": "tanh", "sigmoid": "logistic"}[name])
    plain = {"tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid}[name]
    x = np.linspace(-4, 4, 41, dtype=np.float32)
    for _ in range(2):
        ours, plain = jax.grad(ours), jax.grad(plain)
        got, want = (jax.jit(jax.vmap(slope))(x) for slope in (ours, plain))
        np.testing.assert_allclose(got, want, rtol=2e-6, atol=2e-6)


CELLS = {
    "lstm": jaxrnn.lstm(2),
    "gru": jaxrnn.gru(2),
    "gru-before": jaxrnn.gru(2, reset="before"),
    "tanh": jaxrnn.vanilla(2),
}


@pytest.mark.parametrize("keep", ["gates", "carries", "chunks"])
@pytest.mark.parametrize("name", CELLS)
def test_saturated_units_have_no_slope(name, keep):
    """Inputs of ±1e6 shut every gate and saturate every unit: the walk is the step, the gradient
    of the weights of the input is exactly 0."""
    cell = CELLS[name]
    params = jax.tree.map(lambda a: jnp.ones_like(a, jnp.float32), cell.init(jax.random.key(0), 1))
    xs = jnp.asarray([1e6, -1e6, 1e6, -1e6], jnp.float32).reshape(4, 1, 1)

    @partial(jax.jit, static_argnums=0)
    def answer(layer, params):
        def total(params):
            carry, ys = layer.apply(params, None, xs)
            return ys.sum(), (carry, ys)

        return jax.grad(total, has_aux=True)(params)

    got = answer(jaxrnn.unroll(cell, keep=keep), params)
    want = answer(jaxrnn.unroll(cell, engine="scan"), params)
    jax.tree.map(np.testing.assert_array_equal, got, want)
    assert not np.asarray(got[0].w_x).any()


def test_a_gate_that_stays_open():
    """An update gate of σ(30) is 1 in float32: h is held for ever, and not forgotten bit by bit."""
    cell = jaxrnn.gru(1)
    params = jax.tree.map(lambda a: jnp.zeros_like(a, jnp.float32), cell.init(jax.random.key(0), 1))
    params = params.__class__(
        params.w_x, params.w_h, jnp.asarray([0, 30, 0], jnp.float32), params.b_h
    )
    carry = jaxrnn.GRUCarry(jnp.ones((1, 1), jnp.float32))
    after, _ = jaxrnn.unroll(cell).apply(params, carry, jnp.zeros((100_000, 1, 1), jnp.float32))
    assert after.h == 1
