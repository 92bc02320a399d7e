"""The vanilla recurrent cell (Elman 1990)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxrnn import _checks, _containers
from jaxrnn._types import brief
from jaxrnn.cells import _affine, _initializers
from jaxrnn.engine._activations import tanh

Activation = Literal["tanh", "relu"]
ACTIVATIONS: dict[Activation, Callable] = {"tanh": jnp.tanh, "relu": jax.nn.relu}


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class VanillaParams:
    """w_x (I, H), w_h (H, H), b (H), b_h (H) or None."""

    w_x: jax.Array
    w_h: jax.Array
    b: jax.Array
    b_h: jax.Array | None = None


@_containers.carry
class VanillaCarry(NamedTuple):
    """h (*batch, H)."""

    h: jax.Array


class Saved(NamedTuple):
    """h before an instant, as W_h saw it, and after it."""

    h: jax.Array
    y: jax.Array


@dataclasses.dataclass(frozen=True)
class Vanilla:
    """One instant of a vanilla recurrent network::

        h' = φ(x W_x + h W_h + b)

    with φ tanh or relu (`activation`). At T = 1 from a zero carry it is one layer of a
    perceptron. `recurrent_bias`, `initializer`, `matmul_dtype` and `kept` as in :class:`LSTM`.
    """

    hidden_size: int
    activation: Activation = "tanh"
    recurrent_bias: bool = False
    initializer: _initializers.Name | _initializers.Scheme = "glorot_orthogonal"
    matmul_dtype: _affine.Narrow | None = None

    def __post_init__(self):
        _affine.check_fields(self)
        _checks.one_of("activation", self.activation, tuple(ACTIVATIONS))

    __repr__ = brief
    takes_tokens = True

    @property
    def output_size(self) -> int:
        return self.hidden_size

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> VanillaParams:
        return _initializers.draw(
            self.initializer,
            VanillaParams,
            key,
            input_size=input_size,
            hidden_size=self.hidden_size,
            gates=1,
            recurrent_bias=self.recurrent_bias,
            dtype=dtype,
        )

    def initial_carry(
        self, params: VanillaParams, batch_shape: tuple[int, ...] = ()
    ) -> VanillaCarry:
        return VanillaCarry(h=_affine.zeros(self, VanillaParams, params, batch_shape))

    def step(
        self,
        params: VanillaParams,
        carry: VanillaCarry,
        x: jax.Array,
        kept: jax.Array | None = None,
    ) -> tuple[VanillaCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        _affine.check(self, VanillaParams, 1, params, x)
        _affine.check_carry(self, VanillaCarry, carry, params, x)
        past = _affine.dot(_affine.seen(carry.h, kept), params.w_h, self.matmul_dtype)
        a = _affine.plus(_affine.inputs(params.w_x, x, self.matmul_dtype) + past, params.b)
        h = ACTIVATIONS[self.activation](_affine.plus(a, params.b_h))
        return VanillaCarry(h), h

    # How the work divides: see `jaxrnn._types.Divided`.

    def project(
        self, params: VanillaParams, xs: jax.Array, kept: jax.Array | None = None
    ) -> tuple[Any, jax.Array]:
        _affine.check(self, VanillaParams, 1, params, xs)
        b = params.b if params.b_h is None else params.b + params.b_h
        return (params.w_h, b, kept), _affine.drives(params.w_x, xs, self.matmul_dtype)

    @property
    def overwrites(self) -> bool:
        return self.matmul_dtype is None and self.activation == "tanh"

    def advance(self, w, carry, drive):
        (w_h, b, kept), activate = w, tanh if self.activation == "tanh" else jax.nn.relu
        h = _affine.seen(carry.h, kept)
        y = activate(_affine.plus(drive + _affine.dot(h, w_h, self.matmul_dtype), b))
        return VanillaCarry(y), y, Saved(h, y)

    def linearize(self, w, saved):
        (w_h, _, kept), y = w, saved.y
        return (w_h.T, kept), 1 - y * y if self.activation == "tanh" else (y > 0).astype(y.dtype)

    def retreat(self, w, slope, dcarry, dy):
        (w_h_t, kept), da = w, (dcarry.h + dy) * slope
        return VanillaCarry(_affine.seen(_affine.dot(da, w_h_t, self.matmul_dtype), kept)), da

    def collect(self, saved, slopes, ddrives):
        dw_h = _affine.outer(saved.h, ddrives, self.matmul_dtype)
        return (dw_h, _affine.total(ddrives), None), ddrives


vanilla = Vanilla
