"""python -m benchmarks NAME        measure it; benchmarks/README.md tells how
python -m benchmarks page NAME   write its page again, from the JSON alone
python -m benchmarks readme      write README's speed table, from results/cpu.json

  cpu           jaxrnn beside torch, Flax, Equinox and Haiku
  costs         imports, first calls, peak memory
  layers        options, cells of one's own, walks of linear cells
  accelerators  what XLA makes of it for an H100 and a TPU (`make accelerators`)

Exit status: 0 done, 1 something disagreed or failed, 2 bad input, 4 the machine is not quiet, 130
interrupted (what was finished is written)."""

import argparse
import importlib
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from benchmarks import page, quiet, turns

NAMES = ("cpu", "costs", "layers", "accelerators")


def words(name: str, module: Any, given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(f"python -m benchmarks {name}", description=module.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add, rounds = parser.add_argument, getattr(module, "ROUNDS", 10)
    add("--rounds", type=int, default=rounds, help=f"turns of each, {rounds} unless told")
    add("--wait", type=float, default=0, metavar="SECONDS", help="for the machine to become quiet")
    add("--force", action="store_true", help="measure even under load; the result says so")
    add("--toy", action="store_true", help="tiny sizes: tries the machinery, says nothing of speed")
    if not hasattr(module, "run"):
        add("--add", action="store_true", help="to the rows there; only its own are replaced")
    add("--out", type=Path, help="the JSON, .md beside it; else in results/, a toy's in runs/")
    for word, how in getattr(module, "WORDS", {}).items():
        add(word, **how)
    chosen = parser.parse_args(given)
    if chosen.rounds < 1:
        raise ValueError(f"`--rounds` must be positive, got {chosen.rounds}.")
    chosen.out = chosen.out or (page.RUNS if chosen.toy else page.RESULTS) / f"{name}.json"
    return chosen


def measure(module: Any, chosen: argparse.Namespace, command: str) -> int:
    """Every row whole before the next, and written after each: its summary, and in an ignored file
    every single call."""
    facts = getattr(module, "facts", lambda _: {})(chosen)
    if not chosen.force:
        quiet.demand(chosen.wait)
    document, raw, rows = page.begun(command, chosen, facts), {}, module.rows(chosen)
    if chosen.add:
        document = page.added(document, json.loads(chosen.out.read_text(encoding="utf-8")))
    try:
        for row, builds in rows:
            one = turns.Row(builds, chosen.rounds, not chosen.force)
            document["rows"][row], raw[row] = one.told, one.taken
            print(f"{row}: " + ", ".join(f"{k} {page.brief(v)}" for k, v in one.told.items()))
            page.save(module, chosen.out, document, raw)
    except KeyboardInterrupt:
        document["interrupted"] = True
        page.save(module, chosen.out, document, raw)
        return 130
    finally:
        rows.close()
    for error in (wrong := page.errors(document)):
        print(f"ERROR: {error}", file=sys.stderr)
    return 1 if wrong else 0


def main(given: list[str]) -> int:
    again = given[:1] == ["page"]
    name, *rest = given[again:] or ["--help"]
    if name in ("-h", "--help"):
        print(__doc__)
        return 0
    if name == "readme":
        return importlib.import_module("benchmarks.cpu").write_readme()
    if name not in NAMES:
        raise ValueError(f"no benchmark {name!r}; there is {', '.join(NAMES)}, page, readme.")
    module = importlib.import_module(f"benchmarks.{name}")
    chosen = words(name, module, rest)
    if again:
        page.save(module, chosen.out, json.loads(chosen.out.read_text(encoding="utf-8")))
        return 0
    command = shlex.join(["python", "-m", "benchmarks", *given])
    return module.run(chosen) if hasattr(module, "run") else measure(module, chosen, command)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (ValueError, FileNotFoundError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        sys.exit(2)
    except quiet.NotQuiet as why:
        advice = "--wait SECONDS waits; --force measures, and the result says so."
        print(f"refused: {why}. {advice}", file=sys.stderr)
        sys.exit(4)
