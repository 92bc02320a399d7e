"""The fast walk of any cell and its adjoint, derived from one instant as it is read.

Forwards, what waits for no carry is done for all of time at once, and the loop does the rest. For
the way back it keeps the carries and the joints (see `_read`): all else of an instant is had again
from these by `jax.vjp` of the same equations, in which a joint is given and passes its cotangent
on. The gradient of a weight that the loop meets in products alone is one product over all of time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from jaxrnn._adjoint import floats, pick, put, reached, whole, with_adjoint
from jaxrnn.engine import _instant, _overwrite, _sums
from jaxrnn.engine._backwards import adjoint
from jaxrnn.engine._chunks import in_chunks
from jaxrnn.engine._loop import instant
from jaxrnn.engine._project import project
from jaxrnn.engine._read import Reading


def shared_leaves(reading: Reading, shared: Any) -> list[Any]:
    return [*reading.consts, *jax.tree.leaves(shared)]


def walk(reading: Reading, keep: str, reverse: bool, shared: Any, carry: Any, xs: Any) -> Any:
    """``jax.lax.scan`` of the instant over xs, a pytree that leads with time: carry, out."""
    given = shared_leaves(reading, shared), jax.tree.leaves(carry), jax.tree.leaves(xs)
    carry, outs = (lean if keep == "carries" else run)(reading, reverse, *given)
    return jax.tree.unflatten(reading.out_tree, [*carry, *outs])


def _walk(reading: Reading, reverse: bool, shared: list, carry: list, xs: list) -> Any:
    """Carry, outs. `run` keeps the carries and the joints for the way back."""
    w, drives = project(reading, shared, xs)
    spent, instead = [*reading.outs_over], [*reading.outs_over.values()]
    T = xs[0].shape[0]

    def body(carry, spent_here, drives):
        after, outs, _ = instant(reading, w, carry, put(drives, spent, spent_here), T)
        return after, pick(outs, instead), put(outs, instead)

    given = carry, pick(drives, spent), put(drives, spent), T
    after, written, outs = _overwrite.scan(body, *given, reverse=reverse, late=False)
    return reached((after, put(outs, instead, written)), (shared, carry, xs))


def plain(reading: Reading, reverse: bool, shared: list, carry: list, xs: list) -> Any:
    """`_walk` as JAX differentiates it: the plain scan."""
    n = len(carry)

    def body(carry, x):
        outs = _instant.plain(reading, reading.narrow, _instant.NO_MASKS, [*shared, *carry, *x])
        return outs[:n], outs[n:]

    return jax.lax.scan(body, carry, xs, reverse=reverse)


def _run_forwards(reading, reverse, shared, carry, xs):
    (w, drives), back = projected(reading, shared, xs)
    spent = [i for i, v in enumerate(reading.drives) if v in reading.over]
    instead = [reading.points.index(reading.over[reading.drives[i]]) for i in spent]
    shown = {reading.points.index(v): j for v, j in reading.shown.items()}
    written = {i: j for i, j in shown.items() if i in instead}
    T = xs[0].shape[0]

    def body(carry, spent_here, drives):
        after, outs, points = instant(reading, w, carry, put(drives, spent, spent_here), T)
        kept = put(carry, [*reading.echoes]), put(points, [*{*instead, *shown}])
        return after, pick(points, instead), (put(outs, [*written.values()]), kept)

    after, sums, (outs, (before, points)) = _overwrite.scan(
        body, carry, pick(drives, spent), put(drives, spent), T, reverse=reverse, late=True
    )
    points = put(points, instead, sums)
    outs = put(outs, [*written.values()], pick(points, [*written]))
    after, outs = reached((after, outs), (shared, carry, xs))
    points = put(points, [*shown], pick(outs, [*shown.values()]))
    before = before, pick(carry, [*reading.echoes]), pick(outs, [*reading.echoes.values()])
    kept = _read(reading, drives), points
    return (after, outs), (back, w, before, *kept)


def _run_backwards(reading, reverse, residuals, cotangents):
    back, w, before, *kept = residuals
    before = _before(reading, reverse, *before)
    dw, dcarry, ddrives = adjoint(reading, reverse, w, before, *kept, *cotangents)
    dshared, dxs = back(dw, ddrives)
    return dshared, dcarry, dxs


def projected(reading: Reading, shared: list, xs: list) -> tuple[Any, Callable]:
    """What `project` gives, and its adjoint: of cotangents, those of shared and xs, None for
    none."""
    at_shared, at_xs = floats(shared), floats(xs)

    def projected(some_shared, some_xs):
        both = project(reading, put(shared, at_shared, some_shared), put(xs, at_xs, some_xs))
        return [pick(of, floats(of)) for of in both], both

    some = pick(shared, at_shared), pick(xs, at_xs)
    _, pull, both = jax.vjp(projected, *some, has_aux=True)
    return both, Partial(_back, pull, both, (shared, xs))


def _back(pull, both, given, *cotangents):
    gradients = pull(list(map(whole, cotangents, both)))
    pairs = zip(given, gradients, strict=True)
    return [put([None] * len(of), floats(of), some) for of, some in pairs]


def _read(reading: Reading, drives: list) -> list:
    return [a for v, a in zip(reading.drives, drives, strict=True) if v in reading.read]


def _before(reading: Reading, reverse: bool, before: list, first: list, outs: list) -> list:
    """The carries before each instant; of leaves that are outputs too, from these: those that came
    `first`, and all `outs` but the last."""

    def shifted(first, outs):
        parts = [outs[1:], first[None]] if reverse else [first[None], outs[:-1]]
        return jnp.concatenate(parts)

    return put(before, [*reading.echoes], list(map(shifted, first, outs)))


_adjoint = partial(with_adjoint, plain=plain, only_backwards=lambda reading, *_: reading.one_way)
run = _adjoint(_walk, _run_forwards, _run_backwards, fixed=2)


def _lean_forwards(reading, reverse, shared, carry, xs):
    """Keeps the carries alone: on the way back the instants of a chunk are had again side by side.
    Chunks, both ways, for then no drive or joint is there for all of time."""

    def chunk(carry, xs):
        (w, drives), _ = projected(reading, shared, xs)
        T = xs[0].shape[0]

        def body(carry, drives):
            after, outs, _ = instant(reading, w, carry, drives, T)
            return after, (outs, put(carry, [*reading.echoes]))

        length = _overwrite.steps(T)
        return jax.lax.scan(body, carry, drives, length=length, reverse=reverse)

    after, (outs, before) = in_chunks(chunk, reverse, carry, xs)
    after, outs = reached((after, outs), (shared, carry, xs))
    before = before, pick(carry, [*reading.echoes]), pick(outs, [*reading.echoes.values()])
    return (after, outs), (shared, before, xs)


def _lean_backwards(reading, reverse, residuals, cotangents):
    shared, before, xs = residuals
    before, (dcarry, douts) = _before(reading, reverse, *before), cotangents
    at_shared, at_xs, at_carry = floats(shared), floats(xs), floats(before)

    def chunk(state, timed):
        (dshared, dafter), (xs, before, douts) = state, timed
        (w, drives), back = projected(reading, shared, xs)
        _, _, points = jax.vmap(partial(instant, reading), (None, 0, 0))(w, before, drives)
        kept, cts = (_read(reading, drives), points), (put(before, at_carry, dafter), douts)
        dw, dbefore, ddrives = adjoint(reading, reverse, w, before, *kept, *cts)
        here, dxs = back(dw, ddrives)
        pairs = zip(dshared, pick(here, at_shared), strict=True)
        dshared = [a + b.astype(a.dtype) for a, b in pairs]
        return (dshared, pick(dbefore, at_carry)), pick(dxs, at_xs)

    state = [_sums.nought(a) for a in pick(shared, at_shared)], pick(dcarry, at_carry)
    (dshared, dcarry), dxs = in_chunks(chunk, not reverse, state, (xs, before, douts))
    dshared = _sums.like(dshared, pick(shared, at_shared))
    of = (shared, at_shared, dshared), (before, at_carry, dcarry), (xs, at_xs, dxs)
    return tuple(put([None] * len(all_), at, some) for all_, at, some in of)


lean = _adjoint(_walk, _lean_forwards, _lean_backwards, fixed=2)
