"""The page of one run: report.html in its folder, which opens in any browser and asks no network.

    python experiments/report.py runs/gru-concise-20260101-120000

Nothing outside the run's folder is written.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import command
import tyro
from looking.run_page import Judged, html
from looking.runs import Run, read
from run_dir import folder, write_whole


def main(run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]) -> int:
    """Write RUN/report.html: the curves, the samples and all settings of a run, on one page.

    Args:
        run: The run's folder.
    """
    path = folder(run)
    content = page_of(path)
    write_whole(path / "report.html", content)
    print(f"written: {path / 'report.html'}")
    return 0


def page_of(run: str | os.PathLike[str]) -> str:
    """The page of the run in that folder, as far as it got; ValueError where it holds none."""
    seen = read(Path(run))
    return html(seen, _verdicts(seen) if seen.told("claims") else [])


def _verdicts(run: Run) -> list[Judged]:
    from judged import judged  # knows the presets, and so JAX, which takes seconds to import

    return [(words, v and v.kept, v.sentence if v else "") for words, v in judged(run)]


if __name__ == "__main__":
    command.run(lambda: command.parse(main))
