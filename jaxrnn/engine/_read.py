"""What a traced function does, equation by equation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import jax
from jax.core import eval_jaxpr
from jax.extend.core import Jaxpr, JaxprEqn, Literal

CALLS = ("jit", "closed_call", "core_call")


def bind(equation: JaxprEqn, *values: Any) -> list[Any]:
    """What one equation gives, its operands at `values`."""
    pairs = zip(equation.invars, values, strict=True)
    env = {v: value for v, value in pairs if not isinstance(v, Literal)}
    alone = _empty().replace(
        invars=[*env], outvars=equation.outvars, eqns=[equation], effects=equation.effects
    )
    return eval_jaxpr(alone, (), *env.values())


@cache
def _empty() -> Jaxpr:
    return jax.make_jaxpr(lambda: ())().jaxpr


def inlined(jaxpr: Jaxpr, consts: Sequence[Any], *args: Any) -> list[Any]:
    """`eval_jaxpr` through calls: traced again, it leaves none."""
    env = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *args], strict=True))

    def read(v: Any) -> Any:
        return v.val if isinstance(v, Literal) else env[v]

    for equation in jaxpr.eqns:
        values = [read(v) for v in equation.invars]
        inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
        if equation.primitive.name in CALLS and inner is not None:
            outs = inlined(inner.jaxpr, inner.consts, *values)
        else:
            outs = bind(equation, *values)
        env |= dict(zip(equation.outvars, outs, strict=True))
    return [read(v) for v in jaxpr.outvars]
