"""jaxrnn beside torch, Flax, Equinox and Haiku: updates, layers and generation.

python -m benchmarks cpu --wait 600                    # everything; about two hours
python -m benchmarks cpu --workloads lyrics dense-gru  # by the beginning of their names
"""

import contextlib
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks import cases, page, worker
from benchmarks.page import digits, least, number, over
from benchmarks.turns import Build, Contestant, offered
from benchmarks.worker import FRAMEWORKS, Worker
from benchmarks.workloads import CELLS, PEAK, WORKLOADS, Workload, flops, select

ROUNDS = 10
BOUND = "bound"  # a contestant of its own, but jaxrnn's worker runs it
JAX_PEERS = [name for name in FRAMEWORKS if name not in ("jaxrnn", "torch")]
ONLY = {"nargs": "+", "default": [*FRAMEWORKS], "choices": FRAMEWORKS}
SOME = {"nargs": "+", "default": [], "metavar": "NAME", "help": "name, beginning or glob"}
WORDS = {"--frameworks": ONLY, "--workloads": SOME}
COLUMNS = (
    *("workload", "jaxrnn min / median", "products alone", "÷ products", "floor", "of floor"),
    *("torch", *JAX_PEERS, "vs torch", "vs fastest JAX peer"),
)
LEGEND = """\
Milliseconds a call, the least of all calls (jaxrnn: and the median). *products alone*: a JAX
program with the same matrix products in the same scans and nothing else; *÷ products*: jaxrnn over
it, 1.00 at best. *floor*: the FLOPs that cannot be avoided over the peak of a 2048³ product in this
run; *of floor*: the share of that peak that jaxrnn reaches. *vs*: how many times jaxrnn's time the
other takes; above 1, jaxrnn is faster. † every turn was disturbed by other processes. – is not
offered by that framework; the notes tell where a framework computes another variant of the cell."""


def facts(chosen: Any) -> dict[str, Any]:
    select(chosen.workloads)  # refuses what names none
    return {}


def rows(chosen: Any) -> Iterator[tuple[str, dict[str, Build]]]:
    with contextlib.ExitStack() as stack:
        workers = {name: stack.enter_context(Worker()) for name in chosen.frameworks}
        for w in select(chosen.workloads, chosen.toy):
            make = partial(checked, w=w, truths={})
            builds = {name: partial(make, one, name) for name, one in workers.items()}
            if "jaxrnn" in workers and w.kind != "gemm":
                builds[BOUND] = partial(bound, workers["jaxrnn"], w)
            yield w.name, builds


def checked(one: Worker, framework: str, w: Workload, truths: dict[Any, Any]) -> Contestant:
    """A framework's program, which computes what the reference does; `truths` are those known."""
    offered(FRAMEWORKS[framework])
    told, got = one.ask(worker.build, framework, w, w.name)
    member = cases.cell_of(framework, w), (framework, w.cell) in cases.INSIDE
    if member not in truths:
        truths[member] = cases.truth(framework, w)
    told |= {"error": cases.greatest_error(w, got, truths[member]), "flops": flops(w)}
    told |= {"note": cases.NOTES.get((framework, w.cell), "")}
    return Contestant(partial(one.ask, worker.turn, w.name), told)


def bound(one: Worker, w: Workload) -> Contestant:
    return Contestant(partial(one.ask, worker.turn, BOUND), one.ask(worker.build_bound, w, BOUND))


# The page.


def peak(document: dict[str, Any]) -> float | None:
    """FLOP/s of the best great product of this run, whoever made it."""
    row = document["rows"].get(PEAK.name, {}).values()
    return max((told["flops"] / s for told in row if (s := least(told))), default=None)


def fastest(row: dict[str, Any]) -> tuple[float | None, str]:
    """Of the JAX peers: seconds, and its name."""
    found = [(s, name) for name in JAX_PEERS if (s := least(row.get(name)))]
    return min(found) if found else (None, "")


def line(name: str, row: dict[str, Any], flops_per_second: float | None) -> list[str]:
    ours, (peer, who) = row.get("jaxrnn", {}), fastest(row)
    us, bound, torch = (least(row.get(k)) for k in ("jaxrnn", BOUND, "torch"))
    work = ours.get("flops")
    floor = work / flops_per_second if work and flops_per_second else None
    return [
        *(name, number(ours, ("least", "median")), number(row.get(BOUND)), over(us, bound)),
        *("–" if floor is None else digits(floor * 1e3), over(floor, us, ".0%")),
        *(number(row.get(k)) for k in ("torch", *JAX_PEERS)),
        *(over(torch, us), over(peer, us) + (f" ({who})" if who else "")),
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
    m, lines = document["machine"], []
    for name, row in ((name, document["rows"][name]) for name in SHORT):
        us, bound, torch = (least(row[k]) for k in ("jaxrnn", BOUND, "torch"))
        ratios = over(us, bound), over(torch, us), over(fastest(row)[0], us)
        lines.append([name, number(row["jaxrnn"]), *ratios])
    head = ("", "ms", "÷ products alone", "torch takes, × ours", "the fastest JAX peer, × ours")
    said = f"{m['cpu']}, {m['cores']} cores, {document['time'][:10]}:\n\n{page.table(head, lines)}"
    readme = page.ROOT / "README.md"
    before, _, after = readme.read_text(encoding="utf-8").split(MARK)
    page.write_whole(readme, MARK.join((before, f"\n{said}\n", after)))
    return 0
