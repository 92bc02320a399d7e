"""A recurrence that is linear in its carry, leaf by leaf: c' = a ⊙ c + b, with a and b free of it.

Then a and b (see `_pairs`) are had for all of time at once, the carries by one scan of pairs, and
the outputs at once again. The scan of pairs is sequential, or associative (Blelloch 1990; Martin &
Cundy 2018), which has no loop of T steps: (a₁, b₁) and then (a₂, b₂) is (a₁ a₂, a₂ b₁ + b₂); or
chunked, a loop over some √T associative ones. Its adjoint is another such scan, the other way.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn._adjoint import floats, inexact, pick, put, reached, with_adjoint
from jaxrnn.engine._chunks import in_chunks
from jaxrnn.engine._derived import plain, shared_leaves
from jaxrnn.engine._loop import instant
from jaxrnn.engine._pairs import pairs
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
