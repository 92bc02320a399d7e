"""The tasks of experiments/tasks: in a small form by day, as they stand with `--slow`."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import jaxrnn

TASKS = Path(__file__).parents[1] / "experiments" / "tasks"

# Of each task, a few updates and what they must reach: what is out of reach without a memory or,
# for the tagger, without what comes later.
SMALL = {
    "forecasting": {"steps": 20, "reach": 2.0},
    "classification": {"steps": 50, "reach": 0.5},
    "tagging": {"steps": 50, "reach": 0.3},
    "policy": {"steps": 100, "reach": 0.3},
}


@pytest.fixture(params=SMALL)
def name(request):
    return request.param


@pytest.fixture
def task(monkeypatch, name):
    """The script as a module; as its reader runs it, JAX may broadcast and promote."""
    monkeypatch.syspath_prepend(str(TASKS))
    with jax.numpy_rank_promotion("allow"):
        yield importlib.import_module(name)


def shell(name, *words):
    """The script in a process of its own."""
    script = [sys.executable, str(TASKS / f"{name}.py"), *words]
    return subprocess.run(script, capture_output=True, text=True)


@pytest.mark.standard_promotion
def test_a_few_updates_go_a_good_way(task, name, capsys):
    assert task.main(**SMALL[name]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("reached: ")


class Forgetful(jaxrnn.GRU):
    """Sees no carry but the initial one."""

    def step(self, params, carry, x):
        return super().step(params, jax.tree.map(jnp.zeros_like, carry), x)


@pytest.mark.slow
@pytest.mark.standard_promotion
def test_what_does_not_remember_does_not_reach_it(task, name, capsys, monkeypatch):
    """Nor, in tagging, what does not look ahead: there the two networks stand beside each other."""
    if name == "tagging":
        monkeypatch.setattr(jaxrnn, "bidirectional", jaxrnn.unroll)
    else:
        monkeypatch.setattr(task, "LAYER", jaxrnn.unroll(Forgetful(32)))
    assert task.main(reach=SMALL[name]["reach"]) == 3
    assert capsys.readouterr().out.splitlines()[-1].startswith("NOT REACHED: ")


@pytest.mark.slow
def test_as_it_stands(name):
    for seed in ("0", "1"):
        done = shell(name, "--seed", seed)
        assert done.returncode == 0, done
        *lines, last = done.stdout.splitlines()
        assert 1 < len(lines) < 12 and re.match(r"reached: .* at least .* needed$", last)


def test_a_task_is_short():
    for name in SMALL:
        assert len((TASKS / f"{name}.py").read_text().splitlines()) < 120


WRONG = [
    ("policy", "--seed", "-1", "`seed` must lie in 0…4294967295, got -1."),
    ("forecasting", "--steps", "0", "`steps` must be positive, got 0."),
    ("tagging", "--stepz", "3", "--steps"),
    ("classification", "--reach", "high", "float"),
]


@pytest.mark.parametrize(
    "words", [WRONG[0], *(pytest.param(words, marks=pytest.mark.slow) for words in WRONG[1:])]
)
def test_what_it_is_not_made_for_is_told(words):
    *words, sentence = words
    done = shell(*words)
    assert done.returncode == 2 and not done.stdout
    assert sentence in done.stderr and "Traceback" not in done.stderr
