"""Trees of arrays: tuples and dataclasses within each other, as params and carries are.

Complex leaves are turned into pairs of reals and back: a complex step cannot run through a number
that is complex already.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np


def each(function: Callable, tree: Any, *others: Any) -> Any:
    """`function` of the leaves at each place, in the classes of `tree`; None holds no leaf."""
    if tree is None:
        return None
    if isinstance(tree, tuple):
        parts = [each(function, *parts) for parts in zip(tree, *others, strict=True)]
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        names = [field.name for field in dataclasses.fields(tree)]
        trees = tree, *others
        changes = {name: each(function, *(getattr(it, name) for it in trees)) for name in names}
        return dataclasses.replace(tree, **changes)
    return function(tree, *others)


def leaves(tree: Any) -> list[Any]:
    found: list[Any] = []
    each(found.append, tree)
    return found


def pairs(tree: Any) -> Any:
    """Every complex leaf `(...)` as its real and imaginary parts, `(..., 2)`."""
    return each(lambda a: np.stack([a.real, a.imag], -1) if np.iscomplexobj(a) else a, tree)


def whole(tree: Any, like: Any) -> Any:
    """The inverse of `pairs`: complex leaves wherever `like` has them."""

    def join(a: Any, b: Any) -> Any:
        return a[..., 0] + 1j * a[..., 1] if np.iscomplexobj(b) else a

    return each(join, tree, like)
