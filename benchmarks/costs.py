"""What a call costs before and beside its running time: imports, tracing and compiling, memory.
Every number is of a fresh process, the processes in turn."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from benchmarks import quiet
from benchmarks.machine import ROOT, environment
from benchmarks.resident import Failed, Resident, WorkerDied
from benchmarks.workloads import CELLS, LENGTHS, WORKLOADS, Workload, toy

# One layer's training step; six equal layers, beside one; and longer loops.
FIRST_CALLS = (
    *(f"lyrics-{cell}" for cell in CELLS),
    "deep-6-lstm",
    "dense-lstm-256-backward",
    *(f"growth-lstm-T{T}" for T in LENGTHS),
)
MEMORY = (*(f"lyrics-{cell}" for cell in CELLS), "dense-lstm-256-backward", "growth-lstm-T2048")
IMPORTS = {
    "jax": "import jax",
    "jaxrnn, beyond jax": "import jaxrnn",
    "flax.nnx, beyond jax": "from flax import nnx",
    "flax.linen, beyond jax": "import flax.linen",
    "equinox, beyond jax": "import equinox",
    "haiku, beyond jax": "import haiku",
    "torch": "import torch",
}


def measure(
    frameworks: Sequence[str],
    rounds: int,
    small: bool,
    patient: bool,
    save: Callable[[dict], None],
) -> dict[str, Any]:
    """imports: name -> seconds; first_calls and memory: workload -> framework -> numbers;
    disturbed: how many of the numbers were, though taken again (if `patient`)."""
    results: dict[str, Any] = {"imports": {}, "first_calls": {}, "memory": {}, "disturbed": 0}

    def note(row: dict[str, list], name: str, of: Callable[[], Any]) -> None:
        number, disturbed = quiet.undisturbed(of, 3 if patient else 1)
        if number is not None:
            row.setdefault(name, []).append(number)
            results["disturbed"] += disturbed

    for _ in range(rounds):
        for name, statement in IMPORTS.items():
            beyond = "beyond" in name
            note(results["imports"], name, partial(import_seconds, statement, beyond))
        for what, names, of in KINDS:
            for w in (w for w in WORKLOADS if w.name in names):
                sized, row = toy(w) if small else w, results[what].setdefault(w.name, {})
                for framework in frameworks:
                    note(row, framework, partial(_in_fresh_process, framework, sized, of))
            save(results)
    return results


def import_seconds(statement: str, beyond_jax: bool) -> float | None:
    """Of one import in a new interpreter (`beyond_jax`: jax was imported before); None where it
    cannot be had."""
    code = f"""
import time
{"import jax, jax.numpy" if beyond_jax else ""}
start = time.perf_counter()
{statement}
print(time.perf_counter() - start)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment())
    return float(done.stdout) if done.returncode == 0 else None


def _in_fresh_process(framework: str, w: Workload, of: Callable[[Resident, dict], Any]) -> Any:
    """None where the framework is not there, or offers nothing, or fails."""
    try:
        with Resident(framework) as worker:
            spec = dataclasses.asdict(w)
            request = {"key": w.name, "workload": spec, "what": "work", "probe": None}
            return of(worker, request) if worker.installed else None
    except (Failed, WorkerDied) as failure:
        print(f"  {w.name}, {framework}: {failure}", file=sys.stderr)
        return None


def first_call(worker: Resident, request: dict) -> dict[str, float] | None:
    """Seconds of the first call (trace, compile, run), and of the set-up before it (the params and
    the optimizer's state, in a backend that has started)."""
    answer = worker.ask("build", **request)
    return {k: answer[k] for k in ("first", "set_up")} if "first" in answer else None


def memory(worker: Resident, request: dict) -> dict[str, int] | None:
    """Bytes beyond the imports: the greatest while calls are made, compiling left out, and the
    greatest of all."""
    before = worker.ask("memory", reset=True)["now"]
    if "not offered" in worker.ask("build", **request):
        return None
    compiling = worker.ask("memory", reset=False)["peak"]
    worker.ask("memory", reset=True)
    worker.ask("time", key=request["key"], calls=3)
    running = worker.ask("memory", reset=False)["peak"]
    return {"running": running - before, "compiling": compiling - before}


KINDS = (("first_calls", FIRST_CALLS, first_call), ("memory", MEMORY, memory))
