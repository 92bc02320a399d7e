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
from jax.extend.core import Literal
from jax.tree_util import Partial

from jaxrnn._adjoint import floats, inexact, pick, put, reached, whole, with_adjoint
from jaxrnn.engine import _activations, _instant, _overwrite, _products, _sums
from jaxrnn.engine._chunks import in_chunks
from jaxrnn.engine._program import look
from jaxrnn.engine._project import do, project
from jaxrnn.engine._read import TIME, Joint, Reading

custom_vjp: Any = jax.custom_vjp  # what it makes has no type that a checker can use


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

    def body(carry, spent_here, drives):
        after, outs, _ = instant(reading, w, carry, put(drives, spent, spent_here))
        return after, pick(outs, instead), put(outs, instead)

    given = carry, pick(drives, spent), put(drives, spent), xs[0].shape[0]
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
    (w, drives), back = _projected(reading, shared, xs)
    spent = [i for i, v in enumerate(reading.drives) if v in reading.over]
    instead = [reading.points.index(reading.over[reading.drives[i]]) for i in spent]
    shown = {reading.points.index(v): j for v, j in reading.shown.items()}
    written = {i: j for i, j in shown.items() if i in instead}

    def body(carry, spent_here, drives):
        after, outs, points = instant(reading, w, carry, put(drives, spent, spent_here))
        kept = put(carry, [*reading.echoes]), put(points, [*{*instead, *shown}])
        return after, pick(points, instead), (put(outs, [*written.values()]), kept)

    T = xs[0].shape[0]
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


def _projected(reading: Reading, shared: list, xs: list) -> tuple[Any, Callable]:
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
        (w, drives), _ = _projected(reading, shared, xs)

        def body(carry, drives):
            after, outs, _ = instant(reading, w, carry, drives)
            return after, (outs, put(carry, [*reading.echoes]))

        T = _overwrite.steps(xs[0].shape[0])
        return jax.lax.scan(body, carry, drives, length=T, reverse=reverse)

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
        (w, drives), back = _projected(reading, shared, xs)
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


def instant(reading: Reading, w: list, carry: list, drives: list) -> tuple[list, list, list]:
    """One instant forwards: carry, outs, and what is kept of the joints: the sums, or their gates
    where these are `shown`."""
    env = _env(reading, w, carry, drives)
    for e in reading.loop:
        if joint := reading.joint_at.get(id(e)):
            outs = joint(reading.narrow, *(look(env, v) for v in joint.operands))
            env |= dict(zip([p.outvars[0] for p in joint.products], outs, strict=True))
        elif id(e) in reading.gates_at:
            _gates(reading, reading.gates_at[id(e)], env)
        elif id(e) not in reading.done:
            _do(reading, e, env)
    carry, outs = _outputs(reading, env)
    points = [outs[reading.shown[v]] if v in reading.shown else env[v] for v in reading.points]
    return carry, outs, points


def again(reading: Reading, w: list, carry: list, drives: list, points: list) -> Any:
    """`instant` from what was kept: (carry, outs) and the operands of each joint."""
    env, operands = _env(reading, w, carry, drives), {}
    for e in reading.loop:
        if joint := reading.joint_at.get(id(e)):
            operands[joint] = [look(env, v) for v in joint.operands]
            kept = [points[reading.points.index(out)] for out in joint.outs]
            sums = _known(reading, joint, kept, operands[joint])
            env |= dict(zip(joint.outs, sums, strict=True))
        elif (v := reading.gates_at.get(id(e))) in reading.shown:
            kinds, (gate,) = reading.gates[v]
            env[gate] = _given(kinds, env[v])
        elif v is not None:
            _gates(reading, v, env)
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
    return cts, put([None] * len(operands), [*at], back)


_known.defvjp(lambda reading, joint, sums, operands: (sums, operands), _known_backwards)


@partial(custom_vjp, nondiff_argnums=(0,))
def _given(kinds: tuple[str, ...], gate: Any) -> Any:
    """`gate`, whose cotangent is that of the sum it is of."""
    return gate


_given.defvjp(
    lambda kinds, gate: (gate, gate),
    lambda kinds, gate, ct: (ct * _activations.slopes(kinds, gate),),
)


def _gates(reading: Reading, v: Any, env: dict) -> None:
    """Enter the gates of a sum into `env`."""
    kinds, names = reading.gates[v]
    read = any(reading.readers.get(name) for name in names)
    whole = _activations.apart(_activations.each(kinds, env[v], read))
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
    if e.primitive.name in _activations.FORMS:
        outs = [_activations.apart(_activations.one(e.primitive.name)(*values))]
    else:
        outs = do(e, reading.narrow, *values)
    env |= dict(zip(e.outvars, outs, strict=True))


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

    def body(state, spent, timed):
        (dcarry, sums), (points, read, before, douts) = state, timed
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
            (dcarry, sums),
            instead,
            (pick(deltas, rest_points), pick(dread, rest_read), emitted),
        )

    state = pick(dafter, at_carry), [_sums.nought(a) for a in pick(w, at_free)]
    spent = [*pick(points, over_points), *pick(read, over_read)]
    timed = put(points, over_points), put(read, over_read), before, pick(douts, at_outs)
    (dcarry, sums), instead, (deltas, dread, emitted) = _overwrite.scan(
        body, state, spent, timed, T, reverse=not reverse, late=False
    )
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
