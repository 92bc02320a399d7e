"""Which instants count: `When` built from lengths, mask and resets, and what it does to a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxrnn import _checks
from jaxrnn._types import Carry, When


def when(shape: tuple[int, ...], lengths: Any = None, mask: Any = None, resets: Any = None) -> When:
    """`When` for a sequence of `shape` (T, *batch): `valid` and `fresh`, boolean and of this shape,
    each None where nothing is told. `lengths` (*batch) count the valid steps, `mask` (T, *batch)
    marks them, and the two are ANDed; `resets` (T, *batch) mark where a document begins.

    Raises ValueError for another shape, and for a length outside 0…T (under `jax.jit`, where no
    value can be refused, a longer one means T); TypeError where lengths are no integers, or mask or
    resets not boolean.

    >>> jaxrnn.engine.when((3, 2), lengths=jnp.array([3, 1])).valid.astype(int).T.tolist()
    [[1, 1, 1], [1, 0, 0]]
    """
    valid = None if mask is None else _flags("mask", mask, shape)
    if lengths is not None:
        short = _within(lengths, shape)
        valid = short if valid is None else valid & short
    return When(valid, None if resets is None else _flags("resets", resets, shape))


def same_shape(when: When, shape: tuple[int, ...]) -> None:
    """Its flags are those of a sequence of `shape` (T, *batch), or a sentence says so."""
    for name in ("valid", "fresh"):
        if (flags := getattr(when, name)) is not None:
            _flags(f"when.{name}", flags, shape)


def _flags(name: str, flags: Any, shape: tuple[int, ...]) -> jax.Array:
    flags = _checks.array(f"`{name}`", flags)
    if np.shape(flags) != shape:
        raise ValueError(f"`{name}` must be (T, *batch) = {shape}, got {np.shape(flags)}.")
    if not jnp.issubdtype(jnp.result_type(flags), jnp.bool_):
        raise TypeError(f"`{name}` must be boolean, got {jnp.result_type(flags)}.")
    return jnp.asarray(flags)


def _within(lengths: Any, shape: tuple[int, ...]) -> jax.Array:
    lengths, T = _checks.array("`lengths`", lengths), shape[0]
    if np.shape(lengths) != shape[1:]:
        raise ValueError(f"`lengths` must be (*batch) = {shape[1:]}, got {np.shape(lengths)}.")
    if not jnp.issubdtype(jnp.result_type(lengths), jnp.integer):
        raise TypeError(f"`lengths` must be integers, got {jnp.result_type(lengths)}.")
    if not isinstance(lengths, Tracer) and isinstance(T, int):
        out = [n for n in np.ravel(lengths) if not 0 <= n <= T]
        if out:
            raise ValueError(f"`lengths` must lie in 0…T = {T}, got {out[0]}.")
    most = np.iinfo(np.int32).max  # of a longer one, T means as much
    if np.iinfo(lengths.dtype).max > most:
        lengths = (np if isinstance(lengths, np.ndarray) else jnp).minimum(lengths, most)
    steps = jnp.arange(T, dtype=jnp.int32).reshape(-1, *(1 for _ in shape[1:]))
    return steps < jnp.asarray(lengths, jnp.int32)[None]


def select(flags: jax.Array | None, chosen: Any, other: Any) -> Any:
    """`chosen` where `flags` (*batch), else `other`: pytrees whose leaves lead with *batch."""

    if flags is None:
        return chosen

    def leaf(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.where(jnp.expand_dims(flags, tuple(range(flags.ndim, a.ndim))), a, b)

    return jax.tree.map(leaf, chosen, other)


def blend(zone: Any, held: Carry, new: Carry) -> Carry:
    """zone ⊙ held + (1 - zone) ⊙ new, leaf by leaf, of what is inexact: zoneout."""

    def leaf(z, a, b):
        return z * a + (1 - z) * b if jnp.issubdtype(b.dtype, jnp.inexact) else b

    return jax.tree.map(leaf, zone, held, new)


def clean(valid: jax.Array | None, xs: jax.Array) -> jax.Array:
    """xs with zeros where it is not valid, so that NaN in padding stops at the door."""
    return select(valid, xs, jnp.zeros_like(xs))


def busy(when: When) -> jax.Array | None:
    """The rows (*batch) in which anything happens; None where every row is walked."""
    if when.valid is None:
        return None
    instants = when.valid if when.fresh is None else when.valid | when.fresh
    return instants.any(axis=0)


def reads(when: When, reverse: bool) -> jax.Array | None:
    """The rows (*batch) that walk on from the carry given: neither idle, nor begun anew before
    their first valid step; None for every row."""
    if when.valid is None or when.fresh is None:
        return busy(when)
    instants = when.valid | when.fresh
    first = instants & (jax.lax.cumsum(instants.astype(jnp.int32), reverse=reverse) == 1)
    hides = when.fresh & ~when.valid if reverse else when.fresh
    return (first & ~hides).any(axis=0)


def forwards(instant: Callable, start: Carry, reverse: bool) -> Callable:
    """The body of a scan over ``(x, when)``: one instant as `when` allows it.

    ``instant(carry, x) -> (carry, y)``. A document that begins at t hides the past before step t
    from a forward walk, after step t from a reversed one. Where y is a leaf of the new carry, it
    stays that under zoneout.
    """

    def body(carry: Carry, inputs: tuple[Any, When]) -> tuple[Carry, jax.Array]:
        x, (valid, fresh, zone) = inputs
        if fresh is not None and not reverse:
            carry = select(fresh, start, carry)
        after, y = instant(carry, x)
        if zone is not None:
            at = [i for i, leaf in enumerate(jax.tree.leaves(after)) if leaf is y]
            after = blend(zone, carry, after)
            y = jax.tree.leaves(after)[at[0]] if at else y
        after, y = select(valid, (after, y), (carry, jnp.zeros_like(y)))
        if fresh is not None and reverse:
            after = select(fresh, start, after)
        return after, y

    return body


def hold(valid: jax.Array, ys: jax.Array, reverse: bool) -> jax.Array:
    """ys (T, *batch, F) where `valid` (T, *batch), elsewhere the last valid output in the order of
    walking, zero where there was none yet. Raises ValueError for a `valid` of another shape,
    TypeError for one that is not boolean.

    >>> valid = jnp.array([True, False, True])
    >>> jaxrnn.engine.hold(valid, jnp.array([[1.0], [0.0], [3.0]]), reverse=False).tolist()
    [[1.0], [1.0], [3.0]]
    """
    valid = _flags("valid", valid, jnp.shape(ys)[:-1])
    steps = jnp.arange(valid.shape[0]).reshape(-1, *(1 for _ in valid.shape[1:]))
    none = valid.shape[0] if reverse else -1
    marks = jnp.where(valid, jnp.broadcast_to(steps, valid.shape), none)
    scan = jax.lax.cummin if reverse else jax.lax.cummax
    last = scan(marks, axis=0, reverse=reverse)
    index = jnp.clip(last, 0, max(valid.shape[0] - 1, 0))[..., None]
    held = jnp.take_along_axis(ys, index, axis=0)
    return select(last == none, jnp.zeros_like(ys), held)
