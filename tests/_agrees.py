"""One walk two ways: derived and plain, with random cotangents for all that comes out."""

from functools import partial

import jax
import jax.numpy as jnp
from _odd_steps import I, draw

import jaxrnn
from jaxrnn.testing import same
from jaxrnn.testing._case import jit

T = 5


def question(cell, seed=0, steps=T, batch=None, dtype=None):
    """Random params, carry and xs."""
    key_params, key_carry, key_xs = jax.random.split(jax.random.key(seed), 3)
    batch = cell.batch if batch is None else batch
    params = cell.init(key_params, I, dtype)
    carry = tuple(
        draw(jax.random.fold_in(key_carry, i), (*batch, *shape), of or dtype)
        for i, (shape, of) in enumerate(cell.leaves)
    )
    return params, carry, draw(key_xs, (steps, *batch, *cell.x), dtype)


def inexact(tree):
    return [a for a in jax.tree.leaves(tree) if jnp.issubdtype(jnp.result_type(a), jnp.inexact)]


def of_floats(function, *values):
    """`function` of what is inexact in its `values`: the rest of these is fixed, all that comes out
    is a flat list."""
    leaves, tree = jax.tree.flatten(values)
    at = [i for i, a in enumerate(leaves) if jnp.issubdtype(a.dtype, jnp.inexact)]

    def of(*floats):
        given = dict(zip(at, floats, strict=True))
        filled = [given.get(i, a) for i, a in enumerate(leaves)]
        outs = jax.tree.leaves(function(*jax.tree.unflatten(tree, filled)))
        return [jax.random.key_data(a) if _is_key(a) else a for a in outs]

    return of, [leaves[i] for i in at]


def _is_key(a):
    return jnp.issubdtype(a.dtype, jax.dtypes.prng_key)


def pulled(function, floats):
    """All that comes out, and the gradients of random cotangents for what is inexact in it."""

    def split(*floats):
        outs = function(*floats)
        return inexact(outs), outs

    outs, back, everything = jax.vjp(split, *floats, has_aux=True)
    keys = jax.random.split(jax.random.key(9), len(outs) + 1)
    cts = [jax.random.normal(k, a.shape, a.dtype) for k, a in zip(keys, outs, strict=False)]
    return [a.astype(int) if a.dtype == bool else a for a in everything], back(cts)


def agrees(
    cell,
    within=1e-12,
    ways=(False, True),
    wrap=lambda f: f,
    asked=None,
    when=None,
    fast="derived",
    **how,
):
    """Derived = plain. `asked`: what `question` is asked; `wrap` transforms a function of arrays;
    `how`: options of `unroll`."""
    values, when = question(cell, **(asked or {})), when or {}

    def answer(engine_name, floats):
        layers = [jaxrnn.unroll(cell, way, engine=engine_name, **how) for way in ways]
        walks = [of_floats(partial(layer.apply, **when), *values)[0] for layer in layers]
        return [pulled(wrap(walk), floats) for walk in walks]

    floats = of_floats(None, *values)[1]
    got, want = jit(lambda floats: (answer(fast, floats), answer("scan", floats)))(floats)
    same(got, want, within)
