"""Runs that are left, killed, and gone on with: what they end with is what they would have."""

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import pytest

import jaxrnn
from jaxrnn import training

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
SMALL = ("--hidden-size=8", "--batch-size=4", "--num-steps=5", "--cut=1500")
STEADY = (*SMALL, "--sampling=consecutive")  # of as many minibatches each epoch: one program


def command(*words):
    return [sys.executable, str(EXPERIMENTS / "char_lm.py"), *map(str, words)]


@pytest.fixture
def char_lm(monkeypatch):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import char_lm  # pyright: ignore[reportMissingImports]

    return char_lm


@pytest.fixture
def prepared(char_lm):
    def prepare_(*words):
        from experiment import prepare  # pyright: ignore[reportMissingImports]

        asked = char_lm.arguments([*words])
        return prepare(asked.name, char_lm.Settings(asked.model, asked.training, asked.text))

    return prepare_


# Going on from a checkpoint

KINDS = {
    "adam, consecutive": ("gru", "--sampling=consecutive"),
    "sgd, offset": ("gru", "--optimizer=sgd", "--restart=never"),
    "random": ("vanilla", "--sampling=random"),
    "random, offset": ("lstm", "--sampling=random-offset", "--restart=epoch"),
    "dropout": ("lstm", "--recurrent-dropout=0.3", "--zoneout=0.1", "--layers=2", "--dropout=0.2"),
    "cosine, validation": ("gru", "--schedule=cosine", "--warmup=5", "--validation=0.2"),
}
slow = pytest.mark.slow
DAILY = ("random, offset", "cosine, validation")


