"""Laws of lengths, mask and resets: padding is as if absent, and documents never meet."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np

from jaxrnn.layers import Bidirectional, Normalize, Project, Skip, Stack, Unroll
from jaxrnn.testing._case import Answer, Case
from jaxrnn.testing._compare import same
from jaxrnn.testing._law import law
from jaxrnn.testing._trees import choose, known, pick, plus, rebuild, zeros_like
from jaxrnn.testing._truth import plainly


@law()
def padding_is_never_read(case: Case) -> None:
    """Whatever stands at invalid steps, NaN and inf too: the same answer, bit for bit."""
    gaps = {"mask": case.valid, "resets": case.fresh}
    want = case.answer(**gaps)
    outside = want.ys[~case.valid], want.dxs[~case.valid]
    same(outside, zeros_like(outside), within=0)
    for junk in (np.nan, np.inf, -np.inf, 1e30):
        xs = np.where(case.valid[..., None], case.xs, case.xs.dtype.type(junk))
        same(case.but(xs=xs).answer(**gaps), want, within=0)


def ragged(case: Case) -> np.ndarray:
    """Lengths (B): whole, nothing, and both sides of the middle."""
    choices = [case.steps, 0, case.middle, case.steps - case.middle]
    return np.resize(np.array(choices, np.int32), case.batch)


@law()
def each_row_has_its_length(case: Case) -> None:
    """A row of length n is that row alone, n steps long; then zeros, and the carry held."""
    lengths = ragged(case)
    want = Answer(
        carry=case.carry,
        ys=np.zeros_like(case.dys),
        dparams=zeros_like(case.params),
        dcarry=zeros_like(case.dcarry),
        dxs=np.zeros_like(case.xs),
    )
    for n in sorted(set(lengths.tolist())):
        rows = lengths == n
        alone = case.part(0, n).listen(rows).answer()
        after = [(0, case.steps - n), (0, 0), (0, 0)]
        want = Answer(
            carry=choose(rows, alone.carry, want.carry),
            ys=want.ys + np.pad(np.where(rows[:, None], alone.ys, 0), after),
            dparams=plus(want.dparams, alone.dparams),
            dcarry=plus(want.dcarry, alone.dcarry),
            dxs=want.dxs + np.pad(alone.dxs, after),
        )
    same(case.answer(lengths=lengths), want)


@law()
def rows_of_no_length_keep_their_carry(case: Case) -> None:
    """lengths = 0 everywhere: nothing happens, exactly."""
    want = Answer(
        case.carry,
        np.zeros_like(case.dys),
        zeros_like(case.params),
        case.dcarry,
        np.zeros_like(case.xs),
    )
    same(case.answer(lengths=np.zeros(case.batch, np.int32)), want, within=0)


@law()
def more_padding_changes_nothing(case: Case) -> None:
    """Padded to a larger T: the same but for rounding, for weight gradients are longer sums, and
    what is done for all of time at once, XLA chooses how to round by its size. The plain scan of a
    cell takes each step alone: bit-equal, but for those gradients."""
    same(*_longer(case))
    if isinstance(case.layer, Unroll):
        got, want = (answer._replace(dparams=None) for answer in _longer(plainly(case)))
        same(got, want, within=0)


def _longer(case: Case) -> tuple[Answer, Answer]:
    """The answer of ragged rows padded further, without that padding, and theirs."""
    lengths, T = ragged(case), case.steps
    want = case.answer(lengths=lengths)
    more = [(0, 2), (0, 0), (0, 0)]
    longer = case.but(
        xs=np.pad(case.xs, more, constant_values=np.nan),
        dys=np.pad(case.dys, more, constant_values=1),
    )
    got = longer.answer(lengths=lengths)
    same(got.dxs[T:], np.zeros_like(got.dxs[T:]), within=0)
    return got._replace(ys=got.ys[:T], dxs=got.dxs[:T]), want


@law()
def lengths_and_mask_are_anded(case: Case) -> None:
    lengths = ragged(case)
    both = case.valid & (np.arange(case.steps)[:, None] < lengths)
    got = case.answer(lengths=lengths, mask=case.valid, resets=case.fresh)
    # Bit for bit, but for complex numbers: XLA rounds their products as it fuses them.
    within = None if any(map(np.iscomplexobj, jax.tree.leaves(case.carry))) else 0
    same(got, case.answer(mask=both, resets=case.fresh), within=within)


@law(fits=known)
def packed_documents_never_meet(case: Case) -> None:
    """One row that packs two documents is two calls: a forward walk comes to the second, a
    reversed one to the first, with `initial_carry`, never with the carry passed in."""
    layer, k, start = case.layer, case.middle, case.start()
    nothing, fresh = zeros_like(case.dcarry), np.zeros_like(case.fresh)
    fresh[k] = True
    first = case.part(0, k).but(
        carry=pick(layer, case.carry, start), dcarry=pick(layer, nothing, case.dcarry)
    )
    second = case.part(k, case.steps).but(
        carry=pick(layer, start, case.carry), dcarry=pick(layer, case.dcarry, nothing)
    )
    a, b = first.answer(), second.answer()
    dstart = pick(layer, b.dcarry, a.dcarry)
    want = Answer(
        carry=pick(layer, b.carry, a.carry),
        ys=np.concatenate([a.ys, b.ys]),
        dparams=plus(plus(a.dparams, b.dparams), case.through_start(dstart)),
        dcarry=pick(layer, a.dcarry, b.dcarry),
        dxs=np.concatenate([a.dxs, b.dxs]),
    )
    same(case.answer(resets=fresh), want)


def repeats(layer: Any, mixed: bool = False) -> bool:
    """In padding it can hold each of its outputs as it was. A sum with what goes on changing there,
    its input or the other direction, is none of them; `mixed`: such a sum is taken of `layer`."""
    if isinstance(layer, Stack):
        return repeats(layer.layers[-1], mixed)
    if isinstance(layer, Normalize | Project):
        return repeats(layer.layer, mixed or isinstance(layer, Project))
    if isinstance(layer, Skip):
        return not mixed and repeats(layer.layer)
    both = isinstance(layer, Bidirectional) and layer.merge == "concat" and not mixed
    return both or isinstance(layer, Unroll)


@law(fits=lambda layer: known(layer) and repeats(layer))
def held_padding_repeats(case: Case) -> None:
    """padding="held" shows the last valid output again, and cotangents go back to it."""
    gaps = {"mask": case.valid, "resets": case.fresh}
    held = case.but(layer=_padded(case.layer, "held")).answer(**gaps)
    shown = shown_at(case.layer, case.valid)
    zero = case.but(layer=_padded(case.layer, "zero"), dys=_gather_back(shown, case.dys))
    want = zero.answer(**gaps)
    same(held, want._replace(ys=_gather(shown, want.ys)))


def _padded(layer: Any, padding: str) -> Any:
    return rebuild(layer, lambda it: dataclasses.replace(it, padding=padding))


def shown_at(layer: Any, valid: np.ndarray) -> np.ndarray:
    """(T, B, F): the time of the output that is shown at t, or -1 before there was one."""
    if isinstance(layer, Stack):
        return shown_at(layer.layers[-1], valid)
    if isinstance(layer, Bidirectional):
        halves = [shown_at(half, valid) for half in (layer.forward, layer.backward)]
        return np.concatenate(halves, axis=-1)
    if isinstance(layer, Skip):  # of the input, padding is zero
        times = np.where(valid, np.arange(len(valid))[:, None], -1)[..., None]
        beside = np.repeat(times, layer.input_size, axis=-1)
        return np.concatenate([beside, shown_at(layer.layer, valid)], axis=-1)
    if isinstance(layer, Normalize):
        return shown_at(layer.layer, valid)
    if isinstance(layer, Project):  # of outputs that all are of one time
        return np.repeat(shown_at(layer.layer, valid)[..., -1:], layer.output_size, axis=-1)
    last, shown = np.full(valid.shape[1], -1), np.empty(valid.shape, int)
    for t in range(len(valid))[:: -1 if layer.reverse else 1]:
        last = shown[t] = np.where(valid[t], t, last)
    return np.repeat(shown[..., None], layer.output_size, axis=-1)


def _gather(shown: np.ndarray, ys: np.ndarray) -> np.ndarray:
    return np.where(shown >= 0, np.take_along_axis(ys, np.maximum(shown, 0), axis=0), 0)


def _gather_back(shown: np.ndarray, dys: np.ndarray) -> np.ndarray:
    """The adjoint of `_gather`: each time collects the cotangents of where it was shown."""
    back = np.zeros_like(dys)
    for t, b, f in np.argwhere(shown >= 0):
        back[shown[t, b, f], b, f] += dys[t, b, f]
    return back
