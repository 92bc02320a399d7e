"""The table of mutants fits today's source, and the page that tells their fates fits the table."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mutants import GROUPS, MUTANTS

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mutant_is_another_program(mutant):
    """Its snippet is there, as often as it says; what comes of it parses, and says something else
    in the same number of definitions."""
    source = (ROOT / "jaxrnn" / mutant.file).read_text()
    mutated = mutant.put_into(source)
    assert ast.dump(ast.parse(mutated)) != ast.dump(ast.parse(source))
    assert mutated.count("def ") == source.count("def ")


def test_a_snippet_that_moved_is_an_error_that_names_the_mutant():
    mutant = MUTANTS[0]
    with pytest.raises(LookupError, match=rf"mutant {mutant.name}: .* occurs 0 times"):
        mutant.put_into("")
    with pytest.raises(LookupError, match=r"occurs 2 times"):
        mutant.put_into(2 * mutant.old)
    second = mutant._replace(at=(2, 2))
    assert second.put_into(f"{mutant.old}|{mutant.old}") == f"{mutant.old}|{mutant.new}"


def test_there_are_enough_and_each_has_its_name():
    names = [mutant.name for mutant in MUTANTS] + [group.name for group in GROUPS]
    assert len(MUTANTS) >= 60 and len(set(names)) == len(names)
    changes = {(mutant.file, mutant.old, mutant.new, mutant.at) for mutant in MUTANTS}
    assert len(changes) == len(MUTANTS)


def test_the_tests_of_every_group_are_there():
    """To the last parameter, and none of them slow."""
    ids = sorted({test for group in GROUPS for test in group.tests})
    words = ["-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [sys.executable, *words, *ids], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0 and "deselected" not in run.stdout, run.stdout + run.stderr


def test_the_page_is_of_this_table():
    page = (ROOT / "docs" / "mutants.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \| `([^`]+)` \| ", page, re.MULTILINE)
    assert rows == [(m.name, m.what.replace("|", "\\|"), m.file) for m in MUTANTS]
    told = re.search(r"\*\*(\d+) mutants: (\d+) killed", page)
    assert told is not None and [int(n) for n in told.groups()] == [
        len(rows),
        page.count("` |\n"),
    ]
