"""What the commands in experiments/ share: how they end, what they leave, what they refuse."""

import errno
import importlib
import json
import math
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


@pytest.mark.parametrize("name", ["char_lm", "campaign", "report", "bands", "paper_cell"])
def test_every_command_ends_so_and_takes_typed_arguments(name):
    source = (EXPERIMENTS / f"{name}.py").read_text(encoding="utf-8")
    assert "command.run(lambda: " in source and "tyro.cli(" in source
    assert "sys.exit" not in source and "sys.argv" not in source


def test_no_other_script_is_a_command():
    named = {p.stem for p in EXPERIMENTS.glob("*.py") if "__main__" in p.read_text("utf-8")}
    assert named == {"char_lm", "campaign", "report", "bands", "paper_cell"}


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
        runs = list(pool.map(lambda n: run_dir.RunDir(None, "mine", {"n": n}), range(24)))
    assert len({run.path for run in runs}) == len(list(Path("runs").iterdir())) == 24
    for n, run in enumerate(runs):
        assert [p.name for p in run.path.iterdir()] == ["config.json"]
        assert json.loads((run.path / "config.json").read_text()) == {"n": n}


def test_of_runs_begun_at_once_in_one_folder_one_gets_it(run_dir, monkeypatch):
    monkeypatch.setattr(os, "link", no_links)

    def begin(n):
        try:
            return run_dir.RunDir("mine", "", {"n": n}) and n
        except run_dir.RunDirError as error:
            return str(error)

    for _ in range(10):
        with ThreadPoolExecutor(8) as pool:
            got = list(pool.map(begin, range(8)))
        (winner,) = (n for n in got if isinstance(n, int))
        assert set(got) - {winner} == {"mine holds another run: name another --run-dir."}
        assert [p.name for p in Path("mine").iterdir()] == ["config.json"]
        assert json.loads(Path("mine/config.json").read_text()) == {"n": winner}
        Path("mine/config.json").unlink()


@unix
def test_a_full_disk_leaves_whole_lines_and_one_sentence(tmp_path):
    """A limit of the size of files stands for the disk's."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
    work = "[run.append({'epoch': n, 'perplexity': 2.5}) for n in range(1000)]"
    status, _, said = ends(work, f"{limit}; run = run_dir.RunDir('mine', '', {{}})", "", tmp_path)
    assert status == 2 and said == "-c: mine/metrics.jsonl cannot grow: File too large.\n"
    lines = (tmp_path / "mine" / "metrics.jsonl").read_text().splitlines(keepends=True)
    assert all(line.endswith("\n") for line in lines)
    assert [json.loads(line)["epoch"] for line in lines] == [*range(len(lines))] != []

    status, _, said = ends("run_dir.RunDir('large', '', {'x': 'y' * 2000})", limit, "", tmp_path)
    assert status == 2 and said == "-c: large/config.json cannot be written: File too large.\n"
    assert [p.name for p in tmp_path.iterdir()] == ["mine"], "nothing is left of what never began"


def test_a_name_that_is_not_utf8_is_still_json(run_dir):
    name = b"caf\xe9.txt".decode("utf-8", "surrogateescape")
    run_dir.RunDir("mine", "", {"source": name, "text": "子"})
    written = Path("mine/config.json").read_text(encoding="utf-8")
    assert json.loads(written) == {"source": name, "text": "子"} and "子" in written


# A campaign, its bands and its report


def campaign_of(folder, runs):
    """A campaign's folders: {"PRESET-CORPUS-sSEED": perplexities}."""
    for name, perplexities in runs.items():
        (folder / name).mkdir(parents=True)
        lines = [json.dumps({"perplexity": p}) for p in perplexities]
        (folder / name / "metrics.jsonl").write_text("\n".join([*lines, ""]))
    return str(folder)


def gru(values, corpus="analects"):
    """gru-concise's runs, of 40 epochs each, that end at `values`."""
    return {f"gru-concise-{corpus}-s{n}": [9.0] * 39 + [v] for n, v in enumerate(values)}


FIRST = [1.0544, 1.1, 1.15, 1.2, 1.2386]  # whose band is the preset's own, 1.026…1.5


@pytest.mark.parametrize(
    "values, status, said",
    [
        (FIRST, 0, "by the rule 1.026…1.5"),
        ([*FIRST, 1.4], 0, "1.4"),
        ([*FIRST, 1.6], 1, "a seed is outside"),
        ([*FIRST, None], 1, "a seed is outside"),
        ([1.3, 1.31, 1.32, 1.33, 1.34], 1, "not stated"),
    ],
)
def test_bands_hold_seeds_to_what_the_first_five_gave(load, tmp_path, capsys, values, status, said):
    assert load("bands").main(campaign_of(tmp_path, gru(values))) == status
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "runs, said",
    [
        ({}, "holds no run of a preset"),
        ({"gru-concise-analects-s0": []}, "holds no run of a preset"),
        ({"gru-concize-analects-s0": [2.0], "notes": [2.0]}, "holds no run of a preset"),
        (gru(FIRST[:4]), "gru-concise has no whole run of seeds 0 to 4 on analects"),
        (gru([1.0, *FIRST[1:]]), "give no band"),
        (gru([None, *FIRST[1:]]), "give no band"),
        ({"tm-gru-concise-time_machine-s0": [1.1] * 500}, "states a band of its text"),
    ],
    ids=["empty", "no epoch", "other folders", "four seeds", "1", "diverged", "no band"],
)
def test_bands_of_nothing_are_refused(load, tmp_path, runs, said):
    with pytest.raises(ValueError, match=said):
        load("bands").main(campaign_of(tmp_path, runs))


