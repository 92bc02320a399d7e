"""How a walk through time is computed. The engine alone knows time, direction, validity and
restarts; it reads a cell's `step`, chooses a path, and can say which and why."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import _checks
from jaxrnn._axes import vary_alike
from jaxrnn._checks import MatmulDtype
from jaxrnn._platform import traced_for
from jaxrnn._types import Carry, Cell, When
from jaxrnn.engine import _instant, _newton
from jaxrnn.engine._chunks import in_chunks
from jaxrnn.engine._explain import Explanation, choose, explain
from jaxrnn.engine._instant import NO_MASKS, Masks, Places
from jaxrnn.engine._newton import Turns
from jaxrnn.engine._paths import ENGINES, Engine, Keep, ask, take
from jaxrnn.engine._read import Reading, Unread
from jaxrnn.engine._sums import like, widened
from jaxrnn.engine._when import busy, clean, hold, reads, same_shape, select, when

__all__ = [
    "ENGINES",
    "KEEPS",
    "Engine",
    "Explanation",
    "Keep",
    "Masks",
    "Places",
    "Turns",
    "choose",
    "explain",
    "hold",
    "newton_turns",
    "read",
    "rounded",
    "traced_for",
    "walk",
    "when",
]

KEEPS = get_args(Keep)  # for the way back, most memory first


def walk(
    cell: Cell,
    params: Any,
    carry: Carry,
    xs: jax.Array,
    when: When,
    *,
    masks: Masks = NO_MASKS,
    reverse: bool = False,
    engine: Engine = "auto",
    keep: Keep = "gates",
    matmul_dtype: MatmulDtype | None = None,
) -> tuple[Carry, jax.Array]:
    """The walk of ``unroll(cell)`` over xs (T, *batch, I), or token ids (T, *batch), from `carry`:
    final carry and ys (T, *batch, output_size); ys are zero where `when` says not valid.

    `when` is made by the function of that name, `masks` are those of dropout, and the other options
    are those of :func:`jaxrnn.unroll`. Raises ValueError for an unknown option, for an engine that
    does not fit the cell, and where the shapes of xs, `carry`, `when` and params do not agree;
    TypeError where `masks` or `matmul_dtype` ask for a step that cannot be read.

    >>> from jaxrnn import engine
    >>> cell = jaxrnn.gru(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> carry = cell.initial_carry(params, batch_shape=(2,))
    >>> carry, ys = engine.walk(cell, params, carry, jnp.ones((6, 2, 3)), engine.when((6, 2)))
    >>> ys.shape
    (6, 2, 5)
    """
    _checks.one_of("engine", engine, ENGINES)
    _checks.one_of("keep", keep, KEEPS)
    how = _How(reverse, engine, keep, _checks.narrow("matmul_dtype", matmul_dtype))
    asked = _asked(cell, params, carry, xs, when, masks, how)

    def part(shared: Any, carry: Carry, timed: Any) -> tuple[Carry, jax.Array]:
        return asked.path.walk(asked.question, keep, reverse, shared, carry, timed)

    walk_all: Callable = partial(part, asked.shared)
    if keep == "chunks":
        wide = widened(asked.shared)
        chunk = jax.checkpoint(lambda *of: part(like(wide, asked.shared), *of), prevent_cse=False)
        walk_all = partial(in_chunks, chunk, reverse)
    after, ys = walk_all(asked.inside, asked.timed)
    return select(busy(asked.timed[1]), after, asked.carry), ys


def newton_turns(
    layer: Any,
    params: Any,
    carry: Any,
    xs: Any,
    *,
    lengths: Any = None,
    mask: Any = None,
    resets: Any = None,
) -> Turns:
    """How many turns ``engine="newton"`` takes where `layer`, an `unroll` without dropout, is asked
    so, and whether they settled; what did not is walked step by step. May be mapped and jitted.
    The other arguments are those of ``layer.apply``: xs (T, *batch, I), or token ids (T, *batch).

    Raises TypeError where `layer` is no `unroll`, ValueError for a cell that Newton does not fit,
    for no time step, and as ``layer.apply`` does.

    >>> layer = jaxrnn.unroll(jaxrnn.paragru(5), engine="newton")
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> turns = jaxrnn.engine.newton_turns(layer, params, None, jnp.ones((6, 2, 3)))
    >>> bool(turns.settled.all()), bool(turns.count.max() <= 50)
    (True, True)
    """
    if not hasattr(layer, "cell") or not hasattr(layer, "matmul_dtype"):
        raise TypeError(f"newton_turns needs an `unroll` of a cell, got {_checks.quote(layer)}.")
    batch_shape = _checks.batch_shape_of(xs)
    if xs.shape[0] == 0:
        raise ValueError(f"newton_turns needs a time step at least, got xs {xs.shape}.")
    if carry is None:
        carry = layer.initial_carry(params, batch_shape)
    given = when((xs.shape[0], *batch_shape), lengths, mask, resets)
    how = _How(layer.reverse, "newton", "gates", layer.matmul_dtype)
    asked = _asked(layer.cell, params, carry, xs, given, NO_MASKS, how)
    of = widened((asked.shared, asked.inside, asked.timed))
    return _newton.count(asked.question.reading, layer.reverse, *of)


class _Asked(NamedTuple):
    """A walk before it is done: timed is (xs, when), that the instant sees one by one; inside is
    the carry that it begins with."""

    question: Any
    path: Any
    shared: Any
    carry: Carry
    inside: Carry
    timed: tuple[jax.Array, When]


class _How(NamedTuple):
    reverse: bool
    engine: Engine
    keep: Keep
    matmul_dtype: MatmulDtype | None


def _asked(
    cell: Cell, params: Any, carry: Carry, xs: jax.Array, when: When, masks: Masks, how: _How
) -> _Asked:
    reverse, engine, keep, matmul_dtype = how
    same_shape(when, (np.shape(xs)[0], *_checks.batch_shape_of(xs)))
    xs, start = clean(when.valid, xs), None
    engine = "scan" if xs.shape[0] == 0 else engine  # there is no instant to read
    if when.fresh is not None:
        start = cell.initial_carry(params, _checks.batch_shape_of(xs))
    params, carry, xs, start, when, masks = vary_alike((params, carry, xs, start, when, masks))
    shared, one = (params, start, masks), partial(jax.tree.map, lambda a: a[0])
    narrow = matmul_dtype if engine == "scan" else None  # another path rounds what it reads
    plain = when.zone is None and not jax.tree.leaves(masks) and matmul_dtype is None
    asked = {"steps": xs.shape[0], "keep": keep, "engine": engine, "cell": cell, "plain": plain}
    at_first = None if engine == "scan" else one((xs, when))
    instant = _instant_of(cell, narrow, reverse)
    question = ask(instant, matmul_dtype, shared, carry, at_first, **asked)
    path, _ = take(question)
    if path.name == "scan" and matmul_dtype != narrow:
        read(cell, params, carry, one(xs))  # says why the products cannot be rounded
    # A carry that no valid step reads stays outside: steps without effect compute on it, and it
    # may be NaN.
    inside = select(reads(when, reverse), carry, jax.tree.map(jnp.zeros_like, carry))
    return _Asked(question, path, shared, carry, inside, (xs, when))


def _instant_of(cell: Cell, narrow: Any, reverse: bool) -> Callable:
    """``(shared, carry, timed) -> (carry, y)``; `shared` is (params, start, masks)."""

    def step(shared, carry, x):
        params, masks = shared
        if not jax.tree.leaves(masks) and narrow is None:
            return cell.step(params, carry, x)
        return _instant.laid(read(cell, params, carry, x), narrow, masks)(params, carry, x)

    body = _instant.body(cell, step, reverse)

    def instant(shared, carry, timed):
        params, start, masks = shared
        return body(((params, masks), start), carry, timed)

    return instant


def read(cell: Cell, params: Any, carry: Any, x: Any) -> Reading:
    """`cell.step` as it is read, at one instant: x (*batch, I), or token ids (*batch), and a carry
    of this batch. Raises TypeError where it cannot be, say for a step that prints.

    >>> cell = jaxrnn.gru(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> reading = jaxrnn.engine.read(cell, params, cell.initial_carry(params), jnp.ones(3))
    >>> len(reading.joints)                                  # products of the carry
    1
    """
    try:
        return Reading(cell.step, params, carry, x)
    except Unread as why:
        raise TypeError(
            f"recurrent dropout, weight drop and `matmul_dtype` are laid on the products of a step "
            f"that can be read, and that of {_checks.quote(cell)} cannot: {why}."
        ) from None


def rounded(cell: Cell, matmul_dtype: MatmulDtype, params: Any, carry: Any, x: Any) -> Callable:
    """`cell.step` with the operands of its products rounded to `matmul_dtype`, ``"bfloat16"`` or
    ``"float16"``, and summed in float32. It is for x, carry and params of these forms.

    Raises ValueError for another dtype, TypeError for a step that cannot be read.

    >>> cell = jaxrnn.gru(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> carry, x = cell.initial_carry(params), jnp.ones(3)
    >>> step = jaxrnn.engine.rounded(cell, "bfloat16", params, carry, x)
    >>> _, y = step(params, carry, x)
    >>> y.dtype, bool(jnp.allclose(y, cell.step(params, carry, x)[1], atol=0.05))
    (dtype('float32'), True)
    """
    narrow = _checks.narrow("matmul_dtype", matmul_dtype)
    return _instant.laid(read(cell, params, carry, x), narrow, NO_MASKS)
