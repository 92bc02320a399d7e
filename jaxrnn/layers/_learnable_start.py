"""An initial carry that is learnt."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar, overload

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxrnn import _checks, _containers
from jaxrnn._checks import quote
from jaxrnn._types import Carry, Cell, Layer, Params, brief
from jaxrnn.layers._parts import rebuild
from jaxrnn.layers._unroll import Unroll

L = TypeVar("L", bound=Layer)


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class StartParams:
    """cell, its own params; start, its carry before the first step, without batch axes: a leaf of
    it that is no float is None, and the cell's own."""

    cell: Params
    start: Carry


@dataclasses.dataclass(frozen=True)
class LearnableStart:
    """A cell whose initial carry is a param. See :func:`learnable_start`.

    >>> cell = jaxrnn.learnable_start(jaxrnn.gru(5))
    >>> cell
    LearnableStart(cell=GRU(hidden_size=5))
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> cell.initial_carry(params, batch_shape=(2,)).h.shape
    (2, 5)
    """

    cell: Cell

    def __post_init__(self) -> None:
        _checks.cell("learnable_start", self.cell)
        if isinstance(self.cell, LearnableStart):
            raise TypeError(f"{quote(self.cell)} has a learnable start already.")

    __repr__ = brief

    @property
    def output_size(self) -> int:
        return self.cell.output_size

    @property
    def takes_tokens(self) -> bool:
        return getattr(self.cell, "takes_tokens", False)

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> StartParams:
        _containers.tell_flax()
        params = self.cell.init(key, input_size, dtype)
        start = self.cell.initial_carry(params, ())
        self._refuse_rows(start, self.cell.initial_carry(params, (2,)))
        return StartParams(params, jax.tree.map(_if_float, start))

    def initial_carry(self, params: StartParams, batch_shape: tuple[int, ...] = ()) -> Carry:
        """The start, the same for each row of the batch."""
        self._check(params)
        batch_shape = _checks.batch_shape(batch_shape)
        own, tree = jax.tree.flatten(self.cell.initial_carry(params.cell, batch_shape))
        learnt = iter(jax.tree.leaves(params.start))
        starts = [jnp.broadcast_to(next(learnt), a.shape) if _is_float(a) else a for a in own]
        return jax.tree.unflatten(tree, starts)

    def step(self, params: StartParams, carry: Carry, x: jax.Array) -> tuple[Carry, jax.Array]:
        """One instant of the cell."""
        return self.cell.step(self._of(params).cell, carry, x)

    def _of(self, params: Any) -> StartParams:
        if not isinstance(params, StartParams):
            raise TypeError(
                f"{quote(self)} needs StartParams, got {type(params).__name__}: make them with "
                f"this cell's `init`."
            )
        return params

    def _check(self, params: Any) -> None:
        own = jax.eval_shape(lambda p: self.cell.initial_carry(p, ()), self._of(params).cell)
        want = jax.tree.map(_if_float, own)
        advice = "one start serves every row of a batch, so it has no batch axis."
        _checks.same_form(f"the start of {quote(self)}", params.start, want, advice)

    def _refuse_rows(self, one: Carry, two: Carry) -> None:
        """A start that is another for each row of the batch cannot be one param."""
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
            known = _is_float(a) and not isinstance(b, Tracer)
            if known and not (np.asarray(b) == np.asarray(a)[None]).all():
                raise ValueError(
                    f"the initial carry of {quote(self.cell)} is another for each row of a batch: "
                    f"one start for all cannot be learnt in its place."
                )


def _is_float(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.inexact)


def _if_float(leaf: Any) -> Any:
    return leaf if _is_float(leaf) else None


@overload
def learnable_start(cell_or_layer: L) -> L: ...
@overload
def learnable_start(cell_or_layer: Cell) -> LearnableStart: ...
def learnable_start(cell_or_layer: Any) -> Any:
    """A cell whose initial carry is a param, ``params.start``; of a layer, the same layer with such
    a cell in each `unroll`.

    It begins as the cell's own initial carry, and is the same for each row of a batch. Gradients
    reach it from every sequence that begins at it: from a carry of None, and at every `reset`.
    Leaves of a carry that are no floats stay as the cell has them.

    Params are :class:`StartParams`, which hold the cell's own as ``params.cell``. Raises TypeError
    for a layer of one's own, whose cells are not known: make it of cells that have their start;
    for a cell that has one already; and for what is neither. `init` raises ValueError for a cell
    whose initial carry is another for each row.

    >>> layer = jaxrnn.learnable_start(jaxrnn.unroll(jaxrnn.gru(5)))
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> params.start.h.shape, params.cell.w_h.shape
    ((5,), (5, 15))
    >>> gradient = jax.grad(lambda p: layer.apply(p, None, jnp.ones((6, 2, 3)))[1].sum())(params)
    >>> bool(jnp.any(gradient.start.h != 0))
    True
    """
    if not _checks.is_layer(cell_or_layer):
        return LearnableStart(cell_or_layer)

    def of_unroll(it: Unroll) -> Unroll:
        return dataclasses.replace(it, cell=LearnableStart(it.cell))

    def refuse(it: Any) -> Any:
        raise TypeError(
            f"learnable_start knows no cell in {quote(it)}: make that layer of cells that have "
            f"theirs, `learnable_start(cell)`."
        )

    return rebuild(cell_or_layer, of_unroll, refuse)
