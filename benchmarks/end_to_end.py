"""The preset gru-concise from the command to the last character, imports and compilation included:
experiments/char_lm.py against the same loop in PyTorch, as whole processes in turn."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import page
from benchmarks.page import number
from benchmarks.turns import Build, once
from benchmarks.worker import process
from jaxrnn import text

ROUNDS = 3
PREFIXES = ("子曰", "君子")
SECOND = {"say": "{:.1f}".format, "unit": 1}


def facts(chosen: Any) -> dict[str, Any]:
    return {"epochs": 1 if chosen.toy else 160}


def rows(chosen: Any) -> Iterator[tuple[str, dict[str, Build]]]:
    with tempfile.TemporaryDirectory() as folder:
        made = {"jaxrnn": (_jaxrnn, folder), "torch": (_torch, _encoded(f"{folder}/text.npz"))}
        epochs = str(facts(chosen)["epochs"])
        yield "gru-concise", {name: once(*of, epochs) for name, of in made.items()}


def _encoded(path: str) -> str:
    """The batches of the preset; consecutive sampling gives the same ones in every epoch."""
    ids, vocabulary = text.encode(text.load_corpus("analects"), cut=10_000)
    inputs, targets = text.batches("consecutive", ids, 32, 35, 0, 0)
    prefixes = np.stack([vocabulary.ids(prefix) for prefix in PREFIXES])
    sizes = {"vocab_size": len(vocabulary), "prefixes": prefixes}
    np.savez(path, inputs=inputs, targets=targets, **sizes)
    return path


def _jaxrnn(folder: str, epochs: str) -> dict[str, float]:
    run = Path(tempfile.mkdtemp(dir=folder)) / "run"
    words = ["gru-concise", "--corpus", "analects", "--epochs", epochs, "--run-dir", str(run)]
    seconds, _ = process("experiments/char_lm.py", *words)
    lines = ((run / f"{kind}.jsonl").read_text().splitlines() for kind in ("metrics", "timings"))
    metrics, timings = ([*map(json.loads, each)] for each in lines)
    took = sum(epoch["seconds"] for epoch in timings)
    return {"seconds": seconds, "epochs": took, "perplexity": metrics[-1]["perplexity"]}


def _torch(batches: str, epochs: str) -> dict[str, float]:
    seconds, said = process("benchmarks/torch_char_lm.py", batches, epochs)
    return {"seconds": seconds, **json.loads(said.splitlines()[-1])}


def render(document: dict[str, Any]) -> str:
    row = document["rows"].get("gru-concise", {})
    head = ("", "seconds, least", "median", "of which epochs", "of which the rest", "perplexity")
    torch, ours = (page.least(row.get(name)) for name in ("torch", "jaxrnn"))
    lines = []
    for name, told in row.items():
        seconds = [number(told, (k,), **SECOND) for k in ("least", "median")]
        whole, epochs = page.least(told), page.least(told, "epochs")
        rest = f"{whole - epochs:.1f}" if whole and epochs else "–"
        perplexity = number(told, ("median",), "{:.4f}".format, "perplexity", 1)
        lines.append([name, *seconds, number(told, what="epochs", **SECOND), rest, perplexity])
    parts = f"{document['facts']['epochs']} epochs.", page.table(head, lines)
    said = f"torch takes {page.over(torch, ours)} times jaxrnn's time."
    return page.page("gru-concise, whole processes", document, *parts, said)
