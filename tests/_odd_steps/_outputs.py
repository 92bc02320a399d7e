"""Steps with odd params, inputs or outputs."""

import jax
import jax.numpy as jnp
import numpy as np

from ._step import USUAL, H, I, odd


@odd(x=(H,))
def no_params(p, h, x):
    return jnp.tanh(h + x), h


@odd(u=(H, H), g=(), n=((H,), int))
def numbers_and_integers(p, h, x):
    return jnp.tanh(h[:, p.n] @ p.u) * p.g, h


@odd(u=(H, H))
def ignores_the_input(p, h, x):
    return jnp.tanh(h @ p.u), h


@odd(y=2, **USUAL)
def y_is_a_constant(p, h, x):
    return jnp.tanh(h @ p.u + x @ p.w), jnp.ones((3, 2))


@odd(**USUAL)
def y_is_of_the_input(p, h, x):
    return jnp.tanh(h @ p.u + x @ p.w), x @ p.w


@odd(y=I, **USUAL)
def y_is_the_input(p, h, x):
    return jnp.tanh(h @ p.u + x @ p.w), x


@odd(**USUAL)
def y_is_of_params(p, h, x):
    return jnp.tanh(h @ p.u + x @ p.w), jnp.broadcast_to(2 * p.b, h.shape)


@odd(**USUAL)
def y_is_an_integer(p, h, x):
    h = jnp.tanh(h @ p.u + x @ p.w)
    return h, (h > 0).astype(int)


@odd(y=2 * H, **USUAL)
def y_is_h_twice(p, h, x):
    h = jnp.tanh(h @ p.u + x @ p.w)
    return h, jnp.concatenate([h, h], axis=-1)


@odd(u=(H, H), w=(5, H))
def rows_picked_by_hand(p, h, x):
    drive = jnp.take(p.w, (3 * x[:, 0]).astype(int) % 5, axis=0)
    return jnp.tanh(h @ p.u + drive), h


@odd(gain=(H,), shift=(H,), **USUAL)
def normalised(p, h, x):
    a = h @ p.u + x @ p.w
    a = (a - a.mean(-1, keepdims=True)) / jnp.sqrt(a.var(-1, keepdims=True) + 1e-3)
    h = jnp.tanh(a * p.gain + p.shift)
    return h, h


@odd(**USUAL)
def dropped_by_a_fixed_key(p, h, x):
    kept = jax.random.bernoulli(jax.random.key(3), 0.5, (H,))
    return jnp.tanh(jnp.where(kept[None], h, 0) @ p.u + x @ p.w), h


FIXED = np.random.default_rng(0).normal(size=(H, H)) / 2


@odd(**USUAL)
def closes_over_an_array(p, h, x):
    h = jnp.tanh(h @ jnp.asarray(FIXED, h.dtype) + x @ p.w)
    return h, h @ FIXED + p.u.sum(0)[None]
