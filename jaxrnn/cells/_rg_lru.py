"""The real-gated linear recurrent unit of Griffin (De et al. 2024)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from jaxrnn import _containers
from jaxrnn.cells import _declared
from jaxrnn.cells._affine import inputs, plus, straight
from jaxrnn.cells._arithmetic import times
from jaxrnn.cells._gru import GRUCarry

POWER = 8.0  # the paper's c


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class RGLRUParams:
    """w_x (I, 2H), b (2H) in the order r i; a (H); w_s (I, H), None where I = H."""

    w_x: jax.Array
    b: jax.Array
    a: jax.Array
    w_s: jax.Array | None


def _slow(key, shape, dtype):
    """a with σ(a)^8 uniform between 0.9 and 0.999."""
    decay = jax.random.uniform(key, shape, dtype, 0.9, 0.999)
    return jax.scipy.special.logit(decay ** (1 / POWER))


@dataclasses.dataclass(frozen=True, repr=False)
class RGLRU(_declared.Declared):
    """One instant of a real-gated linear recurrent unit, linear in its carry (eq. 1–4 of De et
    al. 2024)::

        r, i = σ(x W_x + b)                     recurrence gate, input gate
        α    = σ(a)^(8 r)
        h'   = α ⊙ h + √(1 - α²) ⊙ (i ⊙ x)      x W_s where I is not H

    computed through log α = -8 r ⊙ softplus(-a), as the paper has it; h is
    float32 for 16-bit params.

    The carry is :class:`GRUCarry`, h (*batch, H). Errors: see :class:`LSTM`.

    >>> cell = jaxrnn.rg_lru(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> params.w_s.shape                         # None where I is H
    (3, 5)
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(3))
    >>> y.shape
    (5,)
    """

    hidden_size: int

    Params = RGLRUParams
    Carry = GRUCarry

    def declare(self, input_size: int) -> _declared.Begins:
        H = self.hidden_size
        return {
            "w_x": _declared.glorot(input_size, 2, H),
            "b": _declared.zeros(2 * H),
            "a": _declared.Begin((H,), _slow),
            "w_s": None if input_size == H else _declared.glorot(input_size, 1, H),
        }

    def initial_carry(self, params: RGLRUParams, batch_shape: tuple[int, ...] = ()) -> GRUCarry:
        return GRUCarry(self.wide_zeros(params, batch_shape, self.hidden_size))

    def step(
        self, params: RGLRUParams, carry: GRUCarry, x: jax.Array
    ) -> tuple[GRUCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        self.check(params, carry, x)
        sums, wide = plus(inputs(params.w_x, x), params.b), carry.h.dtype
        r, i = jnp.split(jax.nn.sigmoid(sums.astype(wide)), 2, axis=-1)
        log_alpha = -times(r, POWER * jax.nn.softplus(-params.a.astype(wide)))
        rest = -jnp.expm1(2 * log_alpha)  # 1 - α²; the root of 0 has no slope
        scale = jnp.sqrt(jnp.maximum(rest, jnp.finfo(rest.dtype).tiny))
        new = scale * i * straight(params.w_s, x, self.hidden_size, sums.dtype).astype(wide)
        h = jnp.exp(log_alpha) * carry.h + new
        return GRUCarry(h), h.astype(sums.dtype)


rg_lru = RGLRU
