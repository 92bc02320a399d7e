"""Laws of meaning: a layer is what its loop, its slopes and its parts say."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxrnn.layers import Bidirectional, Stack, Unroll
from jaxrnn.testing._case import Answer, Case, jit, numpy, pull
from jaxrnn.testing._compare import same, slope
from jaxrnn.testing._law import law
from jaxrnn.testing._trees import halves, known, merged, plus, rebuild, unrolls, zeros_like


def float64(layer: Any) -> bool:
    return bool(jax.config.read("jax_enable_x64"))


def plainly(case: Case) -> Case:
    """The same question to the plain scan."""
    return case.but(layer=rebuild(case.layer, lambda it: dataclasses.replace(it, engine="scan")))


@law(fits=known)
def fast_is_plain(case: Case) -> None:
    """The path taken, and its derived adjoint, say what JAX derives from a scan of `step`."""
    same(case.answer(), plainly(case).answer())


@law(fits=known)
def fast_is_plain_with_gaps(case: Case) -> None:
    gaps = {"mask": case.valid, "resets": case.fresh}
    same(case.answer(**gaps), plainly(case).answer(**gaps))


@law(fits=known)
def what_is_kept_changes_nothing(case: Case) -> None:
    """All gates, the carries, or a carry a chunk: the same answer from less memory."""
    gaps = {"mask": case.valid, "resets": case.fresh}
    want = case.answer(**gaps)
    for keep in ("carries", "chunks"):
        layer = rebuild(case.layer, lambda it, keep=keep: dataclasses.replace(it, keep=keep))
        same(case.but(layer=layer).answer(**gaps), want)


@law(fits=float64)
def gradient_is_the_slope(case: Case) -> None:
    """⟨gradient, d⟩ is the slope of f(θ + εd) in ε along a random d in each leaf of θ, with
    f = ⟨cotangent, outputs⟩."""
    rng, answer = np.random.default_rng(1), case.answer()
    for name in ("params", "carry", "xs"):
        leaves, tree = jax.tree_util.tree_flatten_with_path(getattr(case, name))
        gradients = jax.tree.leaves(getattr(answer, f"d{name}"))
        for i, ((path, leaf), gradient) in enumerate(zip(leaves, gradients, strict=True)):
            way = direction(rng, leaf)

            def along(epsilon, i=i, way=way, name=name, leaves=leaves, tree=tree):
                there = [a + epsilon * way if j == i else a for j, (_, a) in enumerate(leaves)]
                outputs = case.but(**{name: tree.unflatten(there)}).answer()[:2]
                return inner(outputs, (case.dcarry, case.dys))

            what = f"d{name}{jax.tree_util.keystr(path)}"
            same({what: inner(gradient, way)}, {what: slope(along)}, 1e-7)


def inner(a: Any, b: Any) -> Any:
    """⟨a, b⟩ over all leaves; of complex ones, as JAX pairs them, the real part of Σ a b."""
    return sum(jax.tree.leaves(jax.tree.map(lambda p, q: (p * q).sum().real, a, b)))


def direction(rng: np.random.Generator, leaf: np.ndarray) -> np.ndarray:
    """Random numbers in double precision, complex where the leaf is."""
    way = np.asarray(rng.normal(size=leaf.shape))
    return way + 1j * rng.normal(size=leaf.shape) if np.iscomplexobj(leaf) else way


def walks_steps(layer: Any) -> bool:
    """One unroll, without the zoneout that goes beyond `step` even without a key."""
    return isinstance(layer, Unroll) and not np.any(layer.dropout.zoneout)


@law(fits=walks_steps)
def unroll_is_the_loop(case: Case) -> None:
    """for t: carry, ys[t] = cell.step(params, carry, xs[t]); its adjoint is the loop backwards."""
    instant = jit(partial(pull, case.layer.cell.step))
    order = range(case.steps)[:: -1 if case.layer.reverse else 1]
    carry, before, ys = case.carry, {}, {}
    nothing = zeros_like(case.carry), np.zeros_like(case.dys[0])
    for t in order:
        before[t] = carry
        carry, ys[t], *_ = instant(case.params, carry, case.xs[t], nothing, {})
    dparams, dcarry, dxs = zeros_like(case.params), case.dcarry, {}
    for t in reversed(order):
        step = instant(case.params, before[t], case.xs[t], (dcarry, case.dys[t]), {})
        dparams, dcarry, dxs[t] = plus(dparams, numpy(step.dparams)), step.dcarry, step.dxs
    in_time = [np.stack([values[t] for t in range(case.steps)]) for values in (ys, dxs)]
    same(case.answer(), Answer(carry, in_time[0], dparams, dcarry, in_time[1]))


@law(fits=lambda layer: isinstance(layer, Stack))
def stack_is_composition(case: Case) -> None:
    """Each layer reads the ys of the one below; cotangents come down the same way."""
    floors, xs = [], case.xs
    for layer, params, carry, dcarry in zip(
        case.layer.layers, case.params, case.carry, case.dcarry, strict=True
    ):
        dys = np.zeros((*xs.shape[:-1], layer.output_size), xs.dtype)
        floors.append(
            case.but(layer=layer, params=params, carry=carry, xs=xs, dcarry=dcarry, dys=dys)
        )
        xs = floors[-1].answer().ys
    answers, dys = [], case.dys
    for floor in reversed(floors):
        answers.insert(0, floor.but(dys=dys).answer())
        dys = answers[0].dxs
    carry, _, dparams, dcarry, _ = (tuple(field) for field in zip(*answers, strict=True))
    same(case.answer(), Answer(carry, xs, dparams, dcarry, dys))


@law(fits=lambda layer: isinstance(layer, Bidirectional))
def bidirectional_is_two_unrolls(case: Case) -> None:
    """ys = [forward, backward] along the features, or what `merge` makes of the two; dxs is the sum
    of both."""
    layer = case.layer
    each = list(zip(unrolls(layer), case.params, case.carry, case.dcarry, strict=True))

    def answers(*dys: np.ndarray) -> list[Answer]:
        fields = ("layer", "params", "carry", "dcarry", "dys")
        asked = [(*one, d) for one, d in zip(each, dys, strict=True)]
        return [case.but(**dict(zip(fields, one, strict=True))).answer() for one in asked]

    nothing = np.zeros((*case.xs.shape[:-1], 1), case.xs.dtype)
    outputs = answers(*(np.repeat(nothing, it.output_size, axis=-1) for it in unrolls(layer)))
    there, back = answers(*halves(layer, case.dys, *(answer.ys for answer in outputs)))
    want = Answer(
        carry=(there.carry, back.carry),
        ys=merged(layer, there.ys, back.ys),
        dparams=(there.dparams, back.dparams),
        dcarry=(there.dcarry, back.dcarry),
        dxs=there.dxs + back.dxs,
    )
    same(case.answer(), want)
