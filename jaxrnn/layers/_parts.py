"""A tree of layers, looked into: what it is made of, and the same made otherwise."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from jaxrnn.layers._around import Around
from jaxrnn.layers._bidirectional import Bidirectional
from jaxrnn.layers._stack import Stack
from jaxrnn.layers._unroll import Unroll


def parts(layer: Any) -> tuple[Any, ...]:
    """The layers that one of ours is made of; none for an `Unroll`, and for a layer of one's own,
    whose parts are not known."""
    if isinstance(layer, Bidirectional):
        return layer.forward, layer.backward
    if isinstance(layer, Stack):
        return layer.layers
    return (layer.layer,) if isinstance(layer, Around) else ()


def rebuild(
    layer: Any,
    change: Callable[[Unroll], Unroll],
    own: Callable[[Any], Any] = lambda layer: layer,
) -> Any:
    """The same layer with every unroll changed, and every layer of one's own made another."""
    if isinstance(layer, Unroll):
        return change(layer)
    if not (inner := parts(layer)):
        return own(layer)
    new = tuple(rebuild(part, change, own) for part in inner)
    if isinstance(layer, Bidirectional):
        return dataclasses.replace(layer, forward=new[0], backward=new[1])
    if isinstance(layer, Stack):
        return dataclasses.replace(layer, layers=new)
    return dataclasses.replace(layer, layer=new[0])
