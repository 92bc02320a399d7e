"""How arrays lie on a mesh of devices, as JAX tells by their types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import NamedSharding, PartitionSpec


def vary_alike(tree: Any) -> Any:
    """Every leaf cast to vary over all the mesh axes that any leaf varies over, so that a
    derived adjoint may mix them; the cast's own adjoint sums over devices. Outside
    `jax.shard_map`, `tree` itself."""
    axes = frozenset().union(*map(_axes_of, jax.tree.leaves(tree)))
    if not axes:
        return tree

    def leaf(a: Any) -> Any:
        missing = tuple(sorted(axes - _axes_of(a)))
        return jax.lax.pcast(a, missing, to="varying") if missing else a

    return jax.tree.map(leaf, tree)


def _axes_of(a: Any) -> frozenset[str]:
    return frozenset(jax.typeof(a).mat.varying)


def automatic(function: Callable, like: jax.Array, out: Callable) -> Callable:
    """`function` with the compiler to place its work where the types of a mesh of explicit axes
    tell that `like` is split; `out` makes of a function (axes -> sharding) those of its outputs,
    split as these `axes`, a slice, of `like`. Else `function` itself."""
    sharding = jax.typeof(like).sharding
    if not any(sharding.spec):
        return function

    def split(axes: slice) -> NamedSharding:
        return NamedSharding(sharding.mesh, PartitionSpec(*sharding.spec[axes]))

    return jax.sharding.auto_axes(function, out_sharding=out(split))
