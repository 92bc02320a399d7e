"""The table of the family, and its plots, of all measurements in a folder."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from run_dir import write_whole

ABOUT = (
    "Measured by `python experiments/family.py`, whose docstring says how: language models of one "
    "size on Moby Dick by characters, two layers, the same updates for each; and two problems of "
    "memory. Medians over the seeds, the range behind them where there is more than one. Bits a "
    "character are of text that nobody trained on (the base-2 logarithm of the perplexity), "
    "milliseconds of writing, and the first call's seconds are what it took beyond a later one. "
    "Times are of one core of a shared machine, to be read as ratios; the cells are in "
    "[cells.md](cells.md). In the first picture the better cells are further down, the faster "
    "ones further right; in those of the problems the dashed line is guessing."
)
PROBLEMS = {
    "adding": "Two numbers are marked in a sequence of random ones, as long as the lag; what is to "
    "be said at its end is their sum. The error is the mean square.",
    "copying": "Eight letters are to be said again after the lag. The error is the part of them "
    "that is wrong.",
}
GUESS = {"adding": 1 / 6, "copying": 7 / 8}  # the error of a network that remembers nothing


def write(runs: Path, page: Path, lags: Sequence[int]) -> None:
    language, problems = read(runs)
    parts = ["# Which cell?", ABOUT]
    if language:
        draw_language(language, page.with_suffix(".language.svg"))
        parts += [f"![bits per character]({page.stem}.language.svg)", _language_table(language)]
    for problem in sorted({problem for problem, _, _ in problems}):
        file = page.with_suffix(f".{problem}.svg")
        draw_problem(problem, problems, lags, file)
        parts += [f"## The {problem} problem", PROBLEMS[problem]]
        parts += [_problem_table(problem, problems, lags)]
        parts += [f"![error by lag]({file.name})"]
    write_whole(page, "\n\n".join(parts) + "\n")


def read(runs: Path) -> tuple[dict[str, list[dict]], dict[tuple[str, int, str], list[float]]]:
    """Of each cell its runs as a language model; of (problem, lag, cell) the errors."""
    language, problems = defaultdict(list), defaultdict(list)
    for file in sorted(runs.glob("*.json")):
        told = json.loads(file.read_text(encoding="utf-8"))
        kind, *rest = told["measured"].split("-")
        if kind == "language":
            language[rest[0]].append(told)
        else:
            problems[kind, int(rest[0]), rest[1]].append(told["error"])
    return dict(language), dict(problems)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _median(runs: list[dict], what: str) -> float:
    return statistics.median(run[what] for run in runs)


def _language_table(language: dict[str, list[dict]]) -> str:
    head = (
        "cell",
        "units",
        "parameters",
        "bits a character",
        "tokens/s",
        "ms a character",
        "first call, s",
    )
    rows = []
    for cell, runs in sorted(language.items(), key=lambda item: _median(item[1], "bits")):
        bits = [run["bits"] for run in runs]
        span = f" ({min(bits):.3f}–{max(bits):.3f})" if len(bits) > 1 else ""
        rows.append(
            [
                f"`{cell}`",
                f"{runs[0]['hidden_size']}",
                f"{runs[0]['parameters']:,}",
                f"{statistics.median(bits):.3f}{span}",
                f"{_median(runs, 'tokens_per_second'):,.0f}",
                f"{_median(runs, 'milliseconds_per_character'):.2f}",
                _seconds(_median(runs, "first_call_seconds")),
            ]
        )
    return _table(head, rows)


def _seconds(first_call: float) -> str:
    """Nothing where the machine was busier afterwards than within the first call."""
    return f"{first_call:.1f}" if first_call > 0 else "–"


def _problem_table(problem: str, problems: dict[Any, list[float]], lags: Sequence[int]) -> str:
    cells = sorted({cell for kind, _, cell in problems if kind == problem})
    rows = []
    for cell in cells:
        found = [problems.get((problem, lag, cell)) for lag in lags]
        rows.append([f"`{cell}`", *(f"{statistics.median(e):.3f}" if e else "" for e in found)])
    guessing = [f"{GUESS[problem]:.3f}"] * len(lags)
    return _table(("cell", *(f"lag {lag}" for lag in lags)), [*rows, ["guessing", *guessing]])


def _figure(height: float) -> Any:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, height), layout="constrained")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def draw_language(language: dict[str, list[dict]], path: Path) -> None:
    """Bits a character beside tokens a second: to the lower right is better."""
    figure, axes = _figure(5)
    for cell, runs in language.items():
        at = _median(runs, "tokens_per_second"), _median(runs, "bits")
        axes.plot(*at, "o", color="#3a6ea5", ms=4)
        axes.annotate(cell, at, xytext=(4, 3), textcoords="offset points", fontsize=7)
    axes.set_xscale("log")
    axes.set_xlabel("tokens a second, training")
    axes.set_ylabel("bits a character, held-out text")
    figure.savefig(path)


def draw_problem(
    problem: str, problems: dict[Any, list[float]], lags: Sequence[int], path: Path
) -> None:
    figure, axes = _figure(4)
    for cell in sorted({cell for kind, _, cell in problems if kind == problem}):
        errors = [problems.get((problem, lag, cell)) for lag in lags]
        points = [(lag, statistics.median(e)) for lag, e in zip(lags, errors, strict=True) if e]
        axes.plot(*zip(*points, strict=True), marker="o", ms=3, label=cell)
    axes.axhline(GUESS[problem], color="grey", lw=0.8, ls="--")
    axes.set_xscale("log")
    axes.set_xlabel("lag")
    axes.set_ylabel("error")
    axes.legend(frameon=False, fontsize=6, ncols=2)
    figure.savefig(path)
