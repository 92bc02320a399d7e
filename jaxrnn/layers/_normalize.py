"""Layer normalisation of what a layer reads."""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn import _checks, _containers
from jaxrnn._checks import quote
from jaxrnn._types import Layer, Params, brief
from jaxrnn.layers._around import Around


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class NormalizeParams:
    """layer, its own params; scale (I), shift (I)."""

    layer: Params
    scale: jax.Array
    shift: jax.Array


@dataclasses.dataclass(frozen=True, repr=False)
class Normalize(Around):
    """A layer that reads its xs normalised. See :func:`normalize`. Params are NormalizeParams;
    carries are the layer's own.

    >>> jaxrnn.normalize(jaxrnn.unroll(jaxrnn.gru(5)), epsilon=1e-6)
    Normalize(layer=Unroll(cell=GRU(hidden_size=5)), epsilon=1e-06)
    """

    epsilon: float = 1e-5

    __repr__ = brief

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.epsilon, bool) or not isinstance(self.epsilon, int | float):
            raise TypeError(f"`epsilon` must be a number, got {quote(self.epsilon)}.")
        if not 0 < self.epsilon < math.inf:
            raise ValueError(f"`epsilon` must be positive and finite, got {self.epsilon}.")
        object.__setattr__(self, "epsilon", float(self.epsilon))

    @property
    def output_size(self) -> int:
        return self.layer.output_size

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> NormalizeParams:
        _containers.tell_flax()
        size, wanted = (_checks.positive("input_size", input_size),), _checks.float_dtype(dtype)
        inner = self.layer.init(key, input_size, dtype)
        return NormalizeParams(inner, jnp.ones(size, wanted), jnp.zeros(size, wanted))

    def _inner(self, params):
        return self._of(NormalizeParams, params).layer

    def _before(self, params, xs):
        size = jnp.size(params.scale)
        self._of_shape("scale", params.scale, (size,))
        self._of_shape("shift", params.shift, (size,))
        self._features(xs, size)
        self._same_dtype("xs", xs, params.scale)
        return normalized(xs, params.scale, params.shift, self.epsilon)


@partial(jax.checkpoint, static_argnums=3)  # its parts are worth less than the room of five xs
def normalized(xs: jax.Array, scale: jax.Array, shift: jax.Array, epsilon: float) -> jax.Array:
    """In float32 at least, and rounded once: sums of 16-bit numbers would lose what differs. For
    the way back it is computed again."""
    dtype = _checks.at_least_float32(xs.dtype)
    wide = xs.astype(dtype)
    centred = wide - wide.mean(axis=-1, keepdims=True)
    variance = (centred**2).mean(axis=-1, keepdims=True)
    scale, shift = (jnp.broadcast_to(a.astype(dtype), xs.shape) for a in (scale, shift))
    return (centred * jax.lax.rsqrt(variance + epsilon) * scale + shift).astype(xs.dtype)


def normalize(layer: Layer, epsilon: float = 1e-5) -> Normalize:
    """A layer that reads xs normalised over its features, at each instant alone (Ba et al. 2016)::

        ys = layer((xs - μ) / √(σ² + ε) ⊙ scale + shift)

    with μ and σ² the mean and the variance of the I features of that instant, and `epsilon` for ε.
    `scale` (I) begins as ones, `shift` (I) as zeros. Of 16-bit inputs μ, σ² and all else are
    computed in float32, and what the layer reads is rounded once.

    xs are (T, *batch, I), ys and carries the layer's own, and so is padding. Raises TypeError for
    what is no layer, for an epsilon that is no number, for token ids, and for xs of another dtype
    than the params'; ValueError for an epsilon that is not positive and finite, and for xs and
    params of other shapes.

    >>> layer = jaxrnn.normalize(jaxrnn.unroll(jaxrnn.gru(5)))
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> params.scale.tolist(), params.shift.tolist()
    ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0])
    >>> carry, ys = layer.apply(params, None, jnp.ones((6, 2, 3)))
    >>> ys.shape
    (6, 2, 5)
    """
    return Normalize(layer, epsilon)
