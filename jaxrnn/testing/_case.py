"""A random question to a layer, and the layer's full answer: outputs and every gradient."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxrnn import _checks
from jaxrnn._types import Layer
from jaxrnn.testing._trees import choose, zeros_like


class Answer(NamedTuple):
    """Final carry and ys (T, B, F); then what a cotangent for both becomes at params, carry and xs,
    each of their own shapes."""

    carry: Any
    ys: Any
    dparams: Any
    dcarry: Any
    dxs: Any  # None for token ids


def pull(apply: Callable, params: Any, carry: Any, xs: Any, cotangents: Any, when: Any) -> Answer:
    """`apply` and its reverse-mode derivative at once: one compiled function a law."""
    tokens = np.issubdtype(xs.dtype, np.integer)
    at = (params, carry) if tokens else (params, carry, xs)
    outputs, back = jax.vjp(lambda p, c, x=xs: apply(p, c, x, **when), *at)
    gradients = (*back(cotangents), None) if tokens else back(cotangents)
    return Answer(*outputs, *gradients)


# A law runs once: what counts is to compile fast.
jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


@partial(jit, static_argnums=0)
def _answer(layer: Layer, *question: Any) -> Answer:
    return pull(layer.apply, *question)


def numpy(tree: Any) -> Any:
    return jax.tree.map(np.asarray, tree)


@dataclasses.dataclass(frozen=True)
class Case:
    """One random question, all in NumPy. Nothing in it is zero: params are perturbed away from
    their init (zero biases hide bugs), the carry is not the initial one, inputs change in time,
    and there is a cotangent for the outputs *and* for the final carry. The leaves of a carry lead
    with B.

    >>> from jaxrnn import testing
    >>> case = testing.draw(jaxrnn.unroll(jaxrnn.mingru(4)), input_size=3, seed=0)
    >>> case.xs.shape, case.answer().ys.shape                # (T, B, I), (T, B, F)
    ((7, 6, 3), (7, 6, 4))
    """

    layer: Any
    params: Any
    carry: Any
    xs: Any  # (T, B, I)
    dcarry: Any
    dys: Any  # (T, B, F)
    valid: Any  # (T, B)
    fresh: Any  # (T, B)

    def but(self, **changes: Any) -> Case:
        """The same question with other fields."""
        return dataclasses.replace(self, **changes)

    def question(self, **when: Any) -> tuple[Any, ...]:
        """params, carry, xs, (dcarry, dys), and `when`: lengths, mask or resets of ``apply``."""
        return self.params, self.carry, self.xs, (self.dcarry, self.dys), when

    def answer(self, **when: Any) -> Answer:
        """The layer's answer, compiled once for each layer and form of the question."""
        return numpy(_answer(self.layer, *self.question(**when)))

    @property
    def steps(self) -> int:
        """T."""
        return len(self.xs)

    @property
    def batch(self) -> int:
        """B."""
        return self.xs.shape[1]

    @property
    def middle(self) -> int:
        """A time step with others before and after it."""
        return self.steps // 2

    def part(self, begin: int, end: int) -> Case:
        """The time steps from `begin` to before `end`."""
        t = slice(begin, end)
        return self.but(xs=self.xs[t], dys=self.dys[t], valid=self.valid[t], fresh=self.fresh[t])

    def listen(self, rows: np.ndarray) -> Case:
        """The same question, but only these rows of the batch (B, boolean) matter."""

        dcarry = choose(rows, self.dcarry, zeros_like(self.dcarry))
        return self.but(dcarry=dcarry, dys=self.dys * rows[:, None].astype(self.dys.dtype))

    def start(self) -> Any:
        """The layer's initial carry of this batch."""
        return numpy(self.layer.initial_carry(self.params, self.xs.shape[1:-1]))

    def through_start(self, dstart: Any) -> Any:
        """The cotangent of params that one of the initial carry becomes: a start may be learnt."""
        batch_shape = self.xs.shape[1:-1]
        _, back = jax.vjp(lambda p: self.layer.initial_carry(p, batch_shape), self.params)
        return numpy(back(dstart)[0])


@lru_cache(maxsize=64)
def draw(layer: Any, input_size: int, seed: int, steps: int = 7, batch: int = 6) -> Case:
    """A random question to `layer`: T = `steps`, B = `batch`, I = `input_size`, in the params'
    dtype; the same for the same arguments. Raises TypeError where a leaf of params is no float, or
    one of the carry neither float nor complex.

    >>> from jaxrnn import testing
    >>> case = testing.draw(jaxrnn.unroll(jaxrnn.mingru(4)), input_size=3, seed=0, steps=5, batch=2)
    >>> case.xs.shape, case.valid.shape
    ((5, 2, 3), (5, 2))
    """
    rng = np.random.default_rng(seed)
    params = numpy(layer.init(jax.random.key(seed), input_size))
    dtype = _checks.float_dtype(next((a.dtype for a in jax.tree.leaves(params)), None))

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(dtype)

    def random_like(tree: Any) -> Any:
        return jax.tree.map(partial(_random_leaf, normal), tree)

    carry = numpy(layer.initial_carry(params, (batch,)))
    _refuse_integers(layer, params, carry)
    params = jax.tree.map(lambda a: a + dtype.type(0.3) * normal(*a.shape), params)
    walked = None if _is_of_numbers(carry) else normal(2, batch, input_size)
    return Case(
        layer=layer,
        params=params,
        carry=random_like(carry) if walked is None else _end(layer, params, walked),
        xs=normal(steps, batch, input_size),
        dcarry=random_like(carry),
        dys=normal(steps, batch, layer.output_size),
        valid=rng.random((steps, batch)) < 0.6,
        fresh=rng.random((steps, batch)) < 0.3,
    )


def _random_leaf(normal: Callable, leaf: np.ndarray) -> np.ndarray:
    if np.iscomplexobj(leaf):
        return (normal(*leaf.shape) + 1j * normal(*leaf.shape)).astype(leaf.dtype)
    return normal(*leaf.shape)


def _end(layer: Any, params: Any, xs: np.ndarray) -> Any:
    return numpy(jit(layer.apply)(params, None, xs)[0])


def _is_of_numbers(start: Any) -> bool:
    """So that any random numbers are a carry too. A memory that begins empty, at the logarithm of
    0, has others that can be none of its states, such as a norm below 0: a walk leads to one."""
    return all(bool(np.all(np.abs(leaf) < 1e4)) for leaf in jax.tree.leaves(start))


def _refuse_integers(layer: Any, params: Any, carry: Any) -> None:
    """Floats are judged, and in a carry complex numbers too."""
    for path, leaf in jax.tree_util.tree_leaves_with_path({"params": params, "carry": carry}):
        kind = jax.numpy.floating if path[0].key == "params" else jax.numpy.inexact
        if not jax.numpy.issubdtype(leaf.dtype, kind):
            where = jax.tree_util.keystr(path)
            raise TypeError(f"the laws judge floats, but {layer} has {where} of {leaf.dtype}.")
