"""One trial: a copy of the package, mutated or not, under the tests of a group."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .. import _program_cache
from ._mutant import Group, Mutant

ROOT = Path(__file__).resolve().parents[2]
CPU_SECONDS = 300  # of one trial, beyond which a mutant has run away
# What is tested is the copy: a child that imports anything else fails no test, so it is broken.
CHILD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]),) * 2)
import jaxrnn, pytest
assert jaxrnn.__file__.startswith(sys.argv[2]), jaxrnn.__file__
sys.exit(pytest.main(sys.argv[3:]))
"""
FAILED = re.compile(r"^FAILED (.+?)(?: - (.*))?$", re.MULTILINE)


class Outcome(NamedTuple):
    """fate: "killed" by `test`, "survived", or "broken": it says nothing about the tests."""

    fate: str
    test: str = ""
    why: str = ""
    seconds: float = 0.0  # of CPU


@contextmanager
def snapshot() -> Iterator[Path]:
    """A copy of what the trials need, so that they all see one state of it."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        here = Path(folder).resolve() / "whole"
        ignore = shutil.ignore_patterns("__pycache__", "mutants")
        for part in ("jaxrnn", "tests"):
            shutil.copytree(ROOT / part, here / part, ignore=ignore)
        shutil.copy(ROOT / "pyproject.toml", here)
        yield here


def try_out(whole: Path, group: Group, mutant: Mutant | None) -> Outcome:
    """The fate of `mutant` (None: of the package as it is) under the tests of its group."""
    with tempfile.TemporaryDirectory(dir=whole.parent) as folder:
        here = Path(folder) / "mutated"
        shutil.copytree(whole, here)
        if mutant:
            path = here / "jaxrnn" / mutant.file
            path.write_text(mutant.put_into(path.read_text()))
        before = _cpu()
        run = _pytest(here, group)
        outcome = _judge(run)
    if not mutant and (outcome.fate != "survived" or "deselected" in run.stdout):
        raise SystemExit(f"the tests of {group.name} are not all green unmutated:\n{run.stdout}")
    return outcome._replace(seconds=_cpu() - before)


def _pytest(here: Path, group: Group) -> subprocess.CompletedProcess:
    words = ["-x", "-q", "-rf", "-p", "no:cacheprovider", "--tb=short", *group.options]
    paths = os.pathsep.join(filter(None, [str(here), os.environ.get("PYTHONPATH")]))
    quiet = {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "1000"}
    quiet |= _program_cache.settings()  # what a mutant leaves as it is, is compiled once
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(CPU_SECONDS), str(here), *words, *group.tests],
        cwd=here,
        env={**os.environ, **quiet},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _judge(run: subprocess.CompletedProcess) -> Outcome:
    """Killed is a test that failed, by any error but that of a name: that is a slip of ours."""
    if run.returncode == 0:
        return Outcome("survived")
    failed = FAILED.search(run.stdout)
    if run.returncode != 1 or not failed:
        return Outcome("broken", why=f"exit status {run.returncode}: {run.stdout[-2000:]}")
    test, why = failed[1], failed[2] or ""
    if re.match(r"(Name|UnboundLocal|Import|Syntax)Error", why):
        return Outcome("broken", test, why)
    return Outcome("killed", test, why)


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime
