"""The presets' runs as the chapters show them. `docs/presets.json` holds them, and names the
command that wrote it."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from IPython.display import Markdown

SUMMARY = Path(__file__).resolve().parent.parent / "presets.json"
PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")  # what Markdown may read as its own


def of(preset: str) -> dict[str, list[dict[str, Any]]]:
    """The runs of a preset by their text, a run a seed; KeyError where there is none."""
    found: dict[str, list[dict[str, Any]]] = {}
    for run in json.loads(SUMMARY.read_text(encoding="utf-8"))["runs"]:
        if run["preset"] == preset:
            found.setdefault(run["corpus"], []).append(run)
    if not found:
        raise KeyError(f"{SUMMARY.name} holds no run of {preset!r}.")
    return found


def show(*presets: str) -> Markdown:
    """The curves of some presets, their figures beside the published ones, and what they write."""
    found = [(preset, *pair) for preset in presets for pair in of(preset).items()]
    curves(found)
    rows = [f"| `{preset}`, {corpus} | {_row(runs)} |" for preset, corpus, runs in found]
    table = ["| run | published | here |", "|---|---|---|", *rows]
    return Markdown("\n".join([*table, *(_written(preset, runs[0]) for preset, _, runs in found)]))


def curves(found: list[tuple[str, str, list[dict[str, Any]]]]) -> None:
    """Perplexity over epochs, a line a seed."""
    figure, axes = plt.subplots(figsize=(6, 3))
    for k, (preset, corpus, runs) in enumerate(found):
        for run in runs:
            seen = run["perplexity"]
            label = f"{preset}, {corpus}" if run is runs[0] else None
            axes.semilogy(range(1, len(seen) + 1), seen, color=f"C{k}", linewidth=1, label=label)
    axes.set(xlabel="epoch", ylabel="perplexity")
    axes.legend(fontsize="small")
    figure.tight_layout()
    plt.show()  # before what the cell returns


def _row(runs: list[dict[str, Any]]) -> str:
    """The published figure, and ours at those of its epochs that every run reached; else at the
    last. On the Time Machine's settings it is the median of 50 epochs, for there SGD spikes."""
    published, last = runs[0]["published"], min(len(run["perplexity"]) for run in runs)
    window = 50 if runs[0]["preset"].startswith("tm-") else 1
    epochs = [int(epoch) for epoch in re.findall(r"@(\d+)", published)]
    points = []
    for epoch in [epoch for epoch in epochs if epoch <= last] or [last]:
        judged = slice(max(epoch - window, 0), epoch)
        seen = [statistics.median(run["perplexity"][judged]) for run in runs]
        spread = f" ({_figure(min(seen))}–{_figure(max(seen))})" if len(seen) > 1 else ""
        points.append(f"{_figure(statistics.median(seen))}{spread} @{epoch}")
    return f"{published} | {', '.join(points)}"


def _figure(perplexity: float) -> str:
    """Of one near 1 the digits after it tell."""
    return f"{perplexity:.6g}" if perplexity < 1.01 else f"{perplexity:.4g}"


def _written(preset: str, run: dict[str, Any]) -> str:
    """What a run continued its first prefix with."""
    prefix, _, text = run["sample"]["texts"][0].partition("|")
    prefix, text = (PUNCTUATION.sub(r"\\\1", " ".join(part.split())) for part in (prefix, text))
    epoch = run["sample"]["epoch"]
    return f"\n`{preset}` after epoch {epoch} continues **{prefix}**:\n\n> {text}\n"
