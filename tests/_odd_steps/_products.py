"""Steps whose products are not x w + h u."""

import jax
import jax.numpy as jnp

from ._step import USUAL, H, I, odd


@odd(carry=((2, 3, 2), (2, 3, 2)), x=(I,), y=2, w=(I, 2, 3, 8), u=(3, 3, 2, 8))
def convolutions(p, h, c, x):
    def conv(a, w):
        named = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(a, w, (1, 1), "SAME", dimension_numbers=named)

    i, f, o, g = jnp.split(jnp.einsum("bi,ijkg->bjkg", x, p.w) + conv(h, p.u), 4, -1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return h, c, h.sum((1, 2))


@odd(carry=((2, 3),), y=3, u=(2, 3, 3), w=(I, 3))
def heads(p, h, x):
    h = jnp.tanh(jnp.einsum("bnd,nde->bne", h, p.u) + (x @ p.w)[:, None])
    return h, h.sum(1)


@odd(w=(H, I), u=(H, H))
def weight_first(p, h, x):
    h = jnp.tanh(jnp.einsum("ij,bj->bi", p.u, h) + jnp.einsum("ij,bj->bi", p.w, x))
    return h, h


@odd(w=(I, H), u=(H, H), v=(H, 5), y=5)
def weights_of_one_operand(p, h, x):
    h = jnp.tanh(h @ p.u + x @ p.w) * jax.nn.sigmoid(h @ (p.u + 1) + x @ p.w)
    return h, jnp.sin(h) @ p.v


@odd(w=(I, H), u=(H, H), v=(H, 5), y=5)
def sums_that_leave_at_once(p, h, x):
    return h @ p.u + x @ p.w, h @ p.v


@odd(w=(I, H), u=(H, H))
def weight_used_twice(p, h, x):
    h = jnp.tanh((jnp.sin(h @ p.u) + x @ p.w) @ p.u)
    return h, h @ p.u.T


@odd(w=(I, H), u=(H, H))
def weight_used_elsewhere(p, h, x):
    return jnp.tanh(h @ p.u + x @ p.w) * p.u.sum(), h * p.u[:1]


@odd(w=(I, H), u=(H, H), g=(H,))
def weight_of_weights(p, h, x):
    u = (p.u / jnp.linalg.norm(p.u, axis=0, keepdims=True)) @ p.u * p.g[None]
    return jnp.tanh(h @ u + x @ p.w), h @ (u * 2)


@odd(w=(I, H), u=(H, 2), v=(2, H))
def two_products_in_a_row(p, h, x):
    h = jnp.tanh(h @ p.u @ p.v + x @ p.w)
    return h, h


@odd(w=(I, H), u=(H, H), b=(H,))
def many_terms(p, h, x):
    a = p.b + (x @ p.w + (h @ p.u + p.b * 2)) + jnp.sin(x @ p.w)
    return jnp.tanh(a - x @ p.w), a


@odd(w=(I, H), u=(H, H))
def one_term_of_two_sums(p, h, x):
    drive = x @ p.w
    h = jnp.tanh(h @ p.u + drive) * jax.nn.sigmoid(jnp.sin(h) @ p.u + drive)
    return h, h


@odd(w=(I, H), u=(H, H))
def product_of_carries(p, h, x):
    return jnp.tanh(h @ (h.T @ (x @ p.w)) + h @ p.u), h


@odd(w=(I, H), u=(H, H))
def product_of_carry_and_input(p, h, x):
    drive = x @ p.w
    return jnp.tanh(h @ (drive.T @ drive)), h @ p.u


@odd(v=(3, H), w=(I, H))
def product_with_itself(p, h, x):
    return jnp.tanh(x @ p.w + (h @ h.T) @ p.v), h


@odd(w=(I, 5 * H), u=(H, H))
def attention_over_the_input(p, h, x):
    keys = (x @ p.w).reshape(-1, 5, H)
    score = jax.nn.softmax(jnp.einsum("bh,bkh->bk", h @ p.u, keys))
    h = jnp.tanh(h + jnp.einsum("bk,bkh->bh", score, keys))
    return h, h


@odd(carry=((H,), (3, 5)), y=5, k=(I, 3), v=(I, 5), q=(H, 3), u=(5, H))
def matrix_memory(p, h, m, x):
    m = 0.7 * m + jnp.einsum("bk,bv->bkv", x @ p.k, jnp.tanh(x @ p.v))
    read = jnp.einsum("bk,bkv->bv", h @ p.q, m)
    return jnp.tanh(read @ p.u), m, read


@odd(w=(I, H), u=(H, I, H))
def bilinear(p, h, x):
    h = jnp.tanh(jnp.einsum("bh,hij,bi->bj", h, p.u, x))
    return h, h


@odd(w=(I, H), u=(H, 3 * H))
def unequal_parts(p, h, x):
    a, b = jnp.split(h @ p.u, [H], axis=-1)
    b = jax.nn.sigmoid(b)
    return jnp.tanh(a + x @ p.w) * b[:, :H], b[:, H:] + a


@odd(y=H, w=(I, 3 * H), u=(H, 3 * H))
def gates_of_unequal_parts(p, h, x):
    i, g = jnp.split(h @ p.u + x @ p.w, [2 * H], axis=-1)
    i, g = jax.nn.sigmoid(i), jnp.tanh(g)
    return i[:, :H] * g, i[:, H:] - g


@odd(w=(I, 2 * H), u=(H, 2 * H))
def a_gate_used_raw_too(p, h, x):
    a, b = jnp.split(h @ p.u + x @ p.w, 2, axis=-1)
    return jnp.tanh(a) * jax.nn.sigmoid(b), a + jnp.tanh(b)


@odd(batch=(), **USUAL)
def without_batch(p, h, x):
    h = jnp.tanh(h @ p.u + x @ p.w)
    return h, h


@odd(batch=(), w=(I, H), u=(H, H))
def matrix_times_vector(p, h, x):
    return jnp.tanh(p.u @ h + p.w.T @ x), h


@odd(batch=(2, 3), **USUAL)
def two_batch_axes(p, h, x):
    h = jnp.tanh(h @ p.u + x @ p.w)
    return h, h
