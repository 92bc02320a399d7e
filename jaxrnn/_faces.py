"""What the Flax faces share: the check of their layer, and the batch-major way in and out."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import _checks
from jaxrnn._types import Carry, Layer, Params


def apply(
    layer: Layer,
    params: Params,
    carry: Carry | None,
    xs: Any,
    batch_major: bool,
    lengths: Any = None,
    mask: Any = None,
    resets: Any = None,
    key: Any = None,
) -> tuple[Carry, jax.Array]:
    """`layer.apply`; with `batch_major`, time is the last batch axis of xs, mask, resets and ys."""
    noise = {} if key is None else {"key": key}  # a layer of one's own may take none
    if not batch_major:
        return layer.apply(params, carry, xs, lengths=lengths, mask=mask, resets=resets, **noise)
    try:
        return _transposed(layer, params, carry, xs, lengths, mask, resets, noise)
    except ValueError as error:
        error.add_note(f"(xs was given batch-major, as {np.shape(xs)}; the layer sees time first)")
        raise


def _transposed(layer, params, carry, xs, lengths, mask, resets, noise) -> tuple[Carry, jax.Array]:
    _checks.batch_shape_of(xs)
    time = -1 if _checks.is_tokens(xs) else -2
    xs = jnp.moveaxis(jnp.asarray(xs), time, 0)
    shape = (*_checks.batch_shape_of(xs), xs.shape[0])
    mask, resets = _time_first("mask", mask, shape), _time_first("resets", resets, shape)
    when = {"lengths": lengths, "mask": mask, "resets": resets}
    carry, ys = layer.apply(params, carry, xs, **when, **noise)
    return carry, jnp.moveaxis(ys, 0, -2)


def _time_first(name: str, flags: Any, shape: tuple[int, ...]) -> Any:
    if flags is None:
        return None
    flags = _checks.array(f"`{name}`", flags)
    if np.shape(flags) != shape:
        raise ValueError(f"`{name}` must be (*batch, T) = {shape}, got {np.shape(flags)}.")
    return jnp.moveaxis(jnp.asarray(flags), -1, 0)
