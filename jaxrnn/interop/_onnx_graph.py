"""The graph that `to_onnx` writes, and what onnxruntime answers of it."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from jaxrnn import cells
from jaxrnn.interop._form import Form, Walk
from jaxrnn.interop._result import Answer, needs

NODES = {
    cells.Vanilla: "RNN",
    cells.GRU: "GRU",
    cells.LSTM: "LSTM",
    cells.PeepholeLSTM: "LSTM",
}
OPSET = 18


class Graph:
    """Nodes, one after the other, each reading what the one before gives."""

    def __init__(self, onnx: Any, form: Form, lengths: bool):
        self.onnx, self.form, self.lengths = onnx, form, lengths
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.dtype = form.walks[0].params["W"].dtype

    def model(self) -> Any:
        helper, form = self.onnx.helper, self.form
        self.now = self._first()
        if self.lengths:
            self._value("lengths", ["B"], np.dtype(np.int32), self.inputs)
        for k, level in enumerate(form.levels):
            self._walk(k, level)
        F = sum(walk.cell.hidden_size for walk in form.levels[-1])
        if form.head is not None:
            self._head()
            F = len(form.head.b)
        name = "ys" if form.head is None else "logits"
        self._node("Identity", [self.now], [name])
        outputs: list[Any] = []
        self._value(name, ["T", "B", F], self.dtype, outputs)
        numpy_helper = self.onnx.numpy_helper
        constants = [numpy_helper.from_array(a, name) for name, a in self.constants.items()]
        graph = helper.make_graph(
            self.nodes, "jaxrnn", self.inputs, outputs + self.outputs, constants
        )
        opset = [helper.make_opsetid("", OPSET)]
        made = helper.make_model(graph, opset_imports=opset, producer_name="jaxrnn", ir_version=9)
        self.onnx.checker.check_model(made)
        return made

    def _first(self) -> str:
        form = self.form
        size = form.walks[0].params["W"].shape[1]
        if form.head is None:
            self._value("xs", ["T", "B", size], self.dtype, self.inputs)
            return "xs"
        self._value("tokens", ["T", "B"], np.dtype(np.int64), self.inputs)
        if form.embedding is None:
            depth = self._constant("depth", np.array(size, np.int64))
            off_on = self._constant("off_on", np.array([0, 1], self.dtype))
            return self._node("OneHot", ["tokens", depth, off_on], ["one_hot"])
        table = self._constant("jaxrnn.embedding", form.embedding)
        return self._node("Gather", [table, "tokens"], ["embedded"])

    def _walk(self, k: int, level: tuple[Walk, ...]) -> None:
        cell, kind = level[0].cell, NODES[type(level[0].cell)]
        names = {
            leaf: self._constant(f"level.{k}.{leaf}", np.stack([w.params[leaf] for w in level]))
            for leaf in level[0].params
        }
        ways, H = len(level), cell.hidden_size
        states = ["h", "c"][: 1 + (kind == "LSTM")]
        for state in states:
            self._value(f"{state}_{k}", [ways, "B", H], self.dtype, self.inputs)
            self._value(f"{state}_{k}_after", [ways, "B", H], self.dtype, self.outputs)
        inputs = [self.now, names["W"], names["R"], names["B"], "lengths" if self.lengths else ""]
        inputs += [f"{state}_{k}" for state in states]
        if "P" in names:
            inputs.append(names["P"])
        how: dict[str, Any] = {"hidden_size": H}
        reverse = "reverse" if level[0].reverse else "forward"
        how["direction"] = "bidirectional" if ways == 2 else reverse
        if isinstance(cell, cells.GRU):
            how["linear_before_reset"] = int(cell.reset == "after")
        if isinstance(cell, cells.Vanilla):
            how["activations"] = [cell.activation.capitalize()] * ways
        outputs = [f"walked_{k}", *(f"{state}_{k}_after" for state in states)]
        self._node(kind, inputs, outputs, name=f"level_{k}", **how)
        # (T, directions, B, H) -> (T, B, directions · H)
        turned = self._node("Transpose", [f"walked_{k}"], [f"turned_{k}"], perm=[0, 2, 1, 3])
        shape = self._constant(f"shape_{k}", np.array([0, 0, ways * H], np.int64))
        self.now = self._node("Reshape", [turned, shape], [f"ys_{k}"])

    def _head(self) -> None:
        head, form = self.form.head, self.form
        assert head is not None
        b = self._constant("jaxrnn.head.b", head.b)
        if head.w is not None:
            w = self._constant("jaxrnn.head.w", head.w)
        else:
            w = self._node("Transpose", ["jaxrnn.embedding"], ["head_w"], perm=[1, 0])
        assert head.w is not None or form.tied
        product = self._node("MatMul", [self.now, w], ["product"])
        self.now = self._node("Add", [product, b], ["scores"])

    def _node(self, kind: str, inputs: list[str], outputs: list[str], **how: Any) -> str:
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, outputs, **how))
        return outputs[0]

    def _constant(self, name: str, a: Any) -> str:
        self.constants[name] = np.ascontiguousarray(a)
        return name

    def _value(self, name: str, shape: list[Any], dtype: np.dtype, into: list[Any]) -> None:
        helper = self.onnx.helper
        kind = helper.np_dtype_to_tensor_dtype(dtype)
        into.append(helper.make_tensor_value_info(name, kind, shape))


def answerer(form: Form, proto: Any, lengths: bool) -> Any:
    """By onnxruntime, which has no gradients."""
    try:
        import onnxruntime
    except ImportError:
        raise needs("onnxruntime") from None
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )

    def answer(weights: Any, carry: Any, xs: Any, dcarry: Any, dys: Any) -> Answer:
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(carry)]
        tokens = np.issubdtype(xs.dtype, np.integer)
        given = {"tokens": xs.astype(np.int64)} if tokens else {"xs": np.asarray(xs)}
        if lengths:
            given["lengths"] = np.full(xs.shape[1], xs.shape[0], np.int32)
        given |= _states(form, leaves)
        names = [output.name for output in session.get_outputs()]
        said: dict[str, Any] = dict(zip(names, session.run(names, given), strict=True))
        after = []
        for k, level in enumerate(form.levels):
            states = [said[f"{s}_{k}_after"] for s in "hc" if f"{s}_{k}_after" in said]
            after += [state[way] for way in range(len(level)) for state in states]
        carry = jax.tree.unflatten(jax.tree.structure(carry), after)
        return Answer(carry, said[names[0]])

    return answer


def _states(form: Form, leaves: list[np.ndarray]) -> dict[str, np.ndarray]:
    given, at = {}, 0
    for k, level in enumerate(form.levels):
        states = "hc"[: 1 + (NODES[type(level[0].cell)] == "LSTM")]
        mine = leaves[at : at + len(level) * len(states)]
        at += len(mine)
        for s, state in enumerate(states):
            given[f"{state}_{k}"] = np.stack(mine[s :: len(states)])
    return given
