"""The convolutional LSTM (Shi et al. 2015)."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import _checks, _containers
from jaxrnn._checks import quote
from jaxrnn.cells import _declared
from jaxrnn.cells._affine import plus
from jaxrnn.cells._lstm import LSTMCarry

AXES = "DHW"  # of space, the last ones


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class ConvLSTMParams:
    """w_x (*kernel, C_in, 4C), w_h (*kernel, C, 4C), b (4C), gates in the order i f g o; p (3,
    *spatial, C), the peepholes of i f o, or None."""

    w_x: jax.Array
    w_h: jax.Array
    b: jax.Array
    p: jax.Array | None


@dataclasses.dataclass(frozen=True, repr=False)
class ConvLSTM(_declared.Declared):
    """One instant of a convolutional LSTM over one to three axes of space, of sizes `spatial` (eq.
    3 of Shi et al. 2015)::

        i, f = σ(x * W_x + h * W_h + p ⊙ c + b)
        g    = tanh(x * W_x + h * W_h + b)
        c'   = f ⊙ c + i ⊙ g
        o    = σ(x * W_x + h * W_h + p ⊙ c' + b)
        h'   = o ⊙ tanh(c')

    where * is a cross-correlation with zeros beyond the edge, of `kernel` sites (a number: along
    every axis). Without `peepholes`, p is 0: Keras' and Flax's cell. `hidden_size` is C, the
    channels of a site. A frame (*batch, *spatial, C_in) comes and goes as one row of features,
    (*batch, prod(spatial) · C_in): so that it walks as every cell does.

    The carry is :class:`LSTMCarry`, h and c (*batch, prod(spatial) · C). Raises ValueError for less
    than one or more than three sizes, for an `input_size` that is no number of channels at each
    site, and for frames that are no rows; TypeError for token ids. Other errors: see :class:`LSTM`.

    >>> cell = jaxrnn.conv_lstm(5, spatial=(4, 4), kernel=1)
    >>> params = cell.init(jax.random.key(0), input_size=4 * 4 * 3)
    >>> frame = jnp.ones((4, 4, 3))
    >>> carry, y = cell.step(params, cell.initial_carry(params), frame.reshape(-1))
    >>> y.reshape(4, 4, -1).shape
    (4, 4, 5)
    """

    hidden_size: int
    spatial: tuple[int, ...]
    kernel: int | tuple[int, ...] = 3
    peepholes: bool = True

    Params = ConvLSTMParams
    Carry = LSTMCarry
    takes_tokens = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "spatial", _sizes("spatial", self.spatial))
        one = not isinstance(self.kernel, tuple | list)
        kernel = _checks.positive("kernel", self.kernel) if one else _sizes("kernel", self.kernel)
        object.__setattr__(self, "kernel", kernel)
        if len(self._kernel) != len(self.spatial):
            raise ValueError(
                f"`kernel` must have a size for each axis of `spatial`, got {quote(self.kernel)} "
                f"for {quote(self.spatial)}."
            )
        _checks.flag("peepholes", self.peepholes)

    @property
    def _kernel(self) -> tuple[int, ...]:
        return (self.kernel,) * len(self.spatial) if isinstance(self.kernel, int) else self.kernel

    @property
    def output_size(self) -> int:
        return math.prod(self.spatial) * self.hidden_size

    def input_size_of(self, params: Any) -> int:
        return math.prod(self.spatial) * np.shape(params.w_x)[-2]

    def declare(self, input_size: int) -> _declared.Begins:
        channels, rest = divmod(input_size, math.prod(self.spatial))
        if rest or not channels:
            raise ValueError(
                f"input_size {input_size} is no number of channels at each of the "
                f"{math.prod(self.spatial)} sites of {quote(self)}."
            )
        C = self.hidden_size
        return {
            "w_x": self._kernels(_declared.glorot, channels),
            "w_h": self._kernels(_declared.orthogonal, C),
            "b": _declared.bias(C, 0, 1, 0, 0),
            "p": _declared.zeros(3, *self.spatial, C) if self.peepholes else None,
        }

    def _check_features(self, params, input_size, dtype, x):
        if np.shape(x)[-1 - len(self.spatial) : -1] == self.spatial:
            raise ValueError(
                f"x {np.shape(x)} are frames, and {quote(self)} reads rows: give it "
                f"x.reshape(*batch, {input_size})."
            )
        super()._check_features(params, input_size, dtype, x)

    def _kernels(self, how: Any, channels: int) -> _declared.Begin:
        flat = how(math.prod(self._kernel) * channels, 4, self.hidden_size)
        shape = (*self._kernel, channels, 4 * self.hidden_size)
        return _declared.Begin(
            shape, lambda key, shape, dtype: flat.draw(key, flat.shape, dtype).reshape(shape)
        )

    def initial_carry(self, params: ConvLSTMParams, batch_shape: tuple[int, ...] = ()) -> LSTMCarry:
        return LSTMCarry(*(self.zeros(params, batch_shape, self.output_size) for _ in range(2)))

    def step(
        self, params: ConvLSTMParams, carry: LSTMCarry, x: jax.Array
    ) -> tuple[LSTMCarry, jax.Array]:
        """x (*batch, prod(spatial) · C_in) -> y = h' (*batch, prod(spatial) · C)."""
        self.check(params, carry, x)
        a = plus(self._seen(params.w_x, x) + self._seen(params.w_h, carry.h), params.b)
        i, f, g, o = jnp.split(a, 4, axis=-1)
        c = carry.c.reshape(i.shape)
        i = jax.nn.sigmoid(self._peep(params, 0, i, c))
        f = jax.nn.sigmoid(self._peep(params, 1, f, c))
        c = f * c + i * jnp.tanh(g)
        h = jax.nn.sigmoid(self._peep(params, 2, o, c)) * jnp.tanh(c)
        h, c = h.reshape(carry.h.shape), c.reshape(carry.h.shape)
        return LSTMCarry(h, c), h

    def _seen(self, w: jax.Array, x: jax.Array) -> jax.Array:
        """x * w: (*batch, features) -> (*batch, *spatial, 4C)."""
        batch, axes = x.shape[:-1], AXES[-len(self.spatial) :]
        frames = x.reshape(-1, *self.spatial, w.shape[-2])
        form = f"N{axes}C", f"{axes}IO", f"N{axes}C"
        ones = (1,) * len(axes)
        seen = jax.lax.conv_general_dilated(frames, w, ones, "SAME", dimension_numbers=form)
        return seen.reshape(*batch, *seen.shape[1:])

    def _peep(self, params: Any, gate: int, a: jax.Array, c: jax.Array) -> jax.Array:
        return a if params.p is None else a + jnp.broadcast_to(params.p[gate], c.shape) * c


def _sizes(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple | list) or not 1 <= len(value) <= 3:
        raise ValueError(f"`{name}` must be one to three sizes, say (8, 8), got {quote(value)}.")
    return tuple(_checks.positive(name, size) for size in value)


conv_lstm = ConvLSTM
