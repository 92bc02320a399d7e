"""The cell of experiments/paper_cell.py: its equations, its length, and every law."""

import inspect
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxrnn
from jaxrnn.testing import LAWS, check_cell, draw, same

I, H = 3, 4


@pytest.fixture
def paper_cell(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "experiments"))
    import paper_cell  # pyright: ignore[reportMissingImports]

    return paper_cell


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


@pytest.mark.float32
@pytest.mark.parametrize("reverse", [False, True])
def test_it_is_the_papers_equations_in_a_loop(paper_cell, reverse):
    """f = σ(W_f [h, x] + b_f), n = tanh(W_h [f ⊙ h, x] + b_h), h' = (1 - f) ⊙ h + f ⊙ n, row by
    row, as long as the row is, each document from nothing but the first, from the carry."""
    case = draw(jaxrnn.unroll(paper_cell.MinimalGatedUnit(H), reverse), I, 0)
    lengths = np.array([7, 0, 1, 4, 6, 5], np.int32)
    got = case.answer(lengths=lengths, resets=case.fresh)
    weights = np.concatenate([case.params["w_h"], case.params["w_x"]]).astype(np.float64)
    (w_f, w_n), (b_f, b_n) = (np.split(a, 2, -1) for a in (weights, case.params["b"]))
    ys, ends = np.zeros(case.dys.shape), []
    for row, h in enumerate(case.carry.h.astype(np.float64)):
        for t in range(case.steps)[:: -1 if reverse else 1]:
            h = np.zeros(H) if case.fresh[t, row] and not reverse else h
            if t < lengths[row]:
                x = case.xs[t, row]
                f = sigmoid(np.concatenate([h, x]) @ w_f + b_f)
                n = np.tanh(np.concatenate([f * h, x]) @ w_n + b_n)
                ys[t, row] = h = (1 - f) * h + f * n
            h = np.zeros(H) if case.fresh[t, row] and reverse else h
        ends.append(h)
    same((got.carry.h, got.ys), (np.stack(ends), ys))


def test_it_takes_less_than_thirty_lines(paper_cell):
    lines, _ = inspect.getsourcelines(paper_cell.MinimalGatedUnit)
    assert len(lines) < 30


@pytest.mark.slow
def test_every_law_holds(paper_cell, capsys, monkeypatch):
    """All that fit the cell walked one way, and those of depth and of both directions."""
    cell = paper_cell.MinimalGatedUnit(H)
    held = set(check_cell(cell))
    alone = {name for name, law in LAWS.items() if law.fits(jaxrnn.unroll(cell))}
    assert held >= alone | {"mirror", "bidirectional_is_two_unrolls", "stack_is_composition"}
    monkeypatch.setattr(paper_cell, "check_cell", lambda cell: held)
    with jax.numpy_dtype_promotion("standard"):
        paper_cell.main()
    assert f"{len(held)} laws held" in capsys.readouterr().out
