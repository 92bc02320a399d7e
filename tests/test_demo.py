"""`python -m jaxrnn demo`, which needs nothing but the package."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from jaxrnn import _demo
from jaxrnn.__main__ import main

EXPERIMENTS = Path(__file__).parents[1] / "experiments"


def test_its_settings_are_the_presets(monkeypatch):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import presets  # pyright: ignore[reportMissingImports]

    preset = presets.find("gru-concise")
    model, t = preset.settings.model, preset.settings.training
    assert _demo.model_of(1002) == model.language_model(1002)
    told = t.batch_size, t.num_steps, t.learning_rate, t.clip, t.optimizer, t.sampling, t.carried()
    assert told == (
        *(_demo.BATCH, _demo.STEPS, _demo.RATE, _demo.CLIP),
        *("adam", "consecutive", "epoch"),
    )


def test_what_it_is_asked_is_checked(capsys):
    with pytest.raises(SystemExit) as end:
        main(["demo", "--epochs", "0"])
    assert end.value.code == 2 and "above 0, got 0" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.standard_promotion  # optax.adam mixes dtypes
@pytest.mark.float32(only=True)  # as a reader runs it
def test_the_perplexity_falls_as_the_presets_does(capsys):
    assert main(["demo", "--epochs", "10"]) == 0
    seen = [float(p) for p in re.findall(r"perplexity ([\d.]+), ", capsys.readouterr().out)]
    assert len(seen) == 2 and seen[1] < seen[0] < 30


@pytest.mark.slow
def test_what_an_encoding_lacks_is_replaced():
    words = [sys.executable, "-m", "jaxrnn", "demo", "--epochs", "1"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "??|" in done.stdout
