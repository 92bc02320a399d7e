"""What every framework must compute, by `jaxrnn.reference` in NumPy float64, and the comparison."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from benchmarks.weights import Variant, Weights, as_variant, cell_weights, mask, rename
from benchmarks.workloads import Workload
from jaxrnn import reference

# Of the greatest absolute value of the expected array. Float32 with another order of summation
# stays a decade below it; two gates swapped, or one bias forgotten, are three above.
TOLERANCE = 3e-5
# Adam's first update is lr · sign(gradient) nearly: where a gradient is all but zero, rounding
# chooses the sign. The loss after it is that much less certain.
TOLERANCE_AFTER_UPDATE = 1e-3


@dataclasses.dataclass(frozen=True)
class _Cell:
    w_x: Any
    w_h: Any
    b: Any
    b_h: Any = None


@dataclasses.dataclass(frozen=True)
class _Head:
    w: Any
    b: Any


@dataclasses.dataclass(frozen=True)
class _Model:
    layer: Any
    head: Any


def shared(w: Workload, variant: Variant) -> Variant:
    """A variant whose truth holds what `variant` needs, so that the slow reference runs once for
    many: in another form of the biases most cells are the same function. Not when training, for
    one update moves two biases further than one."""
    moved_inside = w.cell == "gru" and variant.reset == "after" and variant.bias == "one"
    if w.kind == "train" or moved_inside:
        return dataclasses.replace(variant, note="")
    return dataclasses.replace(variant, bias="two", note="")


def in_form(want: Weights, variant: Variant) -> Weights:
    """The truth of `shared(w, variant)` in the form of `variant`."""
    dropped = ".b_h" if variant.bias == "one" else "nothing"
    kept = {k: a for k, a in want.items() if not k.endswith(dropped)}
    return {k: a * mask(k, a, variant) if k.endswith(".b_h") else a for k, a in kept.items()}


def truth(w: Workload, variant: Variant, weights: Weights, inputs: Weights) -> Weights:
    """The arrays that a worker's probe must return, by name."""
    if w.kind == "gemm":
        return {"product": np.asarray(inputs["a"], np.float64) @ inputs["b"]}
    weights = as_variant(weights, variant)
    return {"train": _train, "generate": _generate}.get(w.kind, _layer)(w, variant, weights, inputs)


def _reference(w: Workload, variant: Variant) -> Any:
    cells = {
        "lstm": lambda: reference.lstm(w.H),
        "gru": lambda: reference.gru(w.H, variant.reset),
        "vanilla": lambda: reference.vanilla(w.H, variant.activation),
    }
    one = reference.unroll(cells[w.cell]())
    if w.both_ways:
        one = reference.bidirectional(one, reference.unroll(cells[w.cell](), reverse=True))
    return reference.stack([one] * w.depth)


def _params(w: Workload, weights: Weights) -> tuple:
    levels = []
    for level in range(w.depth):
        ways = [_Cell(**cell_weights(weights, f"{level}.{way}")) for way in w.directions]
        levels.append(tuple(ways) if w.both_ways else ways[0])
    return tuple(levels)


def _flat(w: Workload, params: tuple) -> Weights:
    flat = {}
    for level, ways in enumerate(params):
        for way, cell in zip(w.directions, ways if w.both_ways else (ways,), strict=True):
            arrays = {k: a for k, a in vars(cell).items() if a is not None}
            flat |= rename(f"{level}.{way}", arrays)
    return flat


def _layer(w: Workload, variant: Variant, weights: Weights, inputs: Weights) -> Weights:
    layer, params = _reference(w, variant), _params(w, weights)
    carry, ys, tape = layer.forward(params, None, inputs["xs"])
    if w.kind == "forward":
        return {"ys": ys}
    dparams, _, dxs = layer.backward(params, tape, _zeros(carry), inputs["dys"])
    return {"ys": ys, "dxs": dxs, **_trained(_flat(w, dparams), variant)}


def _zeros(carry: Any) -> Any:
    leaves = [_zeros(c) if isinstance(c, tuple) else np.zeros_like(c) for c in carry]
    return type(carry)(*leaves) if hasattr(carry, "_fields") else tuple(leaves)


def _trained(gradients: Weights, variant: Variant) -> Weights:
    return {f"d.{k}": g * mask(k, g, variant) for k, g in gradients.items()}


def _language_model(w: Workload, variant: Variant, weights: Weights) -> tuple[Any, _Model]:
    head = _Head(weights["head.w"], weights["head.b"])
    model = reference.language_model(_reference(w, variant))
    return model, _Model(_params(w, weights), head)


def _generate(w: Workload, variant: Variant, weights: Weights, inputs: Weights) -> Weights:
    model, params = _language_model(w, variant, weights)
    return {"logits": model.forward(params, None, inputs["tokens"])[1]}


def _train(w: Workload, variant: Variant, weights: Weights, inputs: Weights) -> Weights:
    """The gradients, and the loss before and after one update."""
    model, params = _language_model(w, variant, weights)
    batch = inputs["tokens"], inputs["targets"]
    loss, _, dparams, _ = model.loss_and_grad(params, None, *batch)
    flat = _flat(w, dparams.layer) | rename("head", vars(dparams.head))
    gradients = _trained(flat, variant)
    after = _update(w, weights, gradients)
    model, params = _language_model(w, variant, after)
    losses = np.array([loss, model.loss(params, None, *batch)[0]])
    return {"losses": losses, **gradients}


def _update(w: Workload, weights: Weights, gradients: Weights) -> Weights:
    """The first step of clipped SGD or Adam (whose moments, corrected, are then g and g²)."""
    clipped, _ = reference.clip_by_global_norm(list(gradients.values()), w.clip)
    after = {}
    for name, g in zip(gradients, clipped, strict=True):
        direction = g / (np.abs(g) + 1e-8) if w.optimizer == "adam" else g
        key = name.removeprefix("d.")
        after[key] = weights[key] - w.learning_rate * direction
    return after


def errors(got: Weights, want: Weights) -> dict[str, float]:
    """The greatest difference in each array, as a share of the greatest expected value."""
    if set(got) != set(want):
        odd = ", ".join(sorted(set(got) ^ set(want)))
        raise ValueError(f"the worker and the reference do not return the same arrays: {odd}.")
    return {name: _error(got[name], want[name]) for name in want}


def _error(got: np.ndarray, want: np.ndarray) -> float:
    if got.shape != want.shape:
        raise ValueError(f"an array of shape {got.shape} where the reference has {want.shape}.")
    error = np.max(np.abs(got - want)) / max(np.max(np.abs(want)), 1e-30)
    return float(error) if np.isfinite(error) else float("inf")


def beyond(found: dict[str, float]) -> dict[str, float]:
    """The errors that no rounding explains."""
    limits = {"losses": TOLERANCE_AFTER_UPDATE}
    return {k: e for k, e in found.items() if not e <= limits.get(k, TOLERANCE)}
