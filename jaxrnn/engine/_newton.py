"""A recurrence that is not linear, all of time at once: Newton's iterations over its linearisation
(DEER: Lim et al. 2024; ParaRNN: Danieli et al. 2025), for cells whose units see themselves alone.

The carries z of all of time solve z_t = f_t(z_{t-1}). Of a guess, each turn computes all f_t and
their Jacobians J_t, k × k for a unit of k leaves, and adds d, the solution of the linear recurrence
d_t = J_t d_{t-1} + f_t(z_{t-1}) - z_t, one associative scan. After n turns the first n instants are
right whatever the guess; near the solution, each turn doubles the digits. What has not settled
after `MOST` turns is walked step by step; how many turns it took, `count` tells.

The adjoint is that of the solution, by one more such recurrence from the other end: nothing goes
back through the turns.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxrnn._adjoint import floats, pick, put, reached, with_adjoint
from jaxrnn._axes import vary_alike
from jaxrnn.engine import _blocks, _instant
from jaxrnn.engine._derived import projected, shared_leaves
from jaxrnn.engine._loop import instant
from jaxrnn.engine._overwrite import steps as steps_of
from jaxrnn.engine._project import project
from jaxrnn.engine._read import Reading
from jaxrnn.engine._units import leaves_read

MOST = 50
ULPS = 2**10  # a step of so little was the last: its own error is about its square


class Turns(NamedTuple):
    """How many turns Newton took, int32 (), and whether they settled, bool (); else all was walked
    step by step. Both are of the whole batch."""

    count: jax.Array
    settled: jax.Array


def why_not(reading: Reading) -> str | None:
    """None for a recurrence that Newton can walk, else the reason in a sentence."""
    read = leaves_read(reading)
    return read if isinstance(read, str) else None


def walk(reading: Reading, reverse: bool, shared: Any, carry: Any, xs: Any) -> Any:
    """``jax.lax.scan`` of the instant over xs, a pytree that leads with time: carry, out."""
    given = shared_leaves(reading, shared), jax.tree.leaves(carry), jax.tree.leaves(xs)
    carries, outs = run(reading, reverse, *given)
    after = [of[0 if reverse else -1] for of in carries]
    return jax.tree.unflatten(reading.out_tree, [*after, *outs])


def count(reading: Reading, reverse: bool, shared: Any, carry: Any, xs: Any) -> Turns:
    """What the same walk takes."""
    w, drives = project(reading, shared_leaves(reading, shared), jax.tree.leaves(xs))
    T = jax.tree.leaves(xs)[0].shape[0]
    return _solved(reading, reverse, T, w, drives, jax.tree.leaves(carry))[1]


def _walk(reading: Reading, reverse: bool, shared: list, first: list, xs: list) -> Any:
    w, drives = project(reading, shared, xs)
    carries, _ = _solved(reading, reverse, xs[0].shape[0], w, drives, first)
    after, outs, _ = _at_once(reading, w, _before(reverse, first, carries), drives)
    return reached((after, outs), (shared, first, xs))


def _solved(reading, reverse, T, w, drives, first) -> tuple[list, Turns]:
    """The carries after every instant."""

    def step(carry, drives):
        after, _, _ = instant(reading, w, carry, drives)
        return after, after

    def by_steps(state):
        left, _ = state
        _, carries = jax.lax.scan(step, first, drives, length=steps_of(T), reverse=reverse)
        return left - 1, carries

    # A state that the cell can be in: that of a first step everywhere.
    begin = [jnp.broadcast_to(a, (T, *a.shape)) for a in first]
    guess = _at_once(reading, w, begin, drives)[0]
    turns, settled, carries = _turned(reading, reverse, w, drives, first, guess)
    # A loop of one turn or none, for under `jax.vmap` a condition does both sides.
    left = jnp.where(settled, 0, 1)
    _, carries = jax.lax.while_loop(lambda state: state[0] > 0, by_steps, (left, carries))
    return carries, Turns(turns, settled)


def _turned(reading, reverse, w, drives, first, guess) -> tuple[jax.Array, jax.Array, list]:
    """Turns, whether they settled, and the carries that they came to."""

    def unsettled(state):
        turns, settled, _ = state
        return ~settled & (turns < MOST)

    def turn(state):
        turns, _, carries = state
        after, blocks = _linearised(reading, w, _before(reverse, first, carries), drives)
        rest = [f - z for f, z in zip(after, carries, strict=True)]
        steps = _blocks.solve(reverse, blocks, rest)
        moved = [z + d for z, d in zip(carries, steps, strict=True)]
        settled = jnp.stack([*map(_is_last, steps, moved)]).all()
        # What overflowed begins anew: f is right once what is before it is.
        moved = [jnp.where(jnp.isfinite(z), z, f) for z, f in zip(moved, after, strict=True)]
        return turns + 1, settled, moved

    nothing = vary_alike((jnp.zeros((), jnp.int32), jnp.zeros((), bool), guess))
    return jax.lax.while_loop(unsettled, turn, nothing)


def _is_last(step: jax.Array, moved: jax.Array) -> jax.Array:
    """Was it small everywhere, beside the largest that its unit comes to? Not where anything is no
    number, whatever a maximum makes of it."""
    size = jnp.max(jnp.abs(moved), axis=0, keepdims=True)
    near = jnp.abs(step) <= ULPS * jnp.finfo(step.dtype).eps * size
    return (near & jnp.isfinite(moved)).all()


def _at_once(reading, w, before, drives):
    """Every instant from the carry before it."""
    return jax.vmap(partial(instant, reading), (None, 0, 0))(w, before, drives)


def _linearised(reading, w, before, drives) -> tuple[list, _blocks.Blocks]:
    """The carries after, and their slopes by the carries before, unit by unit."""

    def carries(*before):
        return _at_once(reading, w, before, drives)[0]

    after, forwards = jax.linearize(carries, *before)
    slopes = {j: forwards(*_only(j, before)) for j in range(len(before))}
    read: Any = leaves_read(reading)
    return after, {(i, j): slopes[j][i] for i, of in enumerate(read) for j in of}


def _only(j: int, leaves: Any) -> list:
    return [jnp.ones_like(a) if i == j else jnp.zeros_like(a) for i, a in enumerate(leaves)]


def _before(reverse: bool, first: list, carries: list) -> list:
    def shifted(first, of):
        return jnp.concatenate([of[1:], first[None]] if reverse else [first[None], of[:-1]])

    return list(map(shifted, first, carries))


def _plain(reading, reverse, shared, first, xs):
    """The plain scan."""
    n = len(first)

    def body(carry, x):
        outs = _instant.plain(reading, reading.narrow, _instant.NO_MASKS, [*shared, *carry, *x])
        return outs[:n], (outs[:n], outs[n:])

    return jax.lax.scan(body, first, xs, reverse=reverse)[1]


def _one_way(reading, *_):
    return reading.one_way


def _forwards(reading, reverse, *given):
    """Its own answer, which a derivative of the derivative goes through in turn."""
    carries, outs = run(reading, reverse, *given)
    return (carries, outs), (*given, carries)


def _backwards(reading, reverse, residuals, cotangents):
    (shared, first, xs, carries), (dcarries, douts) = residuals, cotangents
    (w, drives), back = projected(reading, shared, xs)
    before, end = _before(reverse, first, carries), 0 if reverse else -1
    at_w, at_drives, at_outs = floats(w), floats(drives), floats(douts)

    def instants(w_here, before, drives_here):
        of = put(w, at_w, w_here), before, put(drives, at_drives, drives_here)
        after, outs, _ = _at_once(reading, *of)
        return after, pick(outs, at_outs)

    _, pull = jax.vjp(instants, pick(w, at_w), before, pick(drives, at_drives))
    douts, nothing = pick(douts, at_outs), [jnp.zeros_like(a) for a in dcarries]
    _, through_outs, _ = pull((nothing, douts))

    def ahead(a):  # what comes of the instant after it; of the last, nothing
        return jnp.roll(a, 1 if reverse else -1, axis=0).at[end].set(0)

    rest = [a + ahead(b) for a, b in zip(dcarries, through_outs, strict=True)]
    blocks = _linearised(reading, w, before, drives)[1]
    turned = {(j, i): ahead(a) for (i, j), a in blocks.items()}
    slopes = _blocks.solve(not reverse, turned, rest)
    dw, dbefore, ddrives = pull((slopes, douts))
    dw, ddrives = put([None] * len(w), at_w, dw), put([None] * len(drives), at_drives, ddrives)
    dshared, dxs = back(dw, ddrives)
    return dshared, [a[-1 if reverse else 0] for a in dbefore], dxs


run = with_adjoint(_walk, _forwards, _backwards, fixed=2, plain=_plain, only_backwards=_one_way)
