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


def lines_of(path):
    return [strict(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def char_lm(monkeypatch):
    """The script as a module, beside a preset "tiny" of a moment's training."""
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import char_lm  # pyright: ignore[reportMissingImports]

    concise = char_lm.presets.PRESETS["gru-concise"]
    fields = {"hidden_size": 4, "optimizer": "sgd", "learning_rate": 1.0, "epochs": 2}
    fields |= {"batch_size": 4, "num_steps": 5}
    tiny = dataclasses.replace(
        concise, settings=concise.settings.with_(**fields), cut=200, claims=()
    )
    monkeypatch.setitem(char_lm.presets.PRESETS, "tiny", tiny)
    return char_lm


def words_of(preset="tiny", prefixes=(), **arguments):
    """The command line that says so."""
    words = [
        f"--{k.replace('_', '-')}" + ("" if v is True else f"={v}") for k, v in arguments.items()
    ]
    return [preset, *words, *(("--prefixes", *prefixes) if prefixes else ())]


@pytest.fixture
def run(char_lm, tmp_path):
    """run("name", **arguments) trains the tiny preset in the folder tmp_path/name: its status."""
    return lambda name, **given: char_lm.main(words_of(run_dir=tmp_path / name, **given))


@pytest.fixture
def prepared(char_lm):
    """prepared(**arguments): the experiment that a command line asks for."""

    def prepare(**given):
        asked = char_lm.arguments(words_of(**given))
        import experiment  # pyright: ignore[reportMissingImports]

        settings = char_lm.Settings(asked.model, asked.training, asked.text)
        return experiment.prepare(asked.name, settings)

    return prepare


@pytest.fixture
def perplexities(prepared):
    """perplexities(**arguments) of each epoch, with nothing written."""

    def train(**given):
        from train import first, train  # pyright: ignore[reportMissingImports]

        e = prepared(**given)
        return [step.metrics["perplexity"] for step in train(e, first(e)) if step.metrics]

    return train


def with_claims(char_lm, monkeypatch, *claims):
    """The tiny preset with claims."""
    presets = char_lm.presets.PRESETS
    monkeypatch.setitem(presets, "tiny", dataclasses.replace(presets["tiny"], claims=claims))


FILES = {"config.json", "metrics.jsonl", "samples.jsonl", "timings.jsonl", "model.safetensors"}
FILES |= {"checkpoints", "insight.json", "report.html", ".lock"}


def test_a_run_prints_and_writes_what_it_did(tmp_path):
    folder, settings = tmp_path / "runs" / "mine", ("--epochs", 2, "--cut", 1200, "--seed", 7)
    done = shell(tmp_path, "gru-concise", *settings, "--run-dir", folder)
    assert done.returncode == 0, done.stderr
    config, metrics = config_of(folder), metrics_of(folder)
    assert config["name"] == "gru-concise" and config["prefixes"] == ["子曰", "君子"]
    told = config
    assert told["training"]["seed"] == 7 and told["training"]["epochs"] == 2
    assert told["text"]["cut"] == 1200 and told["network"]["hidden_size"] == 256
    assert config["corpus"]["name"] == "analects" and config["versions"]["jax"] == jax.__version__
    assert config["corpus"]["tokens"] == 1200 < config["corpus"]["whole"] == 21_991
    assert jaxrnn.build(config["model"]).vocab_size == config["corpus"]["vocabulary"]
    assert "--seed" in config["command"] and config["claims"] == []
    assert [record["epoch"] for record in metrics] == [1, 2]
    assert [record["tokens"] for record in metrics] == [32 * 35, 2 * 32 * 35]
    for record, timing in zip(metrics, lines_of(folder / "timings.jsonl"), strict=True):
        assert 1 < record["perplexity"] < 10 * 1002 and record["learning_rate"] == 0.01
        assert record["gradient_norm"] > 0 and 0 <= record["clipped_fraction"] <= 1
        assert_allclose(timing["tokens_per_second"] * timing["seconds"], 32 * 35, rtol=1e-6)
    assert {path.name for path in folder.iterdir()} == FILES
    inside = json.loads((folder / "insight.json").read_text())
    assert len(inside["reach"]) == 128 and inside["gates"] and inside["radii"]
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("epoch 2,"))
    assert f"perplexity {metrics[-1]['perplexity']:.6g}" in line
    said = [line for line in done.stdout.splitlines() if line.startswith("  子曰|")]
    assert [len(line) - len("  子曰|") for line in said] == [10, 50], "before and after training"
    samples = lines_of(folder / "samples.jsonl")
    assert [(s["epoch"], s["prefix"]) for s in samples] == [
        (epoch, prefix) for epoch in (0, 2) for prefix in ("子曰", "君子")
    ]
    assert f"  子曰|{samples[-2]['text']}" in said
    assert "1,200 of 21,991 tokens" in done.stdout
    assert f"the model is {folder}/model.safetensors" in done.stdout

    again = shell(tmp_path, "gru-concise", *settings, "--run-dir", folder)
    assert again.returncode == 2 and "holds another run" in again.stderr
    assert metrics_of(folder) == metrics and config_of(folder) == config


def test_the_list_shows_every_preset_and_its_claims(char_lm, capsys):
    assert char_lm.main(["--list"]) == 0
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
    assert process.returncode == 130 and errors == ""
    epochs = [record["epoch"] for record in metrics_of(folder)]
    assert epochs == list(range(1, len(epochs) + 1)) and len(epochs) >= 3
    assert config_of(folder)["name"] == "gru-concise"


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


def test_one_seed_one_run(perplexities):
    """All 32 bits of it."""
    a, b, c = (perplexities(seed=seed) for seed in (2**32 - 1, 2**32 - 1, 2**31 - 1))
    assert a == b and a != c and len(a) == 2


def test_random_sampling_restarts_each_minibatch(perplexities):
    unsaid, minibatch, epoch = (
        perplexities(sampling="random", restart=restart)
        for restart in ("auto", "minibatch", "epoch")
    )
    assert unsaid == minibatch != epoch


def test_consecutive_sampling_restarts_each_epoch(perplexities):
    as_it_is, said, never = (
        perplexities(**given)
        for given in ({}, {"sampling": "consecutive", "restart": "epoch"}, {"restart": "never"})
    )
    assert as_it_is == said and never != said


@pytest.mark.parametrize("sampling", ["consecutive", "random-offset"])
def test_an_epoch_in_many_programs_is_the_same(prepared, monkeypatch, sampling):
    """To the bit: of two minibatches a program, so that each is a loop."""
    import train  # pyright: ignore[reportMissingImports]

    seen = []
    for program in (100, 2):
        e = prepared(cut=500, sampling=sampling)
        monkeypatch.setitem(vars(e), "program", program)
        steps = [*train.train(e, train.first(e))]
        seen.append([step.metrics for step in steps if step.metrics])
        assert len(steps) == (2 if program == 100 else 2 * -(-len(e.starts(1)) // 2))
    assert seen[0] == seen[1]


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
    "corpus": ({"corpus": "analect"}, "'analect' is neither a corpus nor a file; did"),
    "prefix": ({"prefixes": ("子曰", "Q")}, "'Q' (U+0051) is not in the vocabulary"),
    "empty prefix": ({"prefixes": ("子曰", "")}, "at least one character"),
    "preset": ({"preset": "tinny"}, "'tinny'; did you mean 'tiny'"),
    "one token, and no prefix of the user's": ({"cut": 1}, "need at least 24 tokens, got 1."),
    "negative seed": ({"seed": -1}, "`seed` must be 0 or more, got -1."),
    "seed of 33 bits": ({"seed": 2**32}, "got 4294967296."),
    "huge seed": ({"seed": 10**30}, f"got {10**30}."),
    "no word": ({"unit": "word", "cut": 0, "prefixes": (" ",)}, "at least one word"),
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
        char_lm.main(["tiny", f"--run-dir={name}"])
    assert not list(tmp_path.iterdir())


def test_a_run_both_ways_ends_whole(run, tmp_path):
    """Of what walks backwards too there is no gradient step by step to tell of."""
    assert run("both", bidirectional=True) == 0
    assert {path.name for path in (tmp_path / "both").iterdir()} == FILES
    inside = json.loads((tmp_path / "both" / "insight.json").read_text())
    assert len(inside["radii"]) == 2 and "reach" not in inside and inside["epoch"] == 2


def test_a_run_that_is_finished_says_so(run, char_lm, tmp_path, capsys):
    assert run("mine") == 0
    assert char_lm.main([f"--resume={tmp_path / 'mine'}"]) == 0
    assert "has its 2 epochs: more by --epochs COUNT" in capsys.readouterr().out


def test_to_go_on_asks_for_as_many_epochs_as_the_run_was_asked_last(run, prepared, tmp_path):
    assert run("mine") == 0
    import follow  # pyright: ignore[reportMissingImports]

    with follow.RunDir(tmp_path / "mine") as mine:
        assert follow._epochs(prepared(), mine) == ""
        assert follow._epochs(prepared(epochs=7), mine) == " --epochs 7"


def test_a_run_dir_may_begin_at_home(char_lm, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert char_lm.main(["tiny", "--run-dir=~/run"]) == 0
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


def test_the_config_is_enough_to_prepare_the_run_again(char_lm, prepared, run, tmp_path):
    """All that was asked for instead of the preset's is there, and is what is taken."""
    path = tmp_path / "mine.txt"
    path.write_text("so many words, and so few of them are new. " * 30)
    asked = {"unit": "word", "seed": 2**32 - 1, "sampling": "random", "restart": "never"}
    asked |= {"cut": 150, "epochs": 1, "prefixes": ("few of",), "corpus": path, "clip": math.inf}
    first = prepared(**asked)
    assert run("run", **asked) == 0
    name, settings = char_lm.settings.read(str(tmp_path / "run"))
    assert (name, settings) == ("tiny", first.settings)
    from experiment import prepare  # pyright: ignore[reportMissingImports]

    again = prepare(name, settings)
    assert_array_equal(again.encoded.ids, first.encoded.ids)
    assert again.model == first.model and len(first.encoded.ids) == 150
    changed = char_lm.arguments(["--config", str(tmp_path / "run"), "--epochs", "7"])
    assert changed.training == dataclasses.replace(settings.training, epochs=7)
    assert (changed.model, changed.text) == (settings.model, settings.text)


@pytest.mark.standard_promotion
@pytest.mark.parametrize("unit", ["word", "byte", "char"])
def test_a_text_of_ones_own_is_written_from_the_file_alone(run, tmp_path, unit):
    """Whole and as it is, by any unit, after any prompt; the same seed writes the same."""
    import sample  # pyright: ignore[reportMissingImports]

    path = tmp_path / "mine.txt"
    path.write_text("Só many Wörds,\r\nand so few of them are new. 子曰\n" * 30, newline="")
    given = {"corpus": path, "unit": unit, "preset": "vanilla", "hidden_size": 8, "epochs": 1}
    assert run(unit, **given, batch_size=4, num_steps=5, dropout=0.1, embedding=8, tied=True) == 0
    config, file = config_of(tmp_path / unit), tmp_path / unit / "model.safetensors"
    assert config["corpus"]["recipe"] == "plain" and config["text"]["cut"] is None
    assert config["corpus"]["tokens"] == config["corpus"]["whole"]
    whole = {"char": 30 * 47, "byte": 30 * 53, "word": 30 * 13}[unit]
    assert config["corpus"]["tokens"] == whole
    moved = tmp_path / "alone.safetensors"
    file.rename(moved)
    how = {"temperature": 0.8, "top_k": 5, "top_p": 0.9}
    for prefix in ("Só many", "never seen: ☃"):
        said = ["".join(sample.written(moved, prefix, 30, sample._key(s), how)) for s in (0, 0, 1)]
        assert said[0] == said[1] != said[2] and len(said[0]) > len(prefix)
    greedy = [*sample.written(moved, "Só many", 30, None, {})]
    assert "".join(greedy).startswith("Só many")


def test_prefixes_that_the_cut_left_no_token_of_give_way_to_the_beginning(prepared):
    assert prepared().prefixes == ("子曰", "君子")
    assert prepared(cut=24).prefixes == ("子曰", "子曰：“")
    assert len(prepared(unit="word").prefixes[1].split()) == 4


def test_each_layer_but_the_first_is_residual(char_lm):
    model = char_lm.settings.Model(cell="lstm", hidden_size=4, layers=3, residual=True)
    first, *rest = model.layer().layers
    assert rest == [jaxrnn.residual(first)] * 2
    with pytest.raises(char_lm.settings.SettingsError, match="from layer to layer"):
        char_lm.settings.Model(residual=True).layer()
