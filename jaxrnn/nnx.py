"""Any layer as a Flax NNX module, and any cell as one that `flax.nnx.RNN` walks."""

from __future__ import annotations

import inspect
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jaxrnn import _checks, _faces, _types
from jaxrnn._types import Carry, Layer, Params

__all__ = ["Cell", "RNN"]


class _Signature:
    """What `help` shows of a module: its class is called as `__init__` says, which NNX' metaclass
    hides, and itself as `__call__` says."""

    def __get__(self, module: Any, owner: Any) -> inspect.Signature:
        if module is not None:
            return inspect.signature(module.__call__)
        signature = inspect.signature(owner.__init__)
        return signature.replace(parameters=[*signature.parameters.values()][1:])


class RNN(nnx.Module):
    """A layer, and its params as `nnx.Param`; the mathematics is the layer's.

    ``RNN(layer, input_size, rngs=rngs)`` draws the params that ``layer.init`` gives, in
    `param_dtype`; ``RNN(layer, params=params)`` holds those given. The module keeps no Rngs.

    `params` is the layer's own tree with a Param at every leaf, so paths read as the layer does:
    ``params.w_x`` is ``('params', 'w_x')`` in ``nnx.state``; the backward half of a bidirectional
    layer at the bottom of a stack has ``('params', 0, 1, 'w_x')``. A `b_h` of None has no path.

    >>> from flax import nnx
    >>> layer, xs = jaxrnn.unroll(jaxrnn.lstm(5)), jnp.ones((6, 2, 3))
    >>> rnn = jaxrnn.nnx.RNN(layer, 3, rngs=nnx.Rngs(0))
    >>> carry, ys = rnn(xs)                        # xs (T, *batch, 3) -> ys (T, *batch, 5)
    >>> carry, ys = rnn(xs, carry)                 # go on from there
    >>> carry, ys = layer.apply(rnn.layer_params(), carry, xs)
    >>> ys.shape
    (6, 2, 5)

    Raises TypeError where `layer` is not a layer, and where it is not clear where the params come
    from; all else is for the layer to judge.
    """

    __signature__: Any = _Signature()

    def __init__(
        self,
        layer: Layer,
        input_size: int | None = None,
        *,
        rngs: nnx.Rngs | None = None,
        params: Params | None = None,
        batch_major: bool = False,
        param_dtype: Any = None,
    ):
        _checks.layer("RNN", layer)
        _checks.flag("batch_major", batch_major)
        self.layer: Layer = nnx.static(layer)
        self.batch_major = batch_major
        self.deterministic = False
        self.params: Any = _given("RNN", layer, input_size, rngs, params, param_dtype)

    def layer_params(self) -> Params:
        """The layer's params, as ``layer.init`` gives them: plain arrays, no Param."""
        return _arrays(self.params)

    def __call__(
        self,
        xs: Any,
        carry: Carry | None = None,
        *,
        lengths: Any = None,
        mask: Any = None,
        resets: Any = None,
        key: Any = None,
        rngs: nnx.Rngs | None = None,
    ) -> tuple[Carry, jax.Array]:
        """xs (T, *batch, I), or token ids (T, *batch) -> carry, ys (T, *batch, F).

        A carry of None means the initial one; F is the layer's `output_size`. With `batch_major`,
        xs (*batch, T, I) or (*batch, T) -> ys (*batch, T, F), and `mask` and `resets` are
        (*batch, T) too; `lengths` (*batch) and the carry are the same both ways.

        `key` draws the layer's dropout, or `rngs`, from its stream ``dropout``, as `nnx.Dropout`
        does; without either, and after ``model.eval()`` until ``model.train()``, nothing is
        dropped.
        """
        if key is None and rngs is not None:
            key = _stream(rngs)()
        key = None if self.deterministic else key
        how = lengths, mask, resets, key
        return _faces.apply(self.layer, self.layer_params(), carry, xs, self.batch_major, *how)


