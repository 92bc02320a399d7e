"""What it costs a large model that glibc gives memory back to the system.

XLA asks for the temporaries of each call afresh. Beyond 32 MB, glibc maps them from the system and
unmaps them after the call, and the system clears every page anew. Told to keep what it has, it does
not. Two processes of jaxrnn in turn, the second told so; the first workload is small, and should
not care.

    python benchmarks/allocator.py              # some two minutes; Linux with glibc

Exit status: 0 done, 2 bad input, 4 the machine is not quiet.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import command
from benchmarks.harness import calls_of_a_turn
from benchmarks.report import table
from benchmarks.resident import Resident
from benchmarks.workloads import WORKLOADS

KEEP = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
}
NAMES = ("lyrics-lstm", "deep-6-lstm", "deep-6-gru", "growth-lstm-T512", "growth-gru-T512")


def measure(rounds: int) -> dict[str, Any]:
    """Versions, and the seconds of every call: workload -> "default" or "kept" -> calls."""
    results = {}
    with Resident("jaxrnn") as default, Resident("jaxrnn", **KEEP) as kept:
        workers = {"default": default, "kept": kept}
        for w in (w for w in WORKLOADS if w.name in NAMES):
            request = {"key": w.name, "workload": dataclasses.asdict(w)}
            warm = [
                worker.ask("build", what="work", probe=None, **request)["warm"]
                for worker in workers.values()
            ]
            calls, seconds = calls_of_a_turn(min(warm)), {how: [] for how in workers}
            for _ in range(rounds):
                for how, worker in workers.items():
                    seconds[how] += worker.ask("time", key=w.name, calls=calls)["seconds"]
            for worker in workers.values():
                worker.ask("drop", key=w.name)
            results[w.name] = seconds
        return {"versions": default.hello["ready"], "kept": KEEP, "results": results}


def markdown(document: dict[str, Any]) -> str:
    about, rows = document["machine"], []
    for name, seconds in document["results"].items():
        default, kept = ([f(s) * 1e3 for f in (min, statistics.median)] for s in seconds.values())
        shown = [f"{ms:.1f}" for ms in (*default, *kept)]
        rows.append([name, *shown, *(f"{a / b:.2f}" for a, b in zip(default, kept, strict=True))])
    header = ("workload", "default, least", "median", "kept, least", "median", "×", "× of medians")
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    forced = ", **forced under load**" if document["forced"] else ""
    return f"""# What it costs that glibc gives memory back

`{document["command"]}`, commit {about["commit"]}, {about["time"]}: {about["cpu"]},
{about["cores"]} cores, {about["system"]}, {versions}{forced}. Milliseconds a call; *kept* is with

```
{" ".join(f"{name}={value}" for name, value in KEEP.items())}
```

in the environment; ×: how many times that the default takes.

{table(header, rows)}
"""


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__, "allocator.json", 10, "turns of each process")
    chosen = command.chosen_of(parser, argv)
    if platform.libc_ver()[0] != "glibc":
        parser.error("this system's allocator is not glibc's.")
    if clash := [name for name in (*KEEP, "GLIBC_TUNABLES", "LD_PRELOAD") if name in os.environ]:
        parser.error(f"{', '.join(clash)} in the environment: unset it.")
    document = command.begin("allocator.py", chosen, argv) | measure(chosen.rounds)
    return command.end(chosen, document, markdown(document))


if __name__ == "__main__":
    command.run(main)
