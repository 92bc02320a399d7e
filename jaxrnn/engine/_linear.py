"""A recurrence that is linear in its carry, leaf by leaf: c' = a ⊙ c + b, with a and b free of it.

Then a and b (see `_pairs`) are had for all of time at once, the carries by one scan of pairs, and
the outputs at once again. The scan of pairs is sequential, or associative (Blelloch 1990; Martin &
Cundy 2018), which has no loop of T steps: (a₁, b₁) and then (a₂, b₂) is (a₁ a₂, a₂ b₁ + b₂); or
chunked, a loop over some √T associative ones. Its adjoint is another such scan, the other way.

A leaf c' = max(a + c, b), as stabilisers have it, is linear too, in max for + and + for ⊙.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn._adjoint import floats, inexact, pick, put, reached, with_adjoint
from jaxrnn.engine._chunks import in_chunks
from jaxrnn.engine._derived import plain, shared_leaves
from jaxrnn.engine._loop import instant
from jaxrnn.engine._pairs import SUM, pair, stages
from jaxrnn.engine._project import project
from jaxrnn.engine._read import Reading

custom_vjp: Any = jax.custom_vjp  # what it makes has no type that a checker can use


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

    T, known, after = xs[0].shape[0], {}, {}
    for stage in stages(reading):
        i = stage.leaf
        of: Any = jax.vmap(partial(pair, reading, stage, w), axis_size=T)(drives, known)
        scan = solve if stage.kind is SUM else solve_most
        after[i] = scan(solver, reverse, of.a, of.b, carry[i])
        known[i] = _shifted(reverse, carry[i], after[i])
    before = [known[i] for i in range(len(carry))]

    def outputs(before, drives):
        return instant(reading, w, before, drives)[1]

    outs = jax.vmap(outputs, axis_size=T)(before, drives)
    outs = [after[i][0 if reverse else -1] for i in range(len(carry))], outs
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


def _scan(solver: str, reverse: bool, plus: Callable, times: Callable, a: Any, b: Any, first: Any):
    """c (T, …) with c_t = a_t `times` c_{t-1} `plus` b_t."""
    if solver == "sequential":

        def step(c, pair):
            c = plus(times(pair[0], c), pair[1])
            return c, c

        return jax.lax.scan(step, first, (a, b), reverse=reverse)[1]

    if solver == "chunked":

        def part(first, pairs):
            c = _scan("associative", reverse, plus, times, pairs[0], pairs[1], first)
            return c[0 if reverse else -1], c

        return in_chunks(part, reverse, first, (a, b))[1]

    def then(one, two):
        return times(one[0], two[0]), plus(times(two[0], one[1]), two[1])

    kept, new = jax.lax.associative_scan(then, (a, b), reverse=reverse)
    return plus(times(kept, first[None]), new)


def _solve(solver, reverse, *of):
    return _scan(solver, reverse, jnp.add, jnp.multiply, *of)


def _ahead(reverse: bool, a: Any) -> Any:
    """The a of the instant that is walked after each; 0 after the last."""
    ahead = jnp.concatenate([a[:1], a[:-1]] if reverse else [a[1:], a[-1:]])
    return ahead.at[0 if reverse else -1].set(0)


def _solve_backwards(solver, reverse, residuals, dc):
    a, first, c = residuals
    # λ_t = dc_t + a_{t+1} ⊙ λ_{t+1}: the same recurrence from the other end
    slopes = solve(solver, not reverse, _ahead(reverse, a), dc, jnp.zeros_like(first))
    before, end = _shifted(reverse, first, c), (-1 if reverse else 0)
    return slopes * before, slopes, a[end] * slopes[end]


def _solve_forwards(solver, reverse, a, b, first):
    c = _solve(solver, reverse, a, b, first)
    return c, (a, first, c)


solve.defvjp(_solve_forwards, _solve_backwards)


@partial(custom_vjp, nondiff_argnums=(0, 1))
def solve_most(solver: str, reverse: bool, a: Any, b: Any, first: Any) -> Any:
    """The same for c_t = max(a_t + c_{t-1}, b_t)."""
    return _scan(solver, reverse, jnp.maximum, jnp.add, a, b, first)


def _most_forwards(solver, reverse, a, b, first):
    c = solve_most(solver, reverse, a, b, first)
    return c, (a, b, first, c)


def _most_backwards(solver, reverse, residuals, dc):
    a, b, first, c = residuals
    # what is greater has all of the slope, as in `jnp.maximum`: half of it where both are as great
    through = jnp.sign(a + _shifted(reverse, first, c) - b) / 2 + 0.5
    slopes = solve(solver, not reverse, _ahead(reverse, through), dc, jnp.zeros_like(first))
    end = -1 if reverse else 0
    return through * slopes, (1 - through) * slopes, through[end] * slopes[end]


solve_most.defvjp(_most_forwards, _most_backwards)
