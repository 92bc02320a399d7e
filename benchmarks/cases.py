"""The same model for every framework. A framework computes some member of a cell's family: that
member is a layer of ours here, whose params and inputs come from one seed, by NumPy;
`jaxrnn.interop` takes them into the framework, and gradients back."""

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxrnn
from benchmarks.workloads import CELLS, Workload

Arrays = dict[str, np.ndarray]

# Of the greatest absolute value of the expected array. Float32 with another order of summation
# stays a decade below it; two gates swapped, or one bias forgotten, are three above.
TOLERANCE = 3e-5
# Adam's first update is lr · sign(gradient) nearly: where a gradient is all but zero, rounding
# chooses the sign. The loss after it is that much less certain.
TOLERANCE_AFTER_UPDATE = 1e-3
STEPS = {"train": 2, "generate": 5}  # that are looked at

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
    returns. read: the arrays of what came out, by name."""

    start: Callable[[], Any]
    step: Callable[[Any], tuple[Any, Any]]
    read: Callable[[Any], Arrays] = lambda out: {"out": np.asarray(out)}

    def call(self) -> Callable[[], None]:
        """Goes on from its own last state."""
        states = [self.start()]
        return lambda: states.append(self.step(states.pop())[0])

    def probe(self, w: Workload) -> Arrays:
        """What its first steps compute."""
        state, outs = self.start(), []
        for _ in range(STEPS.get(w.kind, 1)):
            state, out = self.step(state)
            outs.append(self.read(out))
        return {name: np.stack([out[name] for out in outs]) for name in outs[0]}


def case(framework: str, w: Workload, dtype: Any = np.float32, **how: Any) -> Case:
    """`how`: options of the layers."""
    layer = jaxrnn.bidirectional if w.both_ways else jaxrnn.unroll
    model: Any = layer(cell_of(framework, w), **how)
    model = model if w.depth == 1 else jaxrnn.stack([model] * w.depth)
    model = jaxrnn.language_model(model, w.V) if w.V else model
    return Case(w, model, _params(framework, w, model, dtype), _inputs(w))


def cell_of(framework: str, w: Workload) -> Any:
    one = (framework, w.cell) in ONE_BIAS
    how: Any = {"recurrent_bias": not one} if w.cell in CELLS else {}
    if framework == "haiku":
        how |= {"gru": {"reset": "before"}, "vanilla": {"activation": "relu"}}.get(w.cell, {})
    return getattr(jaxrnn, w.cell)(w.H, **how)


def _params(framework: str, w: Workload, model: Any, dtype: Any) -> Any:
    """U(-1/√H, 1/√H) throughout: at one place the same in every framework."""

    def draw(path: Any, a: Any) -> np.ndarray:
        name = jax.tree_util.keystr(path)
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        drawn = rng.uniform(-(w.H**-0.5), w.H**-0.5, a.shape)
        return trained(framework, w, name, drawn).astype(dtype)

    size = () if w.V else (w.D,)
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), *size))
    return jax.tree_util.tree_map_with_path(draw, shapes)


def trained(framework: str, w: Workload, name: str, a: np.ndarray) -> np.ndarray:
    """A param or its gradient: zero where the framework has nothing to train."""
    inside = (framework, w.cell) in INSIDE and name.endswith(".b_h")
    return a * (np.arange(3 * w.H) >= 2 * w.H) if inside else a


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


def named(gradient: Any) -> Arrays:
    """Its arrays, each by its place in the params."""
    leaves = jax.tree_util.tree_leaves_with_path(gradient)
    return {f"d{jax.tree_util.keystr(path)}": np.asarray(leaf) for path, leaf in leaves}


def greatest_error(w: Workload, got: Arrays, want: Arrays) -> float:
    """Of all arrays, as a share of the greatest expected value. Raises ValueError beyond what
    rounding explains, and where arrays differ in names or shapes."""
    shapes = [{name: a.shape for name, a in of.items()} for of in (got, want)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"it returns {shapes[0]} where the plain scan has {shapes[1]}.")
    errors = {k: float(np.max(np.abs(got[k] - a)) / np.max(np.abs(a))) for k, a in want.items()}
    for name, error in errors.items():
        if not error <= (TOLERANCE_AFTER_UPDATE if w.kind == "train" else TOLERANCE):
            raise ValueError(f"{name} is off by {error:.1e} of its greatest value.")
    return max(errors.values())
