"""One clear sentence for bad input: it quotes the value and says what to do."""

from __future__ import annotations

from inspect import signature
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn._types import Cell, Layer
from jaxrnn._values import flag as flag
from jaxrnn._values import one_of as one_of
from jaxrnn._values import positive as positive


def cell(who: str, value: Any) -> None:
    if isinstance(value, type) or not isinstance(value, Cell):
        raise TypeError(
            f"{who} needs a cell (init, initial_carry, step, output_size), got {value!r}."
        )


def layer(who: str, value: Any) -> None:
    if isinstance(value, type) or not isinstance(value, Layer):
        raise TypeError(f"{who} needs a layer, got {value!r}: `unroll` makes a cell a layer.")


def takes_key(value: Layer) -> bool:
    """A layer of one's own that drops nothing may take no ``key``."""
    parameters = signature(value.apply).parameters.values()
    return any(p.name == "key" or p.kind is p.VAR_KEYWORD for p in parameters)


def float_dtype(dtype: Any) -> jnp.dtype:
    """The floating dtype meant by `dtype`; None is JAX's default one."""
    if dtype is None:
        return jnp.zeros(()).dtype
    resolved = jnp.dtype(dtype)
    if not jnp.issubdtype(resolved, jnp.floating):
        raise TypeError(f"params need a floating dtype, got {resolved}.")
    canonical = jax.dtypes.canonicalize_dtype(resolved)
    if canonical != resolved:
        raise TypeError(
            f"dtype {resolved} needs JAX's x64 mode: set JAX_ENABLE_X64=1, or ask for {canonical}."
        )
    return canonical


def key(value: Any) -> None:
    """One key of jax.random, of either kind, or None."""
    if value is None:
        return
    dtype, shape = getattr(value, "dtype", None), np.shape(value)
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if not (typed and shape == ()) and not (dtype == np.uint32 and len(shape) == 1):
        what = f"{type(value).__name__} {shape}" if dtype is None else f"{dtype} {shape}"
        raise TypeError(f"`key` must be a key of jax.random, say jax.random.key(0), got {what}.")


def at_least_float32(dtype: jnp.dtype) -> jnp.dtype:
    return dtype if dtype.itemsize >= 4 else jnp.dtype(jnp.float32)


def is_tokens(xs: Any) -> bool:
    """Integers are token ids, floats are features; anything else is refused."""
    dtype = jnp.result_type(xs)
    if jnp.issubdtype(dtype, jnp.integer):
        return True
    if jnp.issubdtype(dtype, jnp.floating):
        return False
    raise TypeError(f"inputs must be floats (features) or integers (token ids), got {dtype}.")


def wide(ids: Any) -> jax.Array:
    """Token ids as int32, in which the size of any vocabulary can be written. An id that does not
    fit is -1, which is no token either: it is not wrapped."""
    if not isinstance(ids, jax.Array):
        ids = np.asarray(ids)
    most = np.iinfo(np.int32).max
    if np.iinfo(ids.dtype).max > most:
        where = np.where if isinstance(ids, np.ndarray) else jnp.where
        fits = (ids >= 0) & (ids <= most)
        ids = where(fits, where(fits, ids, 0).astype(np.int32), -1)
    return jnp.asarray(ids, jnp.int32)


def batch_shape_of(xs: Any, time_axes: int = 1) -> tuple[int, ...]:
    """The batch axes of a sequence (`time_axes` = 1) or of one instant (0)."""
    tokens, rank = is_tokens(xs), np.ndim(xs)
    if rank < time_axes + (0 if tokens else 1):
        want = "(T, *batch) of token ids, or (T, *batch, I) of features"
        raise ValueError(
            f"xs must be {want if time_axes else want.replace('T, ', '')}, "
            f"got shape {np.shape(xs)} {jnp.result_type(xs)}."
        )
    return tuple(np.shape(xs)[time_axes:] if tokens else np.shape(xs)[time_axes:-1])


def spell(tree: Any) -> str:
    """A pytree of arrays as text: types, shapes, dtypes; no values."""
    return str(jax.tree.map(_Spelled, tree))


class _Spelled:
    def __init__(self, leaf: Any):
        self._text = f"{jnp.result_type(leaf)}{list(np.shape(leaf))}"

    def __repr__(self) -> str:
        return self._text


def same_form(what: str, got: Any, want: Any, advice: str) -> None:
    """Same tree, shapes and dtypes, or a sentence that names both."""
    alike = jax.tree.structure(got) == jax.tree.structure(want) and all(
        np.shape(g) == np.shape(w) and jnp.result_type(g) == jnp.result_type(w)
        for g, w in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True)
    )
    if not alike:
        raise ValueError(f"{what} is {spell(got)}, but {spell(want)} is needed: {advice}")