@pytest.mark.parametrize("name", ["bands", "report"])
@pytest.mark.parametrize("folder, said", [("nowhere", "is no folder"), ("", "needs a name")])
def test_a_campaign_that_is_not_there_is_refused(load, name, folder, said):
    with pytest.raises(ValueError, match=said):
        load(name).main(folder)


@pytest.mark.parametrize(
    "line", ["so", "{", "3", "[]", "{}", '{"perplexity": "x"}', '{"perplexity": [1]}']
)
def test_a_damaged_line_is_quoted(load, tmp_path, line):
    folder = tmp_path / "gru-concise-analects-s0"
    folder.mkdir()
    (folder / "metrics.jsonl").write_text(f'{{"perplexity": 2}}\n{line}\n')
    with pytest.raises(ValueError) as error:
        load("report").main(str(tmp_path))
    assert f"line 2, is no finished epoch: {line.encode()!r}." in str(error.value)
    with pytest.raises(ValueError, match="is no finished epoch"):
        load("campaign").main(load("campaign").Arguments(str(tmp_path), only=("gru-concise",)))
    assert folder.exists(), "what is not understood is not removed"


@pytest.fixture
def report(load, tmp_path, monkeypatch):
    """report.py in a house of its own, where two presets are all."""
    report = load("report")
    two = {n: report.presets.PRESETS[n] for n in ("gru-concise", "tm-gru-concise")}
    monkeypatch.setattr(report.presets, "PRESETS", two)
    monkeypatch.setattr(report, "ROOT", tmp_path / "house")
    (tmp_path / "house" / "docs").mkdir(parents=True)
    (tmp_path / "house" / "README.md").write_text(f"子曰\n{report.MARK}\nold\n{report.MARK}\n")
    return report


def whole(seeds=8):
    moby = {f"tm-gru-concise-moby_dick-s{n}": [5.0] * 200 for n in range(seeds)}
    return gru(FIRST + [1.1] * (seeds - 5)) | moby | {"tm-gru-concise-time_machine-s0": [1.1] * 500}


def house(report):
    return {p.name: p.read_text("utf-8") for p in report.ROOT.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    "lost", [None, "gru-concise-analects-s7", "tm-gru-concise-time_machine-s0"]
)
def test_only_a_whole_campaign_is_written_into_readme(report, tmp_path, capsys, lost):
    runs, before = whole(), house(report)
    if lost:
        runs[lost] = runs[lost][1:]
    folder = campaign_of(tmp_path / "campaign", runs | {"gru-concise-mine-s0": [2.0]})
    if lost:
        with pytest.raises(ValueError, match=f"stay as they are, for 1 runs .* {lost}"):
            report.main(folder)
        assert house(report) == before
    else:
        assert report.main(folder) == 0
        after = house(report)
        assert (
            sorted(after) == ["README.md", "perplexity.svg"] and "<svg" in after["perplexity.svg"]
        )
        assert after["README.md"].startswith("子曰\n")
        assert "old" not in after["README.md"] and "mine" not in after["README.md"]
        assert "| 1.1 (1.054 … 1.239) @40 on analects | 8 |" in after["README.md"]
    assert "on analects | 8 |" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"seeds": 0}, "`seeds` must be positive, got 0."),
        ({"seeds": -1}, "got -1"),
        ({"only": ("gru-concise", "gru-conzise")}, "did you mean 'gru-concise'"),
        ({"folder": ""}, "needs a name, got ''"),
        ({"folder": "file"}, "file is a file, not a folder"),
    ],
)
def test_a_campaign_that_cannot_be_begins_no_run(load, tmp_path, monkeypatch, arguments, said):
    campaign = load("campaign")
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    monkeypatch.setattr(campaign.subprocess, "run", lambda *_: pytest.fail("a run began"))
    with pytest.raises(ValueError, match=said):
        campaign.main(campaign.Arguments(**{"folder": "new"} | arguments))
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_campaign_runs_what_is_not_whole(load, tmp_path, monkeypatch, capsys):
    """With the seeds and the epochs of the claims; without a text that is not at hand."""
    campaign, began = load("campaign"), []

    def run(words, **_):
        began.append(words[2:])
        return subprocess.CompletedProcess(words, 2 if "--seed=2" in words else 3)

    monkeypatch.setattr(campaign.subprocess, "run", run)
    monkeypatch.setattr(campaign, "at_hand", lambda corpus: corpus != "time_machine")
    folder = campaign_of(tmp_path, gru([1.1, math.pi]))
    (tmp_path / "gru-concise-analects-s1" / "metrics.jsonl").write_text('{"perplexity": 2}\n')
    only = ("gru-concise", "tm-gru-concise")
    assert campaign.main(campaign.Arguments(folder, seeds=3, only=only)) == 1
    assert [" ".join(words[:4]) for words in began] == [
        "tm-gru-concise --corpus=moby_dick --seed=0 --epochs=200",
        "gru-concise --corpus=analects --seed=1 --epochs=40",
        "tm-gru-concise --corpus=moby_dick --seed=1 --epochs=200",
        "gru-concise --corpus=analects --seed=2 --epochs=40",
        "tm-gru-concise --corpus=moby_dick --seed=2 --epochs=200",
    ]
    out = capsys.readouterr().out
    assert "without time_machine" in out and "failed: gru-concise-analects-s2, tm-gru" in out
