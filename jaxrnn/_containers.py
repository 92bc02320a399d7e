"""Params and carries as JAX and Flax know them: pytrees that can be written to a file and read."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, TypeVar

import jax
import jax.export

T = TypeVar("T", bound=type)
_PARAMS: list[type] = []  # of which Flax does not know yet


def params(cls: T) -> T:
    """A dataclass of arrays as a pytree, which `jax.export` and `flax.serialization` write."""
    jax.tree_util.register_dataclass(cls)
    jax.export.register_pytree_node_serialization(
        cls,
        serialized_name=f"jaxrnn.{cls.__name__}",
        serialize_auxdata=lambda _: b"",
        deserialize_auxdata=lambda _: (),
    )
    _PARAMS.append(cls)
    return cls


def carry(cls: T) -> T:
    """A NamedTuple of arrays, which `jax.export` writes; Flax writes any."""
    jax.export.register_namedtuple_serialization(cls, serialized_name=f"jaxrnn.{cls.__name__}")
    return cls


def tell_flax() -> None:
    """Flax is not imported for it: it is told of params where it is there when they are made."""
    flax = sys.modules.get("flax.serialization")
    while flax is not None and _PARAMS:
        flax.register_serialization_state(_PARAMS.pop(), _to_state, _from_state)


def _to_state(params: Any) -> dict[str, Any]:
    from flax.serialization import to_state_dict

    return {name: to_state_dict(value) for name, value in vars(params).items()}


def _from_state(params: Any, state: dict[str, Any]) -> Any:
    from flax.serialization import from_state_dict

    leaves = vars(params).items()
    want = sorted(name for name, value in leaves if value is not None or name in state)
    got = sorted(state)
    if want != got:
        raise ValueError(f"{type(params).__name__} has the leaves {want}, but the state has {got}.")
    new = {name: from_state_dict(old, state[name], name) for name, old in leaves if name in state}
    return dataclasses.replace(params, **new)
