"""The same model for every framework, and what it must compute, by `jaxrnn.reference`.

A framework computes some member of a cell's family. That member is a layer of ours here, whose
params and inputs come from one seed, by NumPy; `jaxrnn.interop` takes them into the framework, and
gradients back.
"""

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxrnn
from benchmarks.workloads import Workload
from jaxrnn import reference

Arrays = dict[str, np.ndarray]

# Of the greatest absolute value of the expected array. Float32 with another order of summation
# stays a decade below it; two gates swapped, or one bias forgotten, are three above.
TOLERANCE = 3e-5
# Adam's first update is lr · sign(gradient) nearly: where a gradient is all but zero, rounding
# chooses the sign. The loss after it is that much less certain.
TOLERANCE_AFTER_UPDATE = 1e-3

# Where a framework has no second bias, or of a GRU's only the candidate's part, inside r ⊙ (…).
ONE_BIAS = {
    *((name, "lstm") for name in ("flax_nnx", "flax_linen", "equinox", "haiku")),
    *(("flax_nnx", "gru"), ("haiku", "gru"), ("flax_nnx", "vanilla"), ("flax_linen", "vanilla")),
}
INSIDE = {("flax_linen", "gru"), ("equinox", "gru")}
NOTES = dict.fromkeys(ONE_BIAS, "one bias")
NOTES |= dict.fromkeys(INSIDE, "one bias, and the candidate's own")
NOTES |= {("flax_nnx", "gru"): "one bias, no b_hn", ("haiku", "gru"): "reset before, one bias"}
NOTES |= {("haiku", "vanilla"): "relu"}


class Case(NamedTuple):
    """A workload for one framework: a layer or a language model of ours, its params, and inputs."""

    w: Workload
    model: Any
    params: Any
    inputs: Arrays


class Program(NamedTuple):
    """What a framework makes of a case. step: state -> state, what comes out, finished when it
    returns. read: the arrays of what came out. gradient: where a step does not give it."""

    start: Callable[[], Any]
    step: Callable[[Any], tuple[Any, Any]]
    read: Callable[[Any], Arrays] = lambda out: {"out": np.asarray(out)}
    gradient: Callable[[], Arrays] = dict

    def call(self) -> Callable[[], None]:
        """Goes on from its own last state."""
        states = [self.start()]
        return lambda: states.append(self.step(states.pop())[0])

    def probe(self, w: Workload) -> Arrays:
        """What it computes, by name: of a few steps."""
        state, outs = self.start(), []
        for _ in range(STEPS.get(w.kind, 1)):
            state, out = self.step(state)
            outs.append(self.read(out))
        return {name: np.stack([out[name] for out in outs]) for name in outs[0]} | self.gradient()


STEPS = {"train": 2, "generate": 5}


def case(framework: str, w: Workload) -> Case:
    cell = cell_of(framework, w)
    layer = jaxrnn.bidirectional(cell) if w.both_ways else jaxrnn.unroll(cell)
    layer = layer if w.depth == 1 else jaxrnn.stack([layer] * w.depth)
    model = jaxrnn.language_model(layer, w.V) if w.V else layer
    return Case(w, model, None if w.kind == "gemm" else _params(framework, w, model), _inputs(w))


def cell_of(framework: str, w: Workload) -> Any:
    how: Any = {"recurrent_bias": (framework, w.cell) not in ONE_BIAS}
    if framework == "haiku":
        how |= {"gru": {"reset": "before"}, "vanilla": {"activation": "relu"}}.get(w.cell, {})
    return getattr(jaxrnn, w.cell)(w.H, **how)


def _params(framework: str, w: Workload, model: Any) -> Any:
    """U(-1/√H, 1/√H) throughout: at one place the same in every framework."""

    def draw(path: Any, a: Any) -> np.ndarray:
        rng = np.random.default_rng(zlib.crc32(jax.tree_util.keystr(path).encode()))
        return rng.uniform(-(w.H**-0.5), w.H**-0.5, a.shape).astype(np.float32)

    size = () if w.V else (w.D,)
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), *size))
    return _trained(framework, w, jax.tree_util.tree_map_with_path(draw, shapes))


