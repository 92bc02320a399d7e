"""Named arrays of unknown origin: read into NumPy, and refused by name where they are not right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ml_dtypes
import numpy as np

from jaxrnn import _checks
from jaxrnn._checks import quote
from jaxrnn.interop._form import InteropError


def arrays(what: str, named: Any) -> dict[str, np.ndarray]:
    """A mapping of names to tensors of any library, as NumPy arrays."""
    check_names(what, named)
    return {name: array(f"{what}: {name!r}", value) for name, value in named.items()}


def check_names(what: str, named: Any) -> None:
    if not isinstance(named, Mapping):
        raise InteropError(f"{what} must be a mapping of names to arrays, got {quote(named)}.")
    if not all(isinstance(name, str) for name in named):
        raise InteropError(f"{what} must have strings for names, got {quote(list(named))}.")


def array(what: str, value: Any) -> np.ndarray:
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach"):
        return _of_torch(what, value)
    try:
        a = np.asarray(value)
    except Exception as error:
        raise InteropError(f"{what} is no array: {_checks.cut(str(error))}") from None
    if a.dtype == object or not hasattr(value, "shape"):
        raise InteropError(f"{what} is no array, got {type(value).__name__} {quote(value)}.")
    return a


def _of_torch(what: str, tensor: Any) -> np.ndarray:
    import torch

    if tensor.layout != torch.strided or tensor.is_quantized:
        raise InteropError(f"{what} is sparse or quantized: make it dense, `tensor.to_dense()`.")
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def is_float(a: np.ndarray) -> bool:
    return np.issubdtype(a.dtype, np.floating) or a.dtype == ml_dtypes.bfloat16


def several(names: Any) -> list[Any]:
    """What was asked for by name, one or more; what is no name is refused where it is not found."""
    alone = isinstance(names, str | bytes) or not isinstance(names, Iterable)
    return [names] if alone else [*names]


class Named:
    """Arrays that are taken one by one, each checked; what is left over is told at the end."""

    def __init__(self, what: str, named: Mapping[str, np.ndarray]):
        self.what, self.named, self.taken = what, dict(named), dict[str, str]()
        self.dtype: Any = None

    def take(self, name: str, *shape: int | None) -> np.ndarray:
        """The array called `name`, of `shape`; None is any size."""
        if name not in self.named:
            raise InteropError(f"{self.what} lacks {name!r}.")
        a = self.named[name]
        self.taken[name] = name
        if not is_float(a):
            raise InteropError(
                f"{self.what}: {name!r} is of {a.dtype}, but weights are floats of 16 to 64 bits."
            )
        want = " × ".join("any" if n is None else str(n) for n in shape)
        fits = a.ndim == len(shape) and all(
            n in (None, m) for n, m in zip(shape, a.shape, strict=True)
        )
        if not fits:
            raise InteropError(
                f"{self.what}: {name!r} has shape {a.shape}, but {want or 'no axis'} is needed."
            )
        self._check_numbers(name, a)
        return a

    def _check_numbers(self, name: str, a: np.ndarray) -> None:
        if self.dtype not in (None, a.dtype):
            raise InteropError(
                f"{self.what}: {name!r} is of {a.dtype}, but the others are of {self.dtype}: cast "
                f"them to one dtype."
            )
        self.dtype = a.dtype
        if a.size == 0:
            raise InteropError(f"{self.what}: {name!r} has shape {a.shape}, which is empty.")
        if not np.isfinite(a.astype(np.float64)).all():
            raise InteropError(f"{self.what}: {name!r} holds NaN or infinity.")

    def has(self, name: str) -> bool:
        return name in self.named

    def all_taken(self, advice: str = "") -> None:
        left = [name for name in self.named if name not in self.taken]
        if left:
            more = f", and {len(left) - 1} more" if len(left) > 1 else ""
            raise InteropError(
                f"{self.what} has {left[0]!r}{more}, which belongs to nothing that was found"
                f"{advice and ': '}{advice}."
            )
