"""Layers upon layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax

from jaxrnn import _checks
from jaxrnn._checks import quote
from jaxrnn._types import Carry, Layer, Params, When, brief
from jaxrnn.dropout import drop, rate
from jaxrnn.layers._walk import carries_of, one_step, same_count, split_key, walk


@dataclasses.dataclass(frozen=True)
class Stack:
    """Layers one on the other: each reads the ys of the one below.
    Params and carries are tuples, bottom first. See :func:`stack`.

    >>> layer = jaxrnn.stack([jaxrnn.unroll(jaxrnn.gru(5)), jaxrnn.unroll(jaxrnn.lstm(4))])
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> carry, y = layer.step(params, None, jnp.ones(3))
    >>> [type(c).__name__ for c in carry], y.shape
    (['GRUCarry', 'LSTMCarry'], (4,))
    """

    layers: tuple[Layer, ...]
    dropout: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "dropout", rate("dropout", self.dropout))
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise ValueError("stack needs at least one layer, got none.")
        for layer in self.layers:
            _checks.layer("stack", layer)

    __repr__ = brief

    @property
    def output_size(self) -> int:
        return self.layers[-1].output_size

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> Params:
        _checks.given_key(key)
        keys = jax.random.split(key, len(self.layers))
        sizes = (input_size, *(layer.output_size for layer in self.layers[:-1]))
        return tuple(
            layer.init(k, size, dtype)
            for layer, k, size in zip(self.layers, keys, sizes, strict=True)
        )

    def initial_carry(self, params: Params, batch_shape: tuple[int, ...] = ()) -> Carry:
        same_count("params", params, len(self.layers), self)
        return tuple(
            layer.initial_carry(p, batch_shape)
            for layer, p in zip(self.layers, params, strict=True)
        )

    def step(self, params: Params, carry: Carry | None, x: jax.Array) -> tuple[Carry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> carries, y (*batch, output_size): one instant, as
        `apply` walks it without a key. See :meth:`Unroll.step`.

        Raises TypeError for a layer without `step`, ValueError where one does not walk forwards.
        """
        depth, carries = len(self.layers), []
        same_count("params", params, depth, self)
        for layer, p, c in zip(self.layers, params, carries_of(carry, depth, self), strict=True):
            c, x = one_step(layer, p, c, x)
            carries.append(c)
        return tuple(carries), x

    def apply(
        self,
        params: Params,
        carry: Carry | None,
        xs: jax.Array,
        *,
        lengths: Any = None,
        mask: Any = None,
        resets: Any = None,
        key: jax.Array | None = None,
    ) -> tuple[Carry, jax.Array]:
        """xs (T, *batch, I), or token ids (T, *batch) -> carries, ys (T, *batch, output_size)."""
        return walk(self, params, carry, xs, (lengths, mask, resets), key)

    def _walk(self, params, carry, xs, when: When, key) -> tuple[Carry, jax.Array]:
        same_count("params", params, len(self.layers), self)
        depth, carries = len(self.layers), []
        keys, keys_between = split_key(key, depth), split_key(key, depth, salt=1)
        for i, (layer, p, c) in enumerate(
            zip(self.layers, params, carries_of(carry, depth, self), strict=True)
        ):
            if i and self.dropout:
                xs = drop(keys_between[i], self.dropout, xs)
            noise = {"key": keys[i]} if _checks.takes_key(layer) else {}
            c, xs = layer.apply(p, c, xs, mask=when.valid, resets=when.fresh, **noise)
            carries.append(c)
        return tuple(carries), xs


def stack(layers: Sequence[Layer], *, dropout: float = 0.0) -> Stack:
    """Layers -> one deep layer, bottom first: each reads the ys of the one below.

    xs (T, *batch, I), or token ids (T, *batch), go to the first; ys (T, *batch, F) are the last's.
    Params and carries are tuples, one of each layer's. While a ``key`` is given, each number that
    goes from one layer to the next is dropped with probability `dropout`, and what is kept is
    scaled by 1 / (1 - dropout) (Zaremba et al. 2014).

    Raises TypeError for what is no sequence of layers (`unroll` makes a cell a layer), and
    ValueError for none at all, for a rate outside [0, 1), and, when it is applied, for params and
    carries that are no tuple of as many.

    >>> gru = jaxrnn.unroll(jaxrnn.gru(5))
    >>> layer = jaxrnn.stack([gru, gru], dropout=0.5)
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> carry, ys = layer.apply(params, None, jnp.ones((6, 2, 3)), key=jax.random.key(1))
    >>> ys.shape, len(params), len(carry)
    ((6, 2, 5), 2, 2)
    """
    if not isinstance(layers, Sequence):
        raise TypeError(f"stack needs a sequence of layers, bottom first, got {quote(layers)}.")
    return Stack(tuple(layers), dropout)
