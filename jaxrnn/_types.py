"""What a cell is, what a layer is, and the letters that every docstring uses.

The letters
-----------
T  time steps, always the leading axis of a sequence
B  batch; ``*batch`` is any number of batch axes, also none
I  input features, the trailing axis of ``xs``
H  hidden features (``hidden_size``)
G  gates: 4 for the LSTM, 3 for the GRU, 1 for the vanilla cell
V  vocabulary: the number of distinct tokens

One shape serves everything recurrent: ``(params, carry, x) -> (carry, y)``, so that
``functools.partial(cell.step, params)`` *is* the body of a ``jax.lax.scan``.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax

Array = jax.Array
Params = Any  # a pytree of arrays: a frozen dataclass for a cell, tuples of those above it
Carry = Any  # a pytree of arrays, each leading with ``*batch``


@runtime_checkable
class Cell(Protocol):
    """One instant of a recurrence. Anything with these four works in every layer; what has
    `apply` too is a layer (those that walk forwards have a `step`), and no cell.

    A cell whose `step` also reads token ids, x (*batch) of integers, says ``takes_tokens = True``.

    >>> isinstance(jaxrnn.lstm(5), jaxrnn.Cell), isinstance(jaxrnn.lstm(5), jaxrnn.Layer)
    (True, False)
    """

    @property
    def output_size(self) -> int:
        """Features of ``y``."""
        ...

    def init(self, key: Array, input_size: int, dtype: Any = None) -> Params:
        """Fresh params for inputs of `input_size` features."""
        ...

    def initial_carry(self, params: Params, batch_shape: tuple[int, ...] = ()) -> Carry:
        """The carry before the first step; every leaf leads with `batch_shape`."""
        ...

    def step(self, params: Params, carry: Carry, x: Array) -> tuple[Carry, Array]:
        """One instant: x (*batch, I) -> y (*batch, output_size)."""
        ...


@runtime_checkable
class Layer(Protocol):
    """A walk through all of time. Combinators take layers and return layers.

    A layer of one's own may also have a `step` as a cell has it, the walk of one instant:
    `Stack.step` asks it of each of its layers.

    >>> isinstance(jaxrnn.unroll(jaxrnn.lstm(5)), jaxrnn.Layer)
    True
    """

    @property
    def output_size(self) -> int:
        """Features of ``ys``."""
        ...

    def init(self, key: Array, input_size: int, dtype: Any = None) -> Params:
        """Fresh params for inputs of `input_size` features."""
        ...

    def initial_carry(self, params: Params, batch_shape: tuple[int, ...] = ()) -> Carry:
        """The carry before the first step; every leaf leads with `batch_shape`."""
        ...

    def apply(
        self,
        params: Params,
        carry: Carry | None,
        xs: Array,
        *,
        lengths: Array | None = None,
        mask: Array | None = None,
        resets: Array | None = None,
        key: Array | None = None,
    ) -> tuple[Carry, Array]:
        """xs (T, *batch, I), or token ids (T, *batch) -> carry, ys (T, *batch, output_size); the
        rest as :func:`unroll` tells it."""
        ...


class Follows(int):
    """A flag that was not given: True or False as another field has it. `dataclasses.replace` hands
    it on as it is, neither True nor False, so that the new object may follow anew."""

    def __repr__(self) -> str:
        return repr(bool(self))


def brief(self: Any) -> str:
    """The repr of a frozen dataclass without the fields that are at their defaults."""
    values = [(field, getattr(self, field.name)) for field in dataclasses.fields(self)]
    told = [
        f"{field.name}={value!r}"
        for field, value in values
        if value != field.default and not isinstance(value, Follows)
    ]
    return f"{type(self).__name__}({', '.join(told)})"


class When(NamedTuple):
    """Which instants count, as booleans (T, *batch), or None: then absent from the program.

    valid: the step happens; elsewhere the carry is held and the output is padding.
    fresh: a document begins here; the carry before it must not be seen.
    zone: a carry of factors that lead with T: how much of each unit of the old carry is held.
    """

    valid: Array | None = None
    fresh: Array | None = None
    zone: Any = None
