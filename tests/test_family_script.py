"""experiments/family.py: what it asks of each cell, and the page that it writes."""

import json
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

EXPERIMENTS = Path(__file__).parents[1] / "experiments"


@pytest.fixture
def family(monkeypatch):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import family  # pyright: ignore[reportMissingImports]

    return family


def test_every_model_has_as_many_parameters(family):
    for cell in ("mingru", "projection_lstm", "lru"):
        lm, hidden_size = family.sized(cell, 90, 1_000_000)
        assert abs(family.parameters(lm) / 1_000_000 - 1) < 0.05
        assert hidden_size % 8 == 0


@pytest.fixture
def memory(monkeypatch):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import long_memory  # pyright: ignore[reportMissingImports]

    return long_memory


def test_what_is_to_be_added_is_marked_twice(memory):
    xs, sums = memory.adding(np.random.default_rng(0), 30, 2)
    assert xs.shape == (2, 30, memory.BATCH, 2)
    assert (xs[..., 1].sum(1) == 2).all() and (xs[:, :3, :, 1].sum(1) == 1).all()
    np.testing.assert_allclose((xs[..., 0] * xs[..., 1]).sum(1), sums, rtol=1e-6)


def test_what_is_to_be_copied_comes_first(memory):
    tokens, word = memory.copying(np.random.default_rng(0), 30, 2)
    assert tokens.shape == (2, 30 + 2 * memory.WORD, memory.BATCH)
    np.testing.assert_array_equal(tokens[:, : memory.WORD], word)
    assert (tokens[:, memory.WORD : -memory.WORD] == memory.LETTERS).all()
    assert word.max() < memory.LETTERS


def test_the_page_is_made_of_all_that_was_measured(family, tmp_path):
    told = {
        "language-gru-0": {"bits": 2.5},
        "language-gru-1": {"bits": 2.7},
        "language-lru-0": {"bits": 2.0},
        "adding-10-gru-0": {"error": 0.01},
    }
    numbers = {
        "hidden_size": 8,
        "parameters": 1_000,
        "tokens_per_second": 12_345.6,
        "first_call_seconds": 1.5,
        "milliseconds_per_character": 0.25,
    }
    for name, measured in told.items():
        more = numbers if name.startswith("language") else {}
        (tmp_path / f"{name}.json").write_text(json.dumps({"measured": name, **more, **measured}))
    page = tmp_path / "page.md"
    sys.modules["family_page"].write(tmp_path, page, family.LAGS)
    written = page.read_text()
    assert "| `gru` | 8 | 1,000 | 2.600 (2.500–2.700) | 12,346 | 0.25 | 1.5 |" in written
    assert written.index("`lru`") < written.index("`gru`")  # the best first
    assert "| `gru` | 0.010 |  |  |  |" in written
    assert {p.name for p in tmp_path.glob("*.svg")} == {"page.language.svg", "page.adding.svg"}


@pytest.mark.slow
def test_a_small_one_goes_on_where_it_stopped(family, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(family, "LAGS", (10,))
    monkeypatch.setattr(family, "CHUNK", 2)
    options = family.Options(
        only=("mingru",), seeds=1, parameters=30_000, updates=4, problem_updates=50, runs=tmp_path
    )
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        assert family.main(options) == 0
        first = capsys.readouterr().out.splitlines()
        assert len(first) == 3 and 2 < json.loads(first[0])["bits"] < 7
        assert family.main(options) == 0
        assert capsys.readouterr().out == ""
