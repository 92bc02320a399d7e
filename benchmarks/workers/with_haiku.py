"""Haiku: its cores under dynamic_unroll, one a layer and direction. Its LSTM orders the gates i g f
o and adds 1 to f in the step, its GRU resets before the product and keeps 1 - z, its vanilla core
is a relu."""

from __future__ import annotations

from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.protocol import Built, NotOffered
from benchmarks.weights import Variant, Weights, cell_weights, rename
from benchmarks.workers import _jax
from benchmarks.workloads import Workload

VARIANTS = {
    "lstm": Variant("one", note="one bias"),
    "gru": Variant("one", reset="before", note="reset before, one bias"),
    "vanilla": Variant("two", activation="relu", note="relu"),
}
CORES: dict[str, Any] = {"lstm": hk.LSTM, "gru": hk.GRU, "vanilla": hk.VanillaRNN}
ORDER = {"lstm": (0, 2, 1, 3), "gru": (1, 0, 2), "vanilla": (0,)}  # of our gates, and its inverse
GRU_NAMES = {"w_i": "w_x", "w_h": "w_h", "b": "b"}
SIGN = {"gru": (1, -1, 1)}  # σ(-a) = 1 - σ(a)


def versions() -> dict[str, str]:
    return _jax.versions("dm-haiku", "optax")


def build(w: Workload, weights: Weights, inputs: Weights) -> Built:
    if w.kind == "gemm":
        raise NotOffered("the peak is measured with jaxrnn and torch")
    network = hk.without_apply_rng(hk.transform(lambda carry, xs: _network(w, carry, xs)))
    params: dict[str, dict[str, Any]] = {}
    for level in range(w.depth):
        for way in w.directions:
            params |= _native(w, _name(level, way), cell_weights(weights, f"{level}.{way}"))
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


def _turned(w: Workload, a: Any) -> Any:
    """Gates from our order (and sign) to Haiku's, or back."""
    array = jnp if isinstance(a, jax.Array) else np
    gates = array.split(a, len(ORDER[w.cell]), axis=-1)
    signs = SIGN.get(w.cell, (1,) * len(gates))
    signed = [gate * sign for gate, sign in zip(gates, signs, strict=True)]
    return array.concatenate([signed[g] for g in ORDER[w.cell]], axis=-1)


def _native(w: Workload, name: str, a: Weights) -> dict[str, dict[str, Any]]:
    if w.cell == "vanilla":
        linear = {"w": a["w_x"], "b": a["b"]}
        return {f"{name}/linear": linear, f"{name}/linear_1": {"w": a["w_h"], "b": a["b_h"]}}
    if w.cell == "gru":
        return {name: {k: _turned(w, a[v]) for k, v in GRU_NAMES.items()}}
    b = a["b"].copy()
    b[w.H : 2 * w.H] -= 1
    both = np.concatenate([a["w_x"], a["w_h"]])
    return {f"{name}/linear": {"w": _turned(w, both), "b": _turned(w, b)}}


def _canonical(w: Workload, tree: Any) -> dict[str, Any]:
    flat = rename("head", tree["head"]) if w.V else {}
    for level in range(w.depth):
        for way in w.directions:
            flat |= rename(f"{level}.{way}", _cell(w, tree, _name(level, way), level))
    return flat


def _cell(w: Workload, tree: Any, name: str, level: int) -> dict[str, Any]:
    if w.cell == "vanilla":
        one, two = tree[f"{name}/linear"], tree[f"{name}/linear_1"]
        return {"w_x": one["w"], "b": one["b"], "w_h": two["w"], "b_h": two["b"]}
    if w.cell == "gru":
        its = tree[name]
        return {v: _unturned(w, its[k]) for k, v in GRU_NAMES.items()}
    its, size = tree[f"{name}/linear"], w.input_size(level)
    both = _unturned(w, its["w"])
    return {"w_x": both[:size], "w_h": both[size:], "b": _unturned(w, its["b"])}


def _unturned(w: Workload, a: jax.Array) -> jax.Array:
    """The order is its own inverse; the sign goes with the gate."""
    gates = jnp.split(a, len(ORDER[w.cell]), axis=-1)
    signs = SIGN.get(w.cell, (1,) * len(gates))
    back = [gates[g] for g in ORDER[w.cell]]
    return jnp.concatenate([gate * s for gate, s in zip(back, signs, strict=True)], axis=-1)
