"""Try every mutant: ``python -m tests.mutants [--only NAME…] [--list] [--output FILE]``.

The exit status is 1 if fewer than 95 % are killed, or if any is broken: not found in the source,
or fatal to more than a test.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from . import GROUPS, Group, Mutant
from ._report import page
from ._trial import ROOT, Outcome, snapshot, try_out

ENOUGH = 0.95


def main() -> int:
    words = _words()
    wanted = set(words.only)
    if unknown := wanted - {
        name for g in GROUPS for name in (g.name, *(m.name for m in g.mutants))
    }:
        raise SystemExit(f"no mutant or group is called {', '.join(sorted(unknown))}.")
    chosen = [(group, m) for group in GROUPS for m in group.mutants if _is_in(wanted, group, m)]
    if words.list:
        print(
            *(f"{group.name}: {mutant.name}: {mutant.what}" for group, mutant in chosen), sep="\n"
        )
        return 0
    fates = _try_all(chosen)
    killed = sum(outcome.fate == "killed" for outcome in fates.values())
    broken = sum(outcome.fate == "broken" for outcome in fates.values())
    if not wanted and not broken:
        Path(words.output).write_text(page(fates, GROUPS))
    print(f"{killed} of {len(fates)} killed, {broken} broken")
    return int(killed < ENOUGH * len(fates) or broken > 0)


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="of mutants or groups; writes no page"
    )
    parser.add_argument("--list", action="store_true", help="tell what there is and stop")
    parser.add_argument("--output", default=ROOT / "docs" / "mutants.md", metavar="FILE")
    return parser.parse_args()


def _is_in(wanted: set[str], group: Group, mutant: Mutant) -> bool:
    return not wanted or group.name in wanted or mutant.name in wanted


def _try_all(chosen: list[tuple[Group, Mutant]]) -> dict[Mutant, Outcome]:
    fates, green, spent = {}, set(), 0.0
    with snapshot() as whole:
        for group, mutant in chosen:
            if group.name not in green:
                outcome = try_out(whole, group, None)
                green.add(group.name)
                spent += outcome.seconds
                print(f"{group.name}: green unmutated ({outcome.seconds:.0f} s)", flush=True)
            outcome = fates[mutant] = try_out(whole, group, mutant)
            spent += outcome.seconds
            told = f"{outcome.test} {outcome.why}".strip()[:400]
            print(f"  {mutant.name}: {outcome.fate} ({outcome.seconds:.0f} s) {told}", flush=True)
    print(f"{spent:.0f} s of CPU")
    return fates


if __name__ == "__main__":
    for each in (signal.SIGINT, signal.SIGTERM):  # either leaves no folder behind
        signal.signal(each, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
