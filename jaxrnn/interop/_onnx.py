"""ONNX: RNN, GRU and LSTM nodes of a model file, with peepholes, directions and lengths.

Matrices lie as (directions, G·H, I); gates are i o f c and z r h; B is W_b and R_b in a row. A GRU
resets after the product where ``linear_before_reset`` is 1. Time leads, as here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from jaxrnn import _model_file, cells
from jaxrnn._checks import cut, quote
from jaxrnn._language_model import HeadParams
from jaxrnn.interop._form import (
    Form,
    InteropError,
    Natives,
    Walk,
    check_held,
    dropped,
    form_of,
    in_order,
    joined,
    natives_of,
    vanilla,
)
from jaxrnn.interop._onnx_graph import NODES, Graph, answerer
from jaxrnn.interop._result import Result, as_params, needs, verified
from jaxrnn.interop._state import Named, several

IOFC, IFGO, ZRN = (0, 3, 1, 2), (0, 2, 3, 1), (1, 0, 2)  # ours -> theirs, and back; its own inverse
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def _order(cell: Any, lstm: tuple[int, ...]) -> tuple[int, ...]:
    if isinstance(cell, cells.GRU):
        return ZRN
    return (0,) if isinstance(cell, cells.Vanilla) else lstm


def read_cell(cell: Any, native: Mapping[str, Any]) -> Any:
    order, H = _order(cell, IFGO), cell.hidden_size
    w_x, w_h = (in_order(native[leaf].T, order) for leaf in ("W", "R"))
    wide = len(order) * H
    both = native["B"] if "B" in native else 0 * joined([native["R"][:, 0]] * 2)
    b, b_h = in_order(both[:wide], order), in_order(both[wide:], order)
    if isinstance(cell, cells.PeepholeLSTM):
        p_i, p_o, p_f = (native["P"][k * H : (k + 1) * H] for k in range(3))
        return cells.PeepholeLSTMParams(w_x, w_h, b, joined([p_i, p_f, p_o]))
    kinds = {cells.Vanilla: cells.VanillaParams, cells.GRU: cells.GRUParams}
    params = kinds.get(type(cell), cells.LSTMParams)
    return params(w_x, w_h, b, b_h if cell.recurrent_bias else None)


def write_cell(cell: Any, params: Any) -> dict[str, np.ndarray]:
    order = _order(cell, IOFC)
    b, b_h = params.b, getattr(params, "b_h", None)
    parts = [b, np.zeros_like(b) if b_h is None else b_h]
    native = {
        "W": np.ascontiguousarray(in_order(params.w_x, order).T),
        "R": np.ascontiguousarray(in_order(params.w_h, order).T),
        "B": np.concatenate([in_order(part, order) for part in parts]),
    }
    if isinstance(cell, cells.PeepholeLSTM):
        p_i, p_f, p_o = np.split(params.p, 3)
        native["P"] = np.concatenate([p_i, p_o, p_f])
    return native


def from_onnx(source: Any, *, nodes: Any = None, verify: bool = False) -> Result:
    """``layer, params, *_ = from_onnx("model.onnx")``: of the RNN, GRU and LSTM nodes of a model,
    one on the other in the order of the graph; `nodes` names those to take, where there are others.
    Of a file that `to_onnx` wrote for a language model, the language model.

    Lengths are no matter of the weights: give them to ``layer.apply``. `verify` runs both sides on
    random input.

    Raises InteropError for other activations than tanh, relu and sigmoid in their places, for
    clipping, coupled gates, and tensors that are missing or misshapen.

    >>> layer = jaxrnn.unroll(jaxrnn.gru(5))
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> result = jaxrnn.interop.to_onnx(layer, params, "model.onnx")
    >>> jaxrnn.interop.from_onnx("model.onnx").model
    Unroll(cell=GRU(hidden_size=5, recurrent_bias=True))
    """
    onnx = _onnx()
    model = _loaded(onnx, source)
    constants = _constants(onnx, model)
    recurrent = [node for node in model.graph.node if node.op_type in GATES]
    chosen = _chosen(recurrent, nodes)
    named, levels = Named("the model", constants), []
    for node in chosen:
        levels.append(_level(onnx, node, named))
    if nodes is None:
        _check_edges(model, chosen)
    form = Form(tuple(levels))
    if nodes is None and "jaxrnn.head.b" in constants:
        form = _with_head(form, named)
    natives = Natives(form)
    ours = natives.model(read_cell)
    params = as_params(natives.read(natives.arrays, read_cell))
    differences = to_onnx(ours, params, verify=True).differences if verify else None
    return Result(ours, params, (), differences)


def _loaded(onnx: Any, source: Any) -> Any:
    if hasattr(source, "graph"):
        return source
    if not isinstance(source, str | os.PathLike):
        raise InteropError(f"from_onnx takes a file's name or a ModelProto, got {quote(source)}.")
    try:
        return onnx.load(os.fspath(source))
    except OSError as error:
        raise InteropError(f"{source} cannot be read: {error.strerror or error}.") from None
    except Exception as error:  # of protobuf, of which there are many kinds
        raise InteropError(f"{source} is no ONNX model: {cut(str(error))}") from None


def _constants(onnx: Any, model: Any) -> dict[str, np.ndarray]:
    found = {}
    for tensor in model.graph.initializer:
        found[tensor.name] = _array(onnx, tensor, tensor.name)
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            found[node.output[0]] = _array(onnx, node.attribute[0].t, node.output[0])
    return found


def _array(onnx: Any, tensor: Any, name: str) -> np.ndarray:
    try:
        return onnx.numpy_helper.to_array(tensor)
    except Exception as error:  # data outside the file, or fewer bytes than its shape needs
        raise InteropError(f"tensor {name!r} cannot be read: {cut(str(error))}") from None


def _chosen(recurrent: list[Any], nodes: Any) -> list[Any]:
    listed = ", ".join(quote(node.name) for node in recurrent)
    if not recurrent:
        raise InteropError("the model holds no RNN, GRU or LSTM node.")
    if nodes is None:
        return recurrent
    by_name = {node.name: node for node in recurrent}
    wanted = several(nodes)
    for name in wanted:
        if not isinstance(name, str) or name not in by_name:
            raise InteropError(f"no recurrent node is called {quote(name)}; there is {listed}.")
    return [by_name[name] for name in wanted]


def _level(onnx: Any, node: Any, named: Named) -> tuple[Walk, ...]:
    how = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    what = f"{node.op_type} {node.name!r}"
    direction = how.get("direction", b"forward").decode()
    ways = 2 if direction == "bidirectional" else 1
    if direction not in ("forward", "reverse", "bidirectional"):
        raise InteropError(f"{what} has direction {direction!r}, which ONNX does not know.")
    _refuse(what, how)
    names = [*node.input, *[""] * 8]
    for name in names[5:7]:
        if named.has(name) and np.any(named.named[name]):
            raise InteropError(
                f"{what} begins with the constant {name!r}, which is not zero: give it to "
                f"`layer.apply` as the carry, and take it out of the file."
            )
    for k, leaf in ((1, "W"), (2, "R")):
        if not names[k] or not named.has(names[k]):
            raise InteropError(f"{what} has its {leaf} computed, or none: only constants are read.")
    R = named.take(names[2], ways, None, None)
    gates, H = GATES[node.op_type], R.shape[2]
    arrays = {
        "W": named.take(names[1], ways, gates * H, None),
        "R": named.take(names[2], ways, gates * H, H),
    }
    if names[3]:
        arrays["B"] = named.take(names[3], ways, 2 * gates * H)
    if node.op_type == "LSTM" and names[7]:
        arrays["P"] = named.take(names[7], ways, 3 * H)
    activations = [a.decode() for a in how.get("activations", [])]
    cell = _cell(what, node.op_type, H, how, arrays, activations, ways)
    return tuple(
        Walk(cell, {leaf: a[k] for leaf, a in arrays.items()}, k == 1 or direction == "reverse")
        for k in range(ways)
    )


def _refuse(what: str, how: Mapping[str, Any]) -> None:
    for name, why in {
        "clip": "clips its sums",
        "input_forget": "couples its gates (see jaxrnn.coupled_lstm)",
        "layout": "is batch-major",
    }.items():
        if how.get(name):
            raise InteropError(f"{what} {why}, which is not converted: {name}={how[name]}.")


DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}


def _cell(
    what: str, kind: str, H: int, how: Any, arrays: Any, activations: list[str], ways: int
) -> Any:
    default = DEFAULTS[kind]
    given = activations or default * ways
    one = given[: len(default)]
    known = [["Tanh"], ["Relu"]] if kind == "RNN" else [default]
    if one not in known or given != one * ways:
        raise InteropError(
            f"{what} has the activations {given}: jaxrnn's cells have "
            f"{' or '.join(str(k) for k in known)}, alike in both directions."
        )
    wide = GATES[kind] * H
    two = "B" in arrays and bool(np.any(arrays["B"][:, wide:]))
    if kind == "RNN":
        return vanilla(what, H, one[0].lower(), two)
    if kind == "GRU":
        after = bool(how.get("linear_before_reset", 0))
        return cells.gru(H, reset="after" if after else "before", recurrent_bias=after or two)
    if "P" not in arrays:
        return cells.lstm(H, recurrent_bias=two)
    if two:
        raise InteropError(
            f"{what} has peepholes and two biases: jaxrnn's peephole_lstm has one. Add R_b to W_b "
            f"in the file first; outputs are the same."
        )
    return cells.peephole_lstm(H)


PASSING = {"Identity", "Transpose", "Squeeze", "Unsqueeze", "Reshape", "Dropout", "Cast"}


def _check_edges(model: Any, chosen: list[Any]) -> None:
    """Each node reads the one before, through nothing that computes."""
    made_by = {name: node for node in model.graph.node for name in node.output}
    for below, node in pairwise(chosen):
        at = made_by.get(node.input[0])
        while at is not None and at.op_type in PASSING:
            at = made_by.get(at.input[0])
        if at is not below:
            what = "an input" if at is None else f"{at.op_type} {at.name!r}"
            raise InteropError(
                f"{node.op_type} {node.name!r} does not read {below.op_type} {below.name!r} but "
                f"{what}: they are no stack, so name one with `nodes`."
            )


def _with_head(form: Form, named: Named) -> Form:
    b: Any = named.take("jaxrnn.head.b", None)
    features = sum(walk.cell.hidden_size for walk in form.levels[-1])
    table = named.take("jaxrnn.embedding", len(b), None) if named.has("jaxrnn.embedding") else None
    if named.has("jaxrnn.head.w"):
        w: Any = named.take("jaxrnn.head.w", features, len(b))
        return form._replace(head=HeadParams(w, b), embedding=table)
    return form._replace(head=HeadParams(None, b), embedding=table, tied=True)


def to_onnx(
    model: Any,
    params: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    lengths: bool = False,
    verify: bool = False,
) -> Result:
    """``onnx_model, *_ = to_onnx(layer, params, "model.onnx")``: of a layer, or a language model,
    by ONNX' own RNN, GRU and LSTM nodes, one a level, so that its runtimes take their own loops.

    Inputs are xs (T, B, I), or tokens (T, B) of a language model; with `lengths`, lengths (B) of
    int32; and the carry of every level, h_0, c_0, h_1, … (directions, B, H). Outputs are ys, or
    logits, (T, B, F), and the carry after. T and B are free. Of a row of length 0, runtimes of ONNX
    give a carry of zeros, where jaxrnn keeps the one it was given.

    Params are float32. `verify` runs both sides on random input; without a `path` no file is
    written.

    Raises InteropError for cells that ONNX has not, for other dtypes, and where the file cannot be
    written.

    >>> layer = jaxrnn.unroll(jaxrnn.gru(5))
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> model, *_ = jaxrnn.interop.to_onnx(layer, params, "model.onnx")
    >>> [put.name for put in model.graph.input], [put.name for put in model.graph.output][:1]
    (['xs', 'h_0'], ['ys'])
    """
    onnx = _onnx()
    form = form_of(model, params)
    check_held(form, "ONNX", tuple(NODES), head=True)
    if any(len({walk.cell for walk in level}) > 1 for level in form.levels):
        raise InteropError("a node of ONNX has one cell for both directions.")
    natives = natives_of(form, lambda cell, p: (cell, write_cell(cell, p)))
    dtype = form.walks[0].params.w_x.dtype
    if dtype != np.float32:
        raise InteropError(
            f"the params are of {dtype}, but the runtimes of ONNX walk in float32: cast them first."
        )
    proto = Graph(onnx, natives.form, lengths).model()
    differences = None
    if verify:
        theirs = answerer(form, proto, lengths)
        differences = verified((_as_layer(model), params), natives, theirs, read_cell)
    if path is not None:
        _model_file.write_or_tell(path, proto.SerializeToString(), InteropError)
    return Result(proto, None, tuple(dropped(form)), differences)


def _as_layer(model: Any) -> Any:
    from jaxrnn.layers import unroll

    return model if hasattr(model, "apply") else unroll(model)


def _onnx() -> Any:
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError:
        raise needs("onnx") from None
    return onnx
