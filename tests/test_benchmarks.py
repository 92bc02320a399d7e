"""The benchmarks, at toy sizes: what is timed is what a plain scan computes, and the bound has the
products that it says. Nothing here looks at a clock."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import chex
import jax
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import __main__ as command
from benchmarks import bounds, cases, costs, cpu, layers, page, turns, workloads
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
            made = cpu.checked(worker, {}, by_name(name), "jaxrnn", worker)
            assert made.facts["error"] < cases.TOLERANCE
            assert min(made.turn()["seconds"]) > 0
        wrong = {(cases.cell_of("jaxrnn", by_name(name)), False): {"out": np.ones((1, 5, 3, 8))}}
        build = {"jaxrnn": lambda: cpu.checked(worker, wrong, by_name(name), "jaxrnn", worker)}
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
@pytest.mark.parametrize("name", layers.OWN)
@pytest.mark.parametrize("by", ["jaxrnn", "Flax"])
def test_a_cell_of_ones_own_is_the_same_everywhere(name, by):
    """What is timed side by side computes the same."""
    cell = layers.OWN[name](6)
    own = layers.Own(*(getattr(cell, field) for field in layers.NAMES))
    params, xs = own.init(jax.random.key(0), 6), jax.random.normal(jax.random.key(1), (5, 3, 6))
    with jax.numpy_rank_promotion("allow"):  # as users have it
        (got, got_pull), (want, want_pull) = (
            jax.vjp(layers.BY[each](own), params, xs) for each in (by, 'engine="scan"')
        )
        chex.assert_trees_all_close((got, got_pull(want)), (want, want_pull(want)), rtol=1e-5)


def test_what_a_framework_does_not_train_is_zero_in_its_member():
    w = by_name("dense-gru-256-backward")
    inside = cases.case("flax_linen", w).params.b_h
    assert not inside[:16].any() and inside[16:].all()
    assert cases.case("jaxrnn", w).params.b_h.all()


@pytest.mark.parametrize("module", [cpu, costs, layers], ids=lambda m: m.__name__)
def test_a_run_cut_off_before_its_first_row_has_a_page(module):
    name = module.__name__.rpartition(".")[2]
    document = json.loads((page.RESULTS / f"{name}.json").read_text("utf-8"))
    told = module.render(document | {"rows": {}, "interrupted": True})
    assert "Interrupted: only what was finished is here." in told


def test_rows_are_added_to_those_of_the_same_machine():
    chosen = SimpleNamespace(rounds=2, toy=True, force=False)
    first = page.begun("first", chosen, {}) | {"rows": {"a": {}, "b": {}}}
    second = page.added(page.begun("second", chosen, {}), first)
    third = page.added(page.begun("third", chosen, {}), second)
    assert [*third["rows"]] == ["a", "b"]
    assert [run["command"] for run in third["before"]] == ["first", "second"]
    told = page.page("title", third)
    assert all(f"- `{run}`" in told for run in ("first", "second", "third"))
    assert page.added(page.begun("fourth", chosen, {}), first | {"forced": True})["forced"]
    for what, other in {"versions": {"jax": "0.1"}, "toy": False, "facts": {"T": 5}}.items():
        with pytest.raises(ValueError, match=f"another {what}"):
            page.added(page.begun("fourth", chosen, {}), first | {what: other})


def test_a_run_adds_its_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "RUNS", tmp_path)

    def rows(chosen):
        yield chosen.row, {"it": turns.once(lambda: {"seconds": 1.0})}

    def render(document):
        return page.page("title", document)

    module = SimpleNamespace(rows=rows, render=render)
    chosen = SimpleNamespace(rounds=1, toy=True, force=True, wait=0, out=tmp_path / "a.json")
    for row, add in (("a", False), ("b", True), ("a", True)):
        chosen.row, chosen.add = row, add
        assert command.measure(module, chosen, f"run {row}") == 0
    document = json.loads(chosen.out.read_text("utf-8"))
    assert [*document["rows"]] == ["a", "b"] and len(document["before"]) == 2
