"""What a conversion gives, and the proof that both sides compute the same."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn.interop._form import InteropError, Natives

TOLERANCE = {2: 5e-2, 4: 1e-4, 8: 1e-10}  # of a difference, by the bytes of a number


class Differences(NamedTuple):
    """The largest difference between both sides on random input: of outputs, of final states, and
    of gradients (weights, states and inputs) where the other side has them. Each is relative to the
    largest number of its array where that is above 1."""

    outputs: float
    states: float
    gradients: float | None

    @property
    def largest(self) -> float:
        """Of the two or three."""
        return max(part for part in self if part is not None)

    @classmethod
    def worst(cls, several: Sequence[Differences]) -> Differences:
        """The largest of each."""
        gradients = [one.gradients for one in several if one.gradients is not None]
        return cls(
            max(one.outputs for one in several),
            max(one.states for one in several),
            max(gradients, default=None),
        )

    def __str__(self) -> str:
        parts = {name: part for name, part in self._asdict().items() if part is not None}
        return ", ".join(f"{name} {part:.1e}" for name, part in parts.items())


class Result(NamedTuple):
    """``model, params, *_ = from_torch(…)``; of a library whose modules hold their own weights,
    `params` is None. `notes` say what is not the same on both sides, such as how two biases train.
    `differences` are there where `verify` was asked for."""

    model: Any
    params: Any
    notes: tuple[str, ...] = ()
    differences: Differences | None = None


class Answer(NamedTuple):
    """Final carry and ys; then what cotangents for both become. None: the other side has none."""

    carry: Any
    ys: Any
    dweights: Any = None
    dcarry: Any = None
    dxs: Any = None


Theirs = Callable[[Any, Any, Any, Any, Any], Answer]  # of weights, carry, xs, dcarry, dys


def by_jax(call: Callable[[Any, Any, Any], tuple[Any, Any]]) -> Theirs:
    """The other side, where it is a function of JAX: (weights, carry, xs) -> (carry, ys)."""

    @jax.jit
    def answer(weights, carry, xs, dcarry, dys):
        tokens = jnp.issubdtype(xs.dtype, jnp.integer)
        at = (weights, carry) if tokens else (weights, carry, xs)
        outputs, back = jax.vjp(lambda w, c, x=xs: call(w, c, x), *at)
        return Answer(*outputs, *back((dcarry, dys)))

    return answer


def verified(
    ours: tuple[Any, Any],
    natives: Natives,
    theirs: Theirs,
    read_cell: Callable,
    read_head: Callable | None = None,
) -> Differences:
    """Both sides, asked the same random question: `ours`, a model and its params, and the other
    library's answer to its own arrays. Gradients of weights are in its arrays, through the map that
    reads them.

    Raises InteropError where they differ by more than rounding does.
    """
    weights, (model, params) = natives.arrays, ours
    there = natives.model(read_cell, read_head)  # with the biases that the library has
    there = there if hasattr(there, "apply") == hasattr(model, "apply") else model
    question = _question(model, params)

    def read(weights: Any) -> Any:
        return natives.read(weights, read_cell, read_head)

    want = by_jax(lambda w, c, x: _apply(there)(read(w), c, x))(weights, *question)
    carry, ys = jax.jit(_apply(model))(params, *question[:2])
    with relaxed():
        got = theirs(weights, *question)
    gradients = [pair for pair in zip(want[2:], got[2:], strict=True) if pair[1] is not None]
    found = Differences(
        outputs=_largest(ys, got.ys),
        states=_largest(carry, got.carry),
        gradients=max((_largest(*pair) for pair in gradients), default=None),
    )
    bytes_each = min(leaf.dtype.itemsize for leaf in jax.tree.leaves(params))
    if not found.largest <= TOLERANCE[bytes_each]:
        raise InteropError(
            f"both sides were asked the same and differ by {found}, which is more than rounding "
            f"should do: the conversion is not to be trusted, please report it."
        )
    return found


@contextlib.contextmanager
def relaxed() -> Iterator[None]:
    """In which another library may mix ranks and dtypes, however strict JAX is set."""
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


def _apply(model: Any) -> Callable[..., Any]:
    return model.apply if hasattr(model, "apply") else model.step


def _question(model: Any, params: Any) -> tuple[Any, ...]:
    """carry, xs, dcarry and dys."""
    rng, B, vocabulary = np.random.default_rng(0), 2, getattr(model, "vocab_size", 0)
    dtype = jax.tree.leaves(params)[0].dtype
    normal = partial(_normal, rng, dtype)
    shape = (4, B) if hasattr(model, "apply") else (B,)
    if vocabulary:
        xs = rng.integers(vocabulary, size=shape).astype(np.int32)
    else:
        xs = normal(*shape, _input_size(params))
    carry = jax.tree.map(lambda a: normal(*a.shape), model.initial_carry(params, (B,)))
    dcarry = jax.tree.map(lambda a: normal(*a.shape), carry)
    return carry, xs, dcarry, normal(*shape, vocabulary or model.output_size)


def _normal(rng: np.random.Generator, dtype: Any, *shape: int) -> np.ndarray:
    return (0.5 * rng.normal(size=shape)).astype(dtype)


def _input_size(params: Any) -> int:
    while isinstance(params, tuple):
        params = params[0]
    return np.shape(params.w_x)[0]


def _largest(ours: Any, theirs: Any) -> float:
    """The largest difference between two trees of arrays."""
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    wide = [(np.asarray(a, np.float64), np.asarray(b, np.float64)) for a, b in pairs]
    for a, b in wide:
        if a.shape != b.shape:
            raise InteropError(f"one side gives {a.shape} where the other gives {b.shape}.")
    return max((_difference(a, b) for a, b in wide), default=0.0)


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    scale = max(1.0, float(np.max(np.abs(b), initial=0.0)))
    return float(np.max(np.abs(a - b), initial=0.0)) / scale


def as_params(arrays: Any) -> Any:
    """A tree of NumPy arrays as JAX's, bit for bit."""

    def one(path: Any, a: Any) -> jax.Array:
        if jax.dtypes.canonicalize_dtype(a.dtype) != a.dtype:
            raise InteropError(
                f"the weights are of {a.dtype}, which needs JAX's x64 mode: set JAX_ENABLE_X64=1, "
                f"or cast them first."
            )
        return jnp.asarray(a)

    return jax.tree_util.tree_map_with_path(one, arrays)


def needs(package: str, extra: str = "interop") -> InteropError:
    return InteropError(
        f"this needs the package {package}, which is not installed: pip install 'jaxrnn[{extra}]'."
    )


Run = Callable[[int, Any, list[Any], Any], tuple[Any, Any]]


def level_by_level(form: Any, run: Run) -> Callable[[Any, Any, Any], tuple[Any, Any]]:
    """The other side as a function of JAX, as `by_jax` takes it, where it has one a level: `run`
    (level, natives, carries of its directions, xs) -> carries, ys."""
    deep = len(form.levels) > 1

    def call(weights: Any, carry: Any, xs: Any) -> tuple[Any, Any]:
        after = []
        for k, c in enumerate(carry if deep else [carry]):
            both = len(form.levels[k]) == 2
            carries, xs = run(k, weights["levels"][k], list(c) if both else [c], xs)
            after.append(tuple(carries) if both else carries[0])
        return (tuple(after) if deep else after[0]), xs

    return call
