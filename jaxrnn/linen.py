"""Any layer as a Flax Linen module, any cell as one that `flax.linen.RNN` walks, and params as a
nested dict."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from flax import linen as nn

from jaxrnn import _checks, _faces, _types
from jaxrnn._types import Carry, Layer, Params

__all__ = ["Cell", "RNN", "from_dict", "to_dict"]


class RNN(nn.Module):
    """A layer as a module; the mathematics is the layer's.

    ``variables["params"]["layer"]`` is ``to_dict`` of the params that ``layer.init`` gives, in
    `param_dtype`: a nested dict of arrays, named as the layer names them, such as ``["w_x"]``, or
    ``["0"]["1"]["w_x"]`` for the backward half of a bidirectional layer at the bottom of a stack.
    `input_size` is needed where xs are token ids, to draw params for; else it is read from xs.

    >>> layer, xs = jaxrnn.unroll(jaxrnn.lstm(5)), jnp.ones((6, 2, 3))
    >>> rnn = jaxrnn.linen.RNN(layer)
    >>> variables = rnn.init(jax.random.key(0), xs)
    >>> carry, ys = rnn.apply(variables, xs)       # xs (T, *batch, 3) -> ys (T, *batch, 5)
    >>> params = jaxrnn.linen.from_dict(layer, 3, variables["params"]["layer"])
    >>> ys.shape, params.w_x.shape
    ((6, 2, 5), (3, 20))

    Raises TypeError where `layer` is not a layer, ValueError for tokens without `input_size` and
    for params of another layer; all else is for the layer to judge.
    """

    layer: Layer
    input_size: int | None = None
    batch_major: bool = False
    param_dtype: Any = None

    def __post_init__(self) -> None:
        _checks.layer("RNN", self.layer)
        _checks.flag("batch_major", self.batch_major)
        super().__post_init__()

    @nn.compact
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
        layer's dropout, as does ``rngs={"dropout": key}``; without either nothing is dropped.
        """
        if key is None and self.has_rng("dropout"):
            key = self.make_rng("dropout")
        params, how = self._params(self._input_size(xs)), (lengths, mask, resets, key)
        return _faces.apply(self.layer, params, carry, xs, self.batch_major, *how)

    def _input_size(self, xs: Any) -> int:
        _checks.batch_shape_of(xs)
        if self.input_size is not None:
            return self.input_size
        if _checks.is_tokens(xs):
            raise ValueError(
                "RNN reads its `input_size` from features, but xs are token ids: give it the "
                "number of distinct tokens, got input_size=None."
            )
        return np.shape(xs)[-1]

    def _params(self, input_size: int) -> Params:
        if self.has_variable("params", "layer"):  # `self.param` would judge the shapes in its words
            tree = self.get_variable("params", "layer")
        else:
            tree = self.param(
                "layer", lambda key: to_dict(self.layer.init(key, input_size, self.param_dtype))
            )
        return from_dict(self.layer, input_size, tree)


class Cell(nn.RNNCellBase):
    """A cell, one of your own too, for `flax.linen.RNN` and `flax.linen.Bidirectional`.

    >>> from flax import linen as nn
    >>> rnn, xs = nn.RNN(jaxrnn.linen.Cell(jaxrnn.mingru(5), 3)), jnp.ones((2, 6, 3))
    >>> variables = rnn.init(jax.random.key(0), xs)
    >>> rnn.apply(variables, xs).shape             # xs (*batch, T, 3) -> ys (*batch, T, 5)
    (2, 6, 5)

    It reads `input_size` features. Its params are `to_dict` of the cell's, in `param_dtype`, under
    ``"cell"``. Raises TypeError for what is no cell. What walks is Flax's scan: `RNN` of this
    module is the faster one, and knows masks, resets and documents.
    """

    cell: _types.Cell
    input_size: int
    param_dtype: Any = None

    def __post_init__(self) -> None:
        _checks.cell("Cell", self.cell)
        super().__post_init__()

    def setup(self) -> None:
        def drawn(key: jax.Array) -> Any:
            return to_dict(self.cell.init(key, self.input_size, self.param_dtype))

        self.tree: Any = self.param("cell", drawn)

    def cell_params(self) -> Params:
        """The cell's params, as ``cell.init`` gives them."""
        return from_dict(self.cell, self.input_size, self.tree)

    def __call__(self, carry: Carry, inputs: jax.Array) -> tuple[Carry, jax.Array]:
        """One instant: inputs (*batch, I) -> carry, y (*batch, F)."""
        return self.cell.step(self.cell_params(), carry, inputs)

    def initialize_carry(self, rng: Any, input_shape: tuple[int, ...]) -> Carry:
        """The cell's initial carry for inputs of `input_shape`, (*batch, I); `rng` is not asked."""
        del rng
        return self.cell.initial_carry(self.cell_params(), tuple(input_shape[:-1]))

    @property
    def num_feature_axes(self) -> int:
        return 1


def to_dict(params: Params) -> Any:
    """A layer's params as a nested dict of arrays with string keys: fields by name, members of
    a tuple by index ("0", "1", …). A None, such as the `b_h` of a cell without, is left out.

    >>> params = jaxrnn.lstm(5).init(jax.random.key(0), input_size=3)
    >>> {name: leaf.shape for name, leaf in jaxrnn.linen.to_dict(params).items()}
    {'w_x': (3, 20), 'w_h': (5, 20), 'b': (20,)}
    """
    tree = {}
    for path, leaf in _named(params).items():
        if not path:
            return leaf
        node = tree
        for name in path[:-1]:
            node = node.setdefault(name, {})
        node[path[-1]] = leaf
    return tree


def from_dict(layer: Layer | _types.Cell, input_size: int, tree: Any) -> Params:
    """The inverse of `to_dict`: the params of `layer`, of the form that
    ``layer.init(key, input_size)`` has, with the leaves of `tree`.

    Keys may be integers too, as in ``nnx.to_pure_dict``. Raises ValueError where `tree` has
    other names than this layer's; shapes and dtypes are for the layer to judge.

    >>> cell = jaxrnn.lstm(5)
    >>> tree = jaxrnn.linen.to_dict(cell.init(jax.random.key(0), input_size=3))
    >>> jaxrnn.linen.from_dict(cell, 3, tree).w_x.shape
    (3, 20)
    """
    form = jax.eval_shape(lambda key: layer.init(key, input_size), jax.random.key(0))
    want, got = _named(form), _named(tree)
    if want.keys() != got.keys():
        raise ValueError(
            f"params of {_checks.quote(layer)} are named {_spell(want)}, got {_spell(got)}: "
            "these belong to another layer."
        )
    return jax.tree.unflatten(jax.tree.structure(form), [got[path] for path in want])


def _named(tree: Any) -> dict[tuple[str, ...], Any]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {tuple(_name(entry) for entry in path): leaf for path, leaf in leaves}


def _name(entry: Any) -> str:
    return jax.tree_util.keystr((entry,), simple=True)


def _spell(names: Any) -> str:
    listed = ", ".join(sorted("/".join(path) or "(one array)" for path in names))
    return _checks.cut(listed) or "(nothing)"
