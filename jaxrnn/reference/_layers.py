"""Layers walk time: unroll one cell, read both ways, stack.

    forward(params, carry, xs, valid=None, fresh=None) -> carry, ys, tape
    backward(params, tape, dcarry, dys) -> dparams, dcarry, dxs

`xs` is `(T, *batch, I)`, or token ids `(T, *batch)`, for which `dxs` is None. A carry of None means
the initial one. Two boolean arrays `(T, *batch)` say what the times mean: *valid*, that there is
input at t; *fresh*, that a document begins at t. Every layer of a stack is handed the same two.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast, get_args

import numpy as np

from ._arithmetic import (
    Array,
    check_batch,
    choose,
    double,
    like_carry,
    like_params,
    rows,
    select,
    weights,
    zeros_like,
)
from ._cell import Cell
from ._merge import Merge, merged, unmerged
from ._trees import each

Padding = Literal["zero", "held"]


class UnrollTape(NamedTuple):
    steps: dict[int, Any]
    shape: tuple[int, ...]
    tokens: bool
    valid: Array
    fresh: Array


@dataclass(frozen=True)
class Unroll:
    """The loop `carry, ys[t] = cell(params, carry, xs[t])`, in the order of time or its reverse.

    At an invalid t the input is not read, the carry is held, and the output is 0 or, when padding
    is "held", the last valid one in walking order (0 before the first). A document that begins at t
    starts from the initial carry, be t valid or not: walking forward, the carry restarts before
    step t; walking in reverse, after step t, on the way to t-1.

    Backwards: where forward chose one of two values, the cotangent goes to the one chosen and 0 to
    the other; a value that is held is read again, so the cotangents of its readings add.
    """

    cell: Cell
    reverse: bool = False
    padding: Padding = "zero"

    def __post_init__(self) -> None:
        if self.padding not in get_args(Padding):
            raise ValueError(f'`padding` must be "zero" or "held", got {self.padding!r:.80}.')

    @property
    def output_size(self) -> int:
        return self.cell.output_size

    @property
    def has_backward(self) -> bool:
        """Its cell's gradients are derived by hand."""
        return hasattr(self.cell, "backward")

    def _order(self, length: int) -> Sequence[int]:
        """The instants in the order in which this layer walks them."""
        return range(length - 1, -1, -1) if self.reverse else range(length)

    def forward(
        self, params: Any, carry: Any, xs: Any, valid: Any = None, fresh: Any = None
    ) -> tuple[Any, Array, UnrollTape]:
        """`xs (T, *batch, I)` to `ys (T, *batch, output_size)`."""
        xs, tokens = rows(xs, self.cell.input_size(params))
        valid, fresh = _when(valid, True, xs), _when(fresh, False, xs)
        start = self.cell.initial_carry(params, xs.shape[1:-1])
        carry = start if carry is None else each(double, carry)
        check_batch(carry, start, xs.shape[1:-1], tokens)
        shown = np.zeros((*xs.shape[1:-1], self.output_size))
        ys, steps = [shown] * len(xs), {}
        for t in self._order(len(xs)):
            if not self.reverse:
                carry = choose(fresh[t], start, carry)
            x = select(valid[t], xs[t], 0.0)
            stepped, y, steps[t] = self.cell.forward(params, carry, x)
            carry = choose(valid[t], stepped, carry)
            ys[t] = shown = select(valid[t], y, shown if self.padding == "held" else 0.0)
            if self.reverse:
                carry = choose(fresh[t], start, carry)
        ys = np.stack(ys) if ys else np.zeros((0, *shown.shape))
        return carry, ys, UnrollTape(steps, xs.shape, tokens, valid, fresh)

    def backward(self, params: Any, tape: Any, dcarry: Any, dys: Any) -> tuple[Any, Any, Any]:
        """Backpropagation through time: forward's loop, its steps and lines undone in turn."""
        back = self._backward()
        dparams = like_params(params, *map(np.zeros_like, weights(params)))
        dcarry, dys = like_carry(dcarry, map(double, dcarry)), double(dys)
        dxs, zero = np.zeros(tape.shape), zeros_like(dcarry)
        dshown = np.zeros(dys.shape[1:])
        for t in reversed(self._order(len(dys))):
            valid, fresh = tape.valid[t], tape.fresh[t]
            if self.reverse:
                dcarry = choose(fresh, zero, dcarry)
            dshown = dshown + dys[t]
            dy = select(valid, dshown, 0.0)
            dshown = select(valid, 0.0, dshown) if self.padding == "held" else 0.0 * dshown
            dstepped, dheld = choose(valid, dcarry, zero), choose(valid, zero, dcarry)
            dstep, dcarry, dx = back(params, tape.steps[t], dstepped, dy)
            dcarry = like_carry(dcarry, map(np.add, dcarry, dheld))
            dparams = like_params(params, *map(np.add, weights(dparams), weights(dstep)))
            dxs[t] = dx
            if not self.reverse:
                dcarry = choose(fresh, zero, dcarry)
        return dparams, dcarry, None if tape.tokens else dxs

    def _backward(self) -> Callable:
        if not self.has_backward:
            name = type(self.cell).__name__
            raise TypeError(f"{name} has no gradient by hand: take the complex step of `forward`.")
        return cast(Any, self.cell).backward


