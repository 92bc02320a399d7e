"""Whether each unit of a carry sees the past of itself alone, read from the equations.

Every array that waits for the carry says of each of its numbers which unit of it that number is
made of. What computes number by number hands this on, what moves numbers moves it, and what makes
one number of two units says so: then the Jacobian of the carry is not diagonal. A unit is a place
in the carry's leaves, which are all of one shape: its Jacobian is k × k for k leaves.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

from jaxrnn.engine._read import Reading

NUMBER_BY_NUMBER = {
    *("add", "add_any", "sub", "mul", "div", "neg", "rem", "abs", "sign", "square"),
    *("integer_pow", "pow", "sqrt", "rsqrt", "cbrt"),
    *("exp", "exp2", "expm1", "log", "log1p", "logistic", "tanh", "erf", "erfc", "erf_inv"),
    *("lgamma", "digamma"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "asinh", "acosh"),
    "atanh",
    *("max", "min", "clamp", "select_n", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not"),
    *("xor", "is_finite"),
    *("floor", "ceil", "round", "nextafter", "reduce_precision", "convert_element_type", "copy"),
    "copy_p",
    "stop_gradient",
}
# What moves numbers and makes none: the same, of NumPy's arrays.
MOVES = {
    "broadcast_in_dim": lambda a, p: _spread(a, p["shape"], p["broadcast_dimensions"]),
    "reshape": lambda a, p: a.reshape(p["new_sizes"]),
    "rev": lambda a, p: np.flip(a, p["dimensions"]),
    "slice": lambda a, p: a[_slices(p["start_indices"], p["limit_indices"], p["strides"])],
    "split": lambda a, p: np.split(a, np.cumsum(p["sizes"])[:-1], p["axis"]),
    "squeeze": lambda a, p: a.squeeze(tuple(p["dimensions"])),
    "transpose": lambda a, p: a.transpose(p["permutation"]),
}
CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "custom_jvp_call": "call_jaxpr"}
NO_UNIT = -1


class Local(NamedTuple):
    """Of each number the unit that it is made of, or NO_UNIT; and of which leaves of these."""

    units: np.ndarray
    leaves: frozenset[int]


class Mixed(NamedTuple):
    """Why an array is no such thing, for a sentence."""

    why: str


def leaves_read(reading: Reading) -> list[frozenset[int]] | str:
    """Of each leaf of the next carry, the leaves that a unit of it reads of itself; where it is
    otherwise, the reason in a sentence."""
    why = _no_units(reading)
    if why is not None:
        return why
    shape = reading.carry_in[0].aval.shape
    own = np.arange(math.prod(shape)).reshape(shape)
    env: dict[Any, Any] = {v: Local(own, frozenset([i])) for i, v in enumerate(reading.carry_in)}
    _follow(reading.loop, env)
    found = []
    for v in reading.outs[: len(reading.carry_in)]:
        value = None if isinstance(v, Literal) else env.get(v)
        if isinstance(value, Mixed):
            return f"a unit of the carry does not see itself alone: {value.why}."
        if value is not None and ((value.units != own) & (value.units != NO_UNIT)).any():
            return "a unit of the carry does not see itself alone: it reads another's past."
        found.append(frozenset() if value is None else value.leaves)
    return found


def _no_units(reading: Reading) -> str | None:
    forms = {(v.aval.shape, v.aval.dtype) for v in reading.carry_in}
    if not forms:
        return "it carries nothing."
    for shape, dtype in forms:
        if not jnp.issubdtype(dtype, jnp.floating):
            return f"a leaf of the carry is {dtype}, and Newton's steps are of real numbers."
        if not all(isinstance(size, int) for size in shape):
            return "its batch has no size yet."
    if len(forms) > 1:
        told = ", ".join(sorted(v.aval.str_short() for v in reading.carry_in))
        return f"the carry's leaves have no units in common: they are {told}."
    return None


def _follow(equations: list, env: dict) -> None:
    for e in equations:
        values = [None if isinstance(v, Literal) else env.get(v) for v in e.invars]
        if any(value is not None for value in values):
            env |= dict(zip(e.outvars, _through(e, values), strict=True))


def _through(e: Any, values: list) -> list:
    """What an equation makes of what it reads; None is what waits for no carry."""
    name, shapes = e.primitive.name, [v.aval.shape for v in e.invars]
    for value in values:
        if isinstance(value, Mixed):
            return [value] * len(e.outvars)
    if name in NUMBER_BY_NUMBER:
        return [_merged(name, values)]
    if name == "optimization_barrier":
        return values
    if name in CALLS:
        return _inside(e.params[CALLS[name]].jaxpr, values)
    leaves = frozenset().union(*(value.leaves for value in values if value is not None))
    if name in MOVES:
        moved = MOVES[name](values[0].units, e.params)
        return [Local(units, leaves) for units in (moved if name == "split" else [moved])]
    units = [
        np.full(shape, NO_UNIT) if value is None else value.units
        for value, shape in zip(values, shapes, strict=True)
    ]
    if name == "concatenate":
        return [Local(np.concatenate(units, e.params["dimension"]), leaves)]
    if name == "dot_general" and None in values:
        return [_product(e.params["dimension_numbers"], units, leaves)]
    return [Mixed(f"`{e.params.get('name', name)}` of it")] * len(e.outvars)


def _inside(jaxpr: Any, values: list) -> list:
    env = {v: value for v, value in zip(jaxpr.invars, values, strict=True) if value is not None}
    _follow(jaxpr.eqns, env)
    return [None if isinstance(v, Literal) else env.get(v) for v in jaxpr.outvars]


def _merged(name: str, values: list) -> Local | Mixed:
    """Of what is computed number by number."""
    units, *others = [value.units for value in values if value is not None]
    for other in others:
        if other is not units:
            if ((units != other) & (units != NO_UNIT) & (other != NO_UNIT)).any():
                return Mixed(f"`{name}` of two units")
            units = np.maximum(units, other)
    return Local(units, frozenset().union(*(value.leaves for value in values if value)))


def _product(numbers: Any, units: list, leaves: frozenset) -> Local | Mixed:
    """A product that sums over one number each, as that of a unit's own block of weights, 1 × n."""
    parts = []
    for a, summed, rows in zip(units, *numbers, strict=True):
        if any(a.shape[axis] != 1 for axis in summed):
            return Mixed("`dot_general` of it")
        free = [axis for axis in range(a.ndim) if axis not in (*summed, *rows)]
        parts.append((a.transpose(*rows, *free, *summed), len(free)))
    (a, n), (b, m) = parts
    batch = a.shape[: len(numbers[1][0])]
    a = a.reshape(*batch, *a.shape[len(batch) :][:n], *[1] * m)
    b = b.reshape(*batch, *[1] * n, *b.shape[len(batch) :][:m])
    return Local(np.maximum(a, b), leaves)


def _spread(a: np.ndarray, shape: tuple, axes: tuple) -> np.ndarray:
    sizes = [1] * len(shape)
    for axis, size in zip(axes, a.shape, strict=True):
        sizes[axis] = size
    return np.broadcast_to(a.reshape(sizes), shape)


def _slices(starts: tuple, ends: tuple, strides: tuple | None) -> tuple[slice, ...]:
    return tuple(map(slice, starts, ends, strides or [1] * len(starts)))
