"""The presets' runs as the chapters show them. `docs/presets.json` holds them, and names the
command that wrote it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from IPython.display import Markdown

DOCS = Path(__file__).resolve().parent.parent
sys.path.append(str(DOCS.parent / "experiments"))

SUMMARY = DOCS / "presets.json"
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
    rows = [f"| `{preset}`, {corpus} | {_beside(preset, runs)} |" for preset, corpus, runs in found]
    table = ["| run | published | here |", "|---|---|---|", *rows]
    return Markdown("\n".join([*table, *(_written(preset, runs[0]) for preset, _, runs in found)]))


def _beside(preset: str, runs: list[dict[str, Any]]) -> str:
    """The published figure, and ours."""
    from presets import PRESETS
    from results import figures

    asked = PRESETS[preset]
    return f"{asked.published} | {figures(asked, [run['perplexity'] for run in runs])}"


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


def _written(preset: str, run: dict[str, Any]) -> str:
    """What a run continued its first prefix with."""
    prefix, _, text = run["sample"]["texts"][0].partition("|")
    prefix, text = (PUNCTUATION.sub(r"\\\1", " ".join(part.split())) for part in (prefix, text))
    epoch = run["sample"]["epoch"]
    return f"\n`{preset}` after epoch {epoch} continues **{prefix}**:\n\n> {text}\n"
