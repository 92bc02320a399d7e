"""The order of a run: for each workload every contestant builds and is checked, then they are timed
in turn, A B C A B C …, one computing at a time, while we look for others on the cores."""

from __future__ import annotations

import dataclasses
import math
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import quiet
from benchmarks.resident import Failed, Resident, WorkerDied
from benchmarks.truth import beyond, errors, in_form, shared, truth
from benchmarks.weights import Variant, make_inputs, make_weights
from benchmarks.workloads import Workload, flops

BOUND = "bound"  # a contestant of its own, but jaxrnn's worker runs it
TURN = 0.25  # seconds that one contestant is timed in one round, at least about
MOST_CALLS = 300
RETRIES = 5


class Harness:
    """`save` is called after each round with all that is known so far."""

    def __init__(
        self, frameworks: Sequence[str], rounds: int, patient: bool, save: Callable[[dict], None]
    ):
        self.rounds, self.patient, self.save = rounds, patient, save
        self.workers: dict[str, Resident] = {}
        self.results: dict[str, Any] = {"frameworks": {}, "workloads": {}, "errors": []}
        for name in frameworks:
            self._start(name)

    def _start(self, name: str) -> None:
        try:
            worker = Resident(name)
        except WorkerDied as death:
            self.results["frameworks"][name] = {"failed": str(death)}
            return
        self.results["frameworks"][name] = worker.hello
        if worker.installed:
            self.workers[name] = worker
        else:
            worker.close()

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()

    def run(self, w: Workload) -> dict[str, Any]:
        """One workload, whole: its entry in the results."""
        contestants = self._build(w)
        entry = {"spec": dataclasses.asdict(w), "flops": flops(w), "contestants": contestants}
        self.results["workloads"][w.name] = entry
        for round_ in range(self.rounds):
            for name, contestant in contestants.items():
                if contestant["status"] == "ok":
                    self._turn(w, round_, name, contestant)
            self.save(self.results)
        for worker in self.workers.values():
            for key in (w.name, _bound_key(w)):
                worker.ask("drop", key=key)
        return entry

    # Build and check.

    def _build(self, w: Workload) -> dict[str, dict]:
        truths: dict[Variant, dict[str, np.ndarray]] = {}
        contestants: dict[str, dict] = {}
        for name in self.results["frameworks"]:
            contestants[name] = self._guarded(w, name, lambda n: self._check(w, n, truths))
        if "jaxrnn" in self.workers and w.kind != "gemm":
            contestants[BOUND] = self._guarded(w, BOUND, lambda _: self._build_bound(w))
        return contestants

    def _guarded(self, w: Workload, name: str, build: Callable[[str], dict]) -> dict:
        """`build`, with what may go wrong told in the entry and among the errors."""
        worker = "jaxrnn" if name == BOUND else name
        if worker not in self.workers:
            hello = self.results["frameworks"][worker]
            status = "not installed" if "not installed" in hello else "failed"
            return {"status": status, "why": hello.get(status)}
        try:
            return build(name)
        except Failed as failure:
            return self._error(w, name, "failed", str(failure))
        except WorkerDied as death:
            self._restart(worker)
            return self._error(w, name, "failed", str(death))

    def _error(self, w: Workload, name: str, status: str, why: str) -> dict:
        self.results["errors"].append(f"{w.name}, {name}: {status}: {why}")
        return {"status": status, "why": why}

    def _restart(self, name: str) -> None:
        self.workers.pop(name).close()
        self._start(name)

    def _build_bound(self, w: Workload) -> dict:
        answer = self.workers["jaxrnn"].ask(
            "build", key=_bound_key(w), workload=dataclasses.asdict(w), what="bound", probe=None
        )
        return {"status": "ok", "first": answer["first"], "warm": answer["warm"], "rounds": []}

    def _check(self, w: Workload, name: str, truths: dict) -> dict:
        spec = dataclasses.asdict(w)
        with tempfile.TemporaryDirectory() as folder:
            probe = str(Path(folder) / "probe.npz")
            answer = self.workers[name].ask(
                "build", key=w.name, workload=spec, what="work", probe=probe
            )
            if "not offered" in answer:
                return {"status": "not offered", "why": answer["not offered"]}
            variant = Variant(**answer["variant"])
            key = shared(w, variant)
            if key not in truths:
                weights = {} if w.kind == "gemm" else make_weights(w)
                truths[key] = truth(w, key, weights, make_inputs(w))
            with np.load(probe) as got:
                return self._judge(w, name, answer, dict(got), in_form(truths[key], variant))

    def _judge(self, w: Workload, name: str, answer: dict, got: dict, want: dict) -> dict:
        try:
            found = errors(got, want)
        except ValueError as difference:
            return self._error(w, name, "mismatch", str(difference))
        if wrong := beyond(found):
            worst = max(wrong, key=lambda k: wrong[k])
            why = f"{worst} is off by {wrong[worst]:.1e} of its greatest value"
            return self._error(w, name, "mismatch", why)
        return {
            "status": "ok",
            "variant": answer["variant"],
            "greatest_error": max(found.values()),
            "first": answer["first"],
            "warm": answer["warm"],
            "rounds": [],
        }

    # Time.

    def _turn(self, w: Workload, round_: int, name: str, contestant: dict) -> None:
        """One contestant's calls of one round. A disturbed turn is tried again; one that stays so
        is kept, and flagged."""
        worker, key = (name, w.name) if name != BOUND else ("jaxrnn", _bound_key(w))
        calls = calls_of_a_turn(contestant["warm"])
        for attempt in range(RETRIES if self.patient else 1):
            if attempt:
                quiet.share(self._ids(), seconds=2.0)
            try:
                turn = self._timed(worker, key, calls)
            except (Failed, WorkerDied) as failure:
                contestant.update(self._error(w, name, "failed", str(failure)))
                if isinstance(failure, WorkerDied):
                    self._restart(worker)
                return
            if not turn["disturbed"]:
                break
        contestant["rounds"].append({"round": round_, **turn})

    def _ids(self) -> list[int]:
        return [worker.process.pid for worker in self.workers.values()]

    def _timed(self, worker: str, key: str, calls: int) -> dict:
        before = quiet.snapshot(self._ids())
        seconds = self.workers[worker].ask("time", key=key, calls=calls)["seconds"]
        time.sleep(max(0.0, TURN - (time.monotonic() - before.clock)))  # the clock ticks slowly
        others = quiet.foreign(before, quiet.snapshot(self._ids()))
        disturbed = others > quiet.MOST_FOREIGN
        return {
            "seconds": seconds,
            "foreign": round(others, 4),
            "load": os.getloadavg()[0],
            "disturbed": disturbed,
        }


def calls_of_a_turn(seconds: float) -> int:
    """How many calls of so many seconds."""
    return min(MOST_CALLS, max(3, math.ceil(TURN / max(seconds, 1e-6))))


def _bound_key(w: Workload) -> str:
    return f"{w.name} ({BOUND})"
