"""Run the campaign, and set what it measures beside what is published.

    python experiments/reproduce.py                      # every preset, three seeds
    python experiments/reproduce.py --only gru-concise --seeds 1
    python experiments/reproduce.py --seeds 8 --write-docs

A run that is whole in the folder is not run again, so an interrupted campaign goes on. The results
are FOLDER/results.md and FOLDER/results.html. The docs' table is written by --write-docs alone, of
presets that are whole: on eight seeds, each to its end. With --only, other rows stay as they are.

Exit status: 0 done and all in band, 1 a run failed, 2 bad input, 3 a seed is out of its band,
130 interrupted.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import campaign
import command
import presets
import presets_table
import results
import results_page
from campaign import Curves
from run_dir import folder, write_whole


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Run every preset over several seeds, and set what it measures beside what is published."""

    seeds: int = 3
    """Seeds 0, 1, … for the shipped texts; the Time Machine, where it is at hand, takes seed 0."""
    only: tuple[str, ...] = ()
    """Presets; else all."""
    folder: str = "runs/reproduce"
    """One folder a run, PRESET-CORPUS-sSEED, beneath it, and the results."""
    write_docs: bool = False
    """Also the presets' rows of the table in docs/experiments.md."""


def main(arguments: Arguments) -> int:
    if arguments.write_docs and arguments.seeds < campaign.SEEDS:
        needed = f"--seeds {campaign.SEEDS} or more, got {arguments.seeds}"
        raise ValueError(f"--write-docs takes all seeds of a preset: say {needed}.")
    names, under = arguments.only or tuple(presets.PRESETS), folder(arguments.folder)
    failed = campaign.run(under, arguments.seeds, names)
    print(f"failed: {', '.join(failed)}" if failed else "all runs are there", flush=True)
    curves = {pair: seeds for pair, seeds in campaign.found(under).items() if pair[0] in names}
    outside = write(curves, under, failed)
    if arguments.write_docs and not failed:
        presets_table.write(curves, under, names)
    return 1 if failed else 3 if outside else 0


def write(curves: Curves, under: Path, failed: list[str]) -> int:
    """Both files of the results; how many rows are out of their band."""
    rows = results.rows(curves, under)
    table = results.markdown(rows)
    write_whole(under / "results.md", table)
    write_whole(under / "results.html", results_page.html(rows, curves, failed))
    print(table, f"written: {under / 'results.md'}, {under / 'results.html'}", sep="\n")
    return sum(bool(row.outside) for row in rows)


if __name__ == "__main__":
    command.run(lambda: main(command.parse(Arguments)))
