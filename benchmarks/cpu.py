"""jaxrnn beside torch, Flax, Equinox and Haiku: updates, layers and generation."""

import contextlib
import json
import platform
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks import cases, page, worker
from benchmarks.page import digits, least, number, over
from benchmarks.programs_jax import truth
from benchmarks.turns import Build, Contestant, NotOffered, offered
from benchmarks.worker import FRAMEWORKS, Worker
from benchmarks.workloads import CELLS, PEAK, WORKLOADS, Workload, flops, select

BOUND = "bound"  # a contestant of its own, but jaxrnn's worker runs it
KEPT = "jaxrnn, memory kept"
# XLA asks for the temporaries of each call afresh. Beyond 32 MB glibc gives them back after it, and
# the system clears every page anew for the next one; told to keep what it has, it does not.
KEEP = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184"}
JAX_PEERS = [name for name in FRAMEWORKS if name not in ("jaxrnn", "torch")]
ONLY = {"nargs": "+", "default": [*FRAMEWORKS], "choices": FRAMEWORKS}
SOME = {"nargs": "+", "default": [], "metavar": "NAME", "help": "name, beginning or glob"}
WORDS = {"--frameworks": ONLY, "--workloads": SOME}
COLUMNS = (
    *("workload", "jaxrnn min / median", "memory kept", "products alone", "÷ products", "floor"),
    *("of floor", "torch", *JAX_PEERS, "vs torch", "vs fastest JAX peer"),
)
LEGEND = f"""\
Milliseconds a call, the least of all calls (jaxrnn: and the median). *memory kept*: jaxrnn where
the environment has `{" ".join(f"{k}={v}" for k, v in KEEP.items())}`.
*products alone*: a JAX program with the same matrix products in the same scans and nothing else;
*÷ products*: jaxrnn over it, which can be below 1: they are measured too, and jaxrnn may do a
product in another form (`jaxrnn/engine/_turned.py`). *floor*: the FLOPs that cannot be avoided
over the peak of a 2048³ product, in the last run; *of floor*: the share of that peak that jaxrnn
reaches, above 100 % where it was less disturbed. *vs*: how many times jaxrnn's time the other
takes; above 1, jaxrnn is faster. † every turn was disturbed by other processes. – is not offered
by that framework; the notes tell where a framework computes another variant of the cell."""


def facts(chosen: Any) -> dict[str, Any]:
    select(chosen.workloads)  # refuses what names none
    return {}


def rows(chosen: Any) -> Iterator[tuple[str, dict[str, Build]]]:
    with contextlib.ExitStack() as stack:
        workers = {name: stack.enter_context(Worker()) for name in chosen.frameworks}
        judge, kept = stack.enter_context(Worker()), stack.enter_context(Worker(**KEEP))
        for w in select(chosen.workloads, chosen.toy):
            check = partial(checked, judge, {}, w)
            builds = {name: partial(check, name, one) for name, one in workers.items()}
            if "jaxrnn" in workers and w.kind != "gemm":
                builds[KEPT] = partial(check, "jaxrnn", kept)
                builds[BOUND] = partial(bound, workers["jaxrnn"], w)
            yield w.name, builds


def checked(
    judge: Worker, truths: dict[Any, Any], w: Workload, framework: str, one: Worker
) -> Contestant:
    """A framework's program, which computes what it must; `truths` are those known."""
    offered(FRAMEWORKS[framework])
    if one.variables.items() >= KEEP.items() and platform.libc_ver()[0] != "glibc":
        raise NotOffered("this system's allocator is not glibc's")
    told, got = one.ask(worker.build, framework, w)
    member = cases.cell_of(framework, w), (framework, w.cell) in cases.INSIDE
    if member not in truths:
        truths[member] = judge.ask(truth, framework, w)
    told |= {"error": cases.greatest_error(w, got, truths[member]), "flops": flops(w)}
    told |= {"note": cases.NOTES.get((framework, w.cell), "")}
    return Contestant(partial(one.ask, worker.turn, framework), told)


def bound(one: Worker, w: Workload) -> Contestant:
    return Contestant(partial(one.ask, worker.turn, BOUND), one.ask(worker.build_bound, BOUND, w))


# The page.


def peak(document: dict[str, Any]) -> float | None:
    """FLOP/s of the best great product of this run, whoever made it."""
    row = document["rows"].get(PEAK.name, {}).values()
    return max((told["flops"] / s for told in row if (s := least(told))), default=None)


def ratios(row: dict[str, Any]) -> tuple[str, str, str, str]:
    """Ours over the products alone; torch over ours; of the JAX peers the fastest, and its name."""
    us, bound, torch = (least(row.get(k)) for k in ("jaxrnn", BOUND, "torch"))
    found = [(s, f" ({name})") for name in JAX_PEERS if (s := least(row.get(name)))]
    peer, who = min(found, default=(None, ""))
    return over(us, bound), over(torch, us), over(peer, us), who


def line(name: str, row: dict[str, Any], flops_per_second: float | None) -> list[str]:
    ours, (products, torch, peer, who) = row.get("jaxrnn", {}), ratios(row)
    work = ours.get("flops")
    floor = work / flops_per_second if work and flops_per_second else None
    return [
        *(name, number(ours, ("least", "median")), number(row.get(KEPT))),
        *(number(row.get(BOUND)), products),
        *("–" if floor is None else digits(floor * 1e3), over(floor, least(ours), ".0%")),
        *(number(row.get(k)) for k in ("torch", *JAX_PEERS)),
        *(torch, peer + who),
    ]


def render(document: dict[str, Any]) -> str:
    best = peak(document)
    rows = {name: row for name, row in document["rows"].items() if name != PEAK.name}
    cell = {w.name: w.cell for w in WORKLOADS}
    notes: dict[str, None] = {}  # each once, in order
    for row, of in rows.items():
        for name, told in of.items():
            if note := told.get("absent") or told.get("note"):
                notes[f"- {name}, {cell[row]}: {note}"] = None
    about = f"Peak {best / 1e9:.0f} GFLOP/s (2048³, float32)." if best else ""
    lines = page.table(COLUMNS, [line(name, row, best) for name, row in rows.items()])
    return page.page("jaxrnn beside its peers", document, about, lines, LEGEND, "\n".join(notes))


MARK = "<!-- speed -->"
SHORT = ("lyrics-lstm", "lyrics-gru", *(f"dense-{c}-256-backward" for c in CELLS))


def write_readme() -> int:
    """README's few rows, of the committed summary."""
    document = json.loads((page.RESULTS / "cpu.json").read_text(encoding="utf-8"))
    m, rows = document["machine"], document["rows"]
    lines = [[k, number(rows[k]["jaxrnn"]), *ratios(rows[k])[:3]] for k in SHORT]
    head = ("", "ms", "÷ products alone", "torch takes, × ours", "the fastest JAX peer, × ours")
    said = f"{m['cpu']}, {m['cores']} cores, {document['time'][:10]}:\n\n{page.table(head, lines)}"
    readme = page.ROOT / "README.md"
    before, _, after = readme.read_text(encoding="utf-8").split(MARK)
    page.write_whole(readme, MARK.join((before, f"\n{said}\n", after)))
    return 0
