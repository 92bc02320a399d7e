"""The table of the presets in docs/experiments.md, which `reproduce.py --write-docs` writes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import campaign
import presets
import results
from campaign import Curves
from run_dir import write_whole

ROOT = Path(__file__).resolve().parent.parent
MARK = "<!-- results -->"
HEAD = ("| preset | published | here: median (lowest … highest) | seeds |", "|---|---|---|---|")


def write(curves: Curves, runs: Path, names: Collection[str]) -> None:
    """Between the page's two marks, the rows of these presets; the others stay. ValueError, and the
    page stays as it is, unless they are whole: on eight seeds, the Time Machine's on its own text
    too."""
    if missing := missing_runs(curves, names):
        listed = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        raise ValueError(
            f"docs/ stays as it is, for {len(missing)} runs of a campaign are not "
            f"in {runs}, or not to their end: {listed}."
        )
    page = ROOT / "docs" / "experiments.md"
    parts = page.read_text(encoding="utf-8").split(MARK)
    if len(parts) != 3:
        raise ValueError(f"{page} needs two lines {MARK}, it has {len(parts) - 1}.")
    lines, before = [*HEAD], parts[1].splitlines()
    for name in presets.PRESETS:
        stays = (line for line in before if line.startswith(f"| `{name}` |"))
        lines += rows(name, curves) if name in names else stays
    write_whole(page, MARK.join((parts[0], "\n" + "\n".join(lines) + "\n", parts[2])))


def missing_runs(curves: Curves, names: Collection[str]) -> list[str]:
    """What these presets have when they are whole, and lack here."""
    return [
        campaign.name_of(name, corpus, seed)
        for name, corpus, seed in campaign.plan(campaign.SEEDS, names)
        if len(curves.get((name, corpus), {}).get(seed, ())) < campaign.epochs_claimed(name, corpus)
    ]


def rows(name: str, curves: Curves) -> Iterator[str]:
    preset = presets.PRESETS[name]
    for (of, corpus), seeds in curves.items():
        if of == name:
            points = results.figures(preset, list(seeds.values()))
            yield f"| `{name}` | {preset.published} | {points} on {corpus} | {len(seeds)} |"
