"""`python -m jaxrnn demo`, which needs nothing but the package."""

import os
import re
import subprocess
import sys

import pytest

from jaxrnn.__main__ import main


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