@pytest.mark.standard_promotion  # optax.adam mixes dtypes
@pytest.mark.parametrize("kind", [k if k in DAILY else pytest.param(k, marks=slow) for k in KINDS])
def test_from_any_program_a_run_goes_on_to_the_same_bits(prepared, monkeypatch, tmp_path, kind):
    from train import Progress, first, train  # pyright: ignore[reportMissingImports]

    name, *words = KINDS[kind]
    e = prepared(name, *SMALL, *words, "--epochs=3")
    monkeypatch.setitem(vars(e), "program", 20)
    checkpoints, steps = training.Checkpoints(tmp_path, keep=1000), []
    for step in train(e, first(e)):
        checkpoints.save(step.progress.updates, step.progress.state, notes=step.progress.notes())
        steps.append((step.progress.updates, step.metrics))
    assert len(steps) > 2 * 3, "several programs an epoch"
    for at in (0, 1, len(steps) // 2):
        state, notes = checkpoints.restore(first(e).state, steps[at][0])
        again = train(e, Progress.of(state, notes))
        assert [(s.progress.updates, s.metrics) for s in again] == steps[at + 1 :]


# Whatever ends the process


def final(folder):
    """What a run leaves that depends on no clock."""
    return [(folder / name).read_bytes() for name in ("metrics.jsonl", "samples.jsonl")]


def finish(folder):
    """Go on until the end."""
    done = subprocess.run(command("--resume", folder), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.skipif(os.name == "nt", reason="signals as on Unix")
@pytest.mark.parametrize("kills", [2, pytest.param(100, marks=slow)])
def test_kills_at_random_instants_change_nothing(tmp_path, kills):
    """Also within the write of a checkpoint: one follows on the other here."""
    words = ("vanilla", *STEADY, "--epochs=12", "--validation=0.2", "--checkpoint-seconds=0")
    words, whole = (*words, "--every=3"), tmp_path / "whole"
    begin = time.monotonic()
    subprocess.run(command(*words, "--run-dir", whole), check=True, capture_output=True)
    took, rng, left, runs = time.monotonic() - begin, random.Random(0), kills, [tmp_path / "0"]
    while left:
        cut = runs[-1]
        begun = (cut / "config.json").exists()
        asked = ("--resume", cut, "--checkpoint-seconds=0") if begun else (*words, "--run-dir", cut)
        begin, pipe = time.monotonic(), subprocess.PIPE
        process = subprocess.Popen(command(*asked), stdout=pipe, stderr=subprocess.STDOUT)
        try:
            said, _ = process.communicate(timeout=rng.uniform(0.3, 1) * took)
            assert process.returncode == 0, said.decode()
            took = took if begun else min(took, time.monotonic() - begin)
            runs.append(tmp_path / str(len(runs)))  # it was faster: the next kill is of another
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            left -= 1
    want = jax.tree.leaves(jaxrnn.load(whole / "model.safetensors")[1])
    for cut in runs:
        if not (cut / "config.json").exists():
            subprocess.run(command(*words, "--run-dir", cut), check=True, capture_output=True)
        finish(cut)
        assert final(cut) == final(whole)
        got = jax.tree.leaves(jaxrnn.load(cut / "model.safetensors")[1])
        assert all((a == b).all() for a, b in zip(got, want, strict=True))


LAUNCH = """import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where the tests run in the background
os.execv(sys.argv[1], sys.argv[1:])"""


@pytest.mark.skipif(os.name == "nt", reason="signals as on Unix")
def test_an_interrupt_within_a_long_epoch_is_kept_and_told(tmp_path):
    words = ("vanilla", "--corpus=moby_dick", *SMALL[:3], "--epochs=1", "--run-dir=run")
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, *command(*words, "--checkpoint-seconds=0")],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        kept, deadline = tmp_path / "run" / "checkpoints", time.monotonic() + 300
        while len(training.Checkpoints(kept).steps) < 2:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130 and not errors
    assert "stopped in epoch 1; to go on: python experiments/char_lm.py --resume run" in out
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
    (*_, last) = training.Checkpoints(kept).steps
    again = subprocess.Popen(
        command("--resume", "run"), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert again.stdout is not None
    told = [again.stdout.readline() for _ in range(3)][-1]
    again.kill()
    again.wait()
    assert f"going on with run in epoch 1, update {last + 1}" in told


@pytest.mark.standard_promotion
def test_one_process_at_a_time(char_lm, tmp_path):
    folder = tmp_path / "run"
    words = ["vanilla", *STEADY, "--epochs=1", f"--run-dir={folder}"]
    assert char_lm.main(words) == 0
    from run_dir import RunDir, RunDirError  # pyright: ignore[reportMissingImports]

    with RunDir(folder) as held:
        pass
    assert char_lm.main(["--resume", str(folder)]) == 0 and held.path == folder  # it is free
    held = RunDir(folder)
    with pytest.raises(RunDirError, match="is being written by another process"):
        char_lm.main(["--resume", str(folder)])
    del held


@pytest.mark.standard_promotion
def test_a_finished_run_goes_on_to_more_epochs_only_at_a_constant_rate(char_lm, tmp_path):
    short, long_ = tmp_path / "short", tmp_path / "long"
    words = ["vanilla", *STEADY, "--every=1"]
    assert char_lm.main([*words, "--epochs=2", f"--run-dir={short}"]) == 0
    assert char_lm.main([*words, "--epochs=3", f"--run-dir={long_}"]) == 0
    assert char_lm.main(["--resume", str(short), "--epochs=3"]) == 0
    assert final(short) == final(long_)
    config = json.loads((short / "config.json").read_text())
    config["training"]["schedule"] = "cosine"
    (short / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="goes by a cosine schedule of 2 epochs"):
        char_lm.main(["--resume", str(short), "--epochs=4"])


@pytest.mark.standard_promotion
def test_a_damaged_checkpoint_gives_way_to_the_one_before(char_lm, tmp_path, capsys):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    words = ["vanilla", *STEADY, "--epochs=3", "--every=1", "--checkpoint-seconds=0"]
    for folder in (whole, cut):
        assert char_lm.main([*words, f"--run-dir={folder}"]) == 0
    checkpoints = training.Checkpoints(cut / "checkpoints")
    assert len(checkpoints.steps) == 2
    for path in (cut / "checkpoints" / str(checkpoints.steps[-1])).rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    assert char_lm.main(["--resume", str(cut)]) == 0
    assert "An earlier one is taken." in capsys.readouterr().out
    assert final(cut) == final(whole)


@pytest.mark.standard_promotion
def test_a_loss_that_is_no_number_ends_the_run(char_lm, tmp_path, capsys):
    folder = tmp_path / "run"
    words = ["vanilla", *STEADY, "--optimizer=sgd", "--learning-rate=1e307", "--clip=inf"]
    assert char_lm.main([*words, f"--run-dir={folder}"]) == 4
    told = capsys.readouterr().err
    assert "the loss is " in told and "of epoch 1" in told and "--learning-rate" in told
    assert f"the last good state is kept in {folder}" in told
    model, params = jaxrnn.load(folder / "model.safetensors")
    assert training.Checkpoints(folder / "checkpoints").steps == [0]
    assert not (folder / "metrics.jsonl").exists()
    assert json.loads((folder / "config.json").read_text())["training"]["clip"] is None
    assert model.apply(params, None, jax.numpy.zeros((3,), int))[1].shape[0] == 3


@pytest.mark.standard_promotion
def test_early_stopping_keeps_the_best(char_lm, tmp_path):
    folder = tmp_path / "run"
    words = ["lstm", "--hidden-size=32", "--batch-size=4", "--num-steps=10", "--cut=600"]
    words += ["--validation=0.3", "--patience=2", "--epochs=60", "--learning-rate=0.03"]
    assert char_lm.main([*words, f"--run-dir={folder}", "--every=100"]) == 0
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    seen = [line["validation_perplexity"] for line in lines]
    assert len(seen) < 60 and len(seen) - 1 - seen.index(min(seen)) == 2
    best = training.Checkpoints(folder / "checkpoints").best
    assert best is not None and best[1] == min(seen)
    from experiment import prepare  # pyright: ignore[reportMissingImports]
    from train import measure  # pyright: ignore[reportMissingImports]

    e = prepare(*char_lm.settings.read(str(folder)))
    _, params = jaxrnn.load(folder / "model.safetensors")
    assert measure(e, params, e.parts.validation) == min(seen)


@pytest.mark.skipif(os.name == "nt", reason="limits as on Unix")
def test_a_full_disk_is_a_sentence(tmp_path):
    """A limit of the size of files stands for the disk's."""
    limit = f"import resource, sys; sys.path.insert(0, {str(EXPERIMENTS)!r}); import char_lm\n"
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
    limit += "import command; command.run(lambda: char_lm.main(sys.argv[1:]))"
    words = ("vanilla", *STEADY, "--epochs=2", "--run-dir=run")
    done = subprocess.run(
        [sys.executable, "-c", limit, *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    said = "run/checkpoints cannot take a checkpoint: File too large."
    assert said in done.stderr  # threads of orbax's may speak too, even on the same line
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        assert not path.name.isdecimal(), "no part of a checkpoint passes for one"


@pytest.mark.standard_promotion
def test_a_disk_that_is_nearly_full_is_told_before(char_lm, tmp_path, monkeypatch):
    import shutil

    free = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    with pytest.raises(training.CheckpointError, match=r"needs 0\.\d+ MB, and 0\.0 MB are free"):
        char_lm.main(["vanilla", *STEADY, f"--run-dir={tmp_path / 'run'}"])
    assert not training.Checkpoints(tmp_path / "run" / "checkpoints").steps


def test_progress_is_all_numbers(prepared):
    """What is not the state goes into JSON and comes back."""
    from train import Progress, first  # pyright: ignore[reportMissingImports]

    e = prepared("gru", *SMALL)
    at = dataclasses.replace(
        first(e), losses=(1 / 3, 2.0), stopping=training.EarlyStopping(3, best=0.1, waited=2)
    )
    again = Progress.of(at.state, json.loads(json.dumps(at.notes())))
    assert again.notes() == at.notes() and again.stopping == at.stopping
