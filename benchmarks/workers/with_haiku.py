"""Haiku: its cores under dynamic_unroll, one a layer and direction. Its LSTM orders the gates i g f
o and adds 1 to f in the step, its GRU resets before the product and keeps 1 - z, its vanilla core
is a relu."""

from __future__ import annotations

from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp

from benchmarks.protocol import Built, NotOffered
from benchmarks.weights import Variant, Weights, cell_weights, rename
from benchmarks.workers import _jax, _maps
from benchmarks.workloads import Workload
from jaxrnn.interop import _haiku

VARIANTS = {
    "lstm": Variant("one", note="one bias"),
    "gru": Variant("one", reset="before", note="reset before, one bias"),
    "vanilla": Variant("two", activation="relu", note="relu"),
}
CORES: dict[str, Any] = {"lstm": hk.LSTM, "gru": hk.GRU, "vanilla": hk.VanillaRNN}


def versions() -> dict[str, str]:
    return _jax.versions("dm-haiku", "optax")


def build(w: Workload, weights: Weights, inputs: Weights) -> Built:
    if w.kind == "gemm":
        raise NotOffered("the peak is measured with jaxrnn and torch")
    network = hk.without_apply_rng(hk.transform(lambda carry, xs: _network(w, carry, xs)))
    params: dict[str, dict[str, Any]] = {}
    for level in range(w.depth):
        for way in w.directions:
            a = cell_weights(weights, f"{level}.{way}")
            native = _maps.native(_haiku, w, VARIANTS[w.cell], a)
            params |= _haiku.placed(_name(level, way), native)
    if w.V:
        params["head"] = {"w": weights["head.w"], "b": weights["head.b"]}
    zeros = jnp.zeros((w.B, w.H))
    start = hk.LSTMState(zeros, zeros) if w.cell == "lstm" else zeros
    carry = [[start] * len(w.directions)] * w.depth
    model = _jax.Model(network.apply, params, carry, lambda tree: _canonical(w, tree))
    return _jax.build(w, model, inputs)


def _name(level: int, way: str) -> str:
    return f"{way}_of_{level + 1}"


def _network(w: Workload, carry: Any, xs: jax.Array) -> tuple[Any, jax.Array]:
    new = []
    for level, carries in enumerate(carry):
        walks = []
        for way, start in zip(w.directions, carries, strict=True):
            core = CORES[w.cell](w.H, name=_name(level, way))
            walks.append(hk.dynamic_unroll(core, xs, start, reverse=way == "backward"))
        new.append([state for _, state in walks])
        xs = jnp.concatenate([ys for ys, _ in walks], axis=-1) if w.both_ways else walks[0][0]
    return new, hk.Linear(w.V, name="head")(xs) if w.V else xs


def _canonical(w: Workload, tree: Any) -> dict[str, Any]:
    flat = rename("head", tree["head"]) if w.V else {}
    for level in range(w.depth):
        for way in w.directions:
            name = _name(level, way)
            native = {
                module[len(name) :].removeprefix("/"): leaves
                for module, leaves in tree.items()
                if module == name or module.startswith(f"{name}/")
            }
            flat |= rename(f"{level}.{way}", _maps.arrays(_haiku, w, VARIANTS[w.cell], native))
    return flat
