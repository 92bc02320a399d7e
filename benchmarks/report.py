"""The results as Markdown and as plots, from the JSON alone.

python benchmarks/report.py                              # of benchmarks/results/cpu.json
python benchmarks/report.py --json elsewhere/cpu.json --no-plots
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import machine
from benchmarks.resident import FRAMEWORKS
from benchmarks.summary import JAX_PEERS, Row, Times, peak, row, times

COLUMNS = (
    "workload",
    "jaxrnn min / median",
    "products alone",
    "÷ products",
    "floor",
    "of floor",
    "torch",
    *JAX_PEERS,
    "vs torch",
    "vs fastest JAX peer",
)
LEGEND = """\
Milliseconds a call, the least of all calls (jaxrnn: and the median). *products alone*: a JAX
program with the same matrix products in the same scans and nothing else; *÷ products*: jaxrnn over
it, 1.00 at best. *floor*: the FLOPs that cannot be avoided over the peak of a 2048³ product in this
run; *of floor*: the share of that peak that jaxrnn reaches. *vs*: how many times jaxrnn's time the
other takes; above 1, jaxrnn is faster. † every round was disturbed by other processes. – is not
offered by that framework; the notes tell where a framework computes another variant of the cell."""


def table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def milliseconds(t: Times | float | None, median: bool = False) -> str:
    if t is None:
        return "–"
    if not isinstance(t, Times):
        return _digits(t * 1e3)
    both = f" / {_digits(t.median * 1e3)}" if median else ""
    return _digits(t.least * 1e3) + both + ("†" if t.disturbed else "")


def _digits(x: float) -> str:
    return f"{x:.0f}" if x >= 100 else f"{x:.3g}" if x >= 0.01 else f"{x:.1g}"


def _ratio(x: float | None) -> str:
    return "–" if x is None else f"{x:.2f}"


def _cell(contestant: dict[str, Any] | None) -> str:
    if contestant is None:
        return "–"
    if contestant["status"] in ("failed", "mismatch"):
        return contestant["status"].upper()
    if contestant["status"] == "not installed":
        return "not installed"
    return milliseconds(times(contestant))


def cells(name: str, entry: dict[str, Any], r: Row) -> list[str]:
    contestants = entry["contestants"]
    ours = contestants.get("jaxrnn")
    share = "–" if r.of_floor is None else f"{r.of_floor:.0%}"
    peer = f" ({r.fastest_peer})" if r.fastest_peer else ""
    return [
        name,
        milliseconds(r.ours, median=True) if r.ours else _cell(ours),
        milliseconds(r.bound),
        _ratio(r.of_bound),
        milliseconds(r.floor),
        share,
        *(_cell(contestants.get(f)) for f in ("torch", *JAX_PEERS)),
        _ratio(r.torch),
        _ratio(r.peer) + peer,
    ]


def line(name: str, entry: dict[str, Any]) -> str:
    """One workload as a line for the terminal."""
    offered = {k: c for k, c in entry["contestants"].items() if c["status"] != "not offered"}
    said = [f"{k} {_cell(c)}" for k, c in offered.items()]
    return f"{name:26} ms: " + ", ".join(said)


def markdown(document: dict[str, Any]) -> str:
    parts = ["# jaxrnn beside its peers", _about(document)]
    if document.get("errors"):
        errors = "\n".join(f"- {error}" for error in document["errors"])
        parts.append(f"**Errors: these are missing from the tables.**\n\n{errors}")
    if document.get("workloads"):
        flops_per_second = peak(document)
        rows = [
            cells(name, entry, row(entry, flops_per_second))
            for name, entry in document["workloads"].items()
            if entry["spec"]["kind"] != "gemm"
        ]
        parts += ["## Times", table(COLUMNS, rows), LEGEND, _notes(document)]
    if document.get("costs"):
        parts += _costs(document["costs"])
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(document: dict[str, Any]) -> str:
    m, versions = document["machine"], {}
    for hello in document.get("frameworks", {}).values():
        versions |= hello.get("ready", {})
    flags = ", ".join(f"{k}={v}" for k, v in m["flags"].items()) or "none"
    best = peak(document)
    lines = [
        f"- `{document['command']}`",
        f"- {document['rounds']} rounds, commit {m['commit']}, {m['time']}",
        f"- {m['cpu']}, {m['cores']} cores ({', '.join(m['instructions'])}), {m['system']}, "
        f"load {m['load'][0]:.2f} at the start"
        + (f", peak {best / 1e9:.0f} GFLOP/s (2048³, float32)" if best else ""),
        f"- Python {m['python']}, " + ", ".join(f"{k} {v}" for k, v in versions.items()),
        f"- flags: {flags}",
    ]
    warnings = {
        "toy": "Toy sizes: no measure of speed.",
        "forced": "Load was not refused: a disturbed number (†) is no measure of speed.",
        "interrupted": "Interrupted: only what was finished is here.",
    }
    lines += [f"- **{said}**" for k, said in warnings.items() if document[k]]
    return "\n".join(lines)


def _notes(document: dict[str, Any]) -> str:
    notes: dict[str, None] = {}
    for entry in document["workloads"].values():
        for name, c in entry["contestants"].items():
            cell = entry["spec"]["cell"]
            if c["status"] == "not installed":
                notes[f"- {name}: not installed"] = None
            elif c["status"] == "not offered" and entry["spec"]["kind"] != "gemm":
                notes[f"- {name}, {cell}: {c['why']}"] = None
            elif note := c.get("variant", {}).get("note"):
                notes[f"- {name}, {cell}: {note}"] = None
    return "\n".join(notes)


def _costs(costs: dict[str, Any]) -> list[str]:
    """Three small tables: least of all, for each is the least that it can take."""
    present = [f for f in FRAMEWORKS if any(f in r for r in costs["first_calls"].values())]

    def block(what: str, of: Any) -> str:
        rows = [
            [name, *(of(r[f]) if f in r else "–" for f in present)]
            for name, r in costs[what].items()
        ]
        return table(("workload", *present), rows)

    def megabytes(samples: list[dict[str, int]]) -> str:
        running, compiling = (
            statistics.median(s[k] for s in samples) / 1e6 for k in ("running", "compiling")
        )
        return f"{running:.0f} / {compiling:.0f}"

    def seconds(samples: list[dict[str, float]]) -> str:
        first, set_up = (min(s[k] for s in samples) for k in ("first", "set_up"))
        return f"{first:.2f} / {set_up:.2f}"

    imports = [[name, f"{min(s):.2f}"] for name, s in costs["imports"].items()]
    disturbed = f"{costs['disturbed']} of the numbers below were disturbed by other processes."
    return [
        disturbed if costs["disturbed"] else "",
        "## First call, in seconds: trace, compile and run / the set-up before it "
        "(least of fresh processes)",
        block("first_calls", seconds),
        "## Peak memory beyond the imports, in MB: while running / while compiling",
        block("memory", megabytes),
        "## Import, in seconds (least of fresh processes)",
        table(("module", "seconds"), imports),
    ]


SHORT = (
    "lyrics-lstm",
    "lyrics-gru",
    *(f"dense-{c}-256-backward" for c in ("lstm", "gru", "vanilla")),
)
MARK = "<!-- speed -->"


def short(document: dict[str, Any]) -> str:
    """README's few rows."""
    flops_per_second, m = peak(document), document["machine"]
    rows = [
        [name, milliseconds(r.ours), _ratio(r.of_bound), _ratio(r.torch), _ratio(r.peer)]
        for name, entry in document["workloads"].items()
        if name in SHORT and (r := row(entry, flops_per_second))
    ]
    head = ("", "ms", "÷ products alone", "torch takes, × ours", "the fastest JAX peer, × ours")
    return f"{m['cpu']}, {m['cores']} cores, {m['time'][:10]}:\n\n{table(head, rows)}"


def write_readme(document: dict[str, Any]) -> None:
    readme = machine.ROOT / "README.md"
    before, _, after = readme.read_text(encoding="utf-8").split(MARK)
    machine.write_whole(readme, MARK.join((before, f"\n{short(document)}\n", after)))


def write_markdown(source: Path) -> Path:
    target = source.with_suffix(".md")
    machine.write_whole(target, markdown(json.loads(source.read_text(encoding="utf-8"))))
    return target


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, default=machine.RESULTS / "cpu.json")
    parser.add_argument("--no-plots", action="store_true")
    parser.add_argument("--readme", action="store_true", help="also README's short table")
    chosen = parser.parse_args(argv)
    if not chosen.json.exists():
        print(f"report: {chosen.json} is not there: run benchmarks/cpu.py first.", file=sys.stderr)
        return 2
    print(write_markdown(chosen.json).read_text(encoding="utf-8"))
    if chosen.readme:
        write_readme(json.loads(chosen.json.read_text(encoding="utf-8")))
    if not chosen.no_plots:
        from benchmarks import plots

        for path in plots.draw(chosen.json):
            print(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
