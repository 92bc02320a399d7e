"""Derivatives forwards, and of derivatives, go through every path and are the plain scan's."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _odd_steps import ODD, I

import jaxrnn


@pytest.mark.parametrize("keep", ["gates", "carries", "chunks"])
def test_forward_mode(keep, getkey):
    """Tangents, eager and compiled, are those of the plain scan, and the transpose of them is the
    gradient."""
    cell = jaxrnn.gru(4)
    layer, plain = jaxrnn.unroll(cell, keep=keep), jaxrnn.unroll(cell, engine="scan")
    params, xs = layer.init(getkey(), 3), jax.random.normal(getkey(), (5, 2, 3))
    lengths, along = jnp.array([5, 2]), (jax.tree.map(jnp.cos, params), jnp.cos(xs))

    def walk(layer, params, xs):
        return layer.apply(params, None, xs, lengths=lengths)

    def tangent(layer):
        return jax.jvp(partial(walk, layer), (params, xs), along)

    want = tangent(plain)
    jaxrnn.testing.same(tangent(layer), want, within=1e-12)
    jaxrnn.testing.same(jax.jit(tangent, static_argnums=0)(layer), want, within=1e-12)
    _, pull = jax.vjp(partial(walk, layer), params, xs)
    cotangent = jax.tree.map(jnp.sin, want[1])
    forwards, backwards = _inner(want[1], cotangent), _inner(along, pull(cotangent))
    np.testing.assert_allclose(forwards, backwards, rtol=1e-12)


def _inner(one, other):
    return sum(map(jnp.vdot, jax.tree.leaves(one), jax.tree.leaves(other)))


@pytest.mark.parametrize(
    "keep",
    ["gates", *(pytest.param(keep, marks=pytest.mark.slow) for keep in ("carries", "chunks"))],
)
def test_hessian_vector_products(keep, getkey):
    """Forward over reverse, reverse over reverse and reverse over forward are all the plain
    scan's."""
    cell = jaxrnn.lstm(3)
    params, xs = cell.init(getkey(), 2), jax.random.normal(getkey(), (4, 2, 2))
    along = jax.tree.map(jnp.cos, params)

    def products(**how):
        def loss(params):
            return (jaxrnn.unroll(cell, **how).apply(params, None, xs)[1] ** 3).sum()

        def slope(params):
            return jax.jvp(loss, (params,), (along,))[1]

        gradient = jax.grad(loss)
        yield jax.jvp(gradient, (params,), (along,))[1]
        yield jax.vjp(gradient, params)[1](along)[0]
        yield jax.grad(slope)(params)

    for got in products(keep=keep):
        jaxrnn.testing.same(got, next(products(engine="scan")), within=1e-12)


def test_forward_mode_of_the_loss(getkey):
    lm = jaxrnn.language_model(jaxrnn.unroll(jaxrnn.gru(4)), 5)
    params, ids = lm.init(getkey()), jax.random.randint(getkey(), (6, 2), 0, 5)

    def loss(params):
        return lm.loss(params, None, ids[:-1], ids[1:])[0]

    along = jax.tree.map(jnp.cos, params)
    slope = jax.jvp(loss, (params,), (along,))[1]
    np.testing.assert_allclose(slope, _inner(jax.grad(loss)(params), along), rtol=1e-12)


def leaks(p, h, x):
    h = jax.nn.sigmoid(x @ p.w) * h + x @ p.w
    return h, jnp.tanh(h)


@pytest.mark.parametrize("engine", ["associative", "chunked", "sequential"])
def test_linear_recurrences(engine, getkey):
    """The tangent, and the tangent of the gradient."""
    cell = dataclasses.replace(ODD["jit_of_it"], function=leaks)
    params, xs = cell.init(getkey(), I), jax.random.normal(getkey(), (5, 2, I))
    along = jax.tree.map(jnp.cos, params)

    def answers(engine):
        def loss(params):
            return (jaxrnn.unroll(cell, engine=engine).apply(params, None, xs)[1] ** 2).sum()

        tangent = jax.jvp(loss, (params,), (along,))[1]
        return tangent, jax.jvp(jax.grad(loss), (params,), (along,))[1]

    jaxrnn.testing.same(answers(engine), answers("scan"), within=1e-12)


def test_a_step_with_a_rule_of_its_own_goes_backwards_alone(getkey):
    """As anywhere in JAX: `jax.custom_vjp` says no derivative forwards."""
    cell = ODD["custom_vjp_of_a_product"]
    params, xs = cell.init(getkey(), I), jax.random.normal(getkey(), (5, *cell.batch, I))

    def loss(params):
        return jaxrnn.unroll(cell).apply(params, None, xs)[1].sum()

    assert len(jax.tree.leaves(jax.grad(loss)(params))) == len(jax.tree.leaves(params))
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(loss, (params,), (params,))
