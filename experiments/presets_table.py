"""The table of the presets in docs/experiments.md, and docs/perplexity.svg: what `reproduce.py
--write-docs` writes of a whole campaign, and nothing else does."""

from __future__ import annotations

import io
from pathlib import Path

import campaign
import presets
import results
from campaign import Curves
from run_dir import write_whole

ROOT = Path(__file__).resolve().parent.parent
MARK = "<!-- results -->"


def write(curves: Curves, runs: Path) -> None:
    """The table between the page's two marks, and the picture; ValueError, and both stay as they
    are, unless the campaign is whole: every preset on eight seeds, the Time Machine's on its own
    text too."""
    if missing := missing_runs(curves):
        listed = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        raise ValueError(
            f"docs/ stays as it is, for {len(missing)} runs of a campaign are not "
            f"in {runs}, or not to their end: {listed}."
        )
    page, picture = ROOT / "docs" / "experiments.md", ROOT / "docs" / "perplexity.svg"
    parts = page.read_text(encoding="utf-8").split(MARK)
    if len(parts) != 3:
        raise ValueError(f"{page} needs two lines {MARK}, it has {len(parts) - 1}.")
    drawn = drawing(curves)
    write_whole(page, MARK.join((parts[0], f"\n{table(curves)}\n", parts[2])))
    write_whole(picture, drawn)


def missing_runs(curves: Curves) -> list[str]:
    """What a whole campaign has, and this one does not."""
    return [
        campaign.name_of(name, corpus, seed)
        for name, corpus, seed in campaign.plan(campaign.SEEDS, presets.PRESETS)
        if len(curves.get((name, corpus), {}).get(seed, ())) < campaign.epochs_claimed(name, corpus)
    ]


def table(curves: Curves) -> str:
    rows = [
        "| preset | published | here: median (lowest … highest) | seeds |",
        "|---|---|---|---|",
    ]
    for name, preset in presets.PRESETS.items():
        for (preset_name, corpus), seeds in curves.items():
            if preset_name == name:
                points = results.figures(preset, list(seeds.values()))
                rows.append(
                    f"| `{name}` | {preset.published} | {points} on {corpus} | {len(seeds)} |"
                )
    return "\n".join(rows)


def drawing(curves: Curves) -> str:
    """The curve of each preset's first seed, as SVG."""
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
    figure.tight_layout()
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()
