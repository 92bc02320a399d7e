"""Random small cells: a seed says what a step does."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from _odd_steps import Step

I = N = 4  # inputs, and the width of every value: half of it is split and concatenated


def random_cell(seed: int) -> Step:
    """A step over two or three leaves of the carry: six to fourteen random operations, each on
    values that are there (the carry, x, and what was made of them), and random ones of all values
    as the next carry and y."""
    rng = random.Random(seed)
    leaves, weights, plan = rng.randint(2, 3), {}, []
    values = list(range(leaves + 1))  # the carry, then x
    while len(plan) < rng.randint(6, 14):
        name = rng.choice(list(OPERATIONS))
        operation, shapes = OPERATIONS[name]
        count = operation.__code__.co_argcount - len(shapes)
        # What is new is taken more often: long chains, and few values that nothing reads.
        taken = [rng.choice(values + 2 * values[-4:]) for _ in range(count)]
        own = []
        for shape in shapes:
            same = [w for w, other in weights.items() if other == shape]
            weight = rng.choice(same) if same and rng.random() < 0.3 else f"w{len(weights)}"
            weights[weight] = shape
            own.append(weight)
        values.append(len(values))
        plan.append((operation, tuple(taken), tuple(own)))
    ends = tuple(rng.choice(values[-8:]) for _ in range(leaves))
    # Most carries are bounded, or else the differences of two ways to round would grow in time.
    ends = tuple((end, rng.choice([jnp.tanh, jnp.tanh, jnp.sin, _as_it_is])) for end in ends)
    # y is the first leaf of the new carry, or of two values.
    y = () if rng.random() < 0.4 else tuple(rng.sample(values, 2))
    return Step(
        partial(walk, tuple(plan), ends, y),
        tuple((name, shape, None) for name, shape in weights.items()),
        (((N,), None),) * leaves,
        2 * N if y else N,
    )


def walk(plan: tuple, ends: tuple, y: tuple, p: Any, *values: Any) -> tuple:
    values = list(values)
    for operation, taken, own in plan:
        values.append(operation(*(values[i] for i in taken), *(getattr(p, name) for name in own)))
    carry = [end(values[i]) for i, end in ends]
    return *carry, jnp.concatenate([values[i] for i in y], axis=-1) if y else carry[0]


def _as_it_is(a):
    return a / 2


def product(a, w):
    return a @ w


def biased(a, w, b):
    return a @ w + b


def affine(a, b, w, u):
    return a @ w + b @ u


def squared_product(a, w):
    return a @ (w @ w) / 2


def transposed(a, w):
    return jnp.einsum("bi,ji->bj", a, w)


def heads(a, w):
    return jnp.einsum("bnd,nde->bne", a.reshape(-1, 2, N // 2), w).reshape(a.shape)


def wide(a, b, w, u):
    i, g = jnp.split(a @ w + b @ u, 2, axis=-1)
    return jax.nn.sigmoid(i) * jnp.tanh(g)


def uneven(a, w):
    i, g = jnp.split(a @ w, [3], axis=-1)
    return jnp.concatenate([jax.nn.sigmoid(i), jnp.tanh(g)], axis=-1)[..., 2 : 2 + N]


def row_by_row(a, b):
    return jnp.einsum("bi,bj,bj->bi", a, b, b) / N


def diagonal(a, d):
    return a * d


def spread(a, d):
    return jnp.broadcast_to(jnp.broadcast_to(d, (1, N)), a.shape) * a


def decayed(a, b, d):
    return jax.nn.sigmoid(d) * a + (1 - jax.nn.sigmoid(d)) * b


def gate(a, b):
    return jax.nn.sigmoid(a) * b


def blend(a, b, c):
    z = jax.nn.sigmoid(a)
    return z * b + (1 - z) * c


def squash(a):
    return jnp.tanh(a)


def rectified(a):
    return jax.nn.relu(a)


def bell(a):
    return jnp.exp(-a * a)


def added(a, b):
    return a + b


def less(a, b):
    return a - b


def norm(a, g):
    a = a - a.mean(-1, keepdims=True)
    return g * a / jnp.sqrt((a * a).mean(-1, keepdims=True) + 0.1)


def chosen(a, b, c):
    return jnp.where(a > 0, b, c)


def largest(a, b):
    return jnp.maximum(a, b)


def weighed(a, b):
    return jax.nn.softmax(a, axis=-1) * b


def total(a, b):
    return jnp.tanh(a.sum(-1, keepdims=True)) + b


def halves(a, b):
    return jnp.concatenate([a[..., N // 2 :], b[..., : N // 2]], axis=-1)


def crossed(a):
    left, right = jnp.split(a, 2, axis=-1)
    return jnp.concatenate([right * left, jnp.sin(left)], axis=-1)


def rolled(a):
    return jnp.roll(a, 1, axis=-1)


def held(a, b):
    return jax.lax.stop_gradient(a) * b


def called(a, w):
    return jax.checkpoint(lambda a: jax.jit(jnp.tanh)(a @ w))(a)


# Each with the shapes of its weights, which are its last arguments.
OPERATIONS = {
    operation.__name__: (operation, shapes)
    for operation, *shapes in [
        (product, (N, N)),
        (biased, (N, N), (N,)),
        (affine, (N, N), (N, N)),
        (squared_product, (N, N)),
        (transposed, (N, N)),
        (heads, (2, N // 2, N // 2)),
        (wide, (N, 2 * N), (N, 2 * N)),
        (uneven, (N, 2 * N)),
        (row_by_row,),
        (diagonal, (N,)),
        (spread, (N,)),
        (decayed, (N,)),
        (gate,),
        (blend,),
        (squash,),
        (rectified,),
        (bell,),
        (added,),
        (less,),
        (norm, (N,)),
        (chosen,),
        (largest,),
        (weighed,),
        (total,),
        (halves,),
        (crossed,),
        (rolled,),
        (held,),
        (called, (N, N)),
    ]
}
