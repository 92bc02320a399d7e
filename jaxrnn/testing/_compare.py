"""When two answers are the same, and the sentence that says where they are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

TIMED = (".ys", ".dxs")  # the leaves that lead with time


def tolerance(dtype: Any) -> float:
    """How close two ways of computing one number must come, relative and absolute."""
    if not jnp.issubdtype(dtype, jnp.inexact):
        return 0.0
    double = np.dtype(dtype) in (np.float64, np.complex128)
    return 1e-12 if double else 200 * float(jnp.finfo(dtype).eps)


def same(got: Any, want: Any, within: float | None = None) -> None:
    """Every leaf of `got` is that of `want`, `within` a tolerance (None: the dtype's; 0: bit for
    bit), or an AssertionError names the first leaf that is not; one that leads with time, and so
    the first time step too, if there is one. NaN and infinity are never the same, not even as
    themselves; dtypes are not compared.

    >>> from jaxrnn import testing
    >>> testing.same({"h": jnp.ones(3)}, {"h": np.ones(3, np.float32)})
    >>> testing.same({"h": jnp.ones(3)}, {"h": np.zeros(3, np.float32)})
    Traceback (most recent call last):
        ...
    AssertionError: ...
    """
    got_leaves, got_tree = jax.tree_util.tree_flatten_with_path(got)
    want_leaves, want_tree = jax.tree.flatten(want)
    assert got_tree == want_tree, f"got the tree {got_tree}, want {want_tree}"
    names = [jax.tree_util.keystr(path) or "the value" for path, _ in got_leaves]
    for i in sorted(range(len(names)), key=lambda i: not names[i].startswith(TIMED)):
        _same_leaf(names[i], np.asarray(got_leaves[i][1]), np.asarray(want_leaves[i]), within)


def slope(function: Callable[[float], Any], epsilon: float = 1e-5) -> Any:
    """The derivative of `function`, a number -> a pytree, at 0: by four points, to epsilon⁴."""
    ends = (function(at * epsilon) for at in (1, -1, 2, -2))

    def of_leaves(near, back, far, far_back):
        return (8 * (near - back) - (far - far_back)) / (12 * epsilon)

    return jax.tree.map(of_leaves, *ends)


def _same_leaf(name: str, got: np.ndarray, want: np.ndarray, within: float | None) -> None:
    assert got.shape == want.shape, f"{name} has shape {got.shape}, want {want.shape}"
    if within is None:
        within = tolerance(got.dtype)
    got, want = (a.astype(np.int8) if a.dtype == bool else a for a in (got, want))
    with np.errstate(invalid="ignore"):
        far = ~(np.abs(got - want) <= within * (1 + np.abs(want)))
    if not far.any():
        return
    index = tuple(int(i) for i in np.argwhere(far)[0])
    step = f" first at time step {index[0]}," if name.startswith(TIMED) else ""
    raise AssertionError(
        f"{name} differs{step} at {list(index)}: got {got[index]!r}, want {want[index]!r} "
        f"({int(far.sum())} of {far.size} numbers differ by more than {within:.0e})"
    )
