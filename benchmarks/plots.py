"""Plots of a results file: each workload beside its bound and its peers, and growth."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from benchmarks.harness import BOUND
from benchmarks.summary import times
from benchmarks.workloads import CELLS

COLOURS = {
    "jaxrnn": "#c1121f",
    BOUND: "#999999",
    "torch": "#e08a1e",
    "flax_nnx": "#3a6ea5",
    "flax_linen": "#7fa8d1",
    "equinox": "#4a8f5b",
    "haiku": "#8a6bbf",
}
BARS = {
    "training": ("lyrics-*", "time-machine-*", "deep-*", "both-ways-*"),
    "dense": ("dense-*-256-*",),
    "generation": ("generate-*",),
}
LETTERS = {"T": "steps T", "B": "batch B", "H": "width H"}


def draw(source: Path) -> list[Path]:
    """An SVG and a PNG a figure, beside the JSON; figures without data are not drawn."""
    entries = json.loads(source.read_text(encoding="utf-8")).get("workloads", {})
    figures = {f"{source.stem}-{name}": _bars(entries, globs) for name, globs in BARS.items()}
    figures[f"{source.stem}-growth"] = _growth(entries)
    paths = []
    for name, figure in figures.items():
        if figure is None:
            continue
        paths.append(source.with_name(f"{name}.svg"))
        figure.savefig(paths[-1], bbox_inches="tight")
        plt.close(figure)
    return paths


def _least(entry: dict[str, Any]) -> dict[str, float]:
    found = {name: times(c) for name, c in entry["contestants"].items()}
    return {name: t.least * 1e3 for name, t in found.items() if t}


def _bars(entries: dict[str, Any], globs: tuple[str, ...]) -> Any:
    rows = {k: _least(e) for k, e in entries.items() if any(fnmatch(k, g) for g in globs)}
    if not rows:
        return None
    figure, axes = plt.subplots(figsize=(8, 0.6 + 0.75 * len(rows)))
    height = 0.8 / len(COLOURS)
    for place, (name, colour) in enumerate(COLOURS.items()):
        ys = [y + (place - (len(COLOURS) - 1) / 2) * height for y in range(len(rows))]
        axes.barh(ys, [r.get(name, 0) for r in rows.values()], height, color=colour, label=name)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds a call (least)")
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 4}
    axes.legend(frameon=False, fontsize="small", **place)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _growth(entries: dict[str, Any]) -> Any:
    """Forward and backward of one dense layer, from the common point T 35, B 32, H 256."""
    cells = [c for c in CELLS if f"dense-{c}-256-backward" in entries]
    if not cells:
        return None
    size = (11, 3.2 * len(cells))
    figure, grid = plt.subplots(len(cells), 3, figsize=size, squeeze=False, layout="constrained")
    for panels, cell in zip(grid, cells, strict=True):
        for axes, letter in zip(panels, "TBH", strict=True):
            _lines(axes, entries, cell, letter)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=7, frameon=False)
    return figure


def _lines(axes: Any, entries: dict[str, Any], cell: str, letter: str) -> None:
    prefix = f"dense-{cell}-" if letter == "H" else f"growth-{cell}-{letter}"
    family = [e for k, e in entries.items() if k.startswith(prefix)]
    family.append(entries[f"dense-{cell}-256-backward"])
    by_size = {e["spec"][letter]: _least(e) for e in family if e["spec"]["kind"] == "backward"}
    for name, colour in COLOURS.items():
        points = [(n, took[name]) for n, took in sorted(by_size.items()) if name in took]
        if points:
            style = "--" if name == BOUND else "-"
            axes.plot(*zip(*points, strict=True), style, marker="o", ms=3, color=colour, label=name)
    axes.set(xscale="log", yscale="log", xlabel=LETTERS[letter], ylabel=f"{cell}, ms")
    axes.spines[["top", "right"]].set_visible(False)
