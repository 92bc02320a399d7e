"""This library: `language_model` and `training` on token ids, layers on features."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

import jaxrnn
from benchmarks import bounds
from benchmarks.protocol import Built
from benchmarks.weights import Variant, Weights, cell_weights, rename
from benchmarks.workers import _jax, _maps
from benchmarks.workloads import Workload
from jaxrnn import training

VARIANTS: dict[str, Variant] = {}


def versions() -> dict[str, str]:
    return {"jaxrnn": jaxrnn.__version__, **_jax.versions("optax", "numpy")}


def build(w: Workload, weights: Weights, inputs: Weights) -> Built:
    if w.kind == "gemm":
        return _jax.build_gemm(w, inputs)
    if w.kind == "train":
        return _train(w, weights, inputs)
    return _jax.build(w, _model(w, weights), inputs)


def build_bound(w: Workload, weights: Weights, inputs: Weights) -> Built:
    """The same matrix products in the same scans, and nothing else."""
    del weights, inputs
    return bounds.build(w)


def _layer(w: Workload) -> jaxrnn.Layer:
    cell = _maps.cell_of(w, Variant())
    layer = jaxrnn.bidirectional(cell) if w.both_ways else jaxrnn.unroll(cell)
    return layer if w.depth == 1 else jaxrnn.stack([layer] * w.depth)


def _params(w: Workload, weights: Weights) -> Any:
    levels = []
    for level in range(w.depth):
        ways = [
            _maps.PARAMS[w.cell](**cell_weights(weights, f"{level}.{way}")) for way in w.directions
        ]
        levels.append(tuple(ways) if w.both_ways else ways[0])
    layer = tuple(levels) if w.depth > 1 else levels[0]
    if not w.V:
        return layer
    head = jaxrnn._language_model.HeadParams(weights["head.w"], weights["head.b"])
    return jaxrnn.LanguageModelParams(layer, head)


def _canonical(w: Workload, params: Any) -> dict[str, Any]:
    layer = params.layer if w.V else params
    flat = rename("head", vars(params.head)) if w.V else {}
    for level, ways in enumerate(layer if w.depth > 1 else (layer,)):
        for way, cell in zip(w.directions, ways if w.both_ways else (ways,), strict=True):
            flat |= rename(f"{level}.{way}", vars(cell))
    return flat


def _model(w: Workload, weights: Weights) -> _jax.Model:
    model = jaxrnn.language_model(_layer(w), w.V) if w.V else _layer(w)
    params = jax.tree.map(jnp.asarray, _params(w, weights))
    carry = model.initial_carry(params, (w.B,))
    return _jax.Model(
        model.apply, params, carry, lambda tree: _canonical(w, tree), lambda tokens, _: tokens
    )


def _train(w: Workload, weights: Weights, inputs: Weights) -> Built:
    """One minibatch through `training.epoch`."""
    model, lm = _model(w, weights), jaxrnn.language_model(_layer(w), w.V)
    optimizer = training.optimizer(w.optimizer, w.learning_rate, w.clip)
    tokens, targets = jnp.asarray(inputs["tokens"]), jnp.asarray(inputs["targets"])

    def step(state, tokens, targets):
        state, report = training.epoch(lm.loss, optimizer, state, tokens, targets, model.carry)
        return state, report.loss

    def gradient():
        return jax.grad(lm.loss, has_aux=True)(model.params, model.carry, tokens, targets)[0]

    def fresh():
        return (training.start(model.params, optimizer, model.carry),)

    return _jax.training(step, fresh, (tokens[None], targets[None]), gradient, model)
