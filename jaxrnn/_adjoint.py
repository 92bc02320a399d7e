"""A function with an adjoint of its own that forward mode goes through as well.

`jax.custom_vjp` refuses `jax.jvp`. Here the tangents L ṫ come of a linear equation,
(t, o - L t) = (ṫ, 0), which JAX solves either way: forwards, L is its own derivative of the
function; where it transposes the equation, Lᵀ is the adjoint given. A derivative of the derivative
goes through L and through `forwards`, which must be plain JAX: the adjoint is not differentiated.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

SymbolicZero = jax.custom_derivatives.SymbolicZero


def with_adjoint(
    function: Callable,
    forwards: Callable,
    backwards: Callable,
    *,
    fixed: int = 0,
    plain: Callable | None = None,
    only_backwards: Callable[..., bool] = lambda *_: False,
) -> Any:
    """`function` as `jax.custom_vjp` with ``defvjp(forwards, backwards)`` would make it. The first
    `fixed` arguments are no arrays; a cotangent may be None, for none, of what is inexact too.
    Where JAX differentiates the function itself, it does so with `plain`, which gives the same.

    Under `jax.vmap`, JAX takes an output and its tangent to be mapped alike: where not every input
    counts for every output, both functions make it so by `reached`.

    Where `only_backwards` of the arguments says so, it is that `jax.custom_vjp`: what has itself
    no derivative forwards."""

    def rule(*args):
        *still, primals, tangents = args
        outs, residuals = forwards(*still, *primals)
        leaves, tree = jax.tree.flatten(primals)
        out_leaves, out_tree = jax.tree.flatten(outs)
        all_tangents = jax.tree.leaves(tangents)
        at = [i for i in floats(leaves) if type(all_tangents[i]) is not SymbolicZero]
        at_outs = floats(out_leaves)

        def of_floats(*some):
            filled = jax.tree.unflatten(tree, put(leaves, at, list(some)))
            return pick(jax.tree.leaves((plain or function)(*still, *filled)), at_outs)

        def tangent(values, some):
            return jax.linearize(of_floats, *values)[1](*some)

        def adjoint(cts):
            cts = jax.tree.unflatten(out_tree, put([None] * len(out_leaves), at_outs, cts))
            back = backwards(*still, residuals, cts)
            back = jax.tree.leaves(back, is_leaf=lambda a: a is None)
            return whole(pick(back, at), pick(leaves, at))

        # Traced once for all that ask; nothing of it is computed before.
        tangent = partial(jax.checkpoint(jax.jit(tangent)), pick(leaves, at))
        values = [leaves[i] for i in floats(leaves)]
        of = _solved(tangent, adjoint, values, pick(all_tangents, at), pick(out_leaves, at_outs))
        nothing = [None if inexact(a) else np.zeros(a.shape, jax.dtypes.float0) for a in out_leaves]
        return outs, jax.tree.unflatten(out_tree, put(nothing, at_outs, of))

    derived: Any = jax.custom_jvp(function, nondiff_argnums=tuple(range(fixed)))
    derived.defjvp(rule, symbolic_zeros=True)
    other: Any = jax.custom_vjp(function, nondiff_argnums=tuple(range(fixed)))
    other.defvjp(forwards, backwards)
    return lambda *args: (other if only_backwards(*args) else derived)(*args)


def _solved(
    tangent: Callable, adjoint: Callable, primals: list, tangents: list, outs: list
) -> list:
    """``tangent(tangents)``, made of `primals`; where this is transposed, ``adjoint(cotangents)``.
    JAX solves for the parts of an equation together: all are linear, or have a tangent of their
    own, or none is. So each is linked to all, by nought times them."""

    def times(parts, factor):
        return [a * factor.astype(a.dtype) for a in parts]

    def matvec(x):
        one = 1 + _link(primals)
        some, outs = x
        rest = [a - b for a, b in zip(times(outs, one), tangent(some), strict=True)]
        return times(some, one), rest

    def solve(_, b):
        some, outs = b
        return some, [a + b for a, b in zip(outs, tangent(some), strict=True)]

    def transpose_solve(_, cts):
        some, outs = cts
        return [a + b for a, b in zip(some, adjoint(outs), strict=True)], outs

    to = _link(tangents[:1])
    b = _linked(tangents, to), [jnp.broadcast_to(to.astype(a.dtype), a.shape) for a in outs]
    some, outs = jax.lax.custom_linear_solve(matvec, b, solve, transpose_solve)
    return _linked(outs, _link([*some, *outs]))


def reached(outs: Any, primals: Any) -> Any:
    """`outs`, each reached by all of `primals`: nought times them is added."""
    leaves, tree = jax.tree.flatten(outs)
    at, of = floats(leaves), jax.tree.leaves(primals)
    some = _linked(pick(leaves, at), _link(pick(of, floats(of))))
    return jax.tree.unflatten(tree, put(leaves, at, some))


def _link(parts: list) -> jax.Array:
    """The sum of none of their numbers: 0."""
    return sum(map(_none_of, parts), jnp.zeros((), float))


def _linked(parts: list, to: jax.Array) -> list:
    return [a + to.astype(a.dtype) for a in parts]


def _none_of(a: jax.Array) -> jax.Array:
    if a.ndim == 0:
        a = jax.lax.expand_dims(a, (0,))
    a = jax.lax.slice_in_dim(a, 0, 0)
    a = jax.lax.real(a) if jnp.iscomplexobj(a) else a
    total = jax.lax.reduce_sum(a, tuple(range(a.ndim)))
    return jax.lax.convert_element_type(total, jnp.result_type(float))


def inexact(a: Any) -> bool:
    return a is not None and jnp.issubdtype(a.dtype, jnp.inexact)


def floats(values: list) -> list[int]:
    return [i for i, a in enumerate(values) if inexact(a)]


def pick(values: list, at: list[int]) -> list:
    return [values[i] for i in at]


def put(values: list, at: list[int], some: list | None = None) -> list:
    """`values` with `some` (else None) at these indices."""
    values = list(values)
    for i, a in zip(at, [None] * len(at) if some is None else some, strict=True):
        values[i] = a
    return values


def whole(gradients: list, values: list) -> list:
    """The cotangents of what is inexact, zeros where nothing flows."""
    return [
        jnp.zeros_like(a) if d is None else d
        for d, a in zip(gradients, values, strict=True)
        if inexact(a)
    ]
