"""A program of JAX as equations: one of them done, calls written out, products taken apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import groupby
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import eval_jaxpr
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from jaxrnn.engine import _products

CALLS = ("jit", "pjit", "closed_call", "core_call", "checkpoint", "remat", "remat2")


def bind(equation: Any, *values: Any) -> list[Any]:
    """What one equation gives, its operands at `values`."""
    if not equation.primitive.name.startswith("custom_") and not inside(equation):
        outs = equation.primitive.bind(*values, **equation.params)
        return outs if equation.primitive.multiple_results else [outs]
    pairs = zip(equation.invars, values, strict=True)
    env = {v: value for v, value in pairs if not isinstance(v, Literal)}
    alone = _empty().replace(
        invars=[*env], outvars=equation.outvars, eqns=[equation], effects=equation.effects
    )
    return eval_jaxpr(alone, (), *env.values())


@cache
def _empty() -> Jaxpr:
    return jax.make_jaxpr(lambda: ())().jaxpr


def inlined(program: ClosedJaxpr) -> ClosedJaxpr:
    """The same without calls."""
    if not any(e.primitive.name in CALLS for e in program.jaxpr.eqns):
        return program
    return _traced(program, lambda *args: _through_calls(program.jaxpr, program.consts, *args))


def _traced(program: ClosedJaxpr, function: Callable) -> ClosedJaxpr:
    return jax.make_jaxpr(function)(*program.in_avals)


def _through_calls(jaxpr: Jaxpr, consts: Sequence[Any], *args: Any) -> list[Any]:
    env = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *args], strict=True))
    for e in jaxpr.eqns:
        values = [look(env, v) for v in e.invars]
        inner = e.params.get("jaxpr") or e.params.get("call_jaxpr")
        if e.primitive.name in CALLS and inner is not None:
            inside = getattr(inner, "jaxpr", inner), getattr(inner, "consts", ())
            outs = _through_calls(*inside, *values)
        else:
            outs = bind(e, *values)
        env |= dict(zip(e.outvars, outs, strict=True))
    return [look(env, v) for v in jaxpr.outvars]


def in_parts(program: ClosedJaxpr, ranks: list[int]) -> ClosedJaxpr:
    """The same with [x, h] W as x W₁ + h W₂, where x and h wait for different things: `ranks` of
    the arguments, that of a constant is 0."""
    jaxpr, made, rank = program.jaxpr, {}, dict.fromkeys(program.jaxpr.constvars, 0)
    rank |= dict(zip(jaxpr.invars, ranks, strict=True))
    for e in jaxpr.eqns:
        of = [rank[v] for v in variables(e.invars)]
        rank |= dict.fromkeys(e.outvars, max(of, default=0))
        made |= dict.fromkeys(e.outvars, e)

    def parts(e: Any) -> list[tuple[int, list[Any]]]:
        """Neighbours of one rank in what e multiplies; one part where e is to stay."""
        source = made.get(e.invars[0]) if _products.is_plain(e) and not rank[e.invars[1]] else None
        if source is None or source.primitive.name != "concatenate":
            return []
        if source.params["dimension"] != source.outvars[0].aval.ndim - 1:
            return []
        ranked = groupby(source.invars, lambda v: 0 if isinstance(v, Literal) else rank[v])
        return [(r, [*vs]) for r, vs in ranked]

    apart = {id(e): of for e in jaxpr.eqns if len(of := parts(e)) > 1}
    if not apart:
        return program

    def function(*args):
        env = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*program.consts, *args], strict=True))
        for e in jaxpr.eqns:
            if id(e) in apart:
                outs = [_sum_of_parts(e, env, [vs for _, vs in apart[id(e)]])]
            else:
                outs = bind(e, *(look(env, v) for v in e.invars))
            env |= dict(zip(e.outvars, outs, strict=True))
        return [look(env, v) for v in jaxpr.outvars]

    return _traced(program, function)


def _sum_of_parts(e: Any, env: dict, parts: list[list[Any]]) -> Any:
    total, row = None, 0
    for vs in parts:
        x = jnp.concatenate([look(env, v) for v in vs], axis=-1)
        weight = jax.lax.slice_in_dim(env[e.invars[1]], row, row + x.shape[-1], axis=0)
        (product,) = bind(e, x, weight)
        total, row = product if total is None else total + product, row + x.shape[-1]
    return total


def look(env: dict, v: Any) -> Any:
    return v.val if isinstance(v, Literal) else env[v]


def variables(vs: Iterable[Any]) -> set[Any]:
    return {v for v in vs if not isinstance(v, Literal)}


def holds(jaxpr: Any, name: str) -> bool:
    """Is there such an equation, however deep?"""
    return any(
        e.primitive.name == name or any(holds(inner, name) for inner in inside(e))
        for e in jaxpr.eqns
    )


def inside(equation: Any) -> list[Any]:
    """The programs that an equation runs."""
    values = jax.tree.leaves(equation.params, is_leaf=is_program)
    return [getattr(value, "jaxpr", value) for value in values if is_program(value)]


def is_program(value: Any) -> bool:
    return hasattr(value, "eqns")
