"""The vanilla recurrent cell (Elman 1990)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from jaxrnn import _checks, _containers
from jaxrnn._types import brief
from jaxrnn.cells import _affine, _initializers
from jaxrnn.cells._initializers import Initializer

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


@dataclasses.dataclass(frozen=True)
class Vanilla:
    """One instant of a vanilla recurrent network (Elman 1990)::

        h' = φ(x W_x + h W_h + b)

    with φ tanh or relu (`activation`). At T = 1 from a zero carry it is one layer of a
    perceptron. `recurrent_bias`, `initializer` and errors as in :class:`LSTM`.

    >>> cell = jaxrnn.vanilla(5, activation="relu")
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(3))
    >>> y.shape, bool((y >= 0).all())
    ((5,), True)
    """

    hidden_size: int
    activation: Activation = "tanh"
    recurrent_bias: bool = False
    initializer: Initializer = "glorot_orthogonal"

    def __post_init__(self) -> None:
        _affine.check_fields(self)
        _checks.one_of("activation", self.activation, get_args(Activation))

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
    ) -> tuple[VanillaCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        _affine.check(self, VanillaParams, 1, params, x)
        _affine.check_carry(self, VanillaCarry, carry, params, x)
        a = _affine.plus(_affine.inputs(params.w_x, x) + carry.h @ params.w_h, params.b)
        h = ACTIVATIONS[self.activation](_affine.plus(a, params.b_h))
        return VanillaCarry(h), h


vanilla = Vanilla
