"""The benchmarks, at toy sizes: what is timed is what the reference computes, and the bound has the
products that it says. Nothing here looks at a clock."""

import dataclasses
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import bounds, truth, weights, workloads, your_cell
from benchmarks.harness import Harness
from benchmarks.resident import Resident
from benchmarks.workloads import PEAK, WORKLOADS, Workload, flops, toy

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
    shapes = jax.eval_shape(lambda: jax.tree.map(jax.numpy.asarray, bounds._arguments(w)))
    jaxpr = jax.make_jaxpr(lambda a: bounds.products(w, a))(shapes)
    assert multiplied(jaxpr.jaxpr) == flops(w)


@pytest.mark.parametrize("name", ["both-ways-lstm", "dense-gru-256-backward"])
def test_no_product_of_the_bound_is_compiled_away(name):
    w = by_name(name)
    arguments = jax.tree.map(jax.numpy.asarray, bounds._arguments(w))
    lowered = jax.jit(lambda a: bounds.products(w, a)).lower(arguments)
    said = lowered.as_text().count("stablehlo.dot_general")
    compiled = lowered.compile().as_text() or ""
    assert compiled.count(" dot(") == said > 0


def test_jaxrnn_worker_is_checked_and_a_mismatch_is_an_error():
    harness = Harness(["jaxrnn"], rounds=1, patient=False, save=lambda results: None)
    try:
        for name in ("lyrics-gru", "dense-lstm-256-forward"):
            built = harness._build(by_name(name))
            assert {k: c["status"] for k, c in built.items()} == {"jaxrnn": "ok", "bound": "ok"}
        want = {"ys": np.ones(3)}
        assert harness._judge(PEAK, "jaxrnn", {}, {"ys": np.ones(3) + 1e-4}, want)["status"] == (
            "mismatch"
        )
        assert len(harness.results["errors"]) == 1
    finally:
        harness.close()


def test_variants_are_the_same_function_in_another_form():
    """One bias, or two: the same outputs, so that peers start from the same model."""
    w = by_name("dense-gru-256-backward")
    made, inputs = weights.make_weights(w), weights.make_inputs(w)
    variant = weights.Variant("candidate")
    own = truth.truth(w, variant, made, inputs)
    other = truth.truth(w, truth.shared(w, variant), made, inputs)
    assert not truth.beyond(truth.errors(truth.in_form(other, variant), own))
    assert not own["d.0.forward.b_h"][: 2 * w.H].any()


def test_every_workload_has_its_own_name_and_work():
    assert len({w.name for w in WORKLOADS}) == len(WORKLOADS)
    assert len({dataclasses.replace(w, name="") for w in WORKLOADS}) == len(WORKLOADS)


def test_unknown_framework_is_told_not_raised():
    with Resident("no_such_framework") as worker:
        assert not worker.installed
        assert "no_such_framework" in worker.hello["not installed"]


def test_a_pattern_that_names_nothing_is_refused():
    with pytest.raises(ValueError, match="lyrcs"):
        workloads.select(["lyrcs"])


@pytest.mark.slow
@pytest.mark.float32(only=True)  # as it is measured
def test_a_cell_of_ones_own_is_the_same_everywhere(monkeypatch):
    """`measure` refuses contestants that compute something else."""
    for name, size in {"T": 5, "B": 3, "D": 6, "H": 6}.items():
        monkeypatch.setattr(your_cell, name, size)
    with jax.numpy_rank_promotion("allow"):  # as users have it
        for cell in (your_cell.MGU(6), your_cell.Peephole(6)):
            taken = your_cell.measure(cell, rounds=1)
            assert all({"jaxrnn", "plain scan", "Flax"} <= {*of} for of in taken.values())
        right = your_cell.flax_peephole
        monkeypatch.setattr(your_cell, "flax_peephole", lambda p, xs: 2 * right(p, xs))
        with pytest.raises(ValueError, match="Flax computes something else"):
            your_cell.measure(your_cell.Peephole(6), rounds=1)
