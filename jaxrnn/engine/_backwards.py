"""The adjoint of the derived walk: a scan backwards, then one product for each weight."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
from jax.extend.core import Literal

from jaxrnn._adjoint import floats, inexact, pick, put
from jaxrnn.engine import _overwrite, _products, _sums
from jaxrnn.engine._awaited import Awaited
from jaxrnn.engine._loop import again
from jaxrnn.engine._read import TIME


def adjoint(reading, reverse, w, before, read, points, dafter, douts):
    """The cotangents of w, the carry before all, and the drives; None for none."""
    timed = jax.tree.leaves((before, read, points, douts))
    T = timed[0].shape[0] if timed else 0
    at_carry, at_read = floats(before), floats(read)
    at_outs, at_free = floats(douts), [reading.w.index(v) for v in reading.free]
    over_points = [i for i, v in enumerate(reading.points) if reading.settled(v)]
    over_read = [i for i in at_read if reading.settled(reading.read[i])]
    rest_points = [i for i in range(len(points)) if i not in over_points]
    rest_read = [i for i in at_read if i not in over_read]
    awaited = Awaited(reading, w, at_carry, dafter)

    def body(state, spent, timed):
        (handed_on, sums), (points, read, before, douts) = state, timed
        dcarry = awaited.arrived(handed_on)
        points = put(points, over_points, spent[: len(over_points)])
        read = put(read, over_read, spent[len(over_points) :])

        def rest(carry, some_read, points, free):
            drives = dict(zip(reading.read, put(read, at_read, some_read), strict=True))
            (after, outs), operands = again(
                reading,
                put(w, at_free, free),
                put(before, at_carry, carry),
                [drives.get(v) for v in reading.drives],
                points,
            )
            return (pick(after, at_carry), pick(outs, at_outs)), operands

        free = pick(w, at_free)
        _, pull, operands = jax.vjp(
            rest, pick(before, at_carry), pick(read, at_read), points, free, has_aux=True
        )
        dcarry, dread, deltas, dfree = pull((dcarry, douts))
        sums = [a + b.astype(a.dtype) for a, b in zip(sums, dfree, strict=True)]
        dread = put([None] * len(read), at_read, dread)
        emitted = [
            None if joint.operands[i] in reading.carry_in else of[i]
            for joint, of in zip(reading.joints, operands, strict=True)
            for i in reading.emits(joint)
        ]
        instead = [*pick(deltas, over_points), *pick(dread, over_read)]
        return (
            (awaited.handed_on(dcarry, deltas), sums),
            instead,
            (pick(deltas, rest_points), pick(dread, rest_read), emitted),
        )

    state = awaited.start(points), [_sums.nought(a) for a in pick(w, at_free)]
    douts = awaited.with_outs(douts, 0 if reverse else -1)
    spent = [*pick(points, over_points), *pick(read, over_read)]
    timed = put(points, over_points), put(read, over_read), before, pick(douts, at_outs)
    (handed_on, sums), instead, (deltas, dread, emitted) = _overwrite.scan(
        body, state, spent, timed, T, reverse=not reverse, late=False
    )
    dcarry = awaited.arrived(handed_on)
    deltas = put(put(points, rest_points, deltas), over_points, instead[: len(over_points)])
    dread = put(put(read, rest_read, dread), over_read, instead[len(over_points) :])
    dread = {reading.read[i]: dread[i] for i in at_read}
    dw = dict(zip(reading.free, sums, strict=True))
    _through_joints(reading, w, before, deltas, emitted, dw, dread)
    return (
        [dw[v].astype(a.dtype) if v in dw else None for v, a in zip(reading.w, w, strict=True)],
        put([None] * len(before), at_carry, dcarry),
        [dread.get(v) for v in reading.drives],
    )


def _through_joints(reading, w, before, deltas, emitted, dw, dread) -> None:
    """All of time at once: to `dw` and `dread` what the deltas of the joints come to."""

    def add(to: dict, v: Any, a: Any) -> None:
        to[v] = to[v] + a.astype(to[v].dtype) if v in to else a

    named, delta = (
        dict(zip(reading.w, w, strict=True)),
        dict(zip(reading.points, deltas, strict=True)),
    )
    emitted = iter(emitted)
    for joint in reading.joints:
        for out, terms in zip(joint.outs, joint.terms, strict=True):
            for v in terms:
                source = reading.origin(v)
                if isinstance(source, Literal) or not inexact(source.aval):
                    continue
                if reading.rank(source) == TIME:
                    add(dread, source, delta[out])
                else:
                    add(dw, source, _sums.total(delta[out], named[source], reading.axes(v)))
        parts = [delta[out] for out in joint.outs]
        for i in reading.emits(joint):
            x, weight = next(emitted), joint.operands[1 - i]
            x = before[reading.carry_in.index(joint.operands[i])] if x is None else x
            product = partial(_products.over_all_time, joint.equation, reading.narrow, i, x)
            add(dw, weight, joint.merge([product(part, named[weight]) for part in parts]))
