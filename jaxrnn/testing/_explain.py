"""Where a cell and its NumPy twin part ways."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from jaxrnn import _checks, reference
from jaxrnn._types import Cell
from jaxrnn.testing._compare import tolerance


class Difference(NamedTuple):
    """The first value of a step that is not the twin's: `name` at `step`, place `index`."""

    step: int
    name: str
    index: tuple[int, ...]
    got: float | complex
    want: float | complex
    gates: dict[str, float]  # the twin's, at the same place

    def __str__(self) -> str:
        gates = ", ".join(f"{name} {value:.6g}" for name, value in self.gates.items())
        return (
            f"step {self.step}: {self.name}{list(self.index)} is {self.got:.17g}, "
            f"its twin says {self.want:.17g}"
        ) + (f" (the twin's gates there: {gates})" if gates else "")


def explain(cell: Cell, params: Any, carry: Any, xs: Any) -> Difference | None:
    """Step `cell` over xs (T, *batch, I) or ids (T, *batch), and beside it, from the same carry,
    its NumPy twin; a `carry` of None means the initial one. Print and return the first difference,
    by name and step, or None. Raises TypeError for what is no cell, or a cell without a twin.

    >>> from jaxrnn import testing
    >>> cell = jaxrnn.mingru(4)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> testing.explain(cell, params, cell.initial_carry(params, (2,)), jnp.ones((5, 2, 3)))
    """
    _checks.cell("explain", cell)
    twin, step = reference.twin(cell), jax.jit(cell.step)
    if carry is None:
        carry = cell.initial_carry(params, _checks.batch_shape_of(xs))
    for t, x in enumerate(np.asarray(xs)):
        ours, before = step(params, carry, x), reference.pairs(carry)
        gates = twin.gates(params, before, x)
        after, y, _ = twin.forward(params, before, x)
        want = _names(reference.whole(after, carry), y)
        carry = ours[0]
        for name, got in _names(*ours).items():
            far = ~(np.abs(got - want[name]) <= tolerance(got.dtype) * (1 + np.abs(want[name])))
            if far.any():
                at = tuple(int(i) for i in np.argwhere(far)[0])
                there = {gate: float(value[at]) for gate, value in gates.items()}
                difference = Difference(t, name, at, got[at].item(), want[name][at].item(), there)
                print(difference)
                return difference
    return None


def _names(carry: Any, y: Any) -> dict[str, np.ndarray]:
    leaves = jax.tree_util.tree_leaves_with_path(carry)
    named = {jax.tree_util.keystr(path).lstrip("."): np.asarray(a) for path, a in leaves}
    return named | {"y": np.asarray(y)}
