"""A tree of arrays with no word of what wrote it: cells of Linen, NNX and Haiku by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxrnn import cells
from jaxrnn._checks import quote
from jaxrnn.cells._vanilla import Activation
from jaxrnn.interop import _haiku, _linen, _nnx
from jaxrnn.interop._form import Form, InteropError, Walk, model_of, vanilla
from jaxrnn.interop._result import Result, as_params
from jaxrnn.interop._state import Named, arrays, several

LINEN = {
    frozenset(["ii", "if", "ig", "io", "hi", "hf", "hg", "ho"]): "LSTM",
    frozenset(["ir", "iz", "in", "hr", "hz", "hn"]): "GRU",
    frozenset(["i", "h"]): "RNN",
}
NNX = frozenset(["dense_i", "dense_h"])
APART = frozenset(["ii", "if_", "ig", "io", "hi", "hf", "hg", "ho"])  # NNX' LSTMCell


def from_tree(tree: Any, *, prefix: Any = None, activation: Activation | None = None) -> Result:
    """``layer, params, *_ = from_tree(tree)``: of a nested dict of arrays, an orbax folder's say.

    Cells of Flax Linen, of Flax NNX and of Haiku are found by the names of their leaves. Those at
    ``…/forward…`` and ``…/backward…`` are one level both ways; levels go in the natural order of
    their paths, or as `prefix` names them, a path or several, bottom first. What does not belong to
    a cell is left alone. `activation` is that of a vanilla cell of Flax, which names do not tell.
    Nor do they tell that a layer alone walks backwards: it comes in as one that walks forwards.

    Raises InteropError where no cell is found, and for one that is not whole.

    >>> cell = jaxrnn.gru(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> _, variables, *_ = jaxrnn.interop.to_linen(cell, params)
    >>> jaxrnn.interop.from_tree({"encoder": variables["params"]}).model
    Unroll(cell=GRU(hidden_size=5))
    """
    tree = _dicts(tree)
    if not isinstance(tree, Mapping):
        raise InteropError(f"a tree of weights is a nested dict, got {quote(tree)}.")
    found = dict(sorted(_cells(tree, ""), key=lambda item: _natural(item[0])))
    if not found:
        try:
            return _haiku.from_haiku(tree, prefix)
        except InteropError as error:
            raise InteropError(f"the tree holds no cell of Flax; as Haiku's, {error}") from None
    if prefix is None and len({kind for kind, _ in found.values()}) > 1:
        raise InteropError(
            f"the tree holds cells of several kinds, {', '.join(map(repr, found))}, and does not "
            f"say which is on which: name them with `prefix`, bottom first."
        )
    if prefix is not None:
        found = _named(found, prefix)
    levels: list[list[Walk]] = []
    before = ""
    for path, (kind, node) in found.items():
        cell, params = _read(path, kind, node, activation)
        back = "backward" in path and before == path.replace("backward", "forward")
        if back:
            levels[-1].append(Walk(cell, params, True))
        else:
            levels.append([Walk(cell, params)])
        before = path
    form = Form(tuple(map(tuple, levels)))
    model, params = model_of(form)
    return Result(model, as_params(params))


def _dicts(tree: Any) -> Any:
    """Lists as dicts of their indices; an LSTMCell of NNX by Linen's names."""
    if isinstance(tree, list | tuple):
        tree = {str(k): part for k, part in enumerate(tree)}
    if not isinstance(tree, Mapping):
        return tree
    if tree.keys() >= APART:
        tree = {name.rstrip("_"): part for name, part in tree.items()}
    return {name: _dicts(part) for name, part in tree.items()}


def _natural(path: str) -> list[Any]:
    """So that 10 comes after 9, and forward before backward."""
    path = path.replace("backward", "forward~")
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path)]


def _cells(tree: Mapping[str, Any], at: str) -> list[tuple[str, tuple[str, Any]]]:
    inner = {str(name): part for name, part in tree.items() if isinstance(part, Mapping)}
    names = frozenset(inner)
    for known, kind in LINEN.items():
        if names == known and all("kernel" in part for part in inner.values()):
            return [(at, (f"linen {kind}", inner))]
    if names == NNX and all("kernel" in part for part in inner.values()):
        return [(at, ("nnx", inner))]
    found = []
    for name, part in inner.items():
        found += _cells(part, f"{at}/{name}" if at else name)
    return found


def _named(found: dict[str, Any], prefix: Any) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for name in several(prefix):
        at = name.strip("/") if isinstance(name, str) else "/"
        there = {p: cell for p, cell in found.items() if p == at or p.startswith(f"{at}/")}
        if not there:
            listed = ", ".join(map(repr, found))
            raise InteropError(f"no cell lies at {quote(name)}; there is {listed}.")
        chosen |= there
    return chosen


def _read(path: str, kind: str, node: Any, activation: Activation | None) -> tuple[Any, Any]:
    flat = arrays(path, {f"{a}/{b}": leaf for a, part in node.items() for b, leaf in part.items()})
    named = Named(path or "the tree", flat)
    if kind == "nnx":
        cell, native = _nnx_cell(path, named, activation)
        named.all_taken()
        return cell, _nnx.read_cell(cell, native)
    cell = _linen_cell(path, kind, named, activation)
    gates, side = _linen.GATES[type(cell)], _linen.BIAS_SIDE[type(cell)]
    H, native, size = cell.hidden_size, {}, None
    for gate in gates:
        for end, rows in ((f"i{gate}", size), (f"h{gate}", H)):
            native[end] = {"kernel": named.take(f"{end}/kernel", rows, H)}
        size = native[f"i{gate}"]["kernel"].shape[0]
        native[side + gate]["bias"] = named.take(f"{side}{gate}/bias", H)
    if isinstance(cell, cells.GRU):
        native["hn"]["bias"] = named.take("hn/bias", H)
    named.all_taken()
    return cell, _linen.read_cell(cell, native)


def _linen_cell(path: str, kind: str, named: Named, activation: Activation | None) -> Any:
    gate = {"linen LSTM": "hi", "linen GRU": "hr", "linen RNN": "h"}[kind]
    H = named.take(f"{gate}/kernel", None, None).shape[0]
    if kind == "linen LSTM":
        return cells.lstm(H)
    return cells.gru(H) if kind == "linen GRU" else vanilla(_said(path), H, activation)


def _said(path: str) -> str:
    return f"the SimpleCell at {path!r}"


def _nnx_cell(path: str, named: Named, activation: Activation | None) -> tuple[Any, Any]:
    w_h = named.take("dense_h/kernel", None, None)
    H, wide = w_h.shape
    if wide not in (H, 3 * H, 4 * H):
        raise InteropError(f"{path}: 'dense_h/kernel' has shape {w_h.shape}, which is no cell's.")
    make = {4 * H: cells.lstm, 3 * H: lambda H: cells.gru(H, recurrent_bias=False)}
    cell = make[wide](H) if wide in make else vanilla(_said(path), H, activation)
    side = _nnx.SIDE[type(cell)]
    native: dict[str, dict[str, np.ndarray]] = {
        "dense_i": {"kernel": named.take("dense_i/kernel", None, wide)},
        "dense_h": {"kernel": w_h},
    }
    native[side]["bias"] = named.take(f"{side}/bias", wide)
    return cell, native
