"""A process of its own for each framework, that builds what it is told to and takes turns."""

import contextlib
import ctypes
import gc
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks import bounds, cases, turns
from benchmarks.page import ROOT
from benchmarks.workloads import Workload

# And what each imports.
FRAMEWORKS = {"jaxrnn": "jaxrnn", "torch": "torch", "flax_nnx": "flax.nnx"}
FRAMEWORKS |= {"flax_linen": "flax.linen", "equinox": "equinox", "haiku": "haiku"}


class Worker(contextlib.AbstractContextManager):
    """Runs functions in a process of its own, with `variables` in its environment: started at the
    first, and again if it died."""

    def __init__(self, **variables: str):
        self.variables, self.pool = {"JAX_PLATFORMS": "cpu", **variables}, None

    def ask(self, function: Callable, *arguments: Any) -> Any:
        try:
            self.pool = self.pool or self._started()
            return self.pool.submit(function, *arguments).result()
        except BrokenProcessPool:
            self.__exit__()
            raise RuntimeError(f"the worker died in {function.__name__}") from None

    def _started(self) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _alone)
        with mock.patch.dict(os.environ, self.variables):
            pool.submit(os.getpid).result()
        return pool

    def __exit__(self, *_: object) -> None:
        if self.pool:
            self.pool.shutdown(cancel_futures=True)
        self.pool = None


def process(*words: str) -> tuple[float, str]:
    """Python with these words, alone: seconds from its start to its end, and what it printed."""
    own = {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    start, how = time.perf_counter(), {"cwd": ROOT, "env": os.environ | own}
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, **how)
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip()[-300:])
    return time.perf_counter() - start, done.stdout


# In the worker.


def _alone() -> None:
    """Ctrl-C does not reach it, and it ends when the thread that began it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


_KEPT: dict[str, turns.Contestant] = {}


def _programs(framework: str) -> Any:
    importlib.import_module(FRAMEWORKS[framework])
    kind = "torch" if framework == "torch" else "jax"
    return importlib.import_module(f"benchmarks.programs_{kind}")


def build(framework: str, w: Workload) -> tuple[dict[str, Any], cases.Arrays]:
    """Builds it, and keeps it for `turn` until another is built. Returns its facts, and the arrays
    that it computes."""
    _KEPT.clear()
    gc.collect()
    program = _programs(framework).build(framework, cases.case(framework, w))
    _KEPT[framework] = turns.contestant(program.call())
    return _KEPT[framework].facts, program.probe(w)


def build_bound(name: str, w: Workload) -> dict[str, Any]:
    _KEPT[name] = turns.contestant(bounds.call(w))
    return _KEPT[name].facts


def turn(name: str) -> turns.Numbers:
    return _KEPT[name].turn()


def costs(framework: str, w: Workload) -> dict[str, float]:
    """Of a new process: seconds of the first call (trace, compile, run); and bytes beyond the
    imports, the greatest of all, and while calls are made, compiling left out."""
    programs = _programs(framework)
    before = _greatest_from_now()
    call = programs.build(framework, cases.case(framework, w)).call()
    first = turns.seconds(call)
    compiling = _bytes("VmHWM")
    _greatest_from_now()
    for _ in range(4):
        call()
    running = _bytes("VmHWM")
    return {"first": first, "running": running - before, "compiling": compiling - before}


def _greatest_from_now() -> int:
    """Resets the greatest, once what the compiler has freed is given back."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # where there is no glibc
        ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _bytes("VmRSS")


def _bytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
