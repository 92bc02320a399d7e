"""The fast walk of any cell and its adjoint, derived from one instant as it is read.

Forwards, what waits for no carry is done for all of time at once, and the loop does the rest. For
the way back it keeps the carries and the joints (see `_read`): all else of an instant is had again
from these by `jax.vjp` of the same equations, in which a joint is given and passes its cotangent
on. The gradient of a weight that the loop meets in products alone is one product over all of time.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Literal

from jaxrnn.engine import _activations, _overwrite, _products, _sums
from jaxrnn.engine._chunks import in_chunks
from jaxrnn.engine._project import do, project
from jaxrnn.engine._read import TIME, Joint, Reading, inexact, look

custom_vjp: Any = jax.custom_vjp  # what it makes has no type that a checker can use


def shared_leaves(reading: Reading, shared: Any) -> list[Any]:
    return [*reading.consts, *jax.tree.leaves(shared)]


def walk(reading: Reading, keep: str, reverse: bool, shared: Any, carry: Any, xs: Any) -> Any:
    """``jax.lax.scan`` of the instant over xs, a pytree that leads with time: carry, out."""
    shared = shared_leaves(reading, shared)
    carry, xs = jax.tree.leaves(carry), jax.tree.leaves(xs)
    if keep == "carries":
        carry, outs = lean(reading, reverse, shared, carry, xs)
    else:
        w, drives = project(reading, shared, xs)
        carry, outs = run(reading, reverse, xs[0].shape[0], w, carry, drives)
    return jax.tree.unflatten(reading.out_tree, [*carry, *outs])


@partial(custom_vjp, nondiff_argnums=(0, 1, 2))
def run(reading: Reading, reverse: bool, T: Any, w: list, carry: list, drives: list) -> Any:
    """The loop: carry, outs. Keeps the carries and the joints for the way back."""

    def body(carry, drives):
        after, outs, _ = instant(reading, w, carry, drives)
        return after, outs

    return jax.lax.scan(body, carry, drives, length=_overwrite.steps(T), reverse=reverse)


def _run_forwards(reading, reverse, T, w, carry, drives):
    spent = [i for i, v in enumerate(reading.drives) if v in reading.over]
    instead = [reading.points.index(reading.over[reading.drives[i]]) for i in spent]

    def body(carry, spent_here, drives):
        after, outs, points = instant(reading, w, carry, _put(drives, spent, spent_here))
        kept = _put(carry, [*reading.echoes]), _put(points, instead)
        return after, _pick(points, instead), (outs, kept)

    after, sums, (outs, (before, points)) = _overwrite.scan(
        body, carry, _pick(drives, spent), _put(drives, spent), T, reverse=reverse, late=True
    )
    read = [a for v, a in zip(reading.drives, drives, strict=True) if v in reading.read]
    before = before, _pick(carry, [*reading.echoes]), _pick(outs, [*reading.echoes.values()])
    return (after, outs), (w, before, read, _put(points, instead, sums))


def _run_backwards(reading, reverse, T, residuals, cotangents):
    w, before, *kept = residuals
    before = _before(reading, reverse, *before)
    return adjoint(reading, reverse, T, w, before, *kept, *cotangents)


def _before(reading: Reading, reverse: bool, before: list, first: list, outs: list) -> list:
    """The carries before each instant; of leaves that are outputs too, from these: those that came
    `first`, and all `outs` but the last."""

    def shifted(first, outs):
        parts = [outs[1:], first[None]] if reverse else [first[None], outs[:-1]]
        return jnp.concatenate(parts)

    return _put(before, [*reading.echoes], list(map(shifted, first, outs)))


run.defvjp(_run_forwards, _run_backwards)


@partial(custom_vjp, nondiff_argnums=(0, 1))
def lean(reading: Reading, reverse: bool, shared: list, carry: list, xs: list) -> Any:
    """`project` and `run`. Keeps the carries alone: on the way back the instants of a chunk are had
    again side by side. Chunks, both ways, for then no drive or joint is there for all of time."""
    w, drives = project(reading, shared, xs)
    return run(reading, reverse, xs[0].shape[0], w, carry, drives)


def _lean_forwards(reading, reverse, shared, carry, xs):
    def chunk(carry, xs):
        w, drives = project(reading, shared, xs)

        def body(carry, drives):
            after, outs, _ = instant(reading, w, carry, drives)
            return after, (outs, _put(carry, [*reading.echoes]))

        T = _overwrite.steps(xs[0].shape[0])
        return jax.lax.scan(body, carry, drives, length=T, reverse=reverse)

    after, (outs, before) = in_chunks(chunk, reverse, carry, xs)
    before = before, _pick(carry, [*reading.echoes]), _pick(outs, [*reading.echoes.values()])
    return (after, outs), (shared, before, xs)


def _lean_backwards(reading, reverse, residuals, cotangents):
    shared, before, xs = residuals
    before, (dcarry, douts) = _before(reading, reverse, *before), cotangents
    at_shared, at_xs, at_carry = _floats(shared), _floats(xs), _floats(before)

    def chunk(state, timed):
        (dshared, dafter), (xs, before, douts) = state, timed
        dafter = _put(before, at_carry, dafter)

        def floats(some_shared, some_xs):
            both = project(reading, _put(shared, at_shared, some_shared), _put(xs, at_xs, some_xs))
            return [_pick(of, _floats(of)) for of in both], both

        _, pull, (w, drives) = jax.vjp(
            floats, _pick(shared, at_shared), _pick(xs, at_xs), has_aux=True
        )
        _, _, points = jax.vmap(partial(instant, reading), (None, 0, 0))(w, before, drives)
        read = [a for v, a in zip(reading.drives, drives, strict=True) if v in reading.read]
        dw, dbefore, ddrives = adjoint(
            reading, reverse, xs[0].shape[0], w, before, read, points, dafter, douts
        )
        here, dxs = pull([_whole(dw, w), _whole(ddrives, drives)])
        dshared = [a + b.astype(a.dtype) for a, b in zip(dshared, here, strict=True)]
        return (dshared, _pick(dbefore, at_carry)), dxs

    state = [_sums.nought(a) for a in _pick(shared, at_shared)], _pick(dcarry, at_carry)
    (dshared, dcarry), dxs = in_chunks(chunk, not reverse, state, (xs, before, douts))
    dshared = _sums.like(dshared, _pick(shared, at_shared))
    of = (shared, at_shared, dshared), (before, at_carry, dcarry), (xs, at_xs, dxs)
    return tuple(_put([None] * len(all_), at, some) for all_, at, some in of)


lean.defvjp(_lean_forwards, _lean_backwards)


def instant(reading: Reading, w: list, carry: list, drives: list) -> tuple[list, list, list]:
    """One instant forwards: carry, outs, and what is kept of the joints."""
    env = _env(reading, w, carry, drives)
    for e in reading.loop:
        if joint := reading.joint_at.get(id(e)):
            outs = joint(reading.narrow, *(look(env, v) for v in joint.operands))
            env |= dict(zip([p.outvars[0] for p in joint.products], outs, strict=True))
        elif id(e) in reading.gates_at:
            _gates(reading, reading.gates_at[id(e)], env)
        elif id(e) not in reading.done:
            _do(reading, e, env)
    return *_outputs(reading, env), [env[v] for v in reading.points]


def again(reading: Reading, w: list, carry: list, drives: list, points: list) -> Any:
    """`instant` from what was kept: (carry, outs) and the operands of each joint."""
    env, operands = _env(reading, w, carry, drives), {}
    for e in reading.loop:
        if joint := reading.joint_at.get(id(e)):
            operands[joint] = [look(env, v) for v in joint.operands]
            kept = [points[reading.points.index(out)] for out in joint.outs]
            sums = _known(reading, joint, kept, operands[joint])
            env |= dict(zip(joint.outs, sums, strict=True))
        elif id(e) in reading.gates_at:
            _gates(reading, reading.gates_at[id(e)], env)
        elif id(e) in reading.rest_ids and id(e) not in reading.done:
            _do(reading, e, env)
    return _outputs(reading, env), [operands[joint] for joint in reading.joints]


@partial(custom_vjp, nondiff_argnums=(0, 1))
def _known(reading: Reading, joint: Joint, sums: list, operands: list) -> list:
    """`sums`, as what the joint's product of `operands` came to: a cotangent of theirs is theirs,
    and goes on to the operands that do not get theirs for all of time at once."""
    return sums


def _known_backwards(reading, joint, operands, cts):
    at = tuple(i for i, v in enumerate(joint.operands) if reading.in_loop(joint, v))
    whole = joint.merge(cts)
    back = _products.adjoint(joint.equation, reading.narrow, tuple(operands), at, whole)
    return cts, _put([None] * len(operands), [*at], back)


_known.defvjp(lambda reading, joint, sums, operands: (sums, operands), _known_backwards)


def _gates(reading: Reading, v: Any, env: dict) -> None:
    """Enter the gates of a sum into `env`."""
    kinds, names = reading.gates[v]
    whole = _activations.apart(_activations.each(kinds, env[v]))
    parts = jnp.split(whole, len(kinds), axis=-1) if len(kinds) > 1 else [whole]
    env |= dict(zip(names, parts, strict=True))


def _env(reading: Reading, *given: list) -> dict:
    names = [*reading.w, *reading.carry_in, *reading.drives]
    return dict(zip(names, [a for many in given for a in many], strict=True))


def _outputs(reading: Reading, env: dict) -> tuple[list, list]:
    outs, n = [look(env, v) for v in reading.outs], len(reading.carry_in)
    return outs[:n], outs[n:]


def _do(reading: Reading, e: Any, env: dict) -> None:
    """Enter into `env` what one equation of the loop gives."""
    values = [look(env, v) for v in e.invars]
    function = _activations.IN_LOOPS.get(e.primitive.name)
    outs = [_activations.apart(function(*values))] if function else do(e, reading.narrow, *values)
    env |= dict(zip(e.outvars, outs, strict=True))


def adjoint(reading, reverse, T, w, before, read, points, dafter, douts):
    """The cotangents of w, the carry before all, and the drives; None for none."""
    at_carry, at_read = _floats(before), _floats(read)
    at_outs, at_free = _floats(douts), [reading.w.index(v) for v in reading.free]
    over_points = [i for i, v in enumerate(reading.points) if reading.settled(v)]
    over_read = [i for i in at_read if reading.settled(reading.read[i])]
    rest_points = [i for i in range(len(points)) if i not in over_points]
    rest_read = [i for i in at_read if i not in over_read]

    def body(state, spent, timed):
        (dcarry, sums), (points, read, before, douts) = state, timed
        points = _put(points, over_points, spent[: len(over_points)])
        read = _put(read, over_read, spent[len(over_points) :])

        def rest(carry, some_read, points, free):
            drives = dict(zip(reading.read, _put(read, at_read, some_read), strict=True))
            (after, outs), operands = again(
                reading,
                _put(w, at_free, free),
                _put(before, at_carry, carry),
                [drives.get(v) for v in reading.drives],
                points,
            )
            return (_pick(after, at_carry), _pick(outs, at_outs)), operands

        free = _pick(w, at_free)
        _, pull, operands = jax.vjp(
            rest, _pick(before, at_carry), _pick(read, at_read), points, free, has_aux=True
        )
        dcarry, dread, deltas, dfree = pull((dcarry, douts))
        sums = [a + b.astype(a.dtype) for a, b in zip(sums, dfree, strict=True)]
        dread = _put([None] * len(read), at_read, dread)
        emitted = [
            None if joint.operands[i] in reading.carry_in else of[i]
            for joint, of in zip(reading.joints, operands, strict=True)
            for i in reading.emits(joint)
        ]
        instead = [*_pick(deltas, over_points), *_pick(dread, over_read)]
        return (
            (dcarry, sums),
            instead,
            (_pick(deltas, rest_points), _pick(dread, rest_read), emitted),
        )

    state = _pick(dafter, at_carry), [_sums.nought(a) for a in _pick(w, at_free)]
    spent = [*_pick(points, over_points), *_pick(read, over_read)]
    timed = _put(points, over_points), _put(read, over_read), before, _pick(douts, at_outs)
    (dcarry, sums), instead, (deltas, dread, emitted) = _overwrite.scan(
        body, state, spent, timed, T, reverse=not reverse, late=False
    )
    deltas = _put(_put(points, rest_points, deltas), over_points, instead[: len(over_points)])
    dread = _put(_put(read, rest_read, dread), over_read, instead[len(over_points) :])
    dread = {reading.read[i]: dread[i] for i in at_read}
    dw = dict(zip(reading.free, sums, strict=True))
    _through_joints(reading, w, before, deltas, emitted, dw, dread)
    return (
        [dw[v].astype(a.dtype) if v in dw else None for v, a in zip(reading.w, w, strict=True)],
        _put([None] * len(before), at_carry, dcarry),
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


def _floats(values: list) -> list[int]:
    return [i for i, a in enumerate(values) if inexact(a)]


def _pick(values: list, at: list[int]) -> list:
    return [values[i] for i in at]


def _put(values: list, at: list[int], some: list | None = None) -> list:
    """`values` with `some` (else None) at these indices."""
    values = list(values)
    for i, a in zip(at, [None] * len(at) if some is None else some, strict=True):
        values[i] = a
    return values


def _whole(gradients: list, values: list) -> list:
    """The cotangents of what is inexact, zeros where nothing flows."""
    return [
        jnp.zeros_like(a) if d is None else d
        for d, a in zip(gradients, values, strict=True)
        if inexact(a)
    ]