def _trained(framework: str, w: Workload, tree: Any) -> Any:
    """Params or gradients, with zero where the framework has nothing to train."""

    if (framework, w.cell) not in INSIDE:
        return tree
    inside = np.arange(3 * w.H) >= 2 * w.H
    return jax.tree_util.tree_map_with_path(
        lambda path, a: a * inside if jax.tree_util.keystr(path).endswith(".b_h") else a, tree
    )


def _inputs(w: Workload) -> Arrays:
    """tokens and targets (T, B) for a language model; else xs (T, B, D), and dys (T, B, F), the
    cotangent of ys."""
    rng = np.random.default_rng(2)
    if w.tokens:
        names = ("tokens", "targets")
        return {k: rng.integers(w.D, size=(w.T, w.B), dtype=np.int32) for k in names}
    shapes = {"xs": (w.T, w.B, w.D), "dys": (w.T, w.B, w.features)}
    shapes = {"a": (w.H, w.H), "b": (w.H, w.H)} if w.kind == "gemm" else shapes
    return {k: rng.standard_normal(shape, np.float32) for k, shape in shapes.items()}


# What it must compute.


def truth(framework: str, w: Workload) -> Arrays:
    """What `Program.probe` must return."""
    _, model, params, given = case(framework, w)
    if w.kind == "gemm":
        return {"out": np.asarray(given["a"], np.float64)[None] @ given["b"]}
    twin = reference.twin(model)
    if w.kind == "generate":  # logits, each argmax fed back
        carry, said, token = None, [], given["tokens"]
        for _ in range(STEPS["generate"]):
            carry, logits, _ = twin.forward(params, carry, token)
            said, token = [*said, logits], logits.argmax(-1)
        return {"out": np.stack(said)}
    if w.kind == "train":
        batch = given["tokens"], given["targets"]
        loss, _, gradient, _ = twin.loss_and_grad(params, None, *batch)
        gradient = _trained(framework, w, gradient)
        after = twin.loss(_updated(w, params, gradient), None, *batch)[0]
        return {"out": np.array([loss, after]), **named(gradient)}
    carry, ys, tape = twin.forward(params, None, given["xs"])
    if w.kind == "forward":
        return {"out": ys[None]}
    still = jax.tree.map(np.zeros_like, carry)
    gradient, _, dxs = twin.backward(params, tape, still, given["dys"])
    found = {"out": ys, "dxs": dxs, **named(_trained(framework, w, gradient))}
    return {name: a[None] for name, a in found.items()}


def named(gradient: Any) -> Arrays:
    """Its arrays, each by its place in the params."""
    leaves = jax.tree_util.tree_leaves_with_path(gradient)
    return {f"d{jax.tree_util.keystr(path)}": np.asarray(leaf) for path, leaf in leaves}


def _updated(w: Workload, params: Any, gradient: Any) -> Any:
    """The first step of clipped SGD or Adam (whose moments, corrected, are then g and g²)."""
    leaves, tree = jax.tree.flatten(params)
    steps, _ = reference.clip_by_global_norm(jax.tree.leaves(gradient), w.clip)
    if w.optimizer == "adam":
        steps = [g / (np.abs(g) + 1e-8) for g in steps]
    return tree.unflatten([p - w.learning_rate * g for p, g in zip(leaves, steps, strict=True)])


def greatest_error(w: Workload, got: Arrays, want: Arrays) -> float:
    """Of all arrays, as a share of the greatest expected value. Raises ValueError beyond what
    rounding explains, and where arrays differ in names or shapes."""
    shapes = [{name: a.shape for name, a in of.items()} for of in (got, want)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"it returns {shapes[0]} where the reference has {shapes[1]}.")
    errors = {k: float(np.max(np.abs(got[k] - a)) / np.max(np.abs(a))) for k, a in want.items()}
    for name, error in errors.items():
        losses = w.kind == "train" and name == "out"
        if not error <= (TOLERANCE_AFTER_UPDATE if losses else TOLERANCE):
            raise ValueError(f"{name} is off by {error:.1e} of its greatest value.")
    return max(errors.values())
