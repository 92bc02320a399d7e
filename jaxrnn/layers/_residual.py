"""Ways past a layer: its input added to its output, or laid beside it."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn import _checks
from jaxrnn._checks import quote
from jaxrnn._types import Layer, Params, brief
from jaxrnn.layers._around import Around


@dataclasses.dataclass(frozen=True, repr=False)
class Residual(Around):
    """A layer whose xs are added to its ys. See :func:`residual`. Params and carries are the
    layer's own.

    >>> layer = jaxrnn.residual(jaxrnn.unroll(jaxrnn.gru(5)))
    >>> layer.output_size, layer.layer
    (5, Unroll(cell=GRU(hidden_size=5)))
    """

    __repr__ = brief

    @property
    def output_size(self) -> int:
        return self.layer.output_size

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> Params:
        input_size = _checks.positive("input_size", input_size)
        if input_size != self.output_size:
            raise ValueError(
                f"a residual layer adds its input to its output: got `input_size` {input_size} for "
                f"an output_size of {self.output_size}; `project(…, {input_size})` what is inside "
                f"{quote(self)}."
            )
        return super().init(key, input_size, dtype)

    def _before(self, params, xs):
        self._features(xs, self.output_size)
        return xs

    def _after(self, params, xs, ys, valid):
        return xs + ys


@dataclasses.dataclass(frozen=True, repr=False)
class Skip(Around):
    """A layer whose xs are laid beside its ys. See :func:`skip`. Params and carries are the
    layer's own.

    >>> jaxrnn.skip(jaxrnn.unroll(jaxrnn.gru(5)), input_size=3).output_size
    8
    """

    input_size: int

    __repr__ = brief

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "input_size", _checks.positive("input_size", self.input_size))

    @property
    def output_size(self) -> int:
        return self.input_size + self.layer.output_size

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> Params:
        if _checks.positive("input_size", input_size) != self.input_size:
            raise ValueError(
                f"`input_size` is {input_size}, but {quote(self)} was told {self.input_size}."
            )
        return super().init(key, input_size, dtype)

    def _before(self, params, xs):
        self._features(xs, self.input_size)
        return xs

    def _after(self, params, xs, ys, valid):
        return jnp.concatenate([xs, ys], axis=-1)


def residual(layer: Layer) -> Residual:
    """A layer whose input is added to its output, xs and ys (T, *batch, I) (He et al. 2016)::

        ys = xs + layer(xs)

    so that its output_size must be the input's size, as `init` checks: `project` it to that where
    it is another. ``residual(normalize(layer))`` is the block of deep stacks whose sum is never
    normalised (pre-norm, Xiong et al. 2020).

    Params and carries are the layer's. At an invalid step xs counts as zeros, so that ys is what
    the layer shows there. Raises TypeError for what is no layer, and for token ids, which are
    nothing to add to; ValueError for xs of another size than output_size.

    >>> layer = jaxrnn.residual(jaxrnn.unroll(jaxrnn.gru(5)))
    >>> params = layer.init(jax.random.key(0), input_size=5)
    >>> xs = jnp.ones((6, 2, 5))
    >>> carry, ys = layer.apply(params, None, xs)
    >>> _, inner = layer.layer.apply(params, None, xs)
    >>> bool(jnp.allclose(ys, xs + inner))
    True
    """
    return Residual(layer)


def skip(layer: Layer, input_size: int) -> Skip:
    """A layer whose input goes past it, too, to what comes above (Graves 2013; Huang et al. 2017)::

        ys = [xs, layer(xs)]      # along the features: (T, *batch, I + F)

    Its output_size is `input_size` + that of the layer: a layer knows its size before its params
    are there, and so is told that of its input. In a stack, each layer then reads xs and the
    outputs of all below.

    Params and carries are the layer's. At an invalid step xs counts as zeros. Raises TypeError for
    what is no layer, and for token ids, which are no features; ValueError for xs of another size
    than `input_size`.

    >>> layer = jaxrnn.skip(jaxrnn.unroll(jaxrnn.gru(5)), input_size=3)
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> xs = jnp.ones((6, 2, 3))
    >>> carry, ys = layer.apply(params, None, xs)
    >>> ys.shape, bool((ys[..., :3] == xs).all())
    ((6, 2, 8), True)
    """
    return Skip(layer, input_size)
