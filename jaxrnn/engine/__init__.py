"""How a walk through time is computed. The engine alone knows time, direction, validity and
restarts; it chooses a path and can say which and why."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

from jaxrnn import _checks
from jaxrnn._types import Carry, Cell, Divided, When
from jaxrnn.engine._plain import plain
from jaxrnn.engine._run import run
from jaxrnn.engine._when import clean, hold, select, when

__all__ = ["ENGINES", "Choice", "choose", "clean", "hold", "plain", "run", "select", "walk", "when"]

ENGINES = ("auto", "scan")


class Choice(NamedTuple):
    """path: ``"divided"`` (hand-written adjoint) or ``"scan"`` (plain); why: one sentence."""

    path: str
    why: str


def choose(cell: Cell, engine: str = "auto") -> Choice:
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
    reverse: bool = False,
    engine: str = "auto",
) -> tuple[Carry, jax.Array]:
    """Final carry and ys (T, *batch, output_size); ys are zero where `when` says not valid."""
    xs = clean(when.valid, xs)
    start = None
    if when.fresh is not None:
        start = cell.initial_carry(params, when.fresh.shape[1:])
    if choose(cell, engine).path == "scan":
        return plain(cell, reverse, params, carry, xs, start, when)
    assert isinstance(cell, Divided)
    w, drives = cell.project(params, xs)
    return run(cell, reverse, w, carry, drives, start, when)
