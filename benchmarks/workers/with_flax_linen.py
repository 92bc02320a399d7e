"""Flax Linen: nn.RNN, time-major, around OptimizedLSTMCell, GRUCell and SimpleCell. It keeps each
gate's weights apart; its GRU has one bias, and a second one inside the candidate's bracket."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from benchmarks.protocol import Built, NotOffered
from benchmarks.weights import Variant, Weights, cell_weights, rename
from benchmarks.workers import _jax, _maps
from benchmarks.workloads import Workload
from jaxrnn.interop import _linen

VARIANTS = {
    "lstm": Variant("one", note="one bias"),
    "gru": Variant("candidate", note="one bias, and the candidate's own"),
    "vanilla": Variant("one", note="one bias"),
}
CELLS: dict[str, Any] = {
    "lstm": nn.OptimizedLSTMCell,
    "gru": nn.GRUCell,
    "vanilla": nn.SimpleCell,
}


def versions() -> dict[str, str]:
    return _jax.versions("flax", "optax")


def build(w: Workload, weights: Weights, inputs: Weights) -> Built:
    if w.kind == "gemm":
        raise NotOffered("the peak is measured with jaxrnn and torch")
    module, params = Model(w), {}
    for level in range(w.depth):
        for way in w.directions:
            a = cell_weights(weights, f"{level}.{way}")
            params[f"{way}_{level}"] = _maps.native(_linen, w, VARIANTS[w.cell], a)
    if w.V:
        params["head"] = {"kernel": weights["head.w"], "bias": weights["head.b"]}

    def apply(params: Any, carry: Any, xs: jax.Array) -> tuple[Any, jax.Array]:
        return module.apply({"params": params}, carry, xs)  # pyright: ignore[reportReturnType]

    zeros = jnp.zeros((w.B, w.H))
    start: Any = (zeros, zeros) if w.cell == "lstm" else zeros
    carry = [(start, start) if w.both_ways else start] * w.depth
    model = _jax.Model(apply, params, carry, lambda tree: _canonical(w, tree))
    return _jax.build(w, model, inputs)


class Model(nn.Module):
    w: Workload

    @nn.compact
    def __call__(self, carry: Any, xs: jax.Array) -> tuple[Any, jax.Array]:
        w, new = self.w, []
        for level, start in enumerate(carry):
            rnns = [
                nn.RNN(
                    CELLS[w.cell](w.H, name=f"{way}_{level}"), time_major=True, return_carry=True
                )
                for way in w.directions
            ]
            layer: Any = rnns[0]
            if w.both_ways:
                layer = nn.Bidirectional(rnns[0], rnns[1], time_major=True, return_carry=True)
            after, xs = layer(xs, initial_carry=start)
            new.append(after)
        return new, nn.Dense(w.V, name="head")(xs) if w.V else xs


def _canonical(w: Workload, tree: Any) -> dict[str, Any]:
    flat = {"head.w": tree["head"]["kernel"], "head.b": tree["head"]["bias"]} if w.V else {}
    for level in range(w.depth):
        for way in w.directions:
            a = _maps.arrays(_linen, w, VARIANTS[w.cell], tree[f"{way}_{level}"])
            flat |= rename(f"{level}.{way}", a)
    return flat
