"""jaxrnn beside torch, Flax, Equinox and Haiku on this machine's CPU, in one run.

    python benchmarks/cpu.py                                  # everything; about two hours
    python benchmarks/cpu.py --workloads lyrics dense-gru     # by the beginning of their names
    python benchmarks/cpu.py --list

Exit status: 0 done, 1 some framework disagreed with the reference or failed, 2 bad input,
4 the machine is not quiet, 130 interrupted (what was finished is written).
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import costs, machine, quiet, report
from benchmarks.harness import Harness
from benchmarks.resident import FRAMEWORKS
from benchmarks.workloads import WORKLOADS, flops, select


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    words = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=words)
    add = parser.add_argument
    add("--workloads", nargs="+", default=[], metavar="NAME", help="name, beginning or glob")
    add("--frameworks", nargs="+", default=list(FRAMEWORKS), choices=FRAMEWORKS)
    add("--parts", nargs="+", default=["timings", "costs"], choices=["timings", "costs"])
    add("--rounds", type=int, default=10, help="turns of each contestant (costs: a third of it)")
    add("--out", type=Path, default=machine.RESULTS / "cpu.json", help="the JSON; .md beside it")
    add("--toy", action="store_true", help="tiny sizes: tries the machinery, says nothing of speed")
    add("--force", action="store_true", help="measure even under load; the result says so")
    add("--wait", type=float, default=0, metavar="SECONDS", help="for the machine to become quiet")
    add("--list", action="store_true", help="show the workloads, and stop")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    chosen = arguments(argv)
    if chosen.rounds < 1:
        raise ValueError(f"`--rounds` must be positive, got {chosen.rounds}.")
    workloads = select(chosen.workloads, chosen.toy)
    if chosen.list:
        for w in WORKLOADS:
            sizes = f"T {w.T:<5} B {w.B:<4} H {w.H:<5}"
            print(f"{w.name:28} {w.kind:9} {sizes} {flops(w) / 1e9:8.3f} GF")
        return 0
    if not chosen.force:
        quiet.demand(chosen.wait)
    document = _document(chosen, argv)
    try:
        if "timings" in chosen.parts:
            _time(chosen, workloads, document)
        if "costs" in chosen.parts:
            _costs(chosen, document)
    except KeyboardInterrupt:
        document["interrupted"] = True
        return 130
    finally:
        machine.write_json(chosen.out, document)
        print(f"written: {chosen.out}, {report.write_markdown(chosen.out)}")
    for error in document.get("errors", []):
        print(f"ERROR: {error}", file=sys.stderr)
    return 1 if document.get("errors") else 0


def _document(chosen: argparse.Namespace, argv: list[str] | None) -> dict[str, Any]:
    words = sys.argv[1:] if argv is None else argv
    about = machine.describe()
    document = {
        "command": shlex.join(["python", "benchmarks/cpu.py", *words]),
        "machine": about,
        "rounds": chosen.rounds,
        "toy": chosen.toy,
        "forced": chosen.force,
        "interrupted": False,
    }
    print(f"{about['cpu']}, {about['cores']} cores, load {about['load'][0]:.2f}, {about['time']}")
    print(f"commit {about['commit']}, flags {about['flags'] or 'none'}")
    return document


def _time(chosen: argparse.Namespace, workloads: list, document: dict[str, Any]) -> None:
    def save(results: dict) -> None:
        document.update(results)
        machine.write_json(chosen.out, document)

    harness = Harness(chosen.frameworks, chosen.rounds, not chosen.force, save)
    try:
        for name, hello in harness.results["frameworks"].items():
            said = ", ".join(f"{k} {v}" for k, v in hello.get("ready", {}).items())
            print(f"{name}: {said or hello}")
        for w in workloads:
            print(report.line(w.name, harness.run(w)), flush=True)
    finally:
        document.update(harness.results)
        harness.close()


def _costs(chosen: argparse.Namespace, document: dict[str, Any]) -> None:
    def save(results: dict) -> None:
        document["costs"] = results
        machine.write_json(chosen.out, document)

    print("costs, in fresh processes", flush=True)
    rounds = max(1, chosen.rounds // 3)
    costs.measure(chosen.frameworks, rounds, chosen.toy, not chosen.force, save)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ValueError as error:
        print(f"cpu: {error}", file=sys.stderr)
        sys.exit(2)
    except quiet.NotQuiet as why:
        print(
            f"cpu: refused: {why}. A time taken now would say nothing. --wait SECONDS waits for "
            "quiet; --force measures all the same, and the result will say so.",
            file=sys.stderr,
        )
        sys.exit(4)
