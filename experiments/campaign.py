"""Run every preset over several seeds, one after the other: what the bands and the table rest on.

    python experiments/campaign.py runs/campaign --seeds 8

A run that is already whole in the folder is not run again, so an interrupted campaign goes on.
`python experiments/report.py runs/campaign` then draws the table and the pictures.
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import presets
import tyro

from jaxrnn import text


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Run every preset over several seeds."""

    folder: Annotated[Path, tyro.conf.Positional]
    """One folder a run, PRESET-CORPUS-sSEED, beneath it."""
    seeds: int = 8
    """Seeds 0, 1, … for the shipped texts; the Time Machine, where it is at hand, takes seed 0."""
    only: tuple[str, ...] = ()
    """Presets; else all."""


def main(arguments: Arguments) -> int:
    failed = []
    for name, corpus, seed in plan(arguments):
        folder = arguments.folder / f"{name}-{corpus}-s{seed}"
        epochs = epochs_claimed(presets.find(name), corpus)
        if lines(folder) >= epochs:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        command = [sys.executable, str(Path(__file__).with_name("char_lm.py")), name]
        options = {"corpus": corpus, "seed": seed, "epochs": epochs, "run-dir": folder}
        command += [f"--{option}={value}" for option, value in options.items()]
        print(" ".join(command[1:]), flush=True)
        if subprocess.run(command, stdout=subprocess.DEVNULL).returncode not in (0, 3):
            failed.append(folder.name)
    print(f"failed: {', '.join(failed)}" if failed else "all runs are there")
    return 1 if failed else 0


def plan(arguments: Arguments) -> list[tuple[str, str, int]]:
    """(preset, corpus, seed), the first seed of everything first."""
    names = arguments.only or tuple(presets.PRESETS)
    runs = []
    for seed in range(arguments.seeds):
        for name in names:
            preset = presets.find(name)
            runs.append((name, preset.fallback or preset.corpus, seed))
            if seed == 0 and preset.fallback and at_hand(preset.corpus):
                runs.append((name, preset.corpus, seed))
    return runs


def epochs_claimed(preset: presets.Preset, corpus: str) -> int:
    """As far as a claim on `corpus` goes; all epochs where there is none."""
    reached = [c.epoch for c in preset.claims if getattr(c, "corpus", corpus) == corpus]
    return max(reached, default=preset.epochs)


def at_hand(corpus: str) -> bool:
    try:
        text.load_corpus(corpus)
    except text.CorpusNotFound:
        return False
    return True


def lines(folder: Path) -> int:
    path = folder / "metrics.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Arguments)))
    except ValueError as error:
        print(f"campaign: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
