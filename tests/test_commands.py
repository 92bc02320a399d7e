"""What the commands in experiments/ share: how they end, what they leave, what they refuse."""

import errno
import importlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
unix = pytest.mark.skipif(os.name == "nt", reason="descriptors and limits as on Unix")


@pytest.fixture
def load(monkeypatch):
    """load("name"): a module of experiments/."""
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    return importlib.import_module


# How a command ends


def ends(work, before="", tail="", folder=".", **environment):
    """Status, output and errors of a command that is `work` and nothing else, in a shell."""
    code = f"import os, sys, command, run_dir\n{before}\ncommand.run(lambda: {work})"
    words = 'exec "$0" -c "$1" ' + tail
    done = subprocess.run(
        ["sh", "-c", words, sys.executable, code],
        cwd=folder,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(EXPERIMENTS), "PYTHONUNBUFFERED": ""} | environment,
    )
    return done.returncode, done.stdout, done.stderr.decode()


BEFORE = """import signal; signal.signal(signal.SIGINT, signal.default_int_handler)
def fail(sentence): raise ValueError(sentence)"""
MANY = "print('line\\n' * 100_000) or os.write(2, b'to its end\\n') * 0"


@unix
@pytest.mark.parametrize(
    "work, tail, status, errors",
    [
        (MANY, "| head -1", 0, "to its end\n"),
        (MANY, ">&-", 0, "to its end\n"),
        (MANY, "<&- >&- 2>&-", 0, ""),
        (MANY, ">/dev/full", 2, "to its end\n-c: standard output cannot be written: No space left"),
        ("print('short') or 0", ">/dev/full", 2, "-c: standard output cannot be written: No space"),
        ("print('short') or 3", "", 3, ""),
        ("sys.exit(2)", "", 2, ""),
        ("open('nowhere/x')", "", 2, "-c: nowhere/x: No such file or directory.\n"),
        ("fail('x\\ny' * 10_000)", "", 2, "-c: x yx yx y"),
        ("os.kill(os.getpid(), 2)", "", 130, "-c: interrupted; what was finished is written\n"),
        ("open('nowhere/x')", "2>&1 | head -c0", 0, ""),
    ],
)
def test_a_command_ends_with_one_sentence_or_quietly(work, tail, status, errors):
    """A reader that goes away (`head`, a closed descriptor) ends nothing."""
    got, _, said = ends(work, before=BEFORE, tail=tail)
    if "|" not in tail:
        assert got == status
    assert said.startswith(errors) and said.count("\n") == errors.count("\n") + (
        bool(errors) and not errors.endswith("\n")
    )
    assert len(said) < 1200


@unix
def test_a_file_that_is_opened_later_is_not_standard_output(tmp_path):
    """Else what JAX itself prints would go into it."""
    work = "open('mine', 'wb').close() or print(os.open('mine', os.O_WRONLY) > 2, file=sys.stderr)"
    assert ends(work, tail="<&- >&-", folder=tmp_path)[2] == "True\n"


@pytest.mark.parametrize(
    "encoding, shown",
    [("utf-8", "“子曰”\n".encode()), ("ascii", b"????\n"), ("cp1252", b"\x93??\x94\n")],
)
def test_what_an_encoding_lacks_is_replaced(encoding, shown):
    work = r"print('\u201c\u5b50\u66f0\u201d')"
    assert ends(work, PYTHONIOENCODING=encoding) == (0, shown, "")


@pytest.mark.parametrize(
    "name",
    [
        *("char_lm", "sample", "report", "compare", "reproduce", "bands", "paper_cell", "family"),
        *("gradient_flow", "long_memory", "curves"),
    ],
)
def test_every_command_ends_so_and_takes_typed_arguments(name):
    source = (EXPERIMENTS / f"{name}.py").read_text(encoding="utf-8")
    assert "command.run(lambda: " in source and "command.parse(" in source
    assert "sys.exit" not in source and "sys.argv" not in source


def test_no_other_script_is_a_command():
    named = {p.stem for p in EXPERIMENTS.glob("*.py") if "__main__" in p.read_text("utf-8")}
    assert named == {
        "char_lm",
        "sample",
        "report",
        "compare",
        "reproduce",
        "bands",
        "paper_cell",
        "family",
        "gradient_flow",
        "long_memory",
        "curves",
    }


# A run's folder


@pytest.fixture
def run_dir(load, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return load("run_dir")


def no_links(*_, **__):
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def test_runs_begun_at_once_have_folders_of_their_own(run_dir, tmp_path, monkeypatch):
    """Also where the file system knows no hard links."""
    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(run_dir.time, "strftime", lambda form: "now")
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda n: run_dir.RunDir.new(None, "mine", {"n": n}), range(24)))
    assert len({run.path for run in runs}) == len(list(Path("runs").iterdir())) == 24
    for n, run in enumerate(runs):
        assert {p.name for p in run.path.iterdir()} == {".lock", "config.json"}
        assert json.loads((run.path / "config.json").read_text()) == {"n": n}


def test_of_runs_begun_at_once_in_one_folder_one_gets_it(run_dir, monkeypatch):
    monkeypatch.setattr(os, "link", no_links)

    def begin(n):
        try:
            return run_dir.RunDir.new("mine", "", {"n": n}) and n
        except run_dir.RunDirError as error:
            return str(error)

    for _ in range(10):
        with ThreadPoolExecutor(8) as pool:
            got = list(pool.map(begin, range(8)))
        (winner,) = (n for n in got if isinstance(n, int))
        losers = {word.partition(":")[0].rstrip(".") for word in {*got} - {winner}}
        assert losers <= {"mine holds another run", "mine is being written by another process"}
        assert {p.name for p in Path("mine").iterdir()} == {".lock", "config.json"}
        assert json.loads(Path("mine/config.json").read_text()) == {"n": winner}
        Path("mine/config.json").unlink()


@unix
def test_a_full_disk_leaves_whole_lines_and_one_sentence(tmp_path):
    """A limit of the size of files stands for the disk's."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
    work = "[run.samples([{'epoch': n, 'prefix': ''}]) for n in range(1000)]"
    begin = f"{limit}; run = run_dir.RunDir.new('mine', '', {{}})"
    status, _, said = ends(work, begin, "", tmp_path)
    assert status == 2 and said == "-c: mine/samples.jsonl cannot grow: File too large.\n"
    lines = (tmp_path / "mine" / "samples.jsonl").read_text().splitlines(keepends=True)
    assert all(line.endswith("\n") for line in lines)
    assert [json.loads(line)["epoch"] for line in lines] == [*range(len(lines))] != []

    status, _, said = ends(
        "run_dir.RunDir.new('large', '', {'x': 'y' * 2000})", limit, "", tmp_path
    )
    assert status == 2 and said == "-c: large/config.json cannot be written: File too large.\n"
    assert [p.name for p in tmp_path.iterdir()] == ["mine"], "nothing is left of what never began"


def test_a_name_that_is_not_utf8_is_still_json(run_dir):
    name = b"caf\xe9.txt".decode("utf-8", "surrogateescape")
    run_dir.RunDir.new("mine", "", {"source": name, "text": "子"})
    written = Path("mine/config.json").read_text(encoding="utf-8")
    assert json.loads(written) == {"source": name, "text": "子"} and "子" in written
