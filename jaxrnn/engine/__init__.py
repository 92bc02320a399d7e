"""How a walk through time is computed. The engine alone knows time, direction, validity and
restarts; it chooses a path and can say which and why."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from jaxrnn import _checks
from jaxrnn._axes import vary_alike
from jaxrnn._types import Carry, Cell, Divided, When
from jaxrnn.engine._chunks import in_chunks
from jaxrnn.engine._plain import plain
from jaxrnn.engine._run import lean, project, run
from jaxrnn.engine._sums import like, widened
from jaxrnn.engine._when import busy, clean, hold, reads, select, when

__all__ = ["ENGINES", "KEEPS", "Choice", "Engine", "Keep", "choose", "hold", "walk", "when"]

Engine = Literal["auto", "scan"]
Keep = Literal["gates", "carries", "chunks"]  # for the way back, most memory first
ENGINES, KEEPS = get_args(Engine), get_args(Keep)


class Choice(NamedTuple):
    """path: ``"divided"`` (hand-written adjoint) or ``"scan"`` (plain); why: one sentence."""

    path: str
    why: str


def choose(cell: Cell, engine: Engine = "auto") -> Choice:
    """The path that an unroll of `cell` takes, and why."""
    _checks.one_of("engine", engine, ENGINES)
    if engine == "scan":
        return Choice("scan", 'engine="scan" asks for the plain scan of `step`.')
    if not isinstance(cell, Divided):
        return Choice("scan", f"{type(cell).__name__} does not say how its work divides.")
    step, advance = _depth(cell, "step"), _depth(cell, "advance")
    if step is None or advance is None or step < advance:
        return Choice("scan", f"{type(cell).__name__}'s `step` is not that of its division.")
    return Choice("divided", f"{type(cell).__name__} says how its work divides.")


def _depth(cell: Cell, method: str) -> int | None:
    """How far up among its classes a cell finds `method`; None where it is in none of them."""
    owners = [i for i, owner in enumerate(type(cell).__mro__) if method in vars(owner)]
    return owners[0] if owners else None


def walk(
    cell: Cell,
    params: Any,
    carry: Carry,
    xs: jax.Array,
    when: When,
    *,
    kept: jax.Array | None = None,
    reverse: bool = False,
    engine: Engine = "auto",
    keep: Keep = "gates",
) -> tuple[Carry, jax.Array]:
    """Final carry and ys (T, *batch, output_size); ys are zero where `when` says not valid."""
    xs = clean(when.valid, xs)
    start = None
    if when.fresh is not None:
        start = cell.initial_carry(params, _checks.batch_shape_of(xs))
    params, carry, xs, start, when, kept = vary_alike((params, carry, xs, start, when, kept))
    path, shared = choose(cell, engine).path, (params, start)

    def part(shared: Any, carry: Carry, timed: Any) -> tuple[Carry, jax.Array]:
        (params, start), (xs, when) = shared, timed
        inputs = params, xs, kept
        if path == "scan":
            return plain(cell, reverse, inputs, carry, start, when, lean=keep == "carries")
        assert isinstance(cell, Divided)
        if keep == "carries":
            return lean(cell, reverse, inputs, carry, start, when)
        w, drives = project(cell, *inputs)
        return run(cell, reverse, w, carry, drives, start, when)

    walk_all: Callable = partial(part, shared)
    if keep == "chunks":
        wide = widened(shared)
        chunk = jax.checkpoint(lambda *of: part(like(wide, shared), *of), prevent_cse=False)
        walk_all = partial(in_chunks, chunk, reverse)
    # A carry that no valid step reads stays outside: steps without effect compute on it, and it
    # may be NaN.
    inside = select(reads(when, reverse), carry, jax.tree.map(jnp.zeros_like, carry))
    after, ys = walk_all(inside, (xs, when))
    return select(busy(when), after, carry), ys
