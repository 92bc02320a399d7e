"""The linear recurrent unit (Orvieto et al. 2023)."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import _checks, _containers
from jaxrnn._checks import quote
from jaxrnn.cells import _declared
from jaxrnn.cells._affine import inputs
from jaxrnn.cells._arithmetic import times


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class LRUParams:
    """nu, theta, gamma (H): logarithms, of the decay, the phase, the scale; w_re, w_im (I, H);
    c_re, c_im (H, H); d (I, H)."""

    nu: jax.Array
    theta: jax.Array
    gamma: jax.Array
    w_re: jax.Array
    w_im: jax.Array
    c_re: jax.Array
    c_im: jax.Array
    d: jax.Array


@_containers.carry
class LRUCarry(NamedTuple):
    """h (*batch, H), complex."""

    h: jax.Array


@dataclasses.dataclass(frozen=True, repr=False)
class LRU(_declared.Declared):
    """One instant of a linear recurrent unit, complex and diagonal (section 3 and eq. 7–8 of
    Orvieto et al. 2023)::

        λ  = exp(-exp(ν) + i exp(θ))                    |λ| < 1 before rounding
        h' = λ ⊙ h + exp(γ) ⊙ (x W_re + i x W_im)
        y  = Re(h') C_re - Im(h') C_im + x D

    `|λ|` begins uniform on the ring from `r_min` to `r_max`, its phase between 0 and `max_phase`,
    and exp(γ) at `√(1 - |λ|²)`. The carry of 16-bit params is complex64.

    Raises ValueError unless 0 ≤ r_min < r_max ≤ 1 and `max_phase` is above 0; other errors: see
    :class:`LSTM`.

    >>> cell = jaxrnn.lru(5, r_min=0.9, r_max=0.999)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(3))
    >>> carry.h.dtype, y.dtype
    (dtype('complex64'), dtype('float32'))
    """

    hidden_size: int
    r_min: float = 0.0
    r_max: float = 1.0
    max_phase: float = 2 * math.pi

    Params = LRUParams
    Carry = LRUCarry

    def __post_init__(self) -> None:
        super().__post_init__()
        radii = self.r_min, self.r_max
        numbers = all(isinstance(r, int | float) and not isinstance(r, bool) for r in radii)
        if not (numbers and 0 <= self.r_min < self.r_max <= 1):
            raise ValueError(
                f"`r_min` and `r_max` must be 0 ≤ r_min < r_max ≤ 1, got {quote(self.r_min)} and "
                f"{quote(self.r_max)}."
            )
        _checks.above_zero("max_phase", self.max_phase)

    def input_size_of(self, params: Any) -> int:
        return np.shape(params.w_re)[0]

    def declare(self, input_size: int) -> _declared.Begins:
        H, deviation = self.hidden_size, (2 * input_size) ** -0.5

        def phase(key, shape, dtype):
            tiny = jnp.finfo(dtype).tiny
            return jnp.log(self.max_phase * jax.random.uniform(key, shape, dtype, tiny))

        return {
            "nu": _declared.Begin((H,), self._decay),
            "theta": _declared.Begin((H,), phase),
            "gamma": _declared.zeros(H),
            "w_re": _declared.normal(deviation, input_size, H),
            "w_im": _declared.normal(deviation, input_size, H),
            "c_re": _declared.normal(H**-0.5, H, H),
            "c_im": _declared.normal(H**-0.5, H, H),
            "d": _declared.normal(input_size**-0.5, input_size, H),
        }

    def _decay(self, key, shape, dtype):
        """ν of |λ|² uniform, through 1 - |λ|², which does not round to 0."""
        tiny, eps = jnp.finfo(dtype).tiny, float(jnp.finfo(dtype).eps)
        ring = self.r_max**2 - self.r_min**2
        rest = (1 - self.r_max**2) + ring * jax.random.uniform(key, shape, dtype, tiny)
        return jnp.log(-0.5 * jnp.log1p(-jnp.minimum(rest, 1 - eps)))

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> LRUParams:
        params = super().init(key, input_size, dtype)
        decay = jnp.exp(params.nu.astype(_checks.at_least_float32(params.nu.dtype)))
        gamma = 0.5 * jnp.log(-jnp.expm1(-2 * decay))  # of √(1 - |λ|²)
        return dataclasses.replace(params, gamma=gamma.astype(params.nu.dtype))

    def initial_carry(self, params: LRUParams, batch_shape: tuple[int, ...] = ()) -> LRUCarry:
        zeros = self.wide_zeros(params, batch_shape, self.hidden_size)
        return LRUCarry(jax.lax.complex(zeros, zeros))

    def step(self, params: LRUParams, carry: LRUCarry, x: jax.Array) -> tuple[LRUCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y (*batch, H)."""
        self.check(params, carry, x)
        dtype, wide = params.nu.dtype, carry.h.real.dtype
        nu, theta, gamma = (
            jnp.exp(a.astype(wide)) for a in (params.nu, params.theta, params.gamma)
        )
        parts = [times(inputs(w, x).astype(wide), gamma) for w in (params.w_re, params.w_im)]
        h = times(carry.h, jnp.exp(jax.lax.complex(-nu, theta))) + jax.lax.complex(*parts)
        real, imag = h.real.astype(dtype), h.imag.astype(dtype)
        return LRUCarry(h), real @ params.c_re - imag @ params.c_im + inputs(params.d, x)


lru = LRU
