"""Laws of time and of the batch: what may reach what, and where a sequence may be cut."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxrnn.layers import Bidirectional
from jaxrnn.testing._case import Answer, Case, jit
from jaxrnn.testing._compare import same
from jaxrnn.testing._law import law
from jaxrnn.testing._trees import one_way, plus, reverse, turn, turnable, zeros_like


@law(fits=one_way)
def two_parts_are_the_whole(case: Case) -> None:
    """The carry hands everything over: walk one part, then the other from where it ended."""
    parts = [case.part(0, case.middle), case.part(case.middle, case.steps)]
    order = parts[::-1] if reverse(case.layer) else parts
    handed = order[0].answer().carry
    second = order[1].but(carry=handed).answer()
    first = order[0].but(dcarry=second.dcarry).answer()
    early, late = (second, first) if reverse(case.layer) else (first, second)
    want = Answer(
        carry=second.carry,
        ys=np.concatenate([early.ys, late.ys]),
        dparams=plus(first.dparams, second.dparams),
        dcarry=first.dcarry,
        dxs=np.concatenate([early.dxs, late.dxs]),
    )
    same(case.answer(), want)


def flipped(case: Case) -> Case:
    return case.but(xs=case.xs[::-1], dys=case.dys[::-1])


@law(fits=turnable)
def reversed_is_flipped(case: Case) -> None:
    """The layer that walks the other way everywhere, on flipped inputs, answers flipped."""
    there = flipped(case).but(layer=turn(case.layer)).answer()
    same(there._replace(ys=there.ys[::-1], dxs=there.dxs[::-1]), case.answer())


@law(fits=lambda layer: isinstance(layer, Bidirectional))
def mirror(case: Case) -> None:
    """Directions swapped (cells, params, carries) and inputs flipped: outputs flipped, their
    halves swapped where they lie side by side."""
    layer = case.layer
    width = layer.forward.output_size if layer.merge == "concat" else 0
    swapped = dataclasses.replace(layer, forward=turn(layer.backward), backward=turn(layer.forward))
    there = flipped(case).but(
        layer=swapped,
        params=case.params[::-1],
        carry=case.carry[::-1],
        dcarry=case.dcarry[::-1],
        dys=np.roll(case.dys[::-1], -width, axis=-1),
    )
    got = there.answer()
    want = Answer(
        carry=got.carry[::-1],
        ys=np.roll(got.ys[::-1], width, axis=-1),
        dparams=got.dparams[::-1],
        dcarry=got.dcarry[::-1],
        dxs=got.dxs[::-1],
    )
    same(want, case.answer())


@law()
def no_time_changes_nothing(case: Case) -> None:
    """At T = 0 the carry comes back, and so does its cotangent."""
    nothing = case.part(0, 0)
    want = Answer(case.carry, nothing.dys, zeros_like(case.params), case.dcarry, nothing.xs)
    same(nothing.answer(), want, within=0)


class Influence(NamedTuple):
    """Does output [t, b] depend on input [s, b'] (T, B, T, B), on carry row b' (T, B, B)?
    And row b of the final carry on input [s, b'] (B, T, B), on carry row b' (B, B)?"""

    xs: Any  # boolean
    carry: Any
    end_xs: Any
    end_carry: Any


@partial(jit, static_argnums=0)
def _pulls(layer: Any, params: Any, carry: Any, xs: Any, cotangents: Any) -> Any:
    _, back = jax.vjp(lambda c, x: layer.apply(params, c, x), carry, xs)
    return jax.vmap(back)(cotangents)


def influence(case: Case) -> Influence:
    """By gradient, with exact zeros: one cotangent for each output instant and row."""
    T, B = case.steps, case.batch
    at, row = np.divmod(np.arange((T + 1) * B), B)  # "instant" T is the final carry
    at, row = at[:, None], row[:, None]
    instants = (at[..., None] == np.arange(T)[:, None]) & (row[..., None] == np.arange(B))
    dys = instants[..., None] * case.dys
    ends = (at == T) & (row == np.arange(B))

    def basis(a: np.ndarray) -> np.ndarray:
        return ends.reshape(*ends.shape, *(1 for _ in a.shape[1:])) * a

    dcarry = jax.tree.map(basis, case.dcarry)
    dcarry, dxs = _pulls(case.layer, case.params, case.carry, case.xs, (dcarry, dys))
    for a in (dxs, *jax.tree.leaves(dcarry)):
        assert np.isfinite(np.asarray(a)).all(), "a gradient is not finite"
    xs: Any = np.any(np.asarray(dxs) != 0, axis=-1)
    rows = [np.asarray(a).reshape(len(at), B, -1).any(axis=-1) for a in jax.tree.leaves(dcarry)]
    carry: Any = np.any(np.stack(rows), axis=0)
    cut = T * B
    return Influence(
        xs=xs[:cut].reshape(T, B, T, B),
        carry=carry[:cut].reshape(T, B, B),
        end_xs=xs[cut:],
        end_carry=carry[cut:],
    )


@law(fits=one_way)
def causality(case: Case) -> None:
    """∂ys[t]/∂xs[s] is exactly zero where the walk meets s after t, and not everywhere else;
    every instant and the end can see the carry."""
    reach = influence(case)
    seen = reach.xs.any(axis=(1, 3))
    t, s = np.indices(seen.shape)
    later = s < t if reverse(case.layer) else s > t
    assert not seen[later].any(), f"outputs [t, s] see the future: {np.argwhere(seen & later)}"
    assert seen[~later].any(), "no output sees any input"
    assert reach.carry.any(axis=(1, 2)).all(), "some outputs do not see the carry"
    assert reach.end_xs.any(axis=(0, 2)).all(), "the final carry does not see every input"


@law()
def rows_are_independent(case: Case) -> None:
    """Row b of outputs and final carry has exactly zero gradient at every other row."""
    reach = influence(case)
    seen = {
        "outputs on inputs": reach.xs.any(axis=(0, 2)),
        "outputs on carries": reach.carry.any(axis=0),
        "final carries on inputs": reach.end_xs.any(axis=1),
        "final carries on carries": reach.end_carry,
    }
    others = ~np.eye(case.batch, dtype=bool)
    for what, rows in seen.items():
        assert not rows[others].any(), f"{what}: rows {np.argwhere(rows & others).tolist()} meet"
        assert rows[~others].any(), f"{what}: no row depends on anything"


def first_row(case: Case) -> Case:
    return case.but(
        carry=jax.tree.map(lambda a: a[0], case.carry),
        dcarry=jax.tree.map(lambda a: a[0], case.dcarry),
        xs=case.xs[:, 0],
        dys=case.dys[:, 0],
    )


@law()
def no_batch_axis_is_one_row(case: Case) -> None:
    """xs (T, I) is a row of xs (T, B, I)."""
    whole = case.listen(np.arange(case.batch) == 0).answer()
    want = Answer(
        carry=jax.tree.map(lambda a: a[0], whole.carry),
        ys=whole.ys[:, 0],
        dparams=whole.dparams,
        dcarry=jax.tree.map(lambda a: a[0], whole.dcarry),
        dxs=whole.dxs[:, 0],
    )
    same(first_row(case).answer(), want)


@law()
def two_batch_axes_are_one_flattened(case: Case) -> None:
    """xs (T, B/2, 2, I) is xs (T, B, I)."""
    two = (-1, 2 if case.batch % 2 == 0 else 1)

    def unfold(carry: Any) -> Any:
        return jax.tree.map(lambda a: a.reshape(*two, *a.shape[1:]), carry)

    def unfold_timed(xs: np.ndarray) -> np.ndarray:
        return xs.reshape(len(xs), *two, xs.shape[-1])

    unfolded = case.but(
        carry=unfold(case.carry),
        dcarry=unfold(case.dcarry),
        xs=unfold_timed(case.xs),
        dys=unfold_timed(case.dys),
    )
    flat = case.answer()
    want = Answer(
        carry=unfold(flat.carry),
        ys=unfold_timed(flat.ys),
        dparams=flat.dparams,
        dcarry=unfold(flat.dcarry),
        dxs=unfold_timed(flat.dxs),
    )
    same(unfolded.answer(), want)