@dataclass(frozen=True)
class Bidirectional:
    """Two walks over the same input, `ys = [forward, backward]`, or by `merge` the sum, the mean or
    the product of the two; params and carries are pairs."""

    forward_layer: Unroll
    backward_layer: Unroll
    merge: Merge = "concat"

    @property
    def output_size(self) -> int:
        both = self.forward_layer.output_size + self.backward_layer.output_size
        return both if self.merge == "concat" else both // 2

    @property
    def has_backward(self) -> bool:
        return self.forward_layer.has_backward and self.backward_layer.has_backward

    def forward(
        self, params: Any, carry: Any, xs: Any, valid: Any = None, fresh: Any = None
    ) -> tuple[Any, Array, tuple[Any, ...]]:
        first, second = (None, None) if carry is None else carry
        first, ys, tape = self.forward_layer.forward(params[0], first, xs, valid, fresh)
        second, zs, tape_2 = self.backward_layer.forward(params[1], second, xs, valid, fresh)
        carry = like_carry(carry or (), [first, second])
        return carry, merged(self.merge, ys, zs), (tape, tape_2, ys, zs)

    def backward(self, params: Any, tape: Any, dcarry: Any, dys: Any) -> tuple[Any, Any, Any]:
        dys, dzs = unmerged(self.merge, tape[2], tape[3], double(dys))
        dparams, first, dxs = self.forward_layer.backward(params[0], tape[0], dcarry[0], dys)
        dparams_2, second, dxs_2 = self.backward_layer.backward(params[1], tape[1], dcarry[1], dzs)
        both = None if dxs is None or dxs_2 is None else dxs + dxs_2
        return (dparams, dparams_2), like_carry(dcarry, [first, second]), both


@dataclass(frozen=True)
class Stack:
    """Each layer reads the one below; params and carries are tuples, bottom first."""

    layers: tuple[Any, ...]

    @property
    def output_size(self) -> int:
        return self.layers[-1].output_size

    @property
    def has_backward(self) -> bool:
        return all(layer.has_backward for layer in self.layers)

    def forward(
        self, params: Any, carry: Any, xs: Any, valid: Any = None, fresh: Any = None
    ) -> tuple[Any, Any, tuple[Any, ...]]:
        before = (None,) * len(self.layers) if carry is None else carry
        after, tapes = [], []
        for layer, p, c in zip(self.layers, params, before, strict=True):
            c, xs, tape = layer.forward(p, c, xs, valid, fresh)
            after.append(c)
            tapes.append(tape)
        return like_carry(carry or (), after), xs, tuple(tapes)

    def backward(self, params: Any, tape: Any, dcarry: Any, dys: Any) -> tuple[Any, Any, Any]:
        dparams, dbefore = [], []
        whole = list(zip(self.layers, params, tape, dcarry, strict=True))
        for layer, p, layer_tape, dc in reversed(whole):
            dp, dc, dys = layer.backward(p, layer_tape, dc, dys)
            dparams.insert(0, dp)
            dbefore.insert(0, dc)
        return tuple(dparams), like_carry(dcarry, dbefore), dys


def unroll(cell: Cell, reverse: bool = False, padding: Padding = "zero") -> Unroll:
    """A layer that walks time with one cell, from the first instant, or from the last."""
    return Unroll(cell, reverse, padding)


def bidirectional(
    forward_layer: Unroll, backward_layer: Unroll, merge: Merge = "concat"
) -> Bidirectional:
    """A forward and a reversed unroll, their features concatenated, forward first, or merged."""
    if forward_layer.reverse or not backward_layer.reverse:
        raise ValueError("`bidirectional` takes a forward unroll, then one with reverse=True.")
    return Bidirectional(forward_layer, backward_layer, merge)


def stack(layers: Iterable[Any]) -> Stack:
    """A deep layer: the outputs of each layer are the inputs of the next."""
    return Stack(tuple(layers))


def _when(mask: Any, default: bool, xs: Array) -> Array:
    """A boolean array `(T, *batch)`; None means the same answer everywhere."""
    return np.full(xs.shape[:-1], default) if mask is None else np.asarray(mask, bool)
