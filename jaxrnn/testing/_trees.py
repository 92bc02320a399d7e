"""Looking into layers: which way each unroll walks, and the same layer built otherwise."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxrnn._types import Layer
from jaxrnn.layers import Bidirectional, Stack, Unroll


def unrolls(layer: Layer) -> list[Any]:
    """The leaves of a tree of layers; a layer of the user's own is a leaf too."""
    if isinstance(layer, Bidirectional):
        return [layer.forward, layer.backward]
    if isinstance(layer, Stack):
        return [leaf for part in layer.layers for leaf in unrolls(part)]
    return [layer]


def known(layer: Layer) -> bool:
    """Every leaf is an `Unroll`, so that we know which way it walks."""
    return all(isinstance(leaf, Unroll) for leaf in unrolls(layer))


def turnable(layer: Layer) -> bool:
    """No part of it walks both ways: a bidirectional layer has its halves in one order."""
    if isinstance(layer, Stack):
        return all(map(turnable, layer.layers))
    return isinstance(layer, Unroll)


def one_way(layer: Layer) -> bool:
    return known(layer) and len({leaf.reverse for leaf in unrolls(layer)}) == 1


def reverse(layer: Layer) -> bool:
    """The direction of a layer that is `one_way`."""
    return unrolls(layer)[0].reverse


def rebuild(layer: Any, change: Callable[[Unroll], Unroll]) -> Any:
    """The same layer with every unroll changed."""
    if isinstance(layer, Unroll):
        return change(layer)
    if isinstance(layer, Bidirectional):
        return dataclasses.replace(
            layer, forward=change(layer.forward), backward=change(layer.backward)
        )
    if isinstance(layer, Stack):
        return dataclasses.replace(layer, layers=tuple(rebuild(p, change) for p in layer.layers))
    return layer


def turn(layer: Any) -> Any:
    """The layer that walks the other way, everywhere; it is `turnable`."""
    return rebuild(layer, lambda it: dataclasses.replace(it, reverse=not it.reverse))


def pick(layer: Any, forward: Any, backward: Any) -> Any:
    """Of two carries of `layer`: one's parts for forward unrolls, the other's for reversed ones."""
    if isinstance(layer, Unroll):
        return backward if layer.reverse else forward
    parts = unrolls(layer) if isinstance(layer, Bidirectional) else layer.layers
    return tuple(pick(*each) for each in zip(parts, forward, backward, strict=True))


def plus(a: Any, b: Any) -> Any:
    return jax.tree.map(np.add, a, b)


def zeros_like(tree: Any) -> Any:
    return jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), tree)


def choose(rows: np.ndarray, chosen: Any, other: Any) -> Any:
    """`chosen` in these rows (B, boolean) of the batch, else `other`, leaf by leaf."""

    def leaf(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.where(rows.reshape(-1, *(1 for _ in a.shape[1:])), a, b)

    return jax.tree.map(leaf, chosen, other)
