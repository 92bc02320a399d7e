"""Flax NNX: nnx.RNN, time-major, around OptimizedLSTMCell, GRUCell and SimpleCell; the module is
split once and merged under one jax.jit. Its GRU has no bias inside the candidate's bracket."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from benchmarks.protocol import Built, NotOffered
from benchmarks.weights import Variant, Weights, cell_weights, rename
from benchmarks.workers import _jax, _maps
from benchmarks.workloads import Workload
from jaxrnn.interop import _nnx

VARIANTS = {
    "lstm": Variant("one", note="one bias"),
    "gru": Variant("one", note="one bias, no b_hn"),
    "vanilla": Variant("one", note="one bias"),
}
CELLS: dict[str, Any] = {
    "lstm": nnx.OptimizedLSTMCell,
    "gru": nnx.GRUCell,
    "vanilla": nnx.SimpleCell,
}


def versions() -> dict[str, str]:
    return _jax.versions("flax", "optax")


def build(w: Workload, weights: Weights, inputs: Weights) -> Built:
    if w.kind == "gemm":
        raise NotOffered("the peak is measured with jaxrnn and torch")
    form, params, rest = nnx.split(Model(w), nnx.Param, ...)
    nnx.replace_by_pure_dict(params, _native(w, weights))

    def apply(params: Any, carry: Any, xs: jax.Array) -> tuple[Any, jax.Array]:
        return nnx.merge(form, params, rest)(carry, xs)

    zeros = jnp.zeros((w.B, w.H))
    start: Any = (zeros, zeros) if w.cell == "lstm" else zeros
    carry = [(start, start) if w.both_ways else start] * w.depth
    model = _jax.Model(apply, params, carry, lambda tree: _canonical(w, tree))
    return _jax.build(w, model, inputs)


class Model(nnx.Module):
    def __init__(self, w: Workload):
        rngs = nnx.Rngs(0)
        self.layers = nnx.List([_layer(w, level, rngs) for level in range(w.depth)])
        self.head = nnx.Linear(w.features, w.V, rngs=rngs) if w.V else None

    def __call__(self, carry: Any, xs: jax.Array) -> tuple[Any, jax.Array]:
        new = []
        for layer, start in zip(self.layers, carry, strict=True):
            after, xs = layer(xs, initial_carry=start)
            new.append(after)
        return new, xs if self.head is None else self.head(xs)


def _layer(w: Workload, level: int, rngs: nnx.Rngs) -> Any:
    def rnn() -> nnx.RNN:
        cell = CELLS[w.cell](w.input_size(level), w.H, rngs=rngs)
        return nnx.RNN(cell, time_major=True, return_carry=True)

    if not w.both_ways:
        return rnn()
    return nnx.Bidirectional(rnn(), rnn(), time_major=True, return_carry=True)


def _native(w: Workload, weights: Weights) -> dict[str, Any]:
    layers: dict[int, Any] = {}
    for level in range(w.depth):
        ways = {}
        for way in w.directions:
            a = cell_weights(weights, f"{level}.{way}")
            ways[f"{way}_rnn"] = {"cell": _maps.native(_nnx, w, VARIANTS[w.cell], a)}
        layers[level] = ways if w.both_ways else ways["forward_rnn"]
    native: dict[str, Any] = {"layers": layers}
    if w.V:
        native["head"] = {"kernel": weights["head.w"], "bias": weights["head.b"]}
    return native


def _canonical(w: Workload, tree: Any) -> dict[str, Any]:
    tree = nnx.to_pure_dict(tree)
    flat = {"head.w": tree["head"]["kernel"], "head.b": tree["head"]["bias"]} if w.V else {}
    for level, layer in tree["layers"].items():
        for way in w.directions:
            cell = (layer[f"{way}_rnn"] if w.both_ways else layer)["cell"]
            flat |= rename(f"{level}.{way}", _maps.arrays(_nnx, w, VARIANTS[w.cell], cell))
    return flat
