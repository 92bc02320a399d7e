"""What goes around a layer: what it reads, and what is made of what it gives."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn import _checks, engine
from jaxrnn._checks import quote
from jaxrnn._types import Carry, Layer, Params, When
from jaxrnn.layers._walk import one_step, walk


@dataclasses.dataclass(frozen=True, repr=False)
class Around:
    """ys = after(xs, layer(before(xs))), at each instant alone; the carry is the layer's.

    At an invalid step xs counts as zeros, whatever stands there, and ys is made of what the layer
    shows: zeros, or with ``padding="held"`` its last valid output.

    A subclass says its `output_size`, `_before` and `_after`; and `_inner`, where its params hold
    more than the layer's.
    """

    layer: Layer

    def __post_init__(self) -> None:
        _checks.layer(type(self).__name__.lower(), self.layer)

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> Params:
        return self.layer.init(key, input_size, dtype)

    def initial_carry(self, params: Params, batch_shape: tuple[int, ...] = ()) -> Carry:
        return self.layer.initial_carry(self._inner(params), batch_shape)

    def step(self, params: Params, carry: Carry | None, x: jax.Array) -> tuple[Carry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> carry, y (*batch, output_size): one instant, as
        `apply` walks it without a key. See :meth:`Unroll.step`.

        Raises TypeError for a layer without `step`, ValueError for one that does not walk forwards.
        """
        _checks.arrays("params", params)
        _checks.batch_shape_of(x, time_axes=0)
        x = _checks.wide(x) if _checks.is_tokens(x) else jnp.asarray(x)
        inner = self._inner(params)
        carry, y = one_step(self.layer, inner, carry, self._before(params, x))
        return carry, self._after(params, x, y, None)

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
        """xs (T, *batch, I), or token ids (T, *batch) where the layer reads them and nothing else
        does -> carry, ys (T, *batch, output_size)."""
        return walk(self, params, carry, xs, (lengths, mask, resets), key)

    def _walk(self, params, carry, xs, when: When, key) -> tuple[Carry, jax.Array]:
        inner, xs = self._inner(params), engine.clean(when.valid, xs)
        how = {"mask": when.valid, "resets": when.fresh}
        if key is not None and _checks.takes_key(self.layer):
            how["key"] = key
        carry, ys = self.layer.apply(inner, carry, self._before(params, xs), **how)
        return carry, self._after(params, xs, ys, when.valid)

    def _inner(self, params: Params) -> Params:
        """The layer's params."""
        return params

    def _before(self, params: Params, xs: jax.Array) -> jax.Array:
        """What the layer reads of xs (…, I)."""
        return xs

    def _after(self, params: Params, xs: jax.Array, ys: jax.Array, valid: Any) -> jax.Array:
        """What is made of its ys (…, F); `valid` (…), or None where every step is."""
        return ys

    def _features(self, xs: Any, size: int) -> None:
        """xs are `size` features, or one sentence says what they are."""
        if _checks.is_tokens(xs):
            raise TypeError(
                f"xs is {_checks.own_dtype(xs)}, which means token ids, but {quote(self)} reads "
                f"features: embed them first, say with `language_model(…, embedding=…)`."
            )
        if xs.shape[-1:] != (size,):
            raise ValueError(f"x {xs.shape} must have {size} features for {quote(self)}.")

    def _same_dtype(self, what: str, xs: jax.Array, param: Any) -> None:
        if xs.dtype != _checks.dtype_of("params", param):
            own = _checks.own_dtype
            raise TypeError(
                f"{what} is {own(xs)} but the params of {quote(self)} are {own(param)}: cast one "
                f"of them."
            )

    def _of_shape(self, name: str, param: Any, want: tuple[int, ...]) -> None:
        if jnp.shape(param) != want:
            raise ValueError(
                f"`{name}` has shape {jnp.shape(param)}, but {quote(self)} needs {want}."
            )

    def _of(self, params_type: type, params: Any) -> Any:
        """`params`, which must be of this type."""
        if not isinstance(params, params_type):
            raise TypeError(
                f"{quote(self)} needs {params_type.__name__}, got {type(params).__name__}: "
                f"make them with this layer's `init`."
            )
        return params
