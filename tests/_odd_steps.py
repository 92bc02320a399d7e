"""Steps that a reader of equations may stumble over, each as a cell: a table for the laws."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

I, H = 4, 6


def draw(key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
    """Normal numbers for what is inexact; small integers; booleans; keys."""
    if dtype == "key":
        return jax.random.split(key, shape)
    dtype = jnp.dtype(dtype or jnp.zeros(()).dtype)
    if jnp.issubdtype(dtype, jnp.inexact):
        return jax.random.normal(key, shape, dtype) / 2
    return jax.random.randint(key, shape, 0, 3).astype(dtype)


@dataclasses.dataclass(frozen=True)
class Step:
    """A cell of one function ``(p, *carry, x) -> (*carry, y)``, where p.name is a weight.

    weights: name, shape, dtype of each; leaves: shape behind the batch and dtype of each leaf of
    the carry. A dtype of None is the default one, "key" that of random keys.
    """

    function: Callable
    weights: tuple[tuple[str, tuple[int, ...], Any], ...] = ()
    leaves: tuple[tuple[tuple[int, ...], Any], ...] = (((H,), None),)
    output_size: int = H
    x: tuple[int, ...] = (I,)
    batch: tuple[int, ...] = (3,)

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", "step")

    def init(self, key, input_size, dtype=None):
        keys = jax.random.split(key, max(len(self.weights), 1))
        pairs = zip(keys, self.weights, strict=False)
        return {name: draw(k, shape, of or dtype) for k, (name, shape, of) in pairs}

    def initial_carry(self, params, batch_shape=()):
        def zeros(shape, dtype):
            if dtype == "key":
                return draw(jax.random.key(0), (*batch_shape, *shape), dtype)
            floats = [a.dtype for a in jax.tree.leaves(params) if a.dtype in FLOATS]
            return jnp.zeros((*batch_shape, *shape), dtype or (floats or [None])[0])

        return tuple(zeros(*leaf) for leaf in self.leaves)

    def step(self, params, carry, x):
        with jax.numpy_rank_promotion("allow"):  # users add a bias (H) to rows (B, H)
            *carry, y = self.function(SimpleNamespace(**params), *carry, x)
        return tuple(carry), y


FLOATS = (jnp.bfloat16, jnp.float32, jnp.float64)


def form(shape, dtype=None):
    """A shape, or a pair (shape, dtype)."""
    paired = len(shape) == 2 and isinstance(shape[0], tuple)
    return shape if paired else (shape, dtype)


ODD: dict[str, Step] = {}


def odd(*, carry=((H,),), y=H, x=(I,), batch=(3,), **weights):
    """Enter a step into the table under its own name."""

    def enter(function):
        shapes = tuple((name, *form(shape)) for name, shape in weights.items())
        cell = Step(function, shapes, tuple(map(form, carry)), y, x, batch)
        ODD[function.__name__] = cell
        return function

    return enter


USUAL = {"w": (I, H), "u": (H, H), "b": (H,)}


def usual(p, h, x):
    h = jnp.tanh(x @ p.w + h @ p.u + p.b)
    return h, h


# Calls


@odd(**USUAL)
def jit_of_it(p, h, x):
    return jax.jit(lambda h, x: usual(p, h, x))(h, x)


@odd(**USUAL)
def checkpoint_of_jit_of_it(p, h, x):
    return jax.checkpoint(lambda h, x: jax.jit(lambda h: usual(p, h, x))(h))(h, x)


@odd(**USUAL)
def custom_jvp(p, h, x):
    h = jax.nn.relu(x @ p.w + h @ p.u + p.b) / 2
    return h, h


@jax.custom_jvp
def slanted(a):
    return jnp.sin(a)


slanted.defjvps(lambda da, out, a: da * (0.3 + a * a))  # not its derivative


@odd(**USUAL)
def custom_jvp_that_is_no_derivative(p, h, x):
    h = slanted(x @ p.w + h @ p.u)
    return h, slanted(h)


@jax.custom_vjp
def firm(a, u):
    return jnp.sin(a @ u)


def firm_back(residuals, ct):
    return 2 * jax.vjp(lambda a, u: jnp.cos(a @ u), *residuals)[1](ct)[0], ct.T @ residuals[0]


firm.defvjp(lambda a, u: (firm(a, u), (a, u)), firm_back)


@odd(w=(I, H), u=(H, H))
def custom_vjp_of_a_product(p, h, x):
    return firm(h + x @ p.w, p.u), h


@odd(**USUAL)
def cond_of_the_carry(p, h, x):
    a = h + x @ p.w
    h = jax.lax.cond(
        h.sum() > 0, lambda a: jnp.tanh(a @ p.u), lambda a: jnp.sin(a @ p.u) * p.b[None], a
    )
    return h, h


@odd(**USUAL)
def cond_of_the_input(p, h, x):
    drive = jax.lax.cond(x[0, 0] > 0, lambda x: x @ p.w, lambda x: -2 * (x @ p.w), x)
    return jnp.tanh(h @ p.u + drive), h


@odd(carry=((H,), ((), int)), **USUAL)
def switch_of_a_counter(p, h, n, x):
    ways = [jnp.tanh, jnp.sin, lambda a: a / 2]
    h = jax.lax.switch(n[0] % 3, ways, h @ p.u + x @ p.w)
    return h, n + 1, h


@odd(**USUAL)
def scan_inside(p, h, x):
    a = h + x @ p.w
    h, seen = jax.lax.scan(lambda a, _: (jnp.tanh(a @ p.u), a), a, None, length=3)
    return h, seen.sum(0)


@odd(w=(I, H), u=(3, H, H))
def scan_over_weights(p, h, x):
    h, _ = jax.lax.scan(lambda a, u: (jnp.tanh(a @ u), None), h + x @ p.w, p.u)
    return h, h


@odd(**USUAL)
def while_without_gradient(p, h, x):
    n = jax.lax.while_loop(lambda i: i < 3, lambda i: i + 1, jnp.array(0))
    return jnp.tanh(h @ p.u + x @ p.w) * n.astype(h.dtype) / 3, h


@odd(**USUAL)
def while_of_the_input(p, h, x):
    n = jax.lax.while_loop(lambda n: n.sum() < 3, lambda n: n + 1.0, jnp.floor(abs(x[:, :1])))
    return jnp.tanh(h @ p.u + x @ p.w) / (1 + n), h


@odd(**USUAL)
def vmap_inside(p, h, x):
    h = jax.vmap(lambda h, x: jnp.tanh(p.u @ h + x @ p.w))(h, x)
    return h, h


@odd(**USUAL)
def sorted_and_summed(p, h, x):
    h = jnp.tanh(jnp.cumsum(jnp.sort(h @ p.u + x @ p.w, axis=-1), axis=-1))
    return h, h[:, ::-1]


@odd(**USUAL)
def read_where_the_carry_points(p, h, x):
    at = jnp.argmax(h, axis=-1)
    read = p.u[at] + jnp.take_along_axis(x @ p.w, at[:, None], axis=-1)
    return jnp.tanh(h + read), h


@odd(u=(H, H), w=(I, H))
def solves(p, h, x):
    eye = 4 * jnp.eye(H)
    h = jnp.linalg.solve(eye + jnp.tanh(h[..., None] * p.u[None]), (x @ p.w)[..., None])[..., 0]
    return h, h


@odd(w=(I, H), f=(H,))
def fourier(p, h, x):
    h = jnp.tanh(jnp.fft.irfft(jnp.fft.rfft(h) * jnp.fft.rfft(p.f)[None], H) + x @ p.w)
    return h, h


# Products


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


# Carries


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


# Params, inputs, outputs


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
