"""How the engine reads a cell, and where its author may think otherwise."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Literal

from jaxrnn._checks import quote
from jaxrnn._types import Cell
from jaxrnn.engine._products import PRODUCTS
from jaxrnn.engine._program import holds, inside
from jaxrnn.engine._read import Reading, Unread

BATCHES = (2, 1, 3, 64)
# What JAX leaves out, or puts in, where an axis has one row.
SHAPES = ("broadcast_in_dim", "reshape", "squeeze", "expand_dims", "transpose")


def surprises(cell: Cell, input_size: int) -> tuple[str, ...]:
    """Sentences: why `cell.step` cannot be read; or the arrays that it closes over, which no
    gradient reaches, and whether its equations change with the size of the batch."""
    try:
        readings = {rows: _reading(cell, input_size, rows) for rows in BATCHES}
    except Unread as why:
        return (f"the step of {quote(cell)} cannot be read, and is walked by a plain scan: {why}.",)
    first, *others = BATCHES
    told = [
        f"the step of {quote(cell)} closes over an array of {jnp.result_type(a)}{jnp.shape(a)}: to "
        f"the engine that is a constant, which no gradient reaches. A weight belongs in params."
        for a in readings[first].consts
        if jnp.ndim(a) > 0 and jnp.issubdtype(jnp.result_type(a), jnp.inexact)
    ]
    hidden = [e.primitive.name for e in _all(readings[first]) if _hides_products(e)]
    told += [
        f"the step of {quote(cell)} has products inside `{name}`, which the engine takes as one "
        f"piece: no mask of `Dropout` lies on them, and `matmul_dtype` does not round them."
        for name in dict.fromkeys(hidden)
    ]
    changed = [n for n in others if _equations(readings[n]) != _equations(readings[first])]
    if changed:
        told.append(
            f"the step of {quote(cell)} has other equations for a batch of {changed[0]} than of "
            f"{first}: a branch on shapes, or a number made of them, is settled when it is read."
        )
    return tuple(told)


def _reading(cell: Cell, input_size: int, rows: int) -> Reading:
    key = jax.eval_shape(lambda: jax.random.key(0))
    params = jax.eval_shape(lambda key: cell.init(key, input_size), key)
    carry = jax.eval_shape(lambda params: cell.initial_carry(params, (rows,)), params)
    floats = [a.dtype for a in jax.tree.leaves(params) if jnp.issubdtype(a.dtype, jnp.floating)]
    dtype = floats[0] if floats else jnp.zeros(()).dtype
    return Reading(cell.step, params, carry, jax.ShapeDtypeStruct((rows, input_size), dtype))


def _equations(reading: Reading) -> list[Any]:
    """What they are, and the numbers in them."""
    return [
        (e.primitive.name, [float(v.val) for v in e.invars if _is_number(v)])
        for e in _all(reading)
        if e.primitive.name not in SHAPES
    ]


def _all(reading: Reading) -> list[Any]:
    return [*reading.once, *reading.time, *reading.loop]


def _hides_products(e: Any) -> bool:
    return any(holds(program, name) for program in inside(e) for name in PRODUCTS)


def _is_number(v: Any) -> bool:
    return isinstance(v, Literal) and jnp.issubdtype(jnp.result_type(v.val), jnp.floating)
