"""The laws that every recurrent cell and layer keeps, for our tests and for your own cell.

All of them at once::

    from jaxrnn.testing import check_cell

    def test_my_cell():
        check_cell(MyCell(4))

or one test a law::

    @pytest.mark.parametrize("law", LAWS.values(), ids=str)
    def test_my_layer(law):
        if law.fits(layer):
            law(layer)

A law that does not hold raises an AssertionError that names itself, the leaf (its pytree path),
both values and, in a leaf that leads with time, the first time step. `explain` steps a cell of
jaxrnn's beside its NumPy twin.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import jax

from jaxrnn import _checks, engine
from jaxrnn._types import Cell, Layer
from jaxrnn.layers import bidirectional, stack, unroll
from jaxrnn.testing import _gaps, _time, _transforms, _truth, _twins
from jaxrnn.testing._case import Answer, Case, draw
from jaxrnn.testing._compare import same
from jaxrnn.testing._explain import Difference, explain
from jaxrnn.testing._law import Law, laws_of
from jaxrnn.testing._read import surprises

__all__ = [
    "check_cell",
    "check_layer",
    "LAWS",
    "Law",
    "Case",
    "Answer",
    "draw",
    "same",
    "explain",
    "Difference",
]

LAWS = laws_of(_gaps, _time, _transforms, _twins, _truth)

# How a cell's layers are told apart from the cell: these laws see direction, depth and both ways.
COMBINED = (
    "fast_is_plain_with_gaps",
    "stack_is_composition",
    "bidirectional_is_two_unrolls",
    "reversed_is_flipped",
    "mirror",
    "packed_documents_never_meet",
    "held_padding_repeats",
    "what_is_kept_changes_nothing",
)


def check_cell(cell: Cell, *, input_size: int = 3, seed: int = 0) -> tuple[str, ...]:
    """Every law on ``unroll(cell)``, and those of direction and depth on what is built of it.

    Prints what the engine read in the cell's step (`jaxrnn.engine.explain`), and warns where its
    author may think otherwise: it cannot be read, closes over an array, or changes with the batch.
    The names of the laws that hold; AssertionError at the first that does not, TypeError for what
    is no cell, or has params or a carry of integers. Compiling takes most of its time, minutes for
    a large cell: ``LAWS["fast_is_plain"](unroll(cell))`` asks one alone.

    >>> class Mixed(jaxrnn.MinGRU):                          # its rows are not independent
    ...     def step(self, params, carry, x):
    ...         return super().step(params, carry, x - x.mean(axis=0))
    >>> jaxrnn.testing.check_cell(Mixed(4))
    Traceback (most recent call last):
        ...
    AssertionError: law `each_row_has_its_length` broken by Unroll(cell=Mixed(hidden_size=4)): ...
    """
    _checks.cell("check_cell", cell)
    engine.explain(cell, input_size)
    for told in surprises(cell, input_size):
        warnings.warn(told, stacklevel=2)
    held = check_layer(unroll(cell), input_size=input_size, seed=seed)
    for layer in (
        unroll(cell, reverse=True),
        bidirectional(cell),
        stack([unroll(cell), unroll(cell, reverse=True)]),
    ):
        held += check_layer(layer, input_size=input_size, seed=seed, laws=COMBINED)
    return tuple(dict.fromkeys(held))


def check_layer(
    layer: Layer, *, input_size: int = 3, seed: int = 0, laws: Iterable[str] | None = None
) -> tuple[str, ...]:
    """Every law that fits `layer` (or those of `laws`, by name), on random data of `seed`; the
    names of those that hold. AssertionError at the first that does not, TypeError for what is no
    layer, ValueError for an unknown law. Layers of 16-bit products (`matmul_dtype`) keep the laws
    no closer than they round, and are not judged so.

    >>> from jaxrnn import testing
    >>> layer = jaxrnn.unroll(jaxrnn.mingru(4))
    >>> testing.check_layer(layer, laws=["two_parts_are_the_whole"])
    ('two_parts_are_the_whole',)
    """
    _checks.layer("check_layer", layer)
    chosen: Any = [
        LAWS[_checks.one_of("laws", name, tuple(LAWS))] for name in (LAWS if laws is None else laws)
    ]
    fitting = [law for law in chosen if law.fits(layer)]
    if not jax.config.read("jax_enable_x64"):
        warnings.warn(
            "in float32 the gradients are not held against finite differences: "
            "set JAX_ENABLE_X64=1 for every law.",
            stacklevel=2,
        )
    for law in fitting:
        law(layer, input_size=input_size, seed=seed)
    return tuple(law.name for law in fitting)
