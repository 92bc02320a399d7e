"""How far a run's gradients reach, and its gates: what is told of insight.json."""

from __future__ import annotations

from typing import Any

from .charts import Chart, Series
from .page import charts, section
from .runs import Run, number
from .tables import table
from .words import cut, escape, figures, short

MOST = 40  # rows of a table


def inside(run: Run, first: int) -> str:
    """The section; `first` numbers its chart. Nothing of what is damaged or not there."""
    told = run.inside
    if run.epochs and told.get("epoch", run.epochs[-1]) != run.epochs[-1]:
        return ""  # of before the run went on
    parts = [charts([_reach(told)], "one", first), _gates(told), _radii(told)]
    return section("What goes on inside", _lead(told), *parts)


def _lead(told: dict[str, Any]) -> str:
    steps, rows = (number(told.get(name)) for name in ("steps", "rows"))
    if not steps >= 1 or not rows >= 1:
        return ""
    sentence = (
        f"Of the finished model, along {figures(rows)} rows of {figures(steps)} steps of the text "
        "it was trained on: the norm of the gradient of the last output in the state so many steps "
        "before (jaxrnn.insight). What to make of it is told in docs/how_to/not_learning.md."
    )
    return f"<p>{escape(sentence)}</p>"


def _reach(told: dict[str, Any]) -> Chart:
    whole = _numbers(told.get("reach"))
    leaves = told.get("leaves")
    named = leaves if isinstance(leaves, dict) and len(leaves) > 1 else {}
    series = [Series("the whole state", range(1, len(whole) + 1), whole, 0)]
    for tone, (name, norms) in enumerate(list(named.items())[:12], 1):
        ys = _numbers(norms)
        series.append(Series(cut(str(name), 30), range(1, len(ys) + 1), ys, tone))
    shown = [s for s in series if len(s.ys)]
    return Chart("How far a gradient reaches", shown, across="steps back")


def _gates(told: dict[str, Any]) -> str:
    gates = told.get("gates")
    rows = [
        [short(n), *(f"{100 * number(gate.get(name)):.3g}%" for name in ("mean", "shut", "open"))]
        for n, gate in enumerate(gates if isinstance(gates, list) else [], 1)
        if isinstance(gate, dict)
    ]
    headings = ["σ of a step, in the order of its equations", "mean", "below 0.1", "above 0.9"]
    return table(headings, rows[:MOST]) if rows else ""


def _radii(told: dict[str, Any]) -> str:
    radii = told.get("radii")
    rows = [
        [cut(str(name), 60), ", ".join(f"{radius:.3g}" for radius in _numbers(of))]
        for name, of in (radii.items() if isinstance(radii, dict) else ())
    ]
    headings = [
        "recurrent matrix",
        "spectral radius of each gate's block, in the order of the params",
    ]
    return table(headings, rows[:MOST]) if rows else ""


def _numbers(value: Any) -> list[float]:
    return [number(v) for v in value] if isinstance(value, list) else []
