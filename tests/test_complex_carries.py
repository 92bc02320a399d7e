"""The laws judge cells whose carry is complex: here one that is not ours."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrnn import engine, lru, mingru, unroll
from jaxrnn.testing import LAWS, check_cell, draw


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TurningParams:
    fade: jax.Array  # (H)
    turn: jax.Array  # (H)
    w: jax.Array  # (I, H)


class TurningCarry(NamedTuple):
    h: jax.Array  # complex (*batch, H)


@dataclasses.dataclass(frozen=True)
class Turning:
    """h' = λ h + x W with λ = exp(-exp(fade) + i turn);  y = Re(h') + Im(h')²."""

    hidden_size: int

    @property
    def output_size(self) -> int:
        return self.hidden_size

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> TurningParams:
        dtype = jnp.zeros(()).dtype if dtype is None else dtype
        keys, H = jax.random.split(key, 3), self.hidden_size
        shapes = (H,), (H,), (input_size, H)
        draws = zip(keys, shapes, strict=True)
        return TurningParams(*(jax.random.normal(key, shape, dtype) for key, shape in draws))

    def initial_carry(
        self, params: TurningParams, batch_shape: tuple[int, ...] = ()
    ) -> TurningCarry:
        dtype = jnp.complex128 if params.w.dtype == jnp.float64 else jnp.complex64
        return TurningCarry(jnp.zeros((*batch_shape, self.hidden_size), dtype))

    def step(
        self, params: TurningParams, carry: TurningCarry, x: jax.Array
    ) -> tuple[TurningCarry, jax.Array]:
        real = carry.h.real.dtype
        fade, turn = (a.astype(real) for a in (params.fade, params.turn))
        turned = jnp.broadcast_to(jnp.exp(jax.lax.complex(-jnp.exp(fade), turn)), carry.h.shape)
        drive = (x @ params.w).astype(real)
        h = turned * carry.h + jax.lax.complex(drive, jnp.zeros_like(drive))
        return TurningCarry(h), (h.real + h.imag**2).astype(x.dtype)


ONE = unroll(Turning(4))
NAMES = [name for name, law in LAWS.items() if law.fits(ONE)]


@pytest.mark.parametrize("name", NAMES)
def test_a_complex_carry_keeps_the_law(name):
    LAWS[name](ONE)


@pytest.mark.slow
def test_every_law_at_once():
    check_cell(Turning(4))


def test_the_question_is_complex_where_the_carry_is():
    case = draw(ONE, 3, 0)
    for carry in (case.carry, case.dcarry):
        assert np.iscomplexobj(carry.h) and np.all(carry.h.imag != 0)


def test_a_complex_carry_is_walked_in_order_on_a_cpu():
    choice = engine.choose(lru(4))
    assert choice.path == "sequential" and "complex carry" in choice.refused["derived"]
    assert engine.choose(mingru(4)).path == "derived"
