"""Runs side by side: their curves on one page, and a table of what came out and of what differs.

    python experiments/compare.py runs/lstm runs/gru
    python experiments/compare.py runs/lstm runs/gru --output compare.html

The page is compare.html beside the first run, unless --output names another file.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import command
import tyro
from looking import compare_page
from looking.page import is_ours
from looking.runs import Run, read
from looking.tables import text_table
from run_dir import folder, write_whole


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Runs side by side: their curves on one page, and a table of what differs."""

    runs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN RUN …")] = ()
    """Folders of runs, two or more."""
    output: str | None = None
    """The page to write, an .html file; else compare.html beside the first run."""


def main(arguments: Arguments) -> int:
    paths = distinct([folder(run) for run in arguments.runs])
    runs, labels = list(map(read, paths)), names(paths)
    target = output(arguments.output, paths[0])
    write_whole(target, compare_page.html(runs, labels))
    show(runs, labels)
    print(f"\nwritten: {target}")
    return 0


def distinct(paths: list[Path]) -> list[Path]:
    if len(paths) < 2:
        raise ValueError(f"name two runs or more to compare, got {len(paths)}.")
    for n, path in enumerate(paths):
        if path.resolve() in {earlier.resolve() for earlier in paths[:n]}:
            raise ValueError(f"{path} is named twice: name another run to compare.")
    return paths


def output(asked: str | None, first: Path) -> Path:
    """The file to write, which is new, or a page that this wrote before."""
    beside = (first.resolve() if first.name in ("", "..") else first).parent
    path = beside / "compare.html" if asked is None else folder(asked)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--output {asked} must end in .html, for it is a page.")
    if not path.parent.is_dir():
        raise ValueError(f"{path} cannot be written: {path.parent} is no folder.")
    if path.exists() and not (path.is_file() and is_ours(path)):
        raise ValueError(f"{path} is there and is no page of runs: name another --output.")
    return path


def names(paths: list[Path]) -> list[str]:
    """As many of the last parts of each path as tell them all apart."""
    parts = [path.resolve().parts for path in paths]
    for count in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(part[-count:]) for part in parts]
        if len(set(labels)) == len(labels):
            return labels
    raise AssertionError("distinct paths differ somewhere")


def show(runs: list[Run], labels: list[str]) -> None:
    print(text_table(["run", *compare_page.HEADINGS], compare_page.numbers(runs, labels)))
    rows = compare_page.differences(runs)
    print()
    print(text_table(["what differs", *labels], rows) if rows else "Their settings are the same.")
    for label, run in zip(labels, runs, strict=True):
        for note in run.notes:
            print(f"{label}: {note}")


if __name__ == "__main__":
    command.run(lambda: main(command.parse(Arguments)))
