"""Whether a recurrence is linear in its carry, leaf by leaf, c' = a ⊙ c + b; and then its pairs.

It is read from the equations, by carrying the pair (a, b) through them: sums, products with what
waits for no carry, selections by it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Literal

from jaxrnn._adjoint import inexact
from jaxrnn.engine._program import look
from jaxrnn.engine._project import do
from jaxrnn.engine._read import Reading

CONVERT = "convert_element_type"


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
    if len(e.outvars) == 1 and (name in ("neg", "copy") or (name == CONVERT and _keeps(e))):
        return _on_both(lambda a: do(e, None, a)[0], values[0])
    if name in ("add", "add_any", "sub"):
        sign = -1 if name == "sub" else 1
        one, two = (v if h else Pair(-1, 0, v) for v, h in zip(values, has, strict=True))
        if all(has) and one.leaf != two.leaf:
            raise Unlinear("it mixes two leaves of it")
        return Pair(max(one.leaf, two.leaf), one.a + sign * two.a, one.b + sign * two.b)
    if name == "mul" and not all(has):
        pair, factor = values if has[0] else values[::-1]
        return _on_both(lambda a: a * factor, pair)
    if name == "div" and not has[1] and inexact(e.outvars[0].aval):  # of integers, it rounds
        return _on_both(lambda a: a / values[1], values[0])
    if name == "select_n" and not has[0]:
        return _selected(values[0], values[1:])
    raise Unlinear(f"`{e.params.get('name', name)}` of it")


def _keeps(e: Any) -> bool:
    """Is a conversion linear? Not where it cuts: floats to integers or flags, complex to real."""
    kinds = (jnp.number, jnp.inexact, jnp.complexfloating)
    before, after = (
        sum(jnp.issubdtype(v.aval.dtype, kind) for kind in kinds) for v in (*e.invars, *e.outvars)
    )
    return before <= after


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
