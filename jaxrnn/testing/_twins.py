"""Laws of meaning: a layer is what its formula says, in NumPy."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from jaxrnn import reference
from jaxrnn.testing._case import Answer, Case
from jaxrnn.testing._compare import same, tolerance
from jaxrnn.testing._law import law
from jaxrnn.testing._trees import known, unrolls
from jaxrnn.testing._truth import direction, inner

H = 1e-20  # its square is lost next to any number: the complex step rounds nothing off


def has_twin(layer: Any) -> bool:
    """Made of the library's own cells and layers, which the NumPy reference knows."""
    cells = [leaf.cell for leaf in unrolls(layer)] if known(layer) else [layer]
    if not all(type(cell).__module__.startswith("jaxrnn.") for cell in cells):
        return False
    try:
        reference.twin(layer)
    except TypeError:
        return False
    return True


def has_backward(layer: Any) -> bool:
    """Its twin also has the gradients, derived by hand."""
    return has_twin(layer) and reference.twin(layer).has_backward


def by_reference(case: Case, valid: Any = None, fresh: Any = None) -> Answer:
    """The NumPy reference's answer, in float64."""
    twin = reference.twin(case.layer)
    carry, ys, tape = twin.forward(case.params, case.carry, case.xs, valid, fresh)
    return Answer(carry, ys, *twin.backward(case.params, tape, case.dcarry, case.dys))


@law(fits=has_backward)
def equals_its_twin(case: Case) -> None:
    """Outputs and all gradients are those of the NumPy reference, which derives them by hand."""
    same(case.answer(), by_reference(case))


@law(fits=has_backward)
def equals_its_twin_with_gaps(case: Case) -> None:
    """The same with random invalid steps and random beginnings of documents."""
    got = case.answer(mask=case.valid, resets=case.fresh)
    same(got, by_reference(case, case.valid, case.fresh))


@law(fits=has_twin)
def slopes_are_its_twins(case: Case) -> None:
    """Outputs are those of the NumPy reference, and ⟨gradient, d⟩, along a random d in each leaf,
    is the slope of ⟨cotangents, outputs⟩ there, by the reference's complex step."""
    _outputs_and_slopes(case, case.answer())


@law(fits=has_twin)
def slopes_are_its_twins_with_gaps(case: Case) -> None:
    """The same with random invalid steps and random beginnings of documents."""
    got = case.answer(mask=case.valid, resets=case.fresh)
    _outputs_and_slopes(case, got, case.valid, case.fresh)


def _outputs_and_slopes(case: Case, got: Answer, *gaps: Any) -> None:
    real = case.but(carry=reference.pairs(case.carry))
    carry, ys = _says(real, gaps)
    want = Answer(reference.whole(carry, case.carry), ys, None, None, None)
    same(got._replace(dparams=None, dcarry=None, dxs=None), want)
    rng = np.random.default_rng(4)
    for name in ("params", "carry", "xs"):
        leaves, tree = jax.tree_util.tree_flatten_with_path(getattr(case, name))
        gradients = jax.tree.leaves(getattr(got, f"d{name}"))
        for i, ((path, leaf), gradient) in enumerate(zip(leaves, gradients, strict=True)):
            way = direction(rng, leaf)
            there = [reference.pairs(a) for _, a in leaves]
            there[i] = there[i] + H * 1j * reference.pairs(way)
            slope = _slope(real.but(**{name: tree.unflatten(there)}), gaps)
            what = f"d{name}{jax.tree_util.keystr(path)} along a direction"
            size = 1 + np.abs(gradient * way).sum()  # of what is summed, and rounds as it does
            got_and_want = {what: inner(gradient, way) / size}, {what: slope / size}
            same(*got_and_want, within=tolerance(gradient.dtype))


def _says(case: Case, gaps: tuple) -> tuple[Any, Any]:
    """The twin's carry and ys; what is complex in the layer's carry, in pairs of reals."""
    return reference.twin(case.layer).forward(case.params, case.carry, case.xs, *gaps)[:2]


def _slope(case: Case, gaps: tuple) -> Any:
    """That of ⟨cotangents, outputs⟩, where the case is moved by iH; Re(a b) = ⟨pair of a's
    conjugate, pair of b⟩."""
    cotangents = reference.pairs(jax.tree.map(np.conj, case.dcarry)), case.dys
    return inner(jax.tree.map(np.imag, _says(case, gaps)), cotangents) / H
