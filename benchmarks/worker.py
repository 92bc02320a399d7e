"""A resident process of one framework: ``python -m benchmarks.worker torch``.

It answers JSON lines on its standard output, one a request on its standard input:

| request | does | answers |
|---|---|---|
| (start) | imports the framework | ready: versions; or "not installed" and why |
| build: workload, what, probe | builds the call, makes the first, saves the probe | seconds |
| time: key, calls | calls once, then `calls` times, each timed alone | seconds |
| memory: reset | resident bytes now, and the greatest since the last reset | now, peak |
| drop: key | forgets a call | |

An error is an answer with "error"; the worker goes on. Nothing but the protocol reaches its
standard output: whatever a framework prints goes to standard error.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.protocol import Built, NotOffered
from benchmarks.weights import Variant, as_variant, make_inputs, make_weights
from benchmarks.workloads import Workload


class Worker:
    def __init__(self, framework: Any):
        self.framework = framework
        self.calls: dict[str, Callable[[], Any]] = {}

    def build(self, key: str, workload: dict, what: str, probe: str | None) -> dict:
        w = Workload(**workload)
        try:
            built, seconds, variant = self._first_call(w, what)
        except NotOffered as reason:
            return {"not offered": str(reason)}
        self.calls[key] = built.call
        if probe:
            arrays: dict[str, Any] = {k: np.asarray(a) for k, a in built.probe().items()}
            np.savez(probe, **arrays)
        built.call()
        start = time.perf_counter()
        built.call()
        warm = time.perf_counter() - start
        return {**seconds, "warm": warm, "variant": vars(variant)}

    def _first_call(self, w: Workload, what: str) -> tuple[Built, dict[str, float], Variant]:
        variant = self.framework.VARIANTS.get(w.cell, Variant())
        weights = as_variant(make_weights(w), variant) if w.kind != "gemm" else {}
        build = self.framework.build if what == "work" else self.framework.build_bound
        inputs = make_inputs(w)
        start = time.perf_counter()
        built = build(w, weights, inputs)
        ready = time.perf_counter()
        built.call()
        seconds = {"set_up": ready - start, "first": time.perf_counter() - ready}
        return built, seconds, variant

    def time(self, key: str, calls: int) -> dict:
        call, seconds = self.calls[key], []
        gc.collect()
        gc.disable()
        call()
        for _ in range(calls):
            start = time.perf_counter()
            call()
            seconds.append(round(time.perf_counter() - start, 7))
        gc.enable()
        return {"seconds": seconds}

    def memory(self, reset: bool) -> dict:
        if reset:
            gc.collect()
            with contextlib.suppress(OSError, AttributeError):  # where there is no glibc
                ctypes.CDLL(None).malloc_trim(0)  # what the compiler has freed
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
        with open("/proc/self/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        now, peak = (int(fields[k].split()[0]) * 1024 for k in ("VmRSS", "VmHWM"))
        return {"now": now, "peak": peak}

    def drop(self, key: str) -> dict:
        self.calls.pop(key, None)
        gc.collect()
        return {}


def main(name: str) -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(reply: dict) -> None:
        answers.write(json.dumps(reply) + "\n")

    try:
        framework = importlib.import_module(f"benchmarks.workers.with_{name}")
    except ModuleNotFoundError as error:
        return answer({"not installed": str(error)})
    answer({"ready": framework.versions()})
    worker = Worker(framework)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer(getattr(worker, request.pop("do"))(**request))
        except Exception as error:
            traceback.print_exc()
            answer({"error": f"{type(error).__name__}: {error}"[:500]})


if __name__ == "__main__":
    main(sys.argv[1])
