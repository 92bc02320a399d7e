"""A run in a few numbers."""

from __future__ import annotations

import math
import statistics
from typing import NamedTuple

from .runs import Run, number
from .words import duration, figures


class Best(NamedTuple):
    value: float
    epoch: int

    def __str__(self) -> str:
        return f"{figures(self.value)} (@{self.epoch})"


class Summary(NamedTuple):
    """nan or None: not told."""

    final: float
    best: Best | None
    validation: Best | None
    tokens: float  # seen
    seconds: float
    tokens_per_second: float
    parameters: float
    epochs: int  # finished
    asked: float

    def words(self) -> dict[str, str]:
        """Every number as it is shown; – where there is none."""
        final = figures(self.final) if self.epochs else "–"
        return {
            "parameters": _or_none(self.parameters),
            "tokens": _or_none(self.tokens),
            "epochs": f"{self.epochs:,}",
            "final": final,
            "best": str(self.best or "–"),
            "validation best": str(self.validation or "–"),
            "time": duration(self.seconds) if math.isfinite(self.seconds) else "–",
            "tokens/s": _or_none(self.tokens_per_second),
        }


def summary(run: Run) -> Summary:
    perplexities = run.column("perplexity")
    times = [s for s in run.column("seconds") if math.isfinite(s)]
    speeds = [s for s in run.column("tokens_per_second") if math.isfinite(s)]
    return Summary(
        final=perplexities[-1] if perplexities else math.nan,
        best=_best(run, perplexities),
        validation=_best(run, run.column("validation_perplexity")),
        tokens=run.column("tokens")[-1] if run.epochs else math.nan,
        seconds=math.fsum(times) if times else math.nan,
        tokens_per_second=statistics.median(speeds) if speeds else math.nan,
        parameters=number(run.told("parameters")),
        epochs=len(run.epochs),
        asked=number(run.told("training", "epochs") or run.told("epochs")),
    )


def per_unit(run: Run, perplexity: float) -> str:
    """log2 of the perplexity of a character or a byte, which is what others print."""
    unit = run.told("corpus", "unit") or run.told("unit")
    name = {"char": "character", "byte": "byte", "bytes": "byte"}.get(str(unit))
    known = name and math.isfinite(perplexity) and perplexity > 0
    return f"{math.log2(perplexity):.3f} bits per {name}" if known else ""


def _best(run: Run, values: list[float]) -> Best | None:
    known = [(v, e) for v, e in zip(values, run.epochs, strict=True) if math.isfinite(v)]
    return Best(*min(known)) if known else None


def _or_none(value: float) -> str:
    return figures(value) if math.isfinite(value) else "–"
