"""Two walks, one each way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp

from jaxrnn import _checks
from jaxrnn._checks import MatmulDtype, quote
from jaxrnn._types import Carry, Cell, Params, When, brief
from jaxrnn.dropout import NONE, Dropout
from jaxrnn.engine import Engine, Keep
from jaxrnn.layers._unroll import Padding, Unroll
from jaxrnn.layers._walk import carries_of, same_count, split_key, walk


def _concat(ys_forward: jax.Array, ys_backward: jax.Array) -> jax.Array:
    return jnp.concatenate([ys_forward, ys_backward], axis=-1)


Merge = Literal["concat", "sum", "mean", "product"]
MERGES: dict[Merge, Callable[[jax.Array, jax.Array], jax.Array]] = {
    "concat": _concat,
    "sum": lambda there, back: there + back,
    "mean": lambda there, back: (there + back) / 2,
    "product": lambda there, back: there * back,
}


@dataclasses.dataclass(frozen=True)
class Bidirectional:
    """Two walks over the same xs, one each way; ys are [forward, backward] along the features, or
    what else `merge` makes of the two. Params and carries are pairs (forward, backward). See
    :func:`bidirectional`. Raises TypeError for layers that are not an `Unroll` and a reversed one.

    >>> layer = jaxrnn.bidirectional(jaxrnn.gru(5), merge="sum")
    >>> layer.forward.reverse, layer.backward.reverse, layer.output_size
    (False, True, 5)
    """

    forward: Unroll
    backward: Unroll
    merge: Merge = "concat"

    def __post_init__(self) -> None:
        _checks.one_of("merge", self.merge, get_args(Merge))
        for layer, reverse in ((self.forward, False), (self.backward, True)):
            if not isinstance(layer, Unroll) or layer.reverse is not reverse:
                raise TypeError(
                    f"Bidirectional needs an Unroll and a reversed one, got {quote(layer)}: "
                    f"`bidirectional` makes both of cells."
                )
        sizes = self.forward.output_size, self.backward.output_size
        if self.merge != "concat" and sizes[0] != sizes[1]:
            raise ValueError(
                f"merge={self.merge!r} needs two directions of one output_size, got {sizes[0]} and "
                f"{sizes[1]}: merge='concat' takes any two."
            )

    __repr__ = brief

    @property
    def output_size(self) -> int:
        both = self.forward.output_size + self.backward.output_size
        return both if self.merge == "concat" else self.forward.output_size

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> Params:
        _checks.given_key(key)
        key_forward, key_backward = jax.random.split(key)
        return (
            self.forward.init(key_forward, input_size, dtype),
            self.backward.init(key_backward, input_size, dtype),
        )

    def initial_carry(self, params: Params, batch_shape: tuple[int, ...] = ()) -> Carry:
        same_count("params", params, 2, self)
        return tuple(
            layer.initial_carry(p, batch_shape)
            for layer, p in zip((self.forward, self.backward), params, strict=True)
        )

    def step(self, params: Params, carry: Carry | None, x: jax.Array) -> tuple[Carry, jax.Array]:
        """Raises ValueError: what comes later is not there yet."""
        raise ValueError(
            f"a bidirectional layer reads each sequence from its end too, and {quote(self)} cannot "
            f"go one step at a time: take `apply`, or layers that walk forwards."
        )

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
        same_count("params", params, 2, self)
        carry = carries_of(carry, 2, self)
        walks = [
            layer.apply(p, c, xs, mask=when.valid, resets=when.fresh, key=k)
            for layer, p, c, k in zip(
                (self.forward, self.backward), params, carry, split_key(key, 2), strict=True
            )
        ]
        (carry_forward, ys_forward), (carry_backward, ys_backward) = walks
        return (carry_forward, carry_backward), MERGES[self.merge](ys_forward, ys_backward)


def bidirectional(
    forward: Cell,
    backward: Cell | None = None,
    *,
    merge: Merge = "concat",
    padding: Padding = "zero",
    engine: Engine = "auto",
    keep: Keep = "gates",
    dropout: Dropout = NONE,
    matmul_dtype: MatmulDtype | None = None,
) -> Bidirectional:
    """A layer that walks both ways: one cell for both directions (each with params of its own), or
    one for each (Schuster & Paliwal 1997).

    xs (T, *batch, I), or token ids (T, *batch) -> ys (T, *batch, F), where F is the sum of the two
    output sizes for ``"concat"``, else one of them. Params and carries are pairs, (forward,
    backward).

    `merge` makes ys of the two outputs f and b: ``"concat"`` is [f, b] along the features,
    ``"sum"`` f + b, ``"mean"`` (f + b) / 2 and ``"product"`` f ⊙ b, for which both directions must
    have one output_size. At an invalid step both are zero, or with ``padding="held"`` each is the
    last valid one of its own direction, and they are merged as anywhere.

    The other options are those of :func:`unroll`, and so are the errors. Also raises ValueError for
    a `merge` that is not told here, and for one that needs one output_size of directions that have
    two; `step` always raises it, for what comes later is not there yet.

    >>> layer = jaxrnn.bidirectional(jaxrnn.gru(5))
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> (forward, backward), ys = layer.apply(params, None, jnp.ones((6, 2, 3)))
    >>> ys.shape, forward.h.shape
    ((6, 2, 10), (2, 5))
    """
    backward = forward if backward is None else backward
    for cell in (forward, backward):
        _checks.cell("bidirectional", cell)
    how = padding, engine, keep, dropout, matmul_dtype
    return Bidirectional(Unroll(forward, False, *how), Unroll(backward, True, *how), merge)
