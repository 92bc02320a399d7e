"""Any layer as a Flax NNX module."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jaxrnn import _checks, _faces
from jaxrnn._types import Carry, Layer, Params

__all__ = ["RNN"]


class RNN(nnx.Module):
    """A layer, and its params as `nnx.Param`; the mathematics is the layer's.

    ``RNN(layer, input_size, rngs=rngs)`` draws the params that ``layer.init`` gives, in
    `param_dtype`; ``RNN(layer, params=params)`` holds those given. The module keeps no Rngs.

    `params` is the layer's own tree with a Param at every leaf, so paths read as the layer does:
    ``params.w_x`` is ``('params', 'w_x')`` in ``nnx.state``; the backward half of a bidirectional
    layer at the bottom of a stack has ``('params', 0, 1, 'w_x')``. A `b_h` of None has no path.

    ::

        layer = jaxrnn.unroll(jaxrnn.lstm(5))
        rnn = jaxrnn.nnx.RNN(layer, 3, rngs=nnx.Rngs(0))
        carry, ys = rnn(xs)                        # xs (T, *batch, 3) -> ys (T, *batch, 5)
        carry, ys = rnn(xs, carry)                 # go on from there
        carry, ys = layer.apply(rnn.layer_params(), carry, xs)

    Raises TypeError where `layer` is not a layer, and where it is not clear where the params come
    from; all else is for the layer to judge.
    """

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
        by_drawing = {"input_size": input_size, "rngs": rngs, "param_dtype": param_dtype}
        given = [name for name, value in by_drawing.items() if value is not None]
        if params is None and {"input_size", "rngs"} <= {*given}:
            params = _drawn(layer, input_size, rngs, param_dtype)
        elif params is None or given:
            given += ["params"] if params is not None else []
            raise TypeError(
                "RNN needs either `input_size` and `rngs`, to draw its params, or `params`, "
                f"got {' and '.join(given) or 'none of them'}."
            )
        self.layer = nnx.static(layer)
        self.batch_major = batch_major
        self.params = nnx.data(jax.tree.map(lambda a: nnx.Param(jnp.asarray(a)), _arrays(params)))

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
    ) -> tuple[Carry, jax.Array]:
        """xs (T, *batch, I), or token ids (T, *batch) -> carry, ys (T, *batch, F).

        A carry of None means the initial one; F is the layer's `output_size`. With `batch_major`,
        xs (*batch, T, I) or (*batch, T) -> ys (*batch, T, F), and `mask` and `resets` are
        (*batch, T) too; `lengths` (*batch) and the carry are the same both ways. `key` draws the
        layer's dropout, say ``rngs.dropout()``; without it nothing is dropped.
        """
        how = lengths, mask, resets, key
        return _faces.apply(self.layer, self.layer_params(), carry, xs, self.batch_major, *how)


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
