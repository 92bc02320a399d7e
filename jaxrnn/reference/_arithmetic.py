"""What all cells share: float64, inputs as rows, sums over the batch, containers kept as given."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

Array = np.ndarray


def float64(values: Any) -> Array:
    return np.asarray(values, np.float64)


def sigmoid(a: Array) -> Array:
    """`1 / (1 + exp(-a))`, through its logarithm `-log(exp(0) + exp(-a))`, so nothing overflows."""
    return np.exp(-np.logaddexp(0.0, -a))


def rows(xs: Any, size: int) -> tuple[Array, bool]:
    """Features `(..., size)`, and whether they came as token ids.

    Integer ids `(...)` become one-hot rows; an id outside `[0, size)` becomes a row of zeros.
    """
    xs = np.asarray(xs)
    if np.issubdtype(xs.dtype, np.integer):
        return float64(xs[..., None] == np.arange(size)), True
    return float64(xs), False


def instant(params: Any, carry: tuple, x: Any) -> tuple[Array, bool]:
    """The `rows` of one instant's input, whose batch axes must be those of the carry."""
    x, tokens = rows(x, len(params.w_x))
    check_batch(carry, x.shape[:-1], tokens)
    return x, tokens


def check_batch(carry: tuple, batch: tuple[int, ...], tokens: bool) -> None:
    """Refuse to broadcast, and so refuse features that are integers by mistake."""
    expected = np.shape(carry[0])[:-1]
    if batch != expected:
        kind = "token ids (integers)" if tokens else "features"
        raise ValueError(f"the carry's batch shape is {expected}, but the {kind} have {batch}.")


def outer(a: Array, b: Array) -> Array:
    """`Σ aᵀ b` over every batch axis: `(..., M)`, `(..., N)` to `(M, N)`; the gradient of `a W`."""
    batch_axes = list(range(a.ndim - 1))
    return np.tensordot(a, b, (batch_axes, batch_axes))


def total(a: Array) -> Array:
    """The sum over every batch axis: `(..., N)` to `(N,)`; the gradient of a bias."""
    return a.sum(axis=tuple(range(a.ndim - 1)))


def select(mask: Any, a: Any, b: Any) -> Array:
    """`a` where the mask `(*batch)` is true and `b` elsewhere, for arrays `(*batch, features)`."""
    return np.where(np.asarray(mask)[..., None], a, b)


def weights(params: Any) -> tuple[Array, Array, Array, Array]:
    """`w_x, w_h, b, b_h` in float64; no recurrent bias is a recurrent bias of zeros."""
    b = float64(params.b)
    b_h = np.zeros_like(b) if params.b_h is None else float64(params.b_h)
    return float64(params.w_x), float64(params.w_h), b, b_h


def like_params(params: Any, w_x: Array, w_h: Array, b: Array, b_h: Array) -> Any:
    """These four arrays in the class of `params`; a `b_h` of None stays None."""
    b_h_or_none = None if params.b_h is None else b_h
    return dataclasses.replace(params, w_x=w_x, w_h=w_h, b=b, b_h=b_h_or_none)


def like_carry(carry: tuple, leaves: Iterable) -> Any:
    """These leaves in the class of `carry`: a NamedTuple, or a plain tuple."""
    return type(carry)(*leaves) if hasattr(carry, "_fields") else tuple(leaves)


def choose(mask: Array, a: tuple, b: tuple) -> Any:
    """The carry `a` where the mask `(*batch)` is true, else `b`, in the class of `b`."""
    return like_carry(b, [select(mask, p, q) for p, q in zip(a, b, strict=True)])


def zeros_like(carry: tuple) -> Any:
    """The same carry, or tuple of carries, full of zeros."""
    leaves = [zeros_like(c) if isinstance(c, tuple) else np.zeros(np.shape(c)) for c in carry]
    return like_carry(carry, leaves)
