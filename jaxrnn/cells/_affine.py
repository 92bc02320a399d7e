"""The affine maps that every cell shares: inputs (or token ids) times w_x, plus biases."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import _checks
from jaxrnn._checks import quote
from jaxrnn._types import Follows
from jaxrnn.cells import _initializers


def plus(x: jax.Array, b: jax.Array | None) -> jax.Array:
    """x + b along the features; a bias that is None adds nothing."""
    return x if b is None else x + jnp.broadcast_to(b, x.shape)


def inputs(w_x: jax.Array, x: jax.Array) -> jax.Array:
    """x @ w_x for features (..., I). For token ids (...), the rows of w_x that one-hot vectors
    would pick: an id outside 0…I-1 picks a row of zeros (negative ids do not wrap)."""
    if not _checks.is_tokens(x):
        return x @ w_x
    ids = _checks.wide(x)
    return jnp.asarray(w_x).at[ids].get(mode="fill", fill_value=0, wrap_negative_indices=False)


def straight(w_s: jax.Array | None, x: jax.Array, size: int, dtype: Any) -> jax.Array:
    """x itself, of `size` features; through w_s where it has another number of them."""
    if w_s is not None:
        return inputs(w_s, x)
    return jax.nn.one_hot(_checks.wide(x), size, dtype=dtype) if _checks.is_tokens(x) else x


def check(cell: Any, params_type: type, gates: int, params: Any, xs: Any) -> None:
    """`params` are this cell's and fit `xs`, or one sentence says what does not."""
    _check_type(cell, params_type, params)
    dtype, wide = _dtype_of(params), gates * cell.hidden_size
    if (params.b_h is not None) != cell.recurrent_bias:
        raise ValueError(
            f"`b_h` is {'None' if params.b_h is None else 'an array'} but {quote(cell)} has "
            f"recurrent_bias={cell.recurrent_bias}: these params belong to another cell."
        )
    for name, want in {"w_h": (cell.hidden_size, wide), "b": (wide,), "b_h": (wide,)}.items():
        got = np.shape(getattr(params, name))
        if got != want and not (name == "b_h" and params.b_h is None):
            raise ValueError(f"`{name}` has shape {got}, but {quote(cell)} needs {want}.")
    got = np.shape(params.w_x)
    if len(got) != 2 or got[1] != wide:
        raise ValueError(f"`w_x` has shape {got}, but {quote(cell)} needs (I, {wide}).")
    if not _checks.is_tokens(xs):
        _check_features(cell, params, dtype, xs)


def _check_features(cell: Any, params: Any, dtype: jnp.dtype, xs: Any) -> None:
    shape, w_x = np.shape(xs), np.shape(params.w_x)
    if shape[-1:] != w_x[:1]:
        raise ValueError(
            f"x {shape} has {shape[-1]} features, but {quote(cell)}'s params were made for "
            f"input_size {w_x[0]}: w_x has shape {w_x}."
        )
    if _checks.dtype_of("xs", xs) != dtype:
        own = _checks.own_dtype
        raise TypeError(f"xs is {own(xs)} but the params are {own(params.w_h)}: cast one of them.")


def zeros(cell: Any, params_type: type, params: Any, batch_shape: tuple[int, ...]) -> jax.Array:
    """(*batch, H) in the dtype of `params`, which must be this cell's."""
    _check_type(cell, params_type, params)
    return jnp.zeros((*_checks.batch_shape(batch_shape), cell.hidden_size), _dtype_of(params))


def check_carry(cell: Any, carry_type: type, carry: Any, params: Any, x: Any) -> None:
    """`carry` is this cell's and of x's batch, or one sentence says what does not fit."""
    form = jax.ShapeDtypeStruct(
        (*_checks.batch_shape_of(x, time_axes=0), cell.hidden_size), _dtype_of(params)
    )
    want = carry_type(*(form for _ in carry_type._fields))
    what = f"the carry given to {quote(cell)}"
    _checks.same_form(what, carry, want, "take it from `initial_carry`.")


def check_fields(cell: Any) -> None:
    """The fields that every cell has, made canonical: or one sentence says what is wrong."""
    object.__setattr__(cell, "hidden_size", _checks.positive("hidden_size", cell.hidden_size))
    if not isinstance(cell.recurrent_bias, Follows):
        _checks.flag("recurrent_bias", cell.recurrent_bias)
    _initializers.scheme(cell.initializer)


def _check_type(cell: Any, params_type: type, params: Any) -> None:
    if not isinstance(params, params_type):
        raise TypeError(
            f"{quote(cell)} needs {params_type.__name__}, got {type(params).__name__}: "
            f"make them with this cell's `init`."
        )


def _dtype_of(params: Any) -> jnp.dtype:
    """The one dtype that JAX reads all of a cell's params in."""
    arrays = {name: a for name, a in vars(params).items() if name != "b_h" or a is not None}
    dtypes = {_checks.dtype_of(f"`{name}`", a) for name, a in arrays.items()}
    if len(dtypes) > 1:
        listed = ", ".join(f"{name} {_checks.own_dtype(a)}" for name, a in arrays.items())
        raise TypeError(f"the params of one cell share one dtype, got {listed}.")
    return dtypes.pop()
