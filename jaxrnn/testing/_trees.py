"""Looking into layers: which way each unroll walks, and the same layer built otherwise."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np

from jaxrnn._types import Layer
from jaxrnn.layers import Bidirectional, Stack, Unroll
from jaxrnn.layers._parts import parts
from jaxrnn.layers._parts import rebuild as rebuild


def unrolls(layer: Layer) -> list[Any]:
    """The leaves of a tree of layers; a layer of the user's own is a leaf too."""
    inner = parts(layer)
    return [leaf for part in inner for leaf in unrolls(part)] if inner else [layer]


def known(layer: Layer) -> bool:
    """Every leaf is an `Unroll`, so that we know which way it walks."""
    return all(isinstance(leaf, Unroll) for leaf in unrolls(layer))


def turnable(layer: Layer) -> bool:
    """No part of it walks both ways: a bidirectional layer has its halves in one order."""
    inner = parts(layer)
    return known(layer) and not isinstance(layer, Bidirectional) and all(map(turnable, inner))


def one_way(layer: Layer) -> bool:
    return known(layer) and len({leaf.reverse for leaf in unrolls(layer)}) == 1


def reverse(layer: Layer) -> bool:
    """The direction of a layer that is `one_way`."""
    return unrolls(layer)[0].reverse


def turn(layer: Any) -> Any:
    """The layer that walks the other way, everywhere; it is `turnable`."""
    return rebuild(layer, lambda it: dataclasses.replace(it, reverse=not it.reverse))


def pick(layer: Any, forward: Any, backward: Any) -> Any:
    """Of two carries of `layer`: one's parts for forward unrolls, the other's for reversed ones."""
    if isinstance(layer, Unroll):
        return backward if layer.reverse else forward
    inner = parts(layer)
    if not isinstance(layer, Stack | Bidirectional):  # what goes around has the carry of the inner
        return pick(inner[0], forward, backward)
    return tuple(pick(*each) for each in zip(inner, forward, backward, strict=True))


def halves(layer: Bidirectional, dys: np.ndarray, there: Any, back: Any) -> list[np.ndarray]:
    """What a cotangent of the outputs of `layer` becomes at `there` and `back`, those of its two
    directions."""
    if layer.merge == "concat":
        return np.split(dys, [layer.forward.output_size], axis=-1)
    if layer.merge == "product":
        return [dys * back, dys * there]
    return [dys / (2 if layer.merge == "mean" else 1)] * 2


def merged(layer: Bidirectional, there: np.ndarray, back: np.ndarray) -> np.ndarray:
    if layer.merge == "concat":
        return np.concatenate([there, back], axis=-1)
    if layer.merge == "product":
        return there * back
    return (there + back) / (2 if layer.merge == "mean" else 1)


def plus(a: Any, b: Any) -> Any:
    return jax.tree.map(np.add, a, b)


def zeros_like(tree: Any) -> Any:
    return jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), tree)


def choose(rows: np.ndarray, chosen: Any, other: Any) -> Any:
    """`chosen` in these rows (B, boolean) of the batch, else `other`, leaf by leaf."""

    def leaf(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.where(rows.reshape(-1, *(1 for _ in a.shape[1:])), a, b)

    return jax.tree.map(leaf, chosen, other)
