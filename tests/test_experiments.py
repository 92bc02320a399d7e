"""The experiments, as a user runs them."""

import dataclasses
import errno
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import jaxrnn

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
SCRIPT = EXPERIMENTS / "char_lm.py"


def command(*arguments):
    return [sys.executable, str(SCRIPT), *map(str, arguments)]


def shell(folder, *arguments):
    """The script in a process of its own, as a user starts it from `folder`."""
    return subprocess.run(
        command(*arguments), cwd=folder, capture_output=True, text=True, encoding="utf-8"
    )


def strict(line):
    """JSON by the letter: NaN and Infinity are not in it."""

    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    return json.loads(line, parse_constant=refuse)


def config_of(folder):
    return strict((folder / "config.json").read_text(encoding="utf-8"))


def metrics_of(folder):
    content = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    assert content.endswith("\n")
    return [strict(line) for line in content.splitlines()]


def perplexities_of(folder):
    return [record["perplexity"] for record in metrics_of(folder)]


@pytest.fixture
def char_lm(monkeypatch):
    """The script as a module, beside a preset "tiny" of a moment's training."""
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import char_lm  # pyright: ignore[reportMissingImports]
    import presets  # pyright: ignore[reportMissingImports]

    tiny = dataclasses.replace(
        presets.PRESETS["gru-concise"],
        layer=jaxrnn.unroll(jaxrnn.gru(4)),
        optimizer="sgd",
        learning_rate=1.0,
        epochs=2,
        batch_size=4,
        num_steps=5,
        cut=200,
        claims=(),
    )
    monkeypatch.setitem(presets.PRESETS, "tiny", tiny)
    return char_lm


@pytest.fixture
def run(char_lm, tmp_path):
    """run("name", **arguments) trains the tiny preset in the folder tmp_path/name: its status."""

    def call(name, preset="tiny", **arguments):
        return char_lm.main(char_lm.Arguments(preset, run_dir=tmp_path / name, **arguments))

    return call


def with_claims(char_lm, monkeypatch, *claims, **fields):
    """The tiny preset with other fields."""
    presets = char_lm.presets.PRESETS
    changed = dataclasses.replace(presets["tiny"], claims=claims, **fields)
    monkeypatch.setitem(presets, "tiny", changed)


def test_a_run_prints_and_writes_what_it_did(tmp_path):
    folder, settings = tmp_path / "runs" / "mine", ("--epochs", 2, "--cut", 1200, "--seed", 7)
    done = shell(tmp_path, "gru-concise", *settings, "--run-dir", folder)
    assert done.returncode == 0, done.stderr
    config, metrics = config_of(folder), metrics_of(folder)
    want = {"preset": "gru-concise", "seed": 7, "epochs": 2, "cut": 1200, "restart": "epoch"}
    want |= {"unit": "char", "prefixes": ["子曰", "君子"], "tokens": 1200}
    assert want.items() <= config.items()
    assert config["corpus"]["name"] == "analects" and config["versions"]["jax"] == jax.__version__
    assert [record["epoch"] for record in metrics] == [1, 2]
    for record in metrics:
        assert 1 < record["perplexity"] < 10 * 1002 and record["seconds"] > 0
        tokens = record["tokens_per_second"] * record["seconds"]
        assert_allclose(tokens, 32 * 35, rtol=1e-6)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "metrics.jsonl"]
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("epoch 2,"))
    assert f"perplexity {metrics[-1]['perplexity']:.6g}" in line
    said = [line for line in done.stdout.splitlines() if line.startswith("  子曰|")]
    assert [len(line) - len("  子曰|") for line in said] == [10, 50], "before and after training"
    assert str(folder) in done.stdout

    again = shell(tmp_path, "gru-concise", *settings, "--run-dir", folder)
    assert again.returncode == 2 and "holds another run" in again.stderr
    assert metrics_of(folder) == metrics and config_of(folder) == config


def test_the_list_shows_every_preset_and_its_claims(char_lm, capsys):
    assert char_lm.main(char_lm.Arguments(list=True)) == 0
    shown = capsys.readouterr().out
    for name, preset in char_lm.presets.PRESETS.items():
        assert f"{name} " in shown and all(str(claim) in shown for claim in preset.claims)


def test_a_bad_word_on_the_command_line_is_one_sentence_and_status_two(tmp_path):
    done = shell(tmp_path, "gru-concize")
    assert done.returncode == 2 and not done.stdout and not list(tmp_path.iterdir())
    assert "no preset 'gru-concize'; did you mean 'gru-concise'?" in done.stderr
    assert "Traceback" not in done.stderr and done.stderr.count("\n") == 1


LAUNCH = """import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where the tests run in the background
os.execv(sys.argv[1], sys.argv[1:])"""


