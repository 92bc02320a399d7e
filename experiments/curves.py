"""docs/presets.json: the first seed of each preset, epoch by epoch, for the chapters to draw.

    python experiments/reproduce.py --seeds 1
    python experiments/curves.py                        # of runs/reproduce

Of every run that is whole: its perplexities, and what it wrote at its end.
"""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import campaign
import command
import presets
from run_dir import folder, read_config, read_metrics, write_whole

OUT = Path(__file__).resolve().parent.parent / "docs" / "presets.json"


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Write docs/presets.json of a campaign's first seed."""

    folder: str = "runs/reproduce"
    """Of the campaign."""
    out: str = str(OUT)
    """The file to write."""


def main(arguments: Arguments) -> int:
    under = folder(arguments.folder)
    whole = [
        found
        for name, corpus, _ in campaign.plan(1, presets.PRESETS)
        if (found := one(under, name, corpus))
    ]
    if not whole:
        raise ValueError(f"{under} holds no whole run of a preset's first seed.")
    write_whole(Path(arguments.out), as_text(whole))
    print(f"written: {arguments.out}, {len(whole)} runs")
    return 0


def one(under: Path, name: str, corpus: str) -> dict[str, Any] | None:
    """A run, where it is there to its end."""
    run = under / campaign.name_of(name, corpus, 0)
    seen = [float(f"{record['perplexity']:.4g}") for record in read_metrics(run)]
    if len(seen) < campaign.epochs_claimed(name, corpus):
        return None
    config, lines = read_config(run), (run / "samples.jsonl").read_text("utf-8").splitlines()
    samples = [json.loads(line) for line in lines]
    last = max(sample["epoch"] for sample in samples)
    wrote = [f"{s['prefix']}|{s['text']}" for s in samples if s["epoch"] == last]
    return {
        "preset": name,
        "corpus": corpus,
        "seed": 0,
        "git": config["git"],
        "versions": config["versions"],
        "perplexity": seen,
        "sample": {"epoch": last, "texts": wrote},
    }


def as_text(runs: list[dict[str, Any]]) -> str:
    """JSON, of which a list of numbers is a line."""
    told = {"command": "python experiments/reproduce.py --seeds 1; python experiments/curves.py"}
    spread = json.dumps({**told, "runs": runs}, indent=1, ensure_ascii=False)
    packed = re.sub(r"\[[-+.\deE,\s]+\]", lambda m: " ".join(m[0].split()), spread)
    return packed + "\n"


if __name__ == "__main__":
    command.run(lambda: main(command.parse(Arguments)))
