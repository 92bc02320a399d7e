"""Run every preset over several seeds, one after the other: what the bands and the table rest on.

    python experiments/campaign.py runs/campaign --seeds 8

A run that is already whole in the folder is not run again, so an interrupted campaign goes on.
`python experiments/report.py runs/campaign` then draws the table and the pictures.

Exit status: 0 all runs are there, 1 some failed, 2 bad input, 130 interrupted.
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import command
import presets
import tyro
from run_dir import folder, make, read_metrics

from jaxrnn import text

SEEDS = 8


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Run every preset over several seeds."""

    folder: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """One folder a run, PRESET-CORPUS-sSEED, beneath it."""
    seeds: int = SEEDS
    """Seeds 0, 1, … for the shipped texts; the Time Machine, where it is at hand, takes seed 0."""
    only: tuple[str, ...] = ()
    """Presets; else all."""


def main(arguments: Arguments) -> int:
    if arguments.seeds < 1:
        raise ValueError(f"`seeds` must be positive, got {arguments.seeds}.")
    runs, failed = plan(arguments.seeds, arguments.only or presets.PRESETS), []
    under, _ = make(folder(arguments.folder))
    absent = [c for c in sorted({corpus for _, corpus, _ in runs}) if not at_hand(c)]
    if absent:
        print(f"without {', '.join(absent)}, which is not at hand", flush=True)
    for name, corpus, seed in runs:
        run_dir, epochs = under / f"{name}-{corpus}-s{seed}", epochs_claimed(name, corpus)
        if corpus in absent or len(read_metrics(run_dir)) >= epochs:
            continue
        shutil.rmtree(run_dir, ignore_errors=True)
        make(run_dir)  # else every run would be refused, one after the other
        words = [sys.executable, str(Path(__file__).with_name("char_lm.py")), name]
        options = {"corpus": corpus, "seed": seed, "epochs": epochs, "run-dir": run_dir}
        words += [f"--{option}={value}" for option, value in options.items()]
        print(" ".join(words[1:]), flush=True)
        if subprocess.run(words, stdout=subprocess.DEVNULL).returncode not in (0, 3):
            failed.append(run_dir.name)
    print(f"failed: {', '.join(failed)}" if failed else "all runs are there")
    return 1 if failed else 0


def plan(seeds: int, names: Iterable[str]) -> list[tuple[str, str, int]]:
    """(preset, corpus, seed), the first seed of everything first."""
    chosen = {name: presets.find(name) for name in names}
    runs = []
    for seed in range(seeds):
        for name, preset in chosen.items():
            runs.append((name, preset.fallback or preset.corpus, seed))
            if seed == 0 and preset.fallback:
                runs.append((name, preset.corpus, seed))
    return runs


def epochs_claimed(name: str, corpus: str) -> int:
    """As far as a claim on `corpus` goes; all epochs where there is none."""
    preset = presets.find(name)
    reached = [c.epoch for c in preset.claims if getattr(c, "corpus", corpus) == corpus]
    return max(reached, default=preset.epochs)


def at_hand(corpus: str) -> bool:
    try:
        text.load_corpus(corpus)
    except text.CorpusNotFound:
        return False
    return True


if __name__ == "__main__":
    command.run(lambda: main(tyro.cli(Arguments)))