@pytest.mark.skipif(os.name == "nt", reason="signals as on Unix")
def test_without_a_reader_a_run_goes_on_until_its_interrupt_which_leaves_whole_epochs(tmp_path):
    """Nor does it mind that the output's encoding lacks its characters."""
    folder = tmp_path / "run"
    arguments = ("gru-concise", "--epochs", 1_000_000, "--cut", 1200, "--every", 1)
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, *command(*arguments, "--run-dir", folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONIOENCODING": "cp1252"},
        text=True,
    )
    try:
        assert process.stdout is not None and process.stdout.readline().startswith("analects")
        process.stdout.close()
        metrics, deadline = folder / "metrics.jsonl", time.monotonic() + 300
        while not (metrics.exists() and metrics.read_text().count("\n") >= 3):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        assert process.stderr is not None
        errors = process.stderr.read()
    finally:
        process.kill()
    assert process.returncode == 130
    assert errors == "char_lm: interrupted; what was finished is written\n"
    epochs = [record["epoch"] for record in metrics_of(folder)]
    assert epochs == list(range(1, len(epochs) + 1)) and len(epochs) >= 3
    assert config_of(folder)["preset"] == "gru-concise"


def test_a_broken_claim_is_status_three_and_a_kept_one_zero(char_lm, run, monkeypatch, capsys):
    from claims import Band  # pyright: ignore[reportMissingImports]

    kept, broken = Band("analects", 2, 1, 1e6), Band("analects", 2, 0.5, 0.9)
    unreached, elsewhere = Band("analects", 3, 0, 0.5), Band("lyrics", 1, 0, 0.5)
    for name, claims, status, word in (
        ("kept", (kept, unreached, elsewhere), 0, "kept: "),
        ("broken", (kept, broken), 3, "BROKEN: "),
        ("none", (unreached, elsewhere), 0, "no claim reached: "),
    ):
        with_claims(char_lm, monkeypatch, *claims)
        assert run(name) == status
        assert word in capsys.readouterr().out


def test_one_seed_one_run(run, tmp_path):
    """All 32 bits of it."""
    for name, seed in (("a", 2**32 - 1), ("b", 2**32 - 1), ("c", 2**31 - 1)):
        assert run(name, seed=seed) == 0
    a, b, c = (perplexities_of(tmp_path / name) for name in "abc")
    assert a == b and a != c


def test_random_sampling_restarts_each_minibatch(run, tmp_path):
    for restart in (None, "minibatch", "epoch"):
        assert run(str(restart), sampling="random", restart=restart) == 0
    unsaid, minibatch, epoch = (
        perplexities_of(tmp_path / name) for name in ("None", "minibatch", "epoch")
    )
    assert config_of(tmp_path / "None")["restart"] == "minibatch"
    assert unsaid == minibatch != epoch


def test_consecutive_sampling_restarts_each_epoch(run, tmp_path):
    for name, arguments in {
        "as it is": {},
        "said": {"sampling": "consecutive"},
        "both said": {"sampling": "consecutive", "restart": "epoch"},
        "never": {"restart": "never"},
    }.items():
        assert run(name, **arguments) == 0
    names = ("as it is", "said", "both said", "never")
    as_it_is, said, both, never = (perplexities_of(tmp_path / name) for name in names)
    assert as_it_is == said == both and never != both


def test_a_diverged_run_still_writes_json(char_lm, run, monkeypatch, tmp_path):
    with_claims(char_lm, monkeypatch, learning_rate=1e200, clip=math.inf)
    run("diverged")
    assert len(metrics_of(tmp_path / "diverged")) == 2
    assert config_of(tmp_path / "diverged")["clip"] is None


def refused(run, tmp_path, **arguments):
    """The one sentence of a refusal, before anything is written."""
    with pytest.raises(ValueError) as error:
        run("refused", **arguments)
    assert not (tmp_path / "refused").exists()
    sentence = str(error.value)
    assert "\n" not in sentence
    return sentence


REFUSED = {
    "epochs": ({"epochs": 0}, "`epochs` must be positive, got 0"),
    "cut": ({"cut": -1}, "got -1"),
    "restart": ({"restart": "always"}, "got 'always'"),
    "sampling": ({"sampling": "consecutively"}, "'consecutively' is no sampling; did you mean"),
    "corpus": ({"corpus": "analect"}, "'analect' is neither a corpus nor a file; did"),
    "prefix": ({"prefixes": ("子曰", "Q")}, "'Q' (U+0051) is not in the vocabulary"),
    "empty prefix": ({"prefixes": ("子曰", "")}, "at least one character, got ''."),
    "preset": ({"preset": "tinny"}, "'tinny'; did you mean 'tiny'"),
    "one token, and no prefix of the user's": ({"cut": 1}, "need at least 24 tokens, got 1."),
    "negative seed": ({"seed": -1}, "`seed` must be 0 or more, got -1."),
    "seed of 33 bits": ({"seed": 2**32}, "got 4294967296."),
    "huge seed": ({"seed": 10**30}, f"got {10**30}."),
    "no word": ({"unit": "word", "cut": 0, "prefixes": (" ",)}, "at least one word, got ' '."),
    "cut too short": ({"cut": 23, "prefixes": ("子",)}, "need at least 24 tokens, got 23"),
}


