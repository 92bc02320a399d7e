"""Whether the next carry is had without a loop, leaf by leaf: as c' = a ⊙ c + b, or as
c' = max(a + c, b), where a and b are free of that leaf; and then its pairs (a, b).

It is read from the equations, by carrying a pair through them: sums, products with what is free of
the leaf, selections by it. The leaves come in stages: a and b may read those that came before, for
all of time are known by then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Literal

from jaxrnn._adjoint import inexact
from jaxrnn.engine._program import look, variables
from jaxrnn.engine._project import do
from jaxrnn.engine._read import Reading

CONVERT = "convert_element_type"


class Unlinear(Exception):
    """Why a recurrence is not linear in its carry."""


class Pair(NamedTuple):
    """a ⊙ leaf + b; or max(a + leaf, b)."""

    a: Any
    b: Any


class Kind(NamedTuple):
    """How pairs are read: those of the leaf itself, what a is in a value that is free of it, and
    ``through(equation, values)``, the pair that an equation makes of pairs."""

    name: str
    itself: Pair
    free: float
    through: Callable[[Any, list], Pair]


class Stage(NamedTuple):
    """A leaf of the carry, by its place, the equations that its next value needs, and its kind."""

    leaf: int
    equations: list[Any]
    kind: Kind


def why_not(reading: Reading) -> str | None:
    """None for a recurrence that is linear in its carry, else the reason in a sentence."""
    if not reading.carry_in:
        return "it carries nothing."
    try:
        stages(reading)
    except Unlinear as why:
        return f"not linear in the carry: {why}."
    return None


def stages(reading: Reading) -> list[Stage]:
    """The leaves in an order in which each reads itself and those before it alone."""
    found: list[Stage] = []
    needs = {i: _needed(reading, v) for i, v in enumerate(_after(reading))}
    while needs:
        known = {stage.leaf for stage in found}
        ready = [i for i, (_, read) in needs.items() if read <= known | {i}]
        if not ready:
            raise Unlinear("leaves of it wait for each other")
        equations, _ = needs.pop(ready[0])
        found.append(Stage(ready[0], equations, _kind(reading, ready[0], equations)))
    return found


def pair(reading: Reading, stage: Stage, w: list, drives: list, known: dict[int, Any]) -> Pair:
    """Of one instant, with the carry's leaves that came before at `known`."""
    leaf, kind = reading.carry_in[stage.leaf], stage.kind
    names = [*reading.w, *reading.drives, *(reading.carry_in[i] for i in known)]
    env: dict[Any, Any] = dict(zip(names, [*w, *drives, *known.values()], strict=True))
    env[leaf] = Pair(*(jnp.full(leaf.aval.shape, of, leaf.aval.dtype) for of in kind.itself))
    for e in stage.equations:
        # a weight that stands beside others in a product is not there, nor needed
        values = [v.val if isinstance(v, Literal) else env.get(v) for v in e.invars]
        if any(isinstance(value, Pair) for value in values):
            env[e.outvars[0]] = kind.through(e, values)
        else:
            env |= dict(zip(e.outvars, do(e, reading.narrow, *values), strict=True))
    after = look(env, _after(reading)[stage.leaf])
    if isinstance(after, Pair):
        return after
    return Pair(jnp.full(leaf.aval.shape, kind.free, leaf.aval.dtype), jnp.asarray(after))


def _after(reading: Reading) -> list[Any]:
    return reading.outs[: len(reading.carry_in)]


def _needed(reading: Reading, out: Any) -> tuple[list[Any], set[int]]:
    """The equations of the loop behind `out`, and the leaves that these read."""
    needed, found = variables([out]), []
    for e in reversed(reading.loop):
        if needed.intersection(e.outvars):
            found.append(e)
            needed |= variables(e.invars)
    return found[::-1], {i for i, v in enumerate(reading.carry_in) if v in needed}


def _kind(reading: Reading, leaf: int, equations: list[Any]) -> Kind:
    """The first kind in which the leaf can be read."""

    def form(v):
        return jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype)

    others = {i: form(v) for i, v in enumerate(reading.carry_in) if i != leaf}
    forms = [form(v) for v in reading.w], [form(v) for v in reading.drives], others
    reasons = []
    whole = not inexact(reading.carry_in[leaf].aval)  # integers have no -inf
    for kind in (SUM,) if whole else (SUM, MOST):
        stage = Stage(leaf, equations, kind)
        try:
            jax.eval_shape(lambda *of, stage=stage: pair(reading, stage, *of), *forms)
        except Unlinear as why:
            reasons.append(why)
        else:
            return kind
    raise reasons[0]


def _through_sum(e: Any, values: list) -> Pair:
    name, has = e.primitive.name, [isinstance(value, Pair) for value in values]
    if len(e.outvars) == 1 and (name in ("neg", "copy") or (name == CONVERT and _keeps(e))):
        return _on_both(lambda a: do(e, None, a)[0], values[0])
    if name in ("add", "add_any", "sub"):
        sign = -1 if name == "sub" else 1
        one, two = (v if h else Pair(0, v) for v, h in zip(values, has, strict=True))
        return Pair(one.a + sign * two.a, one.b + sign * two.b)
    if name == "mul" and not all(has):
        pair, factor = values if has[0] else values[::-1]
        return _on_both(lambda a: a * factor, pair)
    if name == "div" and not has[1] and inexact(e.outvars[0].aval):  # of integers, it rounds
        return _on_both(lambda a: a / values[1], values[0])
    return _selected(e, values, SUM)


def _through_most(e: Any, values: list) -> Pair:
    name, has = e.primitive.name, [isinstance(value, Pair) for value in values]
    if name in ("add", "add_any") and not all(has):
        pair, more = values if has[0] else values[::-1]
        return _on_both(lambda a: a + more, pair)
    if name == "sub" and not has[1]:
        return _on_both(lambda a: a - values[1], values[0])
    if name == "max":
        return Pair(*map(jnp.maximum, *(_whole(value, MOST) for value in values)))
    return _selected(e, values, MOST)


def _selected(e: Any, values: list, kind: Kind) -> Pair:
    which, *cases = values
    if e.primitive.name != "select_n" or isinstance(which, Pair):
        raise Unlinear(f"`{e.params.get('name', e.primitive.name)}` of it")
    wholes = [_whole(case, kind) for case in cases]
    return Pair(*(jax.lax.select_n(which, *of) for of in zip(*wholes, strict=True)))


def _whole(value: Any, kind: Kind) -> Pair:
    """A pair, also of a value that is free of the leaf."""
    return value if isinstance(value, Pair) else Pair(jnp.full_like(value, kind.free), value)


def _on_both(function: Callable, pair: Pair) -> Pair:
    return Pair(*map(function, pair))


def _keeps(e: Any) -> bool:
    """Is a conversion linear? Not where it cuts: floats to integers or flags, complex to real."""
    kinds = (jnp.number, jnp.inexact, jnp.complexfloating)
    before, after = (
        sum(jnp.issubdtype(v.aval.dtype, kind) for kind in kinds) for v in (*e.invars, *e.outvars)
    )
    return before <= after


SUM = Kind("sum", Pair(1, 0), 0, _through_sum)
MOST = Kind("most", Pair(0, -jnp.inf), -jnp.inf, _through_most)
