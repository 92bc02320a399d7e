"""The preset gru-concise from the command to the last character, imports and compilation included:
experiments/char_lm.py against the same loop in PyTorch, as whole processes in turn.

    python -m benchmarks end_to_end --wait 600
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import page
from benchmarks.page import number
from benchmarks.turns import Build, Contestant, Failed, Numbers
from jaxrnn import text

ROUNDS = 3
WORDS = {"--epochs": {"type": int, "default": 160}}
PREFIXES = ("子曰", "君子")
OWN = {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(page.ROOT)}  # in the environment
SECOND = {"say": "{:.1f}".format, "unit": 1}


def facts(chosen: Any) -> dict[str, Any]:
    if chosen.epochs < 1:
        raise ValueError(f"`--epochs` must be positive, got {chosen.epochs}.")
    return {"epochs": 1 if chosen.toy else chosen.epochs}


def rows(chosen: Any) -> Iterator[tuple[str, dict[str, Build]]]:
    with tempfile.TemporaryDirectory() as name:
        batches = _encoded(Path(name) / "text.npz")
        runs = {"jaxrnn": partial(_jaxrnn, name), "torch": partial(_torch, batches)}
        runs = {k: partial(run, str(facts(chosen)["epochs"])) for k, run in runs.items()}
        yield "gru-concise", {k: partial(Contestant, run, {}) for k, run in runs.items()}


def _encoded(path: Path) -> str:
    """The batches of the preset; consecutive sampling gives the same ones in every epoch."""
    ids, vocabulary = text.encode(text.load_corpus("analects"), cut=10_000)
    inputs, targets = text.batches("consecutive", ids, 32, 35, 0, 0)
    prefixes = np.stack([vocabulary.ids(prefix) for prefix in PREFIXES])
    sizes = {"vocab_size": len(vocabulary), "prefixes": prefixes}
    np.savez(path, inputs=inputs, targets=targets, **sizes)
    return str(path)


def _jaxrnn(folder: str, epochs: str) -> Numbers:
    run = Path(tempfile.mkdtemp(dir=folder)) / "run"
    words = ["gru-concise", "--corpus", "analects", "--epochs", epochs, "--run-dir", str(run)]
    seconds, _ = _process("experiments/char_lm.py", *words)
    metrics, timings = (
        [json.loads(line) for line in (run / f"{kind}.jsonl").read_text().splitlines()]
        for kind in ("metrics", "timings")
    )
    epochs_took = sum(epoch["seconds"] for epoch in timings)
    return _numbers(seconds=seconds, epochs=epochs_took, perplexity=metrics[-1]["perplexity"])


def _torch(batches: str, epochs: str) -> Numbers:
    seconds, said = _process("benchmarks/torch_char_lm.py", batches, epochs)
    return _numbers(seconds=seconds, **json.loads(said.splitlines()[-1]))


def _numbers(**each: float) -> Numbers:
    return {name: [number] for name, number in each.items()}


def _process(script: str, *words: str) -> tuple[float, str]:
    """Seconds of the wall clock from start to end, and what it printed."""
    command, start = [sys.executable, str(page.ROOT / script), *words], time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | OWN)
    if done.returncode != 0:
        raise Failed((done.stderr or done.stdout).strip()[-300:])
    return time.perf_counter() - start, done.stdout


def render(document: dict[str, Any]) -> str:
    row = document["rows"].get("gru-concise", {})
    head = ("", "seconds, least", "median", "of which epochs", "of which the rest", "perplexity")
    torch, ours = (page.least(row.get(name)) for name in ("torch", "jaxrnn"))
    return page.page(
        "gru-concise, whole processes",
        document,
        f"{document['facts']['epochs']} epochs.",
        page.table(head, [[name, *_line(told)] for name, told in row.items()]),
        f"torch takes {page.over(torch, ours)} times jaxrnn's time.",
    )


def _line(told: dict[str, Any]) -> list[str]:
    seconds = [number(told, (k,), **SECOND) for k in ("least", "median")]
    whole, epochs = page.least(told), page.least(told, "epochs")
    rest = f"{whole - epochs:.1f}" if whole and epochs else "–"
    perplexity = number(told, ("median",), "{:.4f}".format, "perplexity", 1)
    return [*seconds, number(told, what="epochs", **SECOND), rest, perplexity]
