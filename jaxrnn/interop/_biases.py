"""Two biases, one, or one and a candidate's: what a library has of them, and what that changes.

Outputs depend on the sums of biases alone (but for the candidate's, inside r ⊙ (…) of a GRU that
resets after the product); training does not: where two biases are trained, plain SGD moves their
sum twice as far. So none is added to another, or split, unless it is asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxrnn import cells
from jaxrnn._checks import quote
from jaxrnn.interop._form import InteropError

SUMMED = (
    "two biases became their sum: outputs are the same, but plain SGD moves a sum of two trained "
    "biases twice as far as one bias"
)
FILLED = (
    "a second bias of zeros was added: outputs are the same, but where both are trained, plain SGD "
    "moves their sum twice as far"
)
MISSING = "there is no bias there; here it is zero, and would be trained"


def notes_of_missing(has_bias: bool) -> tuple[str, ...]:
    return () if has_bias else (MISSING,)


@dataclasses.dataclass
class Biases:
    """How biases go to `library`, whose modules have them or not (`bias`). `equivalent` allows
    other biases with the same outputs."""

    library: str
    equivalent: bool = False
    bias: bool = True
    notes: set[str] = dataclasses.field(default_factory=set)
    second: bool = False  # whether the cell written last has a second bias there

    def writing(self, write_cell: Callable) -> Callable:
        """``write_cell(cell, params, self)``, with the cell that the library then has."""

        def write(cell: Any, params: Any) -> tuple[Any, Any]:
            native = write_cell(cell, params, self)
            return dataclasses.replace(cell, recurrent_bias=self.second), native

        return write

    def two(self, cell: Any, params: Any) -> tuple[Any, Any]:
        """b and b_h, both (G·H); or None twice."""
        self.second = self.bias
        if self._none(cell, params):
            return None, None
        if params.b_h is not None:
            return params.b, params.b_h
        self._allow(cell, FILLED, "has two biases", "recurrent_bias=True")
        return params.b, np.zeros_like(params.b)

    def one(self, cell: Any, params: Any) -> Any:
        """b (G·H), or None."""
        self.second = False
        if self._none(cell, params):
            return None
        b_h = getattr(params, "b_h", None)
        if b_h is None:
            return params.b
        if _resets_after(cell):
            inside = np.asarray(b_h)[2 * cell.hidden_size :]
            if np.any(inside):
                raise InteropError(
                    f"{self.library} has no bias inside r ⊙ (h W_h + b_h), but {quote(cell)} has: "
                    f"make it with recurrent_bias=False."
                )
        self._allow(cell, SUMMED, "has one bias", "recurrent_bias=False")
        return params.b + b_h

    def with_candidate(self, cell: Any, params: Any) -> tuple[Any, Any]:
        """b (3H) of a GRU, and that inside r ⊙ (…) of its candidate, (H)."""
        self.second = self.bias
        H = cell.hidden_size
        if self._none(cell, params):
            return None, None
        if params.b_h is None:
            self._allow(cell, FILLED, "has a bias in r ⊙ (h W_h + b_h)", "recurrent_bias=True")
            return params.b, np.zeros_like(params.b[:H])
        outside = np.asarray(params.b_h)[: 2 * H]
        b = np.array(params.b)
        if np.any(outside):
            self._allow(cell, SUMMED, "has one bias of r and z", None)
            b[: 2 * H] += outside
        return b, params.b_h[2 * H :]

    def _none(self, cell: Any, params: Any) -> bool:
        if self.bias:
            return False
        for name in ("b", "b_h"):
            b = getattr(params, name, None)
            if b is not None and np.any(np.asarray(b)):
                raise InteropError(
                    f"`{name}` of {quote(cell)} is not zero, so bias=False would lose it: leave "
                    f"bias=True."
                )
        self.notes.add(MISSING)
        return True

    def _allow(self, cell: Any, note: str, what: str, field: str | None) -> None:
        if not self.equivalent:
            other = f", or make the cell with {field}" if field else ""
            raise InteropError(
                f"{self.library} {what}, unlike {quote(cell)}: with equivalent=True outputs are "
                f"the same and training differs{other}."
            )
        self.notes.add(note)


def _resets_after(cell: Any) -> bool:
    return isinstance(cell, cells.GRU) and cell.reset == "after"
