"""Every preset over several seeds, one after the other: what the bands and the table rest on.

A run that is already whole in the folder is not run again, so an interrupted campaign goes on.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import presets
from run_dir import make, read_metrics

from jaxrnn import text

SEEDS = 8  # of a whole campaign

Curves = dict[tuple[str, str], dict[int, list[float]]]  # (preset, corpus) -> seed -> perplexities


def run(under: Path, seeds: int, names: Iterable[str]) -> list[str]:
    """Run what is not yet whole, each in a folder of its own in `under`; the names of those that
    failed. Seeds 0, 1, … on the shipped texts; the Time Machine, where it is at hand, takes seed 0.
    """
    if seeds < 1:
        raise ValueError(f"`seeds` must be positive, got {seeds}.")
    runs, failed = plan(seeds, names), []
    make(under)
    absent = [c for c in sorted({corpus for _, corpus, _ in runs}) if not at_hand(c)]
    if absent:
        print(f"without {', '.join(absent)}, which is not at hand", flush=True)
    for name, corpus, seed in runs:
        run_dir, epochs = under / name_of(name, corpus, seed), epochs_claimed(name, corpus)
        if corpus in absent or len(read_metrics(run_dir)) >= epochs:
            continue
        if (run_dir / "checkpoints").is_dir():  # it was stopped
            asked = ["--resume", str(run_dir)]
        else:
            shutil.rmtree(run_dir, ignore_errors=True)
            make(run_dir)  # else every run would be refused, one after the other
            options = {"corpus": corpus, "seed": seed, "epochs": epochs, "run-dir": run_dir}
            asked = [name, *(f"--{option}={value}" for option, value in options.items())]
        words = [sys.executable, str(Path(__file__).with_name("char_lm.py")), *asked]
        print(" ".join(words[1:]), flush=True)
        if subprocess.run(words, stdout=subprocess.DEVNULL).returncode not in (0, 3):
            failed.append(run_dir.name)
    return failed


def name_of(name: str, corpus: str, seed: int) -> str:
    return f"{name}-{corpus}-s{seed}"


def plan(seeds: int, names: Iterable[str]) -> list[tuple[str, str, int]]:
    """(preset, corpus, seed), the first seed of everything first."""
    chosen = {name: presets.find(name) for name in names}
    runs = []
    for seed in range(seeds):
        for name, preset in chosen.items():
            own = preset.settings.text.corpus
            runs.append((name, preset.fallback or own, seed))
            if seed == 0 and preset.fallback:
                runs.append((name, own, seed))
    return runs


def epochs_claimed(name: str, corpus: str) -> int:
    """As far as a claim on `corpus` goes; all epochs where there is none."""
    preset = presets.find(name)
    reached = [c.epoch for c in preset.claims if getattr(c, "corpus", corpus) == corpus]
    return max(reached, default=preset.settings.training.epochs)


def at_hand(corpus: str) -> bool:
    try:
        text.load_corpus(corpus)
    except text.CorpusNotFound:
        return False
    return True


def read(runs: Path) -> Curves:
    """Every run of a preset that has an epoch; ValueError where there is none."""
    if not runs.is_dir():
        raise ValueError(f"{runs} is no folder.")
    if curves := found(runs):
        return curves
    raise ValueError(f"{runs} holds no run of a preset (PRESET-CORPUS-sSEED).")


def found(runs: Path) -> Curves:
    """Every run of a preset that has an epoch, in the folder `runs`."""
    curves: Curves = defaultdict(dict)
    for path in sorted(runs.iterdir()):
        match = re.fullmatch(r"(.+?)-([a-z_]+)-s(\d+)", path.name)
        if not match or match[1] not in presets.PRESETS or match[2] not in text.CORPORA:
            continue
        if perplexities := [record["perplexity"] for record in read_metrics(path)]:
            curves[match[1], match[2]][int(match[3])] = perplexities
    return dict(curves)
