"""The scan with a hand-written adjoint, for cells that say how their work divides.

The backward loop carries the cotangent of the carry alone and emits what the cell makes its
gradients of; each weight's is then one product over all of time. A fused kernel would replace
`run` and nothing else. `lean` is the same walk with less kept for the way back, a chunk at a time.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn import _checks
from jaxrnn._types import Carry, Divided, When
from jaxrnn.engine import _overwrite, _sums, _when
from jaxrnn.engine._chunks import in_chunks


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def run(
    cell: Divided, reverse: bool, w: Any, carry: Carry, drives: Any, start: Carry, when: When
) -> tuple[Carry, jax.Array]:
    """Walk `cell` over `drives` (T, *batch, …): the final carry, and ys (T, *batch, H). Keeps for
    the way back what each `advance` saves."""

    def instant(carry, drive):
        carry, y, _ = cell.advance(w, carry, drive)
        return carry, y, None

    carry, (ys, _) = _walk(cell, instant, reverse, carry, drives, start, when)
    return carry, ys


def _run_forwards(cell, reverse, w, carry, drives, start, when):
    advance = partial(cell.advance, w)
    carry, (ys, saved) = _walk(cell, advance, reverse, carry, drives, start, when)
    return (carry, ys), (w, saved, start, when)


def _run_backwards(cell, reverse, residuals, cotangents):
    w, saved, start, when = residuals
    *gradients, dstart = _adjoint(cell, reverse, w, saved, start, when, cotangents)
    return *gradients, _sums.like(dstart, start), None


run.defvjp(_run_forwards, _run_backwards)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def lean(
    cell: Divided, reverse: bool, inputs: Any, carry: Carry, start: Carry, when: When
) -> tuple[Carry, jax.Array]:
    """`run` on what `project` makes of its `inputs` (params, xs, kept). Keeps the carries alone:
    on the way back the instants of a chunk are computed again side by side, with one product.

    Chunks, both ways, for then training has no drive or gate for all of time at once.
    """
    w, drives = project(cell, *inputs)
    return run(cell, reverse, w, carry, drives, start, when)


def _lean_forwards(cell, reverse, inputs, carry, start, when):
    params, xs, kept = inputs

    def chunk(carry, timed):
        w, drives = project(cell, params, timed[0], kept)

        def instant(carry, drive):
            after, y, _ = cell.advance(w, carry, drive)
            return after, y, carry

        return _walk(cell, instant, reverse, carry, drives, start, timed[1])

    carry, (ys, before) = in_chunks(chunk, reverse, carry, (xs, when))
    return (carry, ys), (inputs, before, start, when)


def _lean_backwards(cell, reverse, residuals, cotangents):
    (params, xs, kept), before, start, when = residuals
    dcarry, dys = cotangents

    def chunk(state, timed):
        (dparams, dstart, dcarry), (xs, before, dys, when) = state, timed
        at = (params,) if _checks.is_tokens(xs) else (params, xs)
        (w, drives), pull = jax.vjp(lambda p, x=xs: project(cell, p, x, kept), *at)
        _, _, saved = jax.vmap(cell.advance, (None, 0, 0))(w, before, drives)
        dw, dcarry, ddrives, more = _adjoint(cell, reverse, w, saved, start, when, (dcarry, dys))
        (here, *dxs) = pull((_whole(dw, w), ddrives))
        dparams = jax.tree.map(lambda a, b: a + b.astype(a.dtype), dparams, here)
        dstart = jax.tree.map(jnp.add, dstart, more)
        return (dparams, dstart, dcarry), dxs

    state = (*jax.tree.map(_sums.nought, (params, start)), dcarry)
    timed = xs, before, dys, when
    (dparams, dstart, dcarry), dxs = in_chunks(chunk, not reverse, state, timed)
    dparams, dstart = _sums.like((dparams, dstart), (params, start))
    return (dparams, *(dxs or [None]), None), dcarry, dstart, None


lean.defvjp(_lean_forwards, _lean_backwards)


def project(cell: Divided, params: Any, xs: jax.Array, kept: Any) -> tuple[Any, Any]:
    """`cell.project`, which is asked for recurrent dropout only where there is any."""
    return cell.project(params, xs, **({} if kept is None else {"kept": kept}))


def _walk(cell, instant, reverse, carry, drives, start, when):
    body = _when.forwards(instant, start, reverse)
    return _overwrite.scan(cell, body, carry, drives, when, reverse=reverse)


def _adjoint(cell, reverse, w, saved, start, when, cotangents):
    """The cotangents of w, carry, drives and start; the last as wide as a sum needs."""
    dcarry, dys = cotangents
    w_t, locals_ = cell.linearize(w, saved)
    body = _when.backwards(partial(cell.retreat, w_t), reverse)
    state = dcarry, jax.tree.map(_sums.nought, start)
    (dcarry, dstart), deltas = _overwrite.scan(
        cell, body, state, locals_, (dys, when), reverse=not reverse
    )
    dw, ddrives = cell.collect(saved, locals_, deltas)
    return dw, dcarry, ddrives, dstart


def _whole(dw: Any, w: Any) -> Any:
    """`dw` with zeros where a cotangent of None says that nothing flows."""

    def leaf(d, a):
        return jax.tree.map(jnp.zeros_like, a) if d is None else d

    return jax.tree.map(leaf, dw, w, is_leaf=lambda a: a is None)
