"""The table and the pictures of a campaign, from its run folders and nothing else.

    python experiments/report.py runs/campaign

writes docs/perplexity.svg and the table between README.md's two `<!-- results -->` lines.
"""

from __future__ import annotations

import json
import math
import re
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import presets

ROOT = Path(__file__).resolve().parent.parent
MARK = "<!-- results -->"

Curves = dict[tuple[str, str], dict[int, list[float]]]  # (preset, corpus) -> seed -> perplexities


def main(folder: Path) -> int:
    curves = read(folder)
    if not curves:
        print(f"report: {folder} holds no run of a preset.", file=sys.stderr)
        return 2
    readme = ROOT / "README.md"
    before, _, after = readme.read_text().split(MARK)
    readme.write_text(MARK.join((before, f"\n{table(curves)}\n", after)))
    draw(curves, ROOT / "docs" / "perplexity.svg")
    print(table(curves))
    return 0


def read(folder: Path) -> Curves:
    curves: Curves = defaultdict(dict)
    for path in sorted(folder.glob("*/metrics.jsonl")):
        match = re.fullmatch(r"(.+?)-([a-z_]+)-s(\d+)", path.parent.name)
        if match and match[1] in presets.PRESETS:
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            perplexities = [p if (p := line["perplexity"]) else math.inf for line in lines]
            curves[match[1], match[2]][int(match[3])] = perplexities
    return dict(curves)


def table(curves: Curves) -> str:
    rows = [
        "| preset | published | here: median (lowest … highest) | seeds |",
        "|---|---|---|---|",
    ]
    for name, preset in presets.PRESETS.items():
        for (preset_name, corpus), seeds in curves.items():
            if preset_name == name:
                points = "; ".join(_point(preset, corpus, list(seeds.values())))
                rows.append(
                    f"| `{name}` | {preset.published} | {points} on {corpus} | {len(seeds)} |"
                )
    return "\n".join(rows)


def _point(preset: presets.Preset, corpus: str, runs: list[list[float]]) -> list[str]:
    """The figures at the first epoch that is printed and at the last; for the presets of the Time
    Machine at the last alone, as the median of 50 epochs, for SGD spikes."""
    shortest = min(map(len, runs))
    window = 50 if preset.fallback else 1
    points = []
    epochs = {shortest} if preset.fallback else {min(preset.every, shortest), shortest}
    for epoch in sorted(epochs):
        seen = [statistics.median(run[max(epoch - window, 0) : epoch]) for run in runs]
        low, high = f"{min(seen):.4g}", f"{max(seen):.4g}"
        spread = f" ({low} … {high})" if len(seen) > 1 else ""
        points.append(f"{statistics.median(seen):.4g}{spread} @{epoch}")
    return points


def draw(curves: Curves, path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "jaxrnn"  # the same picture from the same numbers
    import matplotlib.pyplot as plt

    corpora = sorted({corpus for _, corpus in curves})
    figure, axes = plt.subplots(1, len(corpora), figsize=(5 * len(corpora), 4), squeeze=False)
    for axis, corpus in zip(axes[0], corpora, strict=True):
        for name in presets.PRESETS:
            seeds = curves.get((name, corpus))
            if seeds:
                run = seeds[min(seeds)]
                axis.plot(range(1, len(run) + 1), run, label=name, linewidth=1)
        axis.set(title=corpus, xlabel="epoch", ylabel="perplexity", yscale="log")
        axis.legend(fontsize="x-small")
    path.parent.mkdir(exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("usage: python experiments/report.py FOLDER", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(Path(sys.argv[1])))