class Cell(nnx.RNNCellBase):
    """A cell, one of your own too, with its params, for `flax.nnx.RNN` and `Bidirectional`.

    >>> from flax import nnx
    >>> rnn = nnx.RNN(jaxrnn.nnx.Cell(jaxrnn.mingru(5), 3, rngs=nnx.Rngs(0)))
    >>> rnn(jnp.ones((2, 6, 3))).shape             # xs (*batch, T, 3) -> ys (*batch, T, 5)
    (2, 6, 5)

    It is made as :class:`RNN` is, of `input_size` and `rngs`, or of `params`; TypeError where the
    cell is none, or it is not clear where the params come from. What walks is Flax's scan: `RNN` of
    this module is the faster one, and knows masks, resets and documents.
    """

    __signature__: Any = _Signature()

    def __init__(
        self,
        cell: _types.Cell,
        input_size: int | None = None,
        *,
        rngs: nnx.Rngs | None = None,
        params: Params | None = None,
        param_dtype: Any = None,
    ):
        _checks.cell("Cell", cell)
        self.cell: _types.Cell = nnx.static(cell)
        self.params: Any = _given("Cell", cell, input_size, rngs, params, param_dtype)

    def cell_params(self) -> Params:
        """The cell's params, as ``cell.init`` gives them: plain arrays, no Param."""
        return _arrays(self.params)

    def __call__(self, carry: Carry, inputs: jax.Array) -> tuple[Carry, jax.Array]:
        """One instant: inputs (*batch, I) -> carry, y (*batch, F)."""
        return self.cell.step(self.cell_params(), carry, inputs)

    def initialize_carry(
        self, input_shape: tuple[int, ...], rngs: Any = None, carry_init: Any = None
    ) -> Carry:
        """The cell's initial carry for inputs of `input_shape`, (*batch, I); the rest is not
        asked: the carry begins as the cell says."""
        del rngs, carry_init
        return self.cell.initial_carry(self.cell_params(), tuple(input_shape[:-1]))

    @property
    def num_feature_axes(self) -> int:
        return 1


def _stream(rngs: Any) -> Any:
    if not isinstance(rngs, nnx.Rngs | nnx.RngStream):
        raise TypeError(f"`rngs` must be flax.nnx.Rngs, got {_checks.quote(rngs)}.")
    return rngs.dropout if isinstance(rngs, nnx.Rngs) else rngs


def _given(
    who: str, layer: Any, input_size: int | None, rngs: Any, params: Any, param_dtype: Any
) -> Any:
    """Params, drawn or given, with a Param at every leaf."""
    by_drawing = {"input_size": input_size, "rngs": rngs, "param_dtype": param_dtype}
    given = [name for name, value in by_drawing.items() if value is not None]
    if params is None and {"input_size", "rngs"} <= {*given}:
        params = _drawn(layer, input_size, rngs, param_dtype)
    elif params is None or given:
        given += ["params"] if params is not None else []
        raise TypeError(
            f"{who} needs either `input_size` and `rngs`, to draw its params, or `params`, "
            f"got {' and '.join(given) or 'none of them'}."
        )
    return nnx.data(jax.tree.map(lambda a: nnx.Param(jnp.asarray(a)), _arrays(params)))


def _drawn(layer: Layer, input_size: Any, rngs: Any, param_dtype: Any) -> Params:
    if not isinstance(rngs, nnx.Rngs):
        raise TypeError(f"`rngs` must be flax.nnx.Rngs, got {_checks.quote(rngs)}.")
    return layer.init(rngs.params(), input_size, param_dtype)


def _arrays(tree: Any) -> Any:
    """`tree` with every Param replaced by its value."""

    def is_variable(leaf):
        return isinstance(leaf, nnx.Variable)

    return jax.tree.map(
        lambda leaf: leaf.get_value() if is_variable(leaf) else leaf, tree, is_leaf=is_variable
    )
