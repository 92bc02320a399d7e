"""A recurrence that is linear in its carry, leaf by leaf: c' = a ⊙ c + b, with a and b free of it.

Whether it is so is read from the equations, by carrying the pair (a, b) through them: sums,
products with what waits for no carry, selections by it. Then a and b are had for all of time at
once, the carries by one scan of pairs, and the outputs at once again. The scan of pairs is
sequential, or associative (Blelloch 1990; Martin & Cundy 2018), which has no loop of T steps:
(a₁, b₁) and then (a₂, b₂) is (a₁ a₂, a₂ b₁ + b₂); or chunked, a loop over some √T associative ones.
Its adjoint is another such scan, the other way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Literal

from jaxrnn._adjoint import floats, inexact, pick, put, reached, with_adjoint
from jaxrnn.engine._chunks import in_chunks
from jaxrnn.engine._derived import instant, plain, shared_leaves
from jaxrnn.engine._program import look
from jaxrnn.engine._project import do, project
from jaxrnn.engine._read import Reading

custom_vjp: Any = jax.custom_vjp  # what it makes has no type that a checker can use


class Unlinear(Exception):
    """Why a recurrence is not linear in its carry."""


class Pair(NamedTuple):
    """a ⊙ leaf + b, of the leaf of this index."""

    leaf: int
    a: Any
    b: Any


def why_not(reading: Reading) -> str | None:
    """None for a recurrence that is linear in its carry, else the reason in a sentence."""
    if not reading.carry_in:
        return "it carries nothing."

    def forms(w, drives):
        return [(pair.a, pair.b) for pair in pairs(reading, w, drives)]

    def form(v):
        return jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype)

    try:
        jax.eval_shape(forms, *([form(v) for v in of] for of in (reading.w, reading.drives)))
    except Unlinear as why:
        return f"not linear in the carry: {why}."
    return None


def pairs(reading: Reading, w: list, drives: list) -> list[Pair]:
    """The next carry of one instant, leaf by leaf."""
    names = [*reading.w, *reading.drives]
    env: dict[Any, Any] = dict(zip(names, [*w, *drives], strict=True))
    for i, v in enumerate(reading.carry_in):
        env[v] = Pair(
            i, jnp.ones(v.aval.shape, v.aval.dtype), jnp.zeros(v.aval.shape, v.aval.dtype)
        )
    for e in _of_carry(reading):
        # a weight that stands beside others in a product is not there, nor needed
        values = [v.val if isinstance(v, Literal) else env.get(v) for v in e.invars]
        if any(isinstance(value, Pair) for value in values):
            env[e.outvars[0]] = _through(e, values)
        else:
            env |= dict(zip(e.outvars, do(e, reading.narrow, *values), strict=True))
    after = []
    for i, v in enumerate(reading.outs[: len(reading.carry_in)]):
        value, like = look(env, v), reading.carry_in[i].aval
        if not isinstance(value, Pair):
            value = Pair(i, jnp.zeros(like.shape, like.dtype), jnp.asarray(value))
        if value.leaf != i:
            raise Unlinear("one leaf of it goes over into another")
        after.append(value)
    return after


def _of_carry(reading: Reading) -> list[Any]:
    """The equations of the loop that the next carry needs."""
    needed, found = set(), []
    needed |= {v for v in reading.outs[: len(reading.carry_in)] if not isinstance(v, Literal)}
    for e in reversed(reading.loop):
        if needed.intersection(e.outvars):
            found.append(e)
            needed |= {v for v in e.invars if not isinstance(v, Literal)}
    return found[::-1]


def _through(e: Any, values: list) -> Pair:
    """What an equation makes of pairs."""
    name, has = e.primitive.name, [isinstance(value, Pair) for value in values]
    on_both = partial(_on_both, lambda a: do(e, None, a)[0])
    if name in ("neg", "copy", "convert_element_type", "optimization_barrier"):
        return on_both(values[0])
    if name in ("add", "add_any", "sub"):
        sign = -1 if name == "sub" else 1
        one, two = (v if h else Pair(-1, 0, v) for v, h in zip(values, has, strict=True))
        if all(has) and one.leaf != two.leaf:
            raise Unlinear("it mixes two leaves of it")
        return Pair(max(one.leaf, two.leaf), one.a + sign * two.a, one.b + sign * two.b)
    if name == "mul" and not all(has):
        pair, factor = values if has[0] else values[::-1]
        return _on_both(lambda a: a * factor, pair)
    if name == "div" and not has[1]:
        return _on_both(lambda a: a / values[1], values[0])
    if name == "select_n" and not has[0]:
        return _selected(values[0], values[1:])
    raise Unlinear(f"`{name}` of it")


def _on_both(function: Callable, pair: Pair) -> Pair:
    return Pair(pair.leaf, function(pair.a), function(pair.b))


def _selected(which: Any, cases: list) -> Pair:
    leaves = {case.leaf for case in cases if isinstance(case, Pair)}
    if len(leaves) > 1:
        raise Unlinear("it selects between two leaves of it")
    (leaf,) = leaves
    wholes = [c if isinstance(c, Pair) else Pair(leaf, jnp.zeros_like(c), c) for c in cases]
    return Pair(
        leaf,
        jax.lax.select_n(which, *(case.a for case in wholes)),
        jax.lax.select_n(which, *(case.b for case in wholes)),
    )


def walk(
    solver: str, reading: Reading, keep: str, reverse: bool, shared: Any, carry: Any, xs: Any
) -> Any:
    """``jax.lax.scan`` of the instant over xs, a pytree that leads with time: carry, out."""
    del keep  # refused by the table, or done in chunks
    given = shared_leaves(reading, shared), jax.tree.leaves(carry), jax.tree.leaves(xs)
    after, outs = run(reading, reverse, solver, *given)
    return jax.tree.unflatten(reading.out_tree, [*after, *outs])


def _walk(reading, reverse, solver, shared, carry, xs):
    w, drives = project(reading, shared, xs)

    def both(drives):
        return [(pair.a, pair.b) for pair in pairs(reading, w, drives)]

    steps = jax.vmap(both, axis_size=xs[0].shape[0])(drives)
    after = [
        solve(solver, reverse, a, b, first) for (a, b), first in zip(steps, carry, strict=True)
    ]
    before = [_shifted(reverse, first, of) for first, of in zip(carry, after, strict=True)]

    def outputs(before, drives):
        return instant(reading, w, before, drives)[1]

    outs = jax.vmap(outputs, axis_size=xs[0].shape[0])(before, drives)
    outs = [of[0 if reverse else -1] for of in after], outs
    return reached(outs, (shared, carry, xs))


def _walk_forwards(*question):
    """As JAX derives it of the parts, which have adjoints of their own."""
    *how, shared, carry, xs = question
    given = shared, carry, xs
    at = [floats(values) for values in given]

    def of_floats(*some):
        both = _walk(*how, *map(put, given, at, some))
        return [pick(of, floats(of)) for of in both], both

    _, pull, both = jax.vjp(of_floats, *map(pick, given, at), has_aux=True)

    return both, (pull, given)


def _walk_backwards(reading, reverse, solver, residuals, cts):
    pull, given = residuals
    gradients = pull([[ct for ct in of if ct is not None and inexact(ct)] for of in cts])
    pairs = zip(given, gradients, strict=True)
    return [put([None] * len(of), floats(of), some) for of, some in pairs]


def _plain(reading, reverse, solver, *given):
    del solver
    return plain(reading, reverse, *given)


run = with_adjoint(
    _walk,
    _walk_forwards,
    _walk_backwards,
    fixed=3,
    plain=_plain,
    only_backwards=lambda reading, *_: reading.one_way,
)


def _shifted(reverse: bool, first: Any, of: Any) -> Any:
    return jnp.concatenate([of[1:], first[None]] if reverse else [first[None], of[:-1]])


@partial(custom_vjp, nondiff_argnums=(0, 1))
def solve(solver: str, reverse: bool, a: Any, b: Any, first: Any) -> Any:
    """c (T, …) with c_t = a_t ⊙ c_{t-1} + b_t from c before all, `first`; from the end if
    `reverse`."""
    return _solve(solver, reverse, a, b, first)


def _solve(solver, reverse, a, b, first):
    if solver == "sequential":

        def step(c, pair):
            c = pair[0] * c + pair[1]
            return c, c

        return jax.lax.scan(step, first, (a, b), reverse=reverse)[1]

    if solver == "chunked":

        def part(first, pairs):
            a, b = pairs
            c = _solve("associative", reverse, a, b, first)
            return c[0 if reverse else -1], c

        return in_chunks(part, reverse, first, (a, b))[1]

    def then(one, two):
        return one[0] * two[0], two[0] * one[1] + two[1]

    kept, new = jax.lax.associative_scan(then, (a, b), reverse=reverse)
    return kept * first[None] + new


def _solve_backwards(solver, reverse, residuals, dc):
    a, first, c = residuals
    # λ_t = dc_t + a_{t+1} ⊙ λ_{t+1}: the same recurrence from the other end
    ahead = jnp.concatenate([a[:1], a[:-1]] if reverse else [a[1:], a[-1:]])
    at, nothing = (0 if reverse else -1), jnp.zeros_like(first)
    ahead = ahead.at[at].set(0)
    slopes = solve(solver, not reverse, ahead, dc, nothing)
    before = _shifted(reverse, first, c)
    end = -1 if reverse else 0
    return slopes * before, slopes, a[end] * slopes[end]


def _solve_forwards(solver, reverse, a, b, first):
    c = _solve(solver, reverse, a, b, first)
    return c, (a, first, c)


solve.defvjp(_solve_forwards, _solve_backwards)
