"""A linear map of what a layer gives."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn import _checks, _containers
from jaxrnn._checks import quote
from jaxrnn._types import Layer, Params, brief
from jaxrnn.engine._when import select
from jaxrnn.layers._around import Around
from jaxrnn.layers._bidirectional import Bidirectional
from jaxrnn.layers._stack import Stack
from jaxrnn.layers._unroll import Unroll


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class ProjectParams:
    """layer, its own params; w (F, output_size), with F the layer's own output_size; b
    (output_size) or None."""

    layer: Params
    w: jax.Array
    b: jax.Array | None = None


@dataclasses.dataclass(frozen=True, repr=False)
class Project(Around):
    """A layer whose ys go through a linear map. See :func:`project`. Params are ProjectParams;
    carries are the layer's own.

    >>> jaxrnn.project(jaxrnn.unroll(jaxrnn.gru(5)), 3).output_size
    3
    """

    output_size: int
    bias: bool = True

    __repr__ = brief

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "output_size", _checks.positive("output_size", self.output_size))
        _checks.flag("bias", self.bias)

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> ProjectParams:
        _containers.tell_flax()
        _checks.given_key(key)
        key_layer, key_w = jax.random.split(key)
        inner, dtype = self.layer.init(key_layer, input_size, dtype), _checks.float_dtype(dtype)
        wide, sizes = _checks.at_least_float32(dtype), (self.layer.output_size, self.output_size)
        w = jax.nn.initializers.glorot_uniform()(key_w, sizes, wide).astype(dtype)
        return ProjectParams(inner, w, jnp.zeros(sizes[1:], dtype) if self.bias else None)

    def _inner(self, params):
        if (self._of(ProjectParams, params).b is not None) != self.bias:
            raise ValueError(
                f"`b` is {'None' if params.b is None else 'an array'} but {quote(self)} has "
                f"bias={self.bias}: these params belong to another layer."
            )
        self._of_shape("w", params.w, (self.layer.output_size, self.output_size))
        if self.bias:
            self._of_shape("b", params.b, (self.output_size,))
        return params.layer

    def _after(self, params, xs, ys, valid):
        self._same_dtype("what is projected", ys, params.w)
        ys = projected(ys, params.w, params.b)
        if valid is None or params.b is None:
            return ys
        return select(_shows(self.layer, valid), ys, jnp.zeros_like(ys))


def projected(ys: jax.Array, w: jax.Array, b: jax.Array | None) -> jax.Array:
    """ys w + b, summed in float32 at least, and rounded once."""
    dtype = ys.dtype
    out = jnp.matmul(ys, w, preferred_element_type=_checks.at_least_float32(dtype))
    if b is not None:
        out = out + jnp.broadcast_to(b.astype(out.dtype), out.shape)
    return out.astype(dtype)


def _shows(layer: Any, valid: jax.Array) -> jax.Array:
    """Where `layer` shows an output (T, *batch): at valid steps, and where it holds the last one
    up. A layer of one's own is taken to show zeros elsewhere."""
    if isinstance(layer, Around):
        return _shows(layer.layer, valid)
    if isinstance(layer, Stack):
        return _shows(layer.layers[-1], valid)
    if isinstance(layer, Bidirectional):
        return _shows(layer.forward, valid) | _shows(layer.backward, valid)
    if isinstance(layer, Unroll) and layer.padding == "held":
        once = jax.lax.cummax(valid.astype(jnp.int32), axis=0, reverse=layer.reverse)
        return once.astype(jnp.bool_)
    return valid


def project(layer: Layer, output_size: int, bias: bool = True) -> Project:
    """A layer and a linear map of its outputs, at each instant, to ys (T, *batch, output_size)::

        ys = layer(xs) W + b

    W (F, output_size) begins by Glorot & Bengio (2010), b as zeros; without `bias` there is none.
    The map is of what is seen alone: the carry is the layer's, and does not know of it. Products
    of 16-bit numbers, and b, are summed in float32 and rounded once.

    Zeros that the layer shows at an invalid step stay zeros, without b; what ``padding="held"``
    shows is mapped like any output. Token ids go to the layer, if it reads them.

    Raises TypeError for what is no layer and for W of another dtype than the outputs; ValueError
    for an `output_size` below 1, and for W and b of other shapes.

    >>> layer = jaxrnn.project(jaxrnn.unroll(jaxrnn.gru(5)), 3)
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> carry, ys = layer.apply(params, None, jnp.ones((6, 2, 3)))
    >>> ys.shape, carry.h.shape, params.w.shape
    ((6, 2, 3), (2, 5), (5, 3))
    """
    return Project(layer, output_size, bias)
