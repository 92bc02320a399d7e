"""A scan of which an output takes the place of an input that it has read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn._types import Divided


def scan(
    cell: Divided, body: Callable, carry: Any, spent: Any, timed: Any, *, reverse: bool
) -> tuple[Any, Any]:
    """``jax.lax.scan(body, carry, (spent, timed), reverse=reverse)``. If `cell` `overwrites`, the
    first output of the shape and dtype of the first leaf of `spent` is written over it, instant by
    instant, where there would else be room for both, and zeros written first."""

    def first(carry, inputs):
        return body(carry, jax.tree.map(lambda a: a[0], inputs))[1]

    leaves, spent_tree = jax.tree.flatten(spent)
    place = None
    if getattr(cell, "overwrites", False) and leaves and leaves[0].shape[0] != 0:
        outs, out_tree = jax.tree.flatten(jax.eval_shape(first, carry, (spent, timed)))
        alike = [(out.shape, out.dtype) == (leaves[0].shape[1:], leaves[0].dtype) for out in outs]
        place = alike.index(True) if True in alike else None
    if place is None:
        return jax.lax.scan(body, carry, (spent, timed), reverse=reverse)
    old, *rest = leaves

    def step(state, inputs):
        (carry, buffer), (t, rest, timed) = state, inputs
        at = {"axis": 0, "allow_negative_indices": False}
        read = jax.lax.dynamic_index_in_dim(buffer, t, keepdims=False, **at)
        carry, outs = body(carry, (jax.tree.unflatten(spent_tree, [read, *rest]), timed))
        outs = jax.tree.leaves(outs)
        buffer = jax.lax.dynamic_update_index_in_dim(buffer, outs.pop(place), t, **at)
        return (carry, buffer), outs

    inputs = jnp.arange(old.shape[0]), rest, timed
    (carry, old), outs = jax.lax.scan(step, (carry, old), inputs, reverse=reverse)
    return carry, jax.tree.unflatten(out_tree, [*outs[:place], old, *outs[place:]])
