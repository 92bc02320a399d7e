"""What a call costs before and beside its running time: imports, first calls, peak memory. Every
number is of a fresh process, the processes in turn."""

from collections.abc import Callable, Iterator
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
LYRICS = (*(f"lyrics-{cell}" for cell in CELLS), "dense-lstm-256-backward")
FIRST = (*LYRICS, "deep-6-lstm", *(f"growth-lstm-T{T}" for T in LENGTHS))
MEMORY = (*LYRICS, "growth-lstm-T2048")
IMPORTS = ("jax", "jaxrnn", "flax.nnx", "flax.linen", "equinox", "haiku", "torch")


def rows(chosen: Any) -> Iterator[tuple[str, dict[str, Build]]]:
    yield "import", {_title(module): once(_imported, module) for module in IMPORTS}
    kinds = (("first call", FIRST, worker.first_call), ("memory", MEMORY, worker.memory))
    for kind, names, of in kinds:
        for w in select(names, chosen.toy)[1:]:
            row = {name: once(_fresh, of, name, w) for name in chosen.frameworks}
            yield f"{kind}, {w.name}", row


def _title(module: str) -> str:
    return module if module in ("jax", "torch") else f"{module}, beyond jax"


def _imported(module: str) -> dict[str, float]:
    """Seconds of one import in a new interpreter, after jax's where it is beyond it."""
    offered(module)
    before = "import jax, jax.numpy; " if "beyond" in _title(module) else ""
    code = f"import time; {before}start = time.perf_counter(); import {module}; "
    code += "print(time.perf_counter() - start)"
    return {"seconds": float(process("-c", code)[1])}


def _fresh(of: Callable[..., dict[str, float]], framework: str, w: Workload) -> dict[str, float]:
    offered(FRAMEWORKS[framework])
    with Worker() as one:
        return one.ask(of, framework, w)


def render(document: dict[str, Any]) -> str:
    def block(kind: str, say: dict[str, Any], *what: str) -> str:
        rows = {k.split(", ")[1]: of for k, of in document["rows"].items() if k.startswith(kind)}
        names = [name for name in FRAMEWORKS if any(name in of for of in rows.values())]

        def both(told: Any) -> str:
            found = [number(told, **say, what=each) for each in what]
            return " / ".join(dict.fromkeys(found) if found[0] in ("–", "FAILED") else found)

        lines = [[k, *(both(of.get(name)) for name in names)] for k, of in rows.items()]
        return page.table(("workload", *names), lines)

    second = {"say": "{:.2f}".format, "unit": 1}
    megabyte = {"say": "{:.0f}".format, "unit": 1e6, "of": ("median",)}
    imports = document["rows"].get("import", {}).items()
    return page.page(
        "First call, memory, import",
        document,
        "## First call, in seconds: trace, compile and run / the set-up before it "
        "(least of fresh processes)",
        block("first call", second, "first", "set_up"),
        "## Peak memory beyond the imports, in MB: while running / while compiling",
        block("memory", megabyte, "running", "compiling"),
        "## Import, in seconds (least of fresh processes)",
        page.table(("module", "seconds"), [[k, number(told, **second)] for k, told in imports]),
    )
