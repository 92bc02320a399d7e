"""What a bidirectional layer makes of its two outputs, and the adjoint of it."""

from typing import Literal

import numpy as np

from ._arithmetic import Array

Merge = Literal["concat", "sum", "mean", "product"]


def merged(merge: Merge, ys: Array, zs: Array) -> Array:
    if merge == "concat":
        return np.concatenate([ys, zs], axis=-1)
    if merge == "product":
        return ys * zs
    return (ys + zs) / (2 if merge == "mean" else 1)


def unmerged(merge: Merge, ys: Array, zs: Array, d: Array) -> tuple[Array, Array]:
    """What a cotangent of the merged output becomes at the two."""
    if merge == "concat":
        return d[..., : ys.shape[-1]], d[..., ys.shape[-1] :]
    if merge == "product":
        return d * zs, d * ys
    return (d / 2, d / 2) if merge == "mean" else (d, d)
