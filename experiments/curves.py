"""docs/presets.json: the first seed of each preset, epoch by epoch, for the chapters to draw; and
docs/perplexity.svg, which draws them all.

    python experiments/reproduce.py --seeds 1
    python experiments/curves.py                        # of runs/reproduce

Of every run that is whole: its perplexities, and what it wrote at its end. What the folder lacks
stays as it is.
"""

from __future__ import annotations

import dataclasses
import io
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
    """Write docs/presets.json and docs/perplexity.svg of a campaign's first seed."""

    folder: str = "runs/reproduce"
    """Of the campaign."""
    out: str = str(OUT)
    """The file to write; perplexity.svg beside it."""


def main(arguments: Arguments) -> int:
    under, out = folder(arguments.folder), Path(arguments.out)
    every = [(name, corpus) for name, corpus, _ in campaign.plan(1, presets.PRESETS)]
    new = {of: found for of in every if (found := one(under, *of))}
    if not new:
        raise ValueError(f"{under} holds no whole run of a preset's first seed.")
    before = json.loads(out.read_text("utf-8"))["runs"] if out.exists() else []
    whole = {(run["preset"], run["corpus"]): run for run in before} | new
    runs = [whole[of] for of in every if of in whole]
    drawn = drawing(runs)
    write_whole(out, as_text(runs))
    write_whole(out.with_name("perplexity.svg"), drawn)
    print(f"written: {arguments.out}, {len(runs)} runs, {len(new)} of them new")
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


def drawing(runs: list[dict[str, Any]]) -> str:
    """The curves, as SVG, those of one text beside each other."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "jaxrnn"  # the same picture from the same numbers
    import matplotlib.pyplot as plt

    corpora = sorted({run["corpus"] for run in runs})
    figure, axes = plt.subplots(1, len(corpora), figsize=(5 * len(corpora), 4), squeeze=False)
    for axis, corpus in zip(axes[0], corpora, strict=True):
        for run in runs:
            if run["corpus"] == corpus:
                seen = run["perplexity"]
                axis.plot(range(1, len(seen) + 1), seen, label=run["preset"], linewidth=1)
        axis.set(title=corpus, xlabel="epoch", ylabel="perplexity", yscale="log")
        axis.legend(fontsize="x-small")
    figure.tight_layout()
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()


if __name__ == "__main__":
    command.run(lambda: main(command.parse(Arguments)))
