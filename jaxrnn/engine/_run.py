"""The scan with a hand-written adjoint, for cells that say how their work divides.

The backward loop carries the cotangent of the carry alone and emits the drives' cotangents;
each weight's gradient is then one product over all of time. A fused kernel would replace
`run` and nothing else.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn._types import Carry, Divided, When
from jaxrnn.engine import _when


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def run(
    cell: Divided, reverse: bool, w: Any, carry: Carry, drives: Any, start: Carry, when: When
) -> tuple[Carry, jax.Array]:
    """Walk `cell` over `drives` (T, *batch, …): the final carry, and ys (T, *batch, H)."""

    def instant(carry, drive):
        carry, y, _ = cell.advance(w, carry, drive)
        return carry, y, None

    body = _when.forwards(instant, start, reverse)
    carry, (ys, _) = jax.lax.scan(body, carry, (drives, when), reverse=reverse)
    return carry, ys


def _run_forwards(cell, reverse, w, carry, drives, start, when):
    body = _when.forwards(partial(cell.advance, w), start, reverse)
    carry, (ys, saved) = jax.lax.scan(body, carry, (drives, when), reverse=reverse)
    return (carry, ys), (w, saved, start, when)


def _run_backwards(cell, reverse, residuals, cotangents):
    (w, saved, start, when), (dcarry, dys) = residuals, cotangents
    w_t, locals_ = cell.linearize(w, saved)
    body = _when.backwards(partial(cell.retreat, w_t), reverse)
    state = dcarry, jax.tree.map(jnp.zeros_like, start)
    (dcarry, dstart), ddrives = jax.lax.scan(body, state, (locals_, dys, when), reverse=not reverse)
    return cell.collect(saved, locals_, ddrives), dcarry, ddrives, dstart, None


run.defvjp(_run_forwards, _run_backwards)
