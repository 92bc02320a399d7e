"""Steps whose carry is not one float leaf that each instant replaces."""

import jax
import jax.numpy as jnp

from ._step import USUAL, H, I, odd


@odd(carry=((H,), ((), int)), **USUAL)
def integer(p, h, n, x):
    return jnp.tanh(h @ p.u + x @ p.w) / (1 + n.astype(h.dtype))[:, None], n + 1, h


@odd(carry=((H,), ((H,), bool)), **USUAL)
def boolean(p, h, seen, x):
    h = jnp.where(seen, jnp.tanh(h @ p.u + x @ p.w), h)
    return h, h > 0, h


@odd(carry=((H,), ((), "key")), **USUAL)
def random_key(p, h, key, x):
    kept = jax.vmap(lambda key: jax.random.bernoulli(key, 0.5, (H,)))(key)
    key = jax.vmap(lambda key: jax.random.split(key)[0])(key)
    return jnp.where(kept, jnp.tanh(h @ p.u + x @ p.w), 0), key, h


@odd(carry=((H,), ((2,), jnp.uint32)), **USUAL)
def raw_random_key(p, h, key, x):
    kept = jax.vmap(lambda key: jax.random.bernoulli(key, 0.5, (H,)))(key)
    key = jax.vmap(lambda key: jax.random.split(key)[0])(key)
    return jnp.where(kept, jnp.tanh(h @ p.u + x @ p.w), 0), key, h


@odd(
    carry=(((5,), complex),),
    y=2,
    a=((5,), complex),
    b=((I, 5), complex),
    c=((5, 2), complex),
)
def complex_diagonal(p, z, x):
    z = p.a / 2 * z + x.astype(complex) @ p.b
    return z, (z @ p.c).real


@odd(carry=(((5,), complex),), y=5, u=((5, 5), complex), b=((I, 5), complex))
def complex_product(p, z, x):
    z = jnp.sin((z @ p.u + x.astype(complex) @ p.b) / 5)
    return z, z.imag


@odd(carry=((H,), ((H,), jnp.float32)), **USUAL)
def two_dtypes(p, h, slow, x):
    h = jnp.tanh(h @ p.u + x @ p.w + slow.astype(h.dtype))
    return h, slow / 2 + h.astype(jnp.float32), h


@odd(carry=((H, 3),), w=(I, H), v=(I, 3), a=(H, 3))
def greatest(p, h, x):
    slow = jnp.exp(-jax.nn.softplus(x @ p.w)[..., None] * jnp.exp(p.a))
    h = slow * h + jax.nn.silu(x @ p.w)[..., None] * (x @ p.v)[..., None, :]
    return h, h.max(-1) - h.min(-1)


@odd(carry=((H,), (H,)), u=(H, H), w=(I, H), v=(H + I + H + 2, H))
def side_by_side(p, h, c, x):
    ones = jnp.ones((*x.shape[:-1], 2), x.dtype)
    after = jnp.tanh(jnp.concatenate([h, x, c, ones], -1) @ p.v)
    return after, h @ p.u + x @ p.w, after


@odd(carry=((H,), (H,)), **USUAL)
def swapped(p, h, c, x):
    return c, jnp.tanh(h @ p.u), h + x @ p.w


@odd(carry=((H,), (H,)), **USUAL)
def one_value_in_two_leaves(p, h, c, x):
    h = jnp.tanh(h @ p.u + c + x @ p.w)
    return h, h, h


@odd(carry=((H,), (H,)), **USUAL)
def a_leaf_that_stays(p, h, c, x):
    return jnp.tanh(h @ p.u + c + x @ p.w), c, h


@odd(carry=((H,), (H,)), **USUAL)
def a_leaf_that_none_reads(p, h, c, x):
    h = jnp.tanh(h @ p.u + x @ p.w)
    return h, x @ p.w, h


@odd(**USUAL)
def replaced_by_the_input(p, h, x):
    return x @ p.w, h


@odd(**USUAL)
def replaced_by_a_weight(p, h, x):
    return jnp.broadcast_to(p.b, h.shape), h * jnp.sin(x @ p.w)


@odd(carry=((H,), ()), **USUAL)
def a_number_a_row(p, h, energy, x):
    energy = energy / 2 + (h * h).mean(-1)
    return jnp.tanh(h @ p.u + x @ p.w) / (1 + energy)[:, None], energy, h


@odd(carry=(), **USUAL)
def no_carry(p, x):
    return (jnp.tanh(x @ p.w),)


@odd(carry=((H,), (0,)), **USUAL)
def an_empty_leaf(p, h, nothing, x):
    return jnp.tanh(h @ p.u + x @ p.w), nothing, h


@odd(**USUAL)
def without_gradient(p, h, x):
    h = jax.lax.stop_gradient(jnp.tanh(h @ p.u + x @ p.w)) + h * p.b
    return h, h @ jax.lax.stop_gradient(p.u)
