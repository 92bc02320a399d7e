"""One instant with all that a walk lays around a cell's `step`: masks, gaps, restarts, zones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import eval_jaxpr

from jaxrnn import _checks
from jaxrnn._checks import quote
from jaxrnn._types import Cell, When
from jaxrnn.engine import _when
from jaxrnn.engine._program import look
from jaxrnn.engine._project import do, is_rows
from jaxrnn.engine._read import LOOP, ONCE, Reading

ALWAYS = When()


class Masks(NamedTuple):
    """Factors that do not change in time, or none. operands: of what the products of the carry
    see, one for each shape; weights: of their weights, one for each; rows (*batch, V): of the rows
    that token ids pick. See :class:`Places` for their forms."""

    operands: tuple[Any, ...] = ()
    weights: tuple[Any, ...] = ()
    rows: Any = None


NO_MASKS = Masks()


class Places:
    """Where masks can be laid in a step that was read. `operands` and `weights` are forms in the
    order of `Masks`; `rows` are those of the tables that token ids pick from.

    >>> from jaxrnn import engine
    >>> cell = jaxrnn.gru(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> reading = engine.read(cell, params, cell.initial_carry(params), jnp.ones(3))
    >>> [form.shape for form in engine.Places(reading).weights.values()]
    [(5, 10), (5, 5)]
    """

    def __init__(self, reading: Reading):
        self.at: dict[int, tuple[int, int, Any, Any]] = {}
        for e in (e for joint in reading.joints for e in joint.products):
            ranks = [reading.rank(v) for v in e.invars]
            if sorted(ranks) == [ONCE, LOOP]:
                i = ranks.index(LOOP)
                seen, weight = e.invars[i].aval, e.invars[1 - i]
                self.at[id(e)] = i, 1 - i, (seen.shape, seen.dtype), weight
        forms = dict.fromkeys(place[2] for place in self.at.values())
        self.operands: dict[Any, Any] = {form: jax.ShapeDtypeStruct(*form) for form in forms}
        found = dict.fromkeys(place[3] for place in self.at.values())
        self.weights: dict[Any, Any] = {
            v: jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in found
        }
        picks = [e for e in reading.time if is_rows(e, [reading.rank(v) for v in e.invars])]
        tables = dict.fromkeys((e.invars[0].aval.shape[0], e.invars[0].aval.dtype) for e in picks)
        self.rows: list[Any] = [jax.ShapeDtypeStruct((V,), dtype) for V, dtype in tables]

    def masked(self, e: Any, values: list[Any], masks: Masks) -> list[Any]:
        """The operands of one equation under their masks."""
        if id(e) in self.at:
            i, j, form, weight = self.at[id(e)]
            for at, of, name, place in (
                (i, masks.operands, form, self.operands),
                (j, masks.weights, weight, self.weights),
            ):
                if of:
                    values[at] = values[at] * of[[*place].index(name)]
        return values


def laid(reading: Reading, narrow: Any, masks: Masks) -> Callable:
    """The step that was read, with `masks` laid on it and its products rounded to `narrow`."""

    def step(params, carry, x):
        flat = [*reading.consts, *jax.tree.leaves((params, carry, x))]
        return jax.tree.unflatten(reading.out_tree, plain(reading, narrow, masks, flat))

    return step


def plain(reading: Reading, narrow: Any, masks: Masks, flat: list) -> list:
    """Carry and outs of all the equations that were read, in their order; `flat` are the arrays of
    params, carry and x."""
    if narrow is None and masks is NO_MASKS:
        n = len(reading.consts)
        return eval_jaxpr(reading.jaxpr, flat[:n], *flat[n:])
    places, x = Places(reading), flat[-1]
    names = [*reading.shared_in, *reading.carry_in, *reading.x_in]
    env = dict(zip(names, flat, strict=True))
    for e in [*reading.once, *reading.time, *reading.loop]:
        values = places.masked(e, [look(env, v) for v in e.invars], masks)
        picked = is_rows(e, [reading.rank(v) for v in e.invars])
        outs = do(e, narrow, *values, picked=picked)
        if masks.rows is not None and picked:
            outs = [a * _of(masks.rows, x, a) for a in outs]
        env |= dict(zip(e.outvars, outs, strict=True))
    return [look(env, v) for v in reading.outs]


def _of(rows: jax.Array, ids: jax.Array, picked: jax.Array) -> jax.Array:
    """What each of `ids` (*batch) has in `rows` (*batch, V), with axes behind as `picked` has."""
    known = jnp.clip(_checks.wide(ids), 0, rows.shape[-1] - 1)
    factors = jnp.take_along_axis(rows, known[..., None], axis=-1)
    return factors.reshape(*ids.shape, *(1 for _ in picked.shape[ids.ndim :]))


def body(cell: Cell, step: Callable, reverse: bool) -> Callable:
    """``(shared, carry, timed) -> (carry, y)`` of `step` as `When` allows it; `shared` is (params,
    the carry of a restart), `timed` is (x, when)."""

    def instant(shared, carry, timed):
        (params, start), (x, when) = shared, timed

        def checked(carry, x):
            after, y = step(params, carry, x)
            what = f"the carry that {quote(cell)}'s step returns"
            _checks.same_form(what, after, carry, "keep its form.")
            shape = (*_checks.batch_shape_of(x, time_axes=0), cell.output_size)
            if jnp.shape(y) != shape:
                raise ValueError(
                    f"{quote(cell)}'s step returns y {jnp.shape(y)}, but must return {shape}."
                )
            return after, y

        return _when.forwards(checked, start, reverse)(carry, (x, when))

    return instant
