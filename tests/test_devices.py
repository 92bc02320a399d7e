"""A run over several devices, and over several processes, is the run of one device to rounding."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxrnn

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
WORDS = ["vanilla", "--hidden-size=8", "--batch-size=4", "--num-steps=5", "--cut=1500"]
WORDS += ["--sampling=consecutive", "--epochs=2", "--validation=0.2", "--checkpoint-seconds=0"]


@pytest.fixture
def char_lm(monkeypatch):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import char_lm  # pyright: ignore[reportMissingImports]

    return char_lm


def metrics(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [[*json.loads(line).values()] for line in lines]


@pytest.mark.standard_promotion  # optax.adam mixes dtypes
def test_over_all_devices(char_lm, tmp_path, capsys):
    one, all_ = tmp_path / "one", tmp_path / "all"
    assert jax.device_count() == 4
    assert char_lm.main([*WORDS, f"--run-dir={one}"]) == 0
    assert char_lm.main([*WORDS, f"--run-dir={all_}", "--devices=all"]) == 0
    assert " parameters on 4 × cpu" in capsys.readouterr().out
    np.testing.assert_allclose(metrics(all_), metrics(one), rtol=1e-10)
    weights = [jax.tree.leaves(jaxrnn.load(f / "model.safetensors")[1]) for f in (one, all_)]
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    assert char_lm.main(["--resume", str(all_), "--epochs=3"]) == 0  # on one
    with pytest.raises(ValueError, match="4 devices cannot share a `batch_size` of 6"):
        char_lm.main([*WORDS, "--batch-size=6", "--devices=all", f"--run-dir={tmp_path / 'no'}"])
    assert not (tmp_path / "no").exists()


def a_free_port():
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


@pytest.mark.slow  # by day, test_data_parallel.py has two processes
def test_over_two_processes(tmp_path):
    """Of which the first alone writes."""
    port, folders = a_free_port(), [tmp_path / name for name in ("first", "second")]
    environment = os.environ | {"JAX_ENABLE_X64": "1", "XLA_FLAGS": ""}
    script = str(EXPERIMENTS / "char_lm.py")

    def begin(folder, *more):
        words = [sys.executable, script, *WORDS, f"--run-dir={folder}", *more]
        pipe = subprocess.PIPE
        return subprocess.Popen(words, env=environment, stdout=pipe, stderr=pipe, text=True)

    job = [begin(f, f"--distributed=localhost:{port},2,{i}") for i, f in enumerate(folders)]
    told = [process.communicate(timeout=300) for process in job]
    assert [process.returncode for process in job] == [0, 0], told
    assert folders[0].is_dir() and not folders[1].exists() and "epoch" not in told[1][0]
    alone = begin(tmp_path / "alone")
    said = alone.communicate(timeout=300)
    assert alone.returncode == 0, said
    np.testing.assert_allclose(metrics(folders[0]), metrics(tmp_path / "alone"), rtol=1e-10)


@pytest.mark.parametrize("told", ["here", "localhost,2,0", "localhost:x,2,0", "localhost:1,2,2"])
def test_a_job_is_told_whole(char_lm, told):
    with pytest.raises(ValueError, match="must be auto or HOST:PORT,COUNT,INDEX"):
        char_lm.main([*WORDS, f"--distributed={told}"])
