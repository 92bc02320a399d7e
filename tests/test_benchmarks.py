"""The benchmarks, at toy sizes: what is timed is what the reference computes, and the bound has the
products that it says. Nothing here looks at a clock."""

import dataclasses
import shutil
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import __main__ as command
from benchmarks import bounds, cases, cpu, page, turns, workloads, your_cell
from benchmarks.worker import Worker
from benchmarks.workloads import WORKLOADS, Workload, flops, toy

BOUNDED = [w for w in WORKLOADS if w.kind != "gemm"]


def by_name(name: str) -> Workload:
    return toy(next(w for w in WORKLOADS if w.name == name))


def multiplied(jaxpr) -> int:
    """FLOPs of every dot_general, those in a scan as often as it runs."""
    total = 0
    for equation in jaxpr.eqns:
        inner = [p for p in equation.params.values() if hasattr(p, "jaxpr")]
        times = equation.params.get("length", 1)
        total += times * sum(multiplied(closed.jaxpr) for closed in inner)
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            shape = equation.invars[0].aval.shape
            depth = np.prod([shape[axis] for axis in contracted], dtype=int)
            total += 2 * depth * equation.outvars[0].aval.size
    return int(total)


@pytest.mark.parametrize("w", BOUNDED, ids=lambda w: w.name)
def test_bound_has_just_the_products_that_the_floor_counts(w):
    w = toy(w)
    shapes = jax.eval_shape(lambda: jax.tree.map(jax.numpy.asarray, bounds.arguments(w)))
    jaxpr = jax.make_jaxpr(lambda a: bounds.products(w, a))(shapes)
    assert multiplied(jaxpr.jaxpr) == flops(w)


@pytest.mark.parametrize("name", ["both-ways-lstm", "dense-gru-256-backward"])
def test_no_product_of_the_bound_is_compiled_away(name):
    w = by_name(name)
    arguments = jax.tree.map(jax.numpy.asarray, bounds.arguments(w))
    lowered = jax.jit(lambda a: bounds.products(w, a)).lower(arguments)
    said = lowered.as_text().count("stablehlo.dot_general")
    compiled = lowered.compile().as_text() or ""
    assert compiled.count(" dot(") == said > 0


def test_jaxrnn_worker_is_checked_and_a_mismatch_is_an_error():
    with Worker() as worker:
        for name in ("lyrics-gru", "dense-lstm-256-forward"):
            made = cpu.checked(worker, "jaxrnn", by_name(name), {})
            assert made.facts["error"] < cases.TOLERANCE
            assert min(made.turn()["seconds"]) > 0
        wrong = {(cases.cell_of("jaxrnn", by_name(name)), False): {"out": np.ones((1, 5, 3, 8))}}
        build = {"jaxrnn": lambda: cpu.checked(worker, "jaxrnn", by_name(name), wrong)}
        row = turns.Row(build, rounds=1, patient=False)
    assert "ValueError: out is off by" in row.told["jaxrnn"]["failed"]
    assert page.errors({"rows": {name: row.told}}) and not row.taken["jaxrnn"]


def test_a_turn_that_was_disturbed_does_not_count():
    taken = [({"seconds": [3.0, 5.0]}, False), ({"seconds": [1.0]}, True)]
    told = turns._summary(taken)
    assert told["seconds"] == {"least": 3.0, "median": 4.0, "calls": 2}
    assert page.number(told) == "3000"
    assert page.number(turns._summary(taken[1:])) == "1000†"


def test_every_workload_has_its_own_name_and_work():
    assert len({w.name for w in WORKLOADS}) == len(WORKLOADS)
    assert len({dataclasses.replace(w, name="") for w in WORKLOADS}) == len(WORKLOADS)


def test_what_names_nothing_is_refused():
    with pytest.raises(ValueError, match="lyrcs"):
        workloads.select(["lyrcs"])
    with pytest.raises(ValueError, match="cpus"):
        command.main(["cpus"])


@pytest.mark.parametrize("name", command.NAMES)
def test_a_page_is_what_its_summary_says(name, tmp_path):
    """It is rendered from the JSON alone, and nobody edited it."""
    copy = tmp_path / "copy.json"
    shutil.copy(page.RESULTS / f"{name}.json", copy)
    assert command.main(["page", name, "--out", str(copy)]) == 0
    want = (page.RESULTS / f"{name}.md").read_text("utf-8")
    assert copy.with_suffix(".md").read_text("utf-8") == want


@pytest.mark.slow
@pytest.mark.float32(only=True)  # as it is measured
def test_a_cell_of_ones_own_is_the_same_everywhere(monkeypatch):
    """Contestants that compute something else are refused."""
    with jax.numpy_rank_promotion("allow"):  # as users have it
        for cell in your_cell.CELLS.values():
            for by in ("jaxrnn", "Flax"):
                your_cell.build(by, your_cell.own(cell(6)), True, 5, 3, 6)
        right = your_cell.in_flax(your_cell.own(cell(6)))
        monkeypatch.setitem(your_cell.BY, "Flax", lambda cell: lambda p, xs: 2 * right(p, xs))
        with pytest.raises(ValueError, match="Flax computes something else"):
            your_cell.build("Flax", your_cell.own(cell(6)), True, 5, 3, 6)
