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
from collections.abc import Callable, Iterator
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


def facts(chosen: Any) -> dict[str, Any]:
    if chosen.epochs < 1:
        raise ValueError(f"`--epochs` must be positive, got {chosen.epochs}.")
    return {"epochs": 1 if chosen.toy else chosen.epochs}


def rows(chosen: Any) -> Iterator[tuple[str, dict[str, Build]]]:
    with tempfile.TemporaryDirectory() as name:
        _encode(Path(name) / "text.npz")
        of = Path(name), facts(chosen)["epochs"]
        runs: dict[str, Callable[..., Numbers]] = {"jaxrnn": _jaxrnn, "torch": _torch}
        yield (
            "gru-concise",
            {k: partial(Contestant, partial(run, *of), {}) for k, run in runs.items()},
        )


def _encode(path: Path) -> None:
    """The batches of the preset; consecutive sampling gives the same ones in every epoch."""
    ids, vocabulary = text.encode(text.load_corpus("analects"), cut=10_000)
    inputs, targets = text.batches("consecutive", ids, 32, 35, 0, 0)
    prefixes = np.stack([vocabulary.ids(prefix) for prefix in PREFIXES])
    sizes = {"vocab_size": len(vocabulary), "prefixes": prefixes}
    np.savez(path, inputs=inputs, targets=targets, **sizes)


def _jaxrnn(folder: Path, epochs: int) -> Numbers:
    run = Path(tempfile.mkdtemp(dir=folder)) / "run"
    words = ["gru-concise", "--corpus", "analects", "--epochs", str(epochs), "--run-dir", str(run)]
    seconds, _ = _process("experiments/char_lm.py", *words)
    metrics, timings = (
        [json.loads(line) for line in (run / f"{kind}.jsonl").read_text().splitlines()]
        for kind in ("metrics", "timings")
    )
    return _numbers(seconds, sum(t["seconds"] for t in timings), metrics[-1]["perplexity"])


def _torch(folder: Path, epochs: int) -> Numbers:
    words = [str(folder / "text.npz"), "--epochs", str(epochs)]
    seconds, said = _process("benchmarks/torch_char_lm.py", *words)
    return _numbers(seconds, **json.loads(said.splitlines()[-1]))


def _numbers(seconds: float, epochs: float, perplexity: float) -> Numbers:
    return {"seconds": [seconds], "epochs": [epochs], "perplexity": [perplexity]}


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
    least = {name: page.least(told) for name, told in row.items()}
    parts = [
        f"{document['facts']['epochs']} epochs.",
        page.table(head, [[name, *_line(told)] for name, told in row.items()]),
        f"torch takes {page.over(least.get('torch'), least.get('jaxrnn'))} times jaxrnn's time.",
    ]
    return page.page("gru-concise, whole processes", document, *parts)


def _line(told: dict[str, Any]) -> list[str]:
    second = {"say": "{:.1f}".format, "unit": 1}
    seconds = [number(told, (k,), **second) for k in ("least", "median")]
    epochs, rest = page.least(told, "epochs"), "–"
    if (whole := page.least(told)) and epochs:
        rest = f"{whole - epochs:.1f}"
    perplexity = number(told, ("median",), "{:.4f}".format, "perplexity", 1)
    return [*seconds, number(told, what="epochs", **second), rest, perplexity]
