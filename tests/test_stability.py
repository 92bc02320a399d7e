"""Long walks in float32, of gates that are all open, all shut, and of inputs tiny and huge.

No inf, no NaN, in answers nor gradients; and the answer is that of float64 within BOUND of the
largest of its leaf, and of what float32 can write. Daily: the cells whose memory has no bound of
its own; the rest are slow.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _family import CELLS, LINEAR, kind

import jaxrnn

T, B = 16_384, 2
BOUND, TINY = 1e-3, 1e-30
BOUNDS = {
    "layer_norm_lstm": 2e-2,  # it divides by how far its units differ,
    "mlstm-heads": 1e-2,  # and this by n' · q, which may come near 0: rounding grows
}
STEEP = ("layer_norm_lstm", "layer_norm_gru")  # at nothing, its slope is 1/√ε at each instant
DAILY = {
    ("minlstm", "associative"),
    ("rg_lru-straight", "associative"),
    ("slstm-heads", "derived"),
    ("mlstm-heads", "sequential"),
}
ALL = CELLS | {name: (getattr(jaxrnn, name)(4), 3) for name in ("vanilla", "gru", "lstm")}


def paths(name):
    if kind(name) in LINEAR:
        yield from ("associative", "chunked", "sequential")
    yield from ("derived", "scan")


def grid():
    for name in ALL:
        for path in paths(name):
            marks = [] if (name, path) in DAILY else [pytest.mark.slow]
            yield pytest.param(name, path, id=f"{name}-{path}", marks=marks)


def biased(params, value):
    """With `value` added to every bias: the gates of sigmoids all open, or all shut."""
    names = {"b", "b_g"} & {field.name for field in dataclasses.fields(params)}
    return dataclasses.replace(params, **{name: getattr(params, name) + value for name in names})


def questions(params, input_size):
    """Params and inputs, in float64."""
    rng = np.random.default_rng(0)
    xs = rng.normal(size=(T, B, input_size))
    signs = np.sign(xs)
    yield "ordinary", params, xs
    yield "open", biased(params, 60.0), xs
    yield "shut", biased(params, -60.0), xs
    yield "tiny", params, 1e-30 * xs
    yield "huge", params, 1e4 * signs
    yield "nothing", params, 0 * xs


def ask(layer):
    """The answers, and the gradients of their mean."""

    def loss(params, xs):
        carry, ys = layer.apply(params, None, xs)
        return ys.mean(), (carry, ys)

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


@pytest.mark.parametrize(("name", "path"), list(grid()))
def test_long_walks_stay_finite_and_near(name, path):
    cell, input_size = ALL[name]
    layer, plain = jaxrnn.unroll(cell, engine=path), jaxrnn.unroll(cell, engine="scan")
    begun = cell.init(jax.random.key(0), input_size, jnp.float64)
    fast, exact = ask(layer), ask(plain)
    for what, params, xs in questions(begun, input_size):
        narrow = jax.tree.map(lambda a: a.astype(jnp.float32), (params, xs))
        (_, got), gradients = fast(*narrow)
        # the same numbers in float64, rounded as the walk read them
        (_, want), _ = exact(*jax.tree.map(lambda a: a.astype(jnp.float64), narrow))
        steep = kind(name) in STEEP and what == "nothing"
        for a in jax.tree.leaves((got, () if steep else gradients)):
            assert np.isfinite(a).all(), f"{what}: {name} gives what is not finite"
        pairs = [map(np.asarray, jax.tree.leaves(of)) for of in (got, want)]
        for a, b in zip(*pairs, strict=True):
            near = BOUNDS.get(name, BOUND) * np.abs(b).max() + TINY
            assert np.abs(a - b).max() <= near, f"{what}: {name} is far off"
