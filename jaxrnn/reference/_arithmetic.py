"""What all cells share: double precision, inputs as rows, sums over the batch, containers kept.

Everything here is also right for complex numbers that stand for a real one and a slope: what
compares looks at real parts.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from ._trees import each, leaves

Array = np.ndarray


def double(values: Any) -> Array:
    """Float64; complex128 where the values are complex."""
    values = np.asarray(values)
    return values.astype(np.complex128 if np.iscomplexobj(values) else np.float64)


def maximum(a: Any, b: Any) -> Array:
    """The one whose real part is the greater."""
    return np.where(np.real(a) >= np.real(b), a, b)


def absolute(a: Array) -> Array:
    return np.where(np.real(a) >= 0.0, a, -a)


def relu(a: Array) -> Array:
    return np.where(np.real(a) > 0.0, a, 0.0)


def sigmoid(a: Array) -> Array:
    """`1 / (1 + exp(-a))`, through `e = exp(-|a|)`, so nothing overflows."""
    e = np.exp(-absolute(a))
    return np.where(np.real(a) >= 0.0, 1.0, e) / (1.0 + e)


def softplus(a: Array) -> Array:
    """`log(1 + exp(a))`."""
    return relu(a) + log1p(np.exp(-absolute(a)))


def log_sigmoid(a: Array) -> Array:
    return -softplus(-a)


def log1p(a: Array) -> Array:
    """`log(1 + a)`, also where a is small; NumPy's own is not close there when it is complex."""
    if not np.iscomplexobj(a):
        return np.log1p(a)
    x, y = np.real(a), np.imag(a)
    return 0.5 * np.log1p(x * (2.0 + x) + y**2) + 1j * np.arctan2(y, 1.0 + x)


def rows(xs: Any, size: int) -> tuple[Array, bool]:
    """Features `(..., size)`, and whether they came as token ids.

    Integer ids `(...)` become one-hot rows; an id outside `[0, size)` becomes a row of zeros.
    """
    xs = np.asarray(xs)
    if np.issubdtype(xs.dtype, np.integer):
        return double(xs[..., None] == np.arange(size)), True
    return double(xs), False


def check_batch(carry: Any, start: Any, batch: tuple[int, ...], tokens: bool) -> None:
    """Refuse to broadcast, and so refuse features that are integers by mistake.

    `start` is the initial carry of this `batch`: it tells which axes of a carry are features.
    """
    shape, features = np.shape(leaves(carry)[0]), np.ndim(leaves(start)[0]) - len(batch)
    expected = shape[: len(shape) - features]
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
    """`a` where the mask `(*batch)` is true and `b` elsewhere, for arrays `(*batch, ...)`."""
    mask, features = np.asarray(mask), max(np.ndim(a), np.ndim(b)) - np.ndim(mask)
    return np.where(mask.reshape(*mask.shape, *(1,) * features), a, b)


def weights(params: Any) -> tuple[Array, Array, Array, Array]:
    """`w_x, w_h, b, b_h` in double precision; no recurrent bias is a recurrent bias of zeros."""
    b = double(params.b)
    b_h = np.zeros_like(b) if params.b_h is None else double(params.b_h)
    return double(params.w_x), double(params.w_h), b, b_h


def like_params(params: Any, w_x: Array, w_h: Array, b: Array, b_h: Array) -> Any:
    """These four arrays in the class of `params`; a `b_h` of None stays None."""
    b_h_or_none = None if params.b_h is None else b_h
    return dataclasses.replace(params, w_x=w_x, w_h=w_h, b=b, b_h=b_h_or_none)


def like_carry(carry: tuple[Any, ...], leaves: Iterable) -> Any:
    """These leaves in the class of `carry`: a NamedTuple, or a plain tuple."""
    return type(carry)(*leaves) if hasattr(carry, "_fields") else tuple(leaves)


def choose(mask: Array, a: Any, b: Any) -> Any:
    """The carry `a` where the mask `(*batch)` is true, else `b`, in the classes of `b`."""
    return each(lambda other, chosen: select(mask, chosen, other), b, a)


def zeros_like(carry: Any) -> Any:
    """The same carry, or tuple of carries, full of zeros."""
    return each(lambda a: np.zeros(np.shape(a)), carry)
