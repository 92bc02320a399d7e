"""What the smaller benchmarks share as commands: words, quiet at the start, the exit status."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import machine, quiet


def parser(doc: str | None, out: str, rounds: int, of: str) -> argparse.ArgumentParser:
    """`doc` is the module's; `out` names the JSON among the results; `rounds` are `of` what."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=rounds, help=of)
    parser.add_argument("--out", type=Path, default=machine.RESULTS / out)
    parser.add_argument("--force", action="store_true", help="measure even under load")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="for quiet")
    return parser


def chosen_of(parser: argparse.ArgumentParser, argv: list[str] | None) -> argparse.Namespace:
    chosen = parser.parse_args(argv)
    if chosen.rounds < 1:
        parser.error("`--rounds` must be positive.")
    return chosen


def begin(script: str, chosen: argparse.Namespace, argv: list[str] | None) -> dict[str, Any]:
    """What a result says of its run, once the machine is quiet."""
    if not chosen.force:
        quiet.demand(chosen.wait)
    words = sys.argv[1:] if argv is None else argv
    return {
        "command": shlex.join(["python", f"benchmarks/{script}", *words]),
        "machine": machine.describe(),
        "forced": chosen.force,
    }


def end(chosen: argparse.Namespace, document: dict[str, Any], page: str) -> int:
    """Write what was measured, and its page beside it; show the page."""
    machine.write_json(chosen.out, document)
    machine.write_whole(chosen.out.with_suffix(".md"), page)
    print(page)
    return 0


def run(main: Callable[[], int]) -> None:
    """`main`, with status 4 where the machine is not quiet."""
    try:
        sys.exit(main())
    except quiet.NotQuiet as why:
        print(f"refused: {why}. See --wait and --force.", file=sys.stderr)
        sys.exit(4)