@pytest.mark.parametrize("arguments, quoted", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_quoted(run, tmp_path, arguments, quoted):
    assert quoted in refused(run, tmp_path, **arguments)


@pytest.mark.parametrize(
    "content, quoted",
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        ("知之为知之".encode(), "need at least 24 tokens, got 5"),
        ("子曰".encode("gbk") * 99, "is not UTF-8: byte 0xd7 at position 0"),
    ],
    ids=["empty", "blank", "short", "not UTF-8"],
)
def test_a_file_without_a_text_is_refused(run, tmp_path, content, quoted):
    path = tmp_path / "mine.txt"
    path.write_bytes(content)
    assert quoted in refused(run, tmp_path, corpus=str(path))


@pytest.mark.parametrize("name", ["analects", "lyrics"])
def test_a_file_is_no_corpus_by_its_name_alone(char_lm, run, monkeypatch, tmp_path, name):
    """It is neither held to the claims of the corpus of that name, nor asked for its prefixes."""
    from claims import Band  # pyright: ignore[reportMissingImports]

    with_claims(char_lm, monkeypatch, Band(name, 1, 0.5, 0.9))
    path = tmp_path / f"{name}.txt"
    path.write_text("so many words, and so few of them are new. " * 9)
    assert run("run", corpus=str(path)) == 0


def test_a_file_that_cannot_be_read_is_refused(run, tmp_path, monkeypatch):
    """Whoever runs the tests may read everything, so the refusal is the system's by proxy."""
    path = tmp_path / "mine.txt"
    path.write_text("mine")

    def denied(file, mode):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))

    monkeypatch.setattr("jaxrnn.text._document.open", denied, raising=False)
    sentence = refused(run, tmp_path, corpus=str(path))
    assert sentence == f"{path} cannot be read: Permission denied."


@pytest.mark.parametrize("name", ["", " ", "~nobody-of-this-name/run"])
def test_a_run_dir_without_a_name_is_refused(char_lm, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"{name!r}|{name} is no folder"):
        char_lm.main(char_lm.Arguments("tiny", run_dir=name))
    assert not list(tmp_path.iterdir())


def test_a_run_dir_may_begin_at_home(char_lm, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert char_lm.main(char_lm.Arguments("tiny", run_dir="~/run")) == 0
    assert len(metrics_of(tmp_path / "run")) == 2


def test_a_run_dir_that_cannot_be_one_is_refused(run, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="is a file, not a folder"):
        run("file")
    with pytest.raises(ValueError, match="is a file, not a folder"):
        run("file/run")
    assert (tmp_path / "file").read_text() == "mine"
    run("run")
    with pytest.raises(ValueError, match="holds another run"):
        run("run")
    assert len(metrics_of(tmp_path / "run")) == 2


def test_the_config_is_enough_to_prepare_the_run_again(char_lm, tmp_path):
    """All that was asked for instead of the preset's is there, and is what was taken."""
    path = tmp_path / "mine.txt"
    path.write_text("so many words, and so few of them are new. " * 30)
    asked = {"unit": "word", "seed": 2**32 - 1, "sampling": "random", "restart": "never"}
    asked |= {"cut": 150, "epochs": 3, "every": 2, "prefixes": ("few of",)}
    first = char_lm.prepare("tiny", corpus=str(path), **asked)
    config = strict(json.dumps(first.config()))
    assert asked.items() <= (config | {"prefixes": tuple(config["prefixes"])}).items()
    said = {name: config[name] for name in asked} | {"corpus": config["corpus"]["source"]}
    again = char_lm.prepare(config["preset"], **said)
    assert dataclasses.replace(again, encoded=None, prefixes=()) == dataclasses.replace(
        first, encoded=None, prefixes=()
    )
    assert tuple(again.prefixes) == first.prefixes
    assert_array_equal(again.encoded.ids, first.encoded.ids)
    assert len(first.encoded.ids) == config["tokens"] == 150


def test_prefixes_that_the_cut_left_no_token_of_give_way_to_the_beginning(char_lm):
    assert char_lm.prepare("tiny").prefixes == ("子曰", "君子")
    assert char_lm.prepare("tiny", cut=24).prefixes == ("子曰", "子曰：“")
    assert len(char_lm.prepare("tiny", unit="word").prefixes[1].split()) == 4
