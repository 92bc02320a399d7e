"""What a call costs before and beside its running time: imports, first calls, peak memory. Every
number is of a fresh process, the processes in turn."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks import page, worker
from benchmarks.cpu import ONLY
from benchmarks.page import number
from benchmarks.turns import Build, offered, once
from benchmarks.worker import FRAMEWORKS, Worker, process
from benchmarks.workloads import CELLS, LENGTHS, Workload, select

ROUNDS = 3
WORDS = {"--frameworks": ONLY}
# One layer's training step; six equal layers, beside one; and longer loops.
NAMES = (*(f"lyrics-{cell}" for cell in CELLS), "dense-lstm-256-backward", "deep-6-lstm")
NAMES += tuple(f"growth-lstm-T{T}" for T in LENGTHS)
IMPORTS = ("jax", "jaxrnn", "flax.nnx", "flax.linen", "equinox", "haiku", "torch")


def rows(chosen: Any) -> Iterator[tuple[str, dict[str, Build]]]:
    yield "import", {_title(module): once(_imported, module) for module in IMPORTS}
    for w in select(NAMES, chosen.toy)[1:]:
        yield w.name, {name: once(_fresh, name, w) for name in chosen.frameworks}


def _title(module: str) -> str:
    return module if module in ("jax", "torch") else f"{module}, beyond jax"


def _imported(module: str) -> dict[str, float]:
    """Seconds of one import in a new interpreter, after jax's where it is beyond it."""
    offered(module)
    before = "import jax, jax.numpy; " if "beyond" in _title(module) else ""
    code = f"import time; {before}start = time.perf_counter(); import {module}; "
    code += "print(time.perf_counter() - start)"
    return {"seconds": float(process("-c", code)[1])}


def _fresh(framework: str, w: Workload) -> dict[str, float]:
    offered(FRAMEWORKS[framework])
    with Worker() as one:
        return one.ask(worker.costs, framework, w)


def render(document: dict[str, Any]) -> str:
    seconds = partial(number, say="{:.2f}".format, unit=1)
    megabytes = partial(number, of=("median",), say="{:.0f}".format, unit=1e6)
    rows = dict(document["rows"])
    imports = [[module, seconds(told)] for module, told in rows.pop("import", {}).items()]

    def memory(told: Any) -> str:
        found = [megabytes(told, what=what) for what in ("running", "compiling")]
        return " / ".join(found) if told and "running" in told else found[0]

    return page.page(
        "First call, memory, import",
        document,
        "## First call, in seconds: trace, compile and run (least of fresh processes)",
        page.grid("workload", rows, FRAMEWORKS, partial(seconds, what="first")),
        "## Peak memory beyond the imports, in MB: while running / while compiling",
        page.grid("workload", rows, FRAMEWORKS, memory),
        "## Import, in seconds (least of fresh processes)",
        page.table(("module", "seconds"), imports),
    )
