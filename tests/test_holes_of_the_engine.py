"""Steps and sums that no cell of the table comes by, where a slip of the engine would show."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pytest
from _odd_steps import Step

from jaxrnn import unroll
from jaxrnn.testing import check_layer

H = 4


class Params(NamedTuple):
    w: Any  # (I, H)
    u: Any  # (H, 3H)


class Carry(NamedTuple):
    h: Any  # (*batch, H)


@dataclasses.dataclass(frozen=True)
class Odd:
    """h' = function(params, h, x W)."""

    function: Callable
    output_size: int = H

    def init(self, key, input_size, dtype=None):
        key_w, key_u = jax.random.split(key)
        return Params(
            jax.random.normal(key_w, (input_size, H), dtype),
            jax.random.normal(key_u, (H, 3 * H), dtype),
        )

    def initial_carry(self, params, batch_shape=()):
        return Carry(jnp.zeros((*batch_shape, H), params.w.dtype))

    def step(self, params, carry, x):
        h = self.function(params, carry.h, x @ params.w)
        return Carry(h), h


def a_product_read_before_its_terms(p, h, drive):
    a = h @ p.u[:, :H]
    return jnp.tanh(a + drive) * a / 4


def gates_of_unequal_size(p, h, drive):
    f, g = jnp.split(h @ p.u, [H], axis=-1)
    f, g = jax.nn.sigmoid(f), jnp.tanh(g)
    return f * g[..., :H] + g[..., H:] * drive / 4


@pytest.mark.parametrize("function", [a_product_read_before_its_terms, gates_of_unequal_size])
def test_derived_is_plain(function):
    check_layer(unroll(Odd(function)), laws=["fast_is_plain"])


def leaks(p, h, drive):
    kept = jax.nn.sigmoid(drive)
    return h - kept * (h - drive)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("engine", ["associative", "chunked", "sequential"])
def test_linear_is_plain(engine, reverse):
    check_layer(
        unroll(Odd(leaks), reverse, engine=engine),
        laws=["fast_is_plain", "fast_is_plain_with_gaps"],
    )


def truncates(p, h, drive):
    return 0.9 * h.astype(int).astype(h.dtype) + drive


def is_positive(p, h, drive):
    return (h > 0).astype(h.dtype) + drive


def halves_whole_numbers(p, h, drive):
    whole = jax.lax.div(h.astype(int), jnp.full(h.shape, 2))
    return whole.astype(h.dtype) + drive


@pytest.mark.parametrize("engine", ["associative", "chunked", "sequential"])
@pytest.mark.parametrize("function", [truncates, is_positive, halves_whole_numbers])
def test_what_only_looks_linear_is_refused(function, engine):
    with pytest.raises(ValueError, match=rf'engine="{engine}" does not fit: not linear'):
        jax.eval_shape(
            lambda p: unroll(Odd(function), engine=engine).apply(p, None, jnp.ones((5, 2, 3))),
            Odd(function).init(jax.random.key(0), 3),
        )


def test_a_carry_of_integers_is_halved_to_integers():
    """3 / 2 is 1 there, which is no product with 1/2."""

    def halved(p, count, x):
        return jax.lax.div(count, jnp.full_like(count, 2)) + 1, x

    cell = Step(halved, leaves=(((), jnp.int32),), output_size=3, x=(3,))
    layer = unroll(cell, engine="associative")
    with pytest.raises(ValueError, match="not linear in the carry: `div` of it"):
        layer.apply(cell.init(jax.random.key(0), 3), None, jnp.ones((5, 2, 3)))


def test_a_maximum_of_integers_has_no_pairs():
    """There is no -inf among them."""

    def counted(p, count, x):
        return jnp.maximum(count - 1, 4), x

    cell = Step(counted, leaves=(((), jnp.int32),), output_size=3, x=(3,))
    layer = unroll(cell, engine="associative")
    with pytest.raises(ValueError, match="not linear in the carry: `max` of it"):
        layer.apply(cell.init(jax.random.key(0), 3), None, jnp.ones((5, 2, 3)))


def a_vector_added_outside(p, h, drive):
    return 0 * h + (drive + jnp.broadcast_to(p.u[0, :H], drive.shape))


@pytest.mark.parametrize("shape", [(65 * 65,), (1, 65 * 65)], ids=["time", "rows"])
def test_what_is_added_outside_the_loop_adds_up_in_float32(shape):
    """The gradient of a vector that 4,225 instants or rows add: in bfloat16, 256 + 1 is 256."""
    layer, xs = unroll(Odd(a_vector_added_outside)), jnp.ones((*shape, 1), jnp.bfloat16)
    params = layer.init(jax.random.key(0), 1, jnp.bfloat16)

    def loss(params):
        return layer.apply(params, None, xs)[1].astype(jnp.float32).sum()

    assert abs(jax.grad(loss)(params).u[0, 0] / 65**2 - 1) < 0.01
