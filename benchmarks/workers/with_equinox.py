"""Equinox: its cells under vmap in the lax.scan that its documentation shows. It has no vanilla
cell. Its GRU has one bias, and a second one inside the candidate's bracket."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from benchmarks.protocol import Built, NotOffered
from benchmarks.weights import Variant, Weights, cell_weights, rename
from benchmarks.workers import _jax, _maps
from benchmarks.workloads import Workload
from jaxrnn.interop import _equinox

VARIANTS = {
    "lstm": Variant("one", note="one bias"),
    "gru": Variant("candidate", note="one bias, and the candidate's own"),
}


def versions() -> dict[str, str]:
    return _jax.versions("equinox", "optax")


def build(w: Workload, weights: Weights, inputs: Weights) -> Built:
    if w.kind == "gemm":
        raise NotOffered("the peak is measured with jaxrnn and torch")
    if w.cell not in VARIANTS:
        raise NotOffered(f"Equinox has no {w.cell} cell")
    params, static = eqx.partition(_model(w, weights), eqx.is_array)

    def apply(params: Any, carry: Any, xs: jax.Array) -> tuple[Any, jax.Array]:
        levels, head = eqx.combine(params, static)
        new = []
        for cells, carries in zip(levels, carry, strict=True):
            pairs = enumerate(zip(cells, carries, strict=True))  # forward, then backward
            walks = [_walk(cell, start, xs, reverse=way == 1) for way, (cell, start) in pairs]
            new.append([carry for carry, _ in walks])
            xs = jnp.concatenate([ys for _, ys in walks], -1) if len(walks) > 1 else walks[0][1]
        return new, xs if head is None else jax.vmap(jax.vmap(head))(xs)

    zeros = jnp.zeros((w.B, w.H))
    start = (zeros, zeros) if w.cell == "lstm" else zeros
    carry = [[start] * len(w.directions)] * w.depth
    return _jax.build(w, _jax.Model(apply, params, carry, lambda tree: _canonical(w, tree)), inputs)


def _walk(cell: Any, carry: Any, xs: jax.Array, reverse: bool) -> tuple[Any, jax.Array]:
    def step(carry, x):
        carry = jax.vmap(cell)(x, carry)
        return carry, carry[0] if isinstance(carry, tuple) else carry

    return jax.lax.scan(step, carry, xs, reverse=reverse)


def _model(w: Workload, weights: Weights) -> tuple[list[list[Any]], Any]:
    levels = []
    for level in range(w.depth):
        cells = []
        for way in w.directions:
            a = cell_weights(weights, f"{level}.{way}")
            native = _maps.native(_equinox, w, VARIANTS[w.cell], a)
            cells.append(_equinox.made_of(eqx, _maps.cell_of(w, VARIANTS[w.cell]), native))
        levels.append(cells)
    if not w.V:
        return levels, None
    head = eqx.nn.Linear(w.features, w.V, key=jax.random.key(0))
    arrays = (jnp.asarray(weights["head.w"].T), jnp.asarray(weights["head.b"]))
    return levels, eqx.tree_at(lambda h: (h.weight, h.bias), head, arrays)


LEAVES = ("weight_ih", "weight_hh", "bias", "bias_n")


def _canonical(w: Workload, tree: Any) -> dict[str, Any]:
    levels, head = tree
    flat = {} if head is None else {"head.w": head.weight.T, "head.b": head.bias}
    for level, cells in enumerate(levels):
        for way, cell in zip(w.directions, cells, strict=True):
            native = {leaf: getattr(cell, leaf) for leaf in LEAVES if hasattr(cell, leaf)}
            flat |= rename(f"{level}.{way}", _maps.arrays(_equinox, w, VARIANTS[w.cell], native))
    return flat
