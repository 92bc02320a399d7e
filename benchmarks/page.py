"""What a run leaves: a summary in JSON, and a page of it. The one writer of tables."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.quiet import CORES

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
RUNS = ROOT / "runs" / "benchmarks"
PACKAGES = "Python jaxrnn jax jaxlib flax optax numpy torch equinox dm-haiku"
FLAGS = "XLA_FLAGS JAX_ OMP_ MKL_ OPENBLAS_ KMP_ GOMP_ ATEN_ LD_PRELOAD MALLOC_ GLIBC_TUNABLES"
TELLING = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve")
RUN = ("rounds", "commit", "time")
RUN_TOLD = "{rounds} rounds, commit {commit}, {time}"
WARNINGS = {
    "toy": "Toy sizes: no measure of speed.",
    "forced": "Forced under load: a disturbed number (†) is no measure of speed.",
    "interrupted": "Interrupted: only what was finished is here.",
}


def begun(command: str, chosen: Any, facts: dict[str, Any]) -> dict[str, Any]:
    """A document without rows: what a result says of its run."""
    lines = (line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if line)
    cpu = {name.strip(): rest.strip() for name, rest in lines}
    have = cpu.get("flags", cpu.get("Features", "")).split()
    machine = {
        "cpu": cpu.get("model name", platform.machine()),
        "cores": CORES,
        "instructions": [name for name in TELLING if name in have],
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 2),
        "flags": {k: v for k, v in os.environ.items() if k.startswith(tuple(FLAGS.split()))},
    }
    when = {"time": time.strftime("%Y-%m-%d %H:%M:%S %Z"), "commit": commit()}
    asked = {"rounds": chosen.rounds, "toy": chosen.toy, "forced": chosen.force}
    document = {"command": command, **when, "machine": machine, "versions": versions(), **asked}
    return document | {"interrupted": False, "facts": facts, "rows": {}}


def added(document: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """To the rows of a run before, of the same machine, versions and sizes."""
    for what in ("machine", "versions", "facts", "toy"):
        new, old = document[what], before[what]
        if what == "machine":
            new, old = new | {"load": 0}, old | {"load": 0}
        if new != old:
            raise ValueError(f"`--add`: the rows that are there have another {what}: {old}.")
    told = [*before.get("before", []), {k: before[k] for k in ("command", *RUN)}]
    warned = {k: document[k] or before[k] for k in WARNINGS}
    return document | warned | {"rows": before["rows"], "before": told}


def commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def versions(packages: str = PACKAGES) -> dict[str, str]:
    """Of those that are there."""
    there = {one.name: one.version for one in metadata.distributions()}
    there["Python"] = platform.python_version()
    return {name: there[name] for name in packages.split() if name in there}


# The page.


def page(title: str, document: dict[str, Any], *parts: str) -> str:
    """Where, when and by what it was taken, what went wrong, and the parts."""
    m, forced = document["machine"], [said for k, said in WARNINGS.items() if document[k]]
    flags = ", ".join(f"{k}={v}" for k, v in m["flags"].items()) or "none"
    lines = [
        *(f"- `{run['command']}`: {RUN_TOLD.format(**run)}" for run in document.get("before", [])),
        f"- `{document['command']}`",
        f"- {RUN_TOLD.format(**document)}",
        f"- {m['cpu']}, {m['cores']} cores ({', '.join(m['instructions'])}), {m['system']}, "
        f"load {m['load']:.2f} at the start",
        f"- {', '.join(f'{name} {number}' for name, number in document['versions'].items())}",
        f"- flags: {flags}",
        *(f"- **{said}**" for said in forced),
        *(f"- **ERROR: {error}**" for error in errors(document)),
    ]
    return "\n\n".join(filter(None, (f"# {title}", "\n".join(lines), *parts))) + "\n"


def errors(document: dict[str, Any]) -> list[str]:
    rows = ((f"{row}, {k}", told) for row, of in document["rows"].items() for k, told in of.items())
    return [f"{name}: {told['failed']}" for name, told in rows if "failed" in told]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def grid(head: str, rows: dict[str, Any], names: Iterable[str], say: Callable[[Any], str]) -> str:
    """What is to say of each row's contestants, side by side."""
    lines = [[row, *(say(of.get(name)) for name in names)] for row, of in rows.items()]
    return table((head, *names), lines)


def least(told: dict[str, Any] | None, what: str = "seconds") -> float | None:
    return told[what]["least"] if told and what in told else None


def over(a: float | None, b: float | None, form: str = ".2f") -> str:
    """a / b, where both can be had."""
    return format(a / b, form) if a is not None and b else "–"


def digits(x: float) -> str:
    return f"{x:.0f}" if x >= 100 else f"{x:.3g}" if x >= 0.01 else f"{x:.1g}"


def number(
    told: dict[str, Any] | None,
    of: Sequence[str] = ("least",),
    say: Callable[[float], str] = digits,
    what: str = "seconds",
    unit: float = 1e-3,
) -> str:
    """In milliseconds, say, or why there is none; † where every turn was disturbed."""
    if not told or what not in told:
        return "FAILED" if told and "failed" in told else "–"
    flag = "†" if told["disturbed"] == told["turns"] else ""
    return " / ".join(say(told[what][k] / unit) for k in of) + flag


def brief(told: dict[str, Any]) -> str:
    """For the terminal, the first that was measured."""
    what = next((what for what, of in told.items() if isinstance(of, dict)), "seconds")
    return f"{number(told, what=what)} ms"


def compared(rows: dict[str, Any], **more: Callable[[Any], str]) -> list[str]:
    """A table of each row's contestants: least, median, the least over that of the first, and what
    `more` says of each."""
    tables = []
    for title, row in rows.items():
        lines, first = [], least(next(iter(row.values())))
        for name, told in row.items():
            ms = [number(told, (k,), "{:.2f}".format) for k in ("least", "median")]
            rest = [say(told) if "turns" in told else "–" for say in more.values()]
            lines.append([name, *ms, over(least(told), first), *rest])
        tables.append(f"## {title}\n\n{table(('', 'least', 'median', '×', *more), lines)}")
    return tables


# Files.


def save(module: Any, out: Path, document: dict[str, Any], raw: Any = None) -> None:
    """The summary, its page, and in an ignored file every single call."""
    write_whole(out, spread(document) + "\n")
    write_whole(out.with_suffix(".md"), module.render(document))
    if raw:
        write_whole(RUNS / f"{out.stem}-calls.json", spread(raw) + "\n")


def write_whole(path: Path, content: str) -> None:
    """All of it or nothing, whatever ends this process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(content, encoding="utf-8")
    os.replace(part, path)


def spread(value: Any, depth: int = 3, indent: str = "") -> str:
    """JSON, a line for each value of that depth."""
    if depth == 0 or not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    pairs = (f"{json.dumps(k)}: {spread(v, depth - 1, indent + ' ')}" for k, v in value.items())
    return "{\n" + ",\n".join(f"{indent} {pair}" for pair in pairs) + f"\n{indent}}}"
