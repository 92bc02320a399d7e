"""The preset gru-concise from the command to the last character, imports and compilation included:
experiments/char_lm.py against the same loop in PyTorch, as whole processes in turn.

    python benchmarks/end_to_end.py

Exit status: 0 done, 1 a process failed, 2 bad input, 4 the machine is not quiet, 130 interrupted
(what was finished is written).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import command, machine, quiet
from benchmarks.report import table
from jaxrnn import text

PREFIXES = ("子曰", "君子")


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__, "end_to_end.json", 3, "whole processes of each")
    parser.add_argument("--epochs", type=int, default=160)
    chosen = parser.parse_args(argv)
    if chosen.epochs < 1 or chosen.rounds < 1:
        parser.error("`--epochs` and `--rounds` must be positive.")
    document = command.begin("end_to_end.py", chosen, argv)
    document |= {"epochs": chosen.epochs, "runs": {"jaxrnn": [], "torch": []}}
    with tempfile.TemporaryDirectory() as folder:
        return _run(chosen, document, Path(folder))


def _run(chosen: argparse.Namespace, document: dict[str, Any], folder: Path) -> int:
    _encode(folder / "text.npz")
    try:
        for round_ in range(chosen.rounds):
            for name, of in (("jaxrnn", _jaxrnn), ("torch", _torch)):
                run = of(folder, chosen.epochs, round_)
                document["runs"][name].append(run)
                print(f"{name}: {run}", flush=True)
                machine.write_json(chosen.out, document)
    except KeyboardInterrupt:
        return 130
    finally:
        machine.write_json(chosen.out, document)
        machine.write_whole(chosen.out.with_suffix(".md"), markdown(document))
    print(markdown(document))
    return 1 if any("failed" in r for runs in document["runs"].values() for r in runs) else 0


def _encode(path: Path) -> None:
    """The batches of the preset; consecutive sampling gives the same ones in every epoch."""
    ids, vocabulary = text.encode(text.load_corpus("analects"), cut=10_000)
    inputs, targets = text.batches("consecutive", ids, 32, 35, 0, 0)
    prefixes = np.stack([vocabulary.ids(prefix) for prefix in PREFIXES])
    sizes = {"vocab_size": len(vocabulary), "prefixes": prefixes}
    np.savez(path, inputs=inputs, targets=targets, **sizes)


def _jaxrnn(folder: Path, epochs: int, round_: int) -> dict[str, Any]:
    script, run_dir = machine.ROOT / "experiments" / "char_lm.py", folder / f"run-{round_}"
    words = ["gru-concise", "--corpus", "analects", "--epochs", str(epochs)]
    run, _ = _process([str(script), *words, "--run-dir", str(run_dir)])
    if "failed" not in run:
        lines = (run_dir / "metrics.jsonl").read_text().splitlines()
        metrics = [json.loads(line) for line in lines]
        run["perplexity"] = metrics[-1]["perplexity"]
        run["epochs_seconds"] = sum(m["seconds"] for m in metrics)
    return run


def _torch(folder: Path, epochs: int, round_: int) -> dict[str, Any]:
    del round_
    script = machine.ROOT / "benchmarks" / "torch_char_lm.py"
    run, printed = _process([str(script), str(folder / "text.npz"), "--epochs", str(epochs)])
    return run if "failed" in run else run | json.loads(printed.splitlines()[-1])


def _process(words: list[str]) -> tuple[dict[str, Any], str]:
    """Seconds of the wall clock from start to end, or what it said when it failed."""
    before, start = quiet.snapshot([]), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env=machine.environment()
    )
    seconds = time.perf_counter() - start
    others = quiet.foreign(before, quiet.snapshot([]))
    if done.returncode != 0:
        return {"failed": (done.stderr or done.stdout).strip()[-300:]}, ""
    disturbed = others > quiet.MOST_FOREIGN
    return {"seconds": seconds, "foreign": round(others, 4), "disturbed": disturbed}, done.stdout


def markdown(document: dict[str, Any]) -> str:
    rows, least = [], {}
    for name, runs in document["runs"].items():
        done = [run for run in runs if "failed" not in run]
        if not done:
            rows.append([name, "failed" if runs else "–", "–", "–", "–", "–"])
            continue
        good = [run for run in done if not run["disturbed"]] or done
        seconds = [run["seconds"] for run in good]
        least[name] = min(seconds)
        flag = "†" if good[0]["disturbed"] else ""
        epochs = min(run["epochs_seconds"] for run in good)
        rows.append(
            [
                name,
                f"{least[name]:.1f}{flag}",
                f"{statistics.median(seconds):.1f}",
                f"{epochs:.1f}",
                f"{least[name] - epochs:.1f}",
                f"{good[-1]['perplexity']:.4f}",
            ]
        )
    head = ("", "seconds, least", "median", "of which epochs", "of which the rest", "perplexity")
    m = document["machine"]
    said = f"`{document['command']}`: {document['epochs']} epochs, {m['cpu']}, {m['cores']} cores"
    said += ", **forced under load**" if document["forced"] else ""
    parts = ["# gru-concise, whole processes", said, table(head, rows)]
    if len(least) == 2:
        parts.append(f"torch takes {least['torch'] / least['jaxrnn']:.2f} times jaxrnn's time.")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    command.run(main)
