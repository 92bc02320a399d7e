"""The weights and inputs that every framework is given, from one seed, by NumPy.

The canonical form is the library's: a flat dict ``"0.forward.w_x"`` (I, G·H), ``w_h`` (H, G·H),
``b`` and ``b_h`` (G·H) for each level and direction, gates in the orders i f g o and r z n, and
``"head.w"`` (F, V), ``"head.b"`` (V). Each worker maps it into its framework, and gradients back.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from benchmarks.workloads import GATES, Workload

Weights = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Variant:
    """Which member of a cell's family a framework computes.

    bias: ``two`` (b and b_h, both trained), ``one`` (their sum), or ``candidate`` (of b_h only the
    candidate's part, inside r ⊙ (…); the rest is in b).
    """

    bias: str = "two"
    reset: Literal["after", "before"] = "after"
    activation: Literal["tanh", "relu"] = "tanh"
    note: str = ""


def make_weights(w: Workload) -> Weights:
    """U(-1/√F, 1/√F) throughout, F the hidden size, or the head's fan-in."""
    rng, wide, made = np.random.default_rng(1), GATES[w.cell] * w.H, {}
    for level in range(w.depth):
        for direction in w.directions:
            shapes = {"w_x": (w.input_size(level), wide), "w_h": (w.H, wide)}
            for name, shape in {**shapes, "b": (wide,), "b_h": (wide,)}.items():
                made[f"{level}.{direction}.{name}"] = _uniform(rng, w.H, shape)
    if w.V:
        made["head.w"] = _uniform(rng, w.features, (w.features, w.V))
        made["head.b"] = _uniform(rng, w.features, (w.V,))
    return made


def _uniform(rng: np.random.Generator, fan_in: int, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(-(fan_in**-0.5), fan_in**-0.5, shape).astype(np.float32)


def make_inputs(w: Workload) -> dict[str, np.ndarray]:
    """tokens and targets (T, B) for a language model; else xs (T, B, D), and dys (T, B, F), the
    cotangent of ys. A `generate` gets five tokens in a row, for its check."""
    rng = np.random.default_rng(2)
    if w.kind == "gemm":
        return {name: rng.standard_normal((w.H, w.H), np.float32) for name in ("a", "b")}
    if w.tokens:
        shape = (5 if w.kind == "generate" else w.T, w.B)
        return {name: rng.integers(w.D, size=shape, dtype=np.int32) for name in TOKENS}
    shapes = {"xs": w.D, "dys": w.features}
    return {k: rng.standard_normal((w.T, w.B, F), np.float32) for k, F in shapes.items()}


TOKENS = ("tokens", "targets")


def cell_weights(weights: Weights, prefix: str) -> Weights:
    """The arrays of one cell, by their short names."""
    return {k.rpartition(".")[2]: a for k, a in weights.items() if k.startswith(prefix + ".")}


def rename(prefix: str, arrays: Weights) -> Weights:
    return {f"{prefix}.{name}": a for name, a in arrays.items()}


def as_variant(weights: Weights, variant: Variant) -> Weights:
    """The same model in the bias form of `variant`: for ``one``, no "b_h"; for ``candidate``, a
    "b_h" that is zero but for the candidate's third."""
    return {} if not weights else _as_variant(dict(weights), variant)


def _as_variant(weights: Weights, variant: Variant) -> Weights:
    for name in [k for k in weights if k.endswith(".b_h") and variant.bias != "two"]:
        b_h, b = weights.pop(name), name[: -len("_h")]
        if variant.bias == "candidate":
            inside = mask(name, b_h, variant) * b_h
            weights[name], b_h = inside, b_h - inside
        weights[b] = weights[b] + b_h
    return weights


def mask(name: str, array: np.ndarray, variant: Variant) -> np.ndarray:
    """1 where the framework trains this array of `as_variant`, 0 where it has nothing."""
    trained = np.ones_like(array)
    if variant.bias == "candidate" and name.endswith(".b_h"):
        trained[: 2 * len(array) // 3] = 0
    return trained
