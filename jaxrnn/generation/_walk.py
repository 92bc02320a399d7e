"""A prompt is read up to its last id; from there, one id after another is read, the next chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxrnn._checks import quote
from jaxrnn._types import Carry, Layer
from jaxrnn.generation._prompt import Prompts
from jaxrnn.layers._parts import parts


class State(NamedTuple):
    """What has been read, as a carry, and the ids (P) that come next and have not been."""

    carry: Carry
    token: jax.Array


def read(model: Any, params: Any, carry: Carry | None, given: Prompts) -> State:
    """Each column from `carry` (None for the initial one) up to its last id, which is left."""
    tokens, lengths = given
    count = tokens.shape[1]
    carry = model.initial_carry(params, (count,)) if carry is None else carry
    instants = jnp.arange(tokens.shape[0], dtype=jnp.int32)[:, None]
    valid = instants < lengths[None] - 1
    walk = _at_once if _walks_forwards(model.layer) else _one_by_one
    carry = walk(model, params, carry, tokens, valid)
    return State(carry, jnp.take_along_axis(tokens, lengths[None] - 1, axis=0)[0])


def _at_once(model, params, carry, tokens, valid) -> Carry:
    return model.apply(params, carry, tokens, mask=valid)[0]


def _one_by_one(model, params, carry, tokens, valid) -> Carry:
    def one(carry, now):
        token, valid = now
        return _at_once(model, params, carry, token[None], valid[None]), None

    return jax.lax.scan(one, carry, (tokens, valid))[0]


def advance(
    model: Any, params: Any, choose: Callable, state: State, first: Any, last: Any, said: jax.Array
) -> tuple[State, jax.Array]:
    """Instants first…last-1: an id is read and the next one chosen. `said` (size, P) holds them."""

    def one(instant, told):
        (carry, token), said = told
        carry, logits = model.apply(params, carry, token[None])
        token = choose(logits[0], instant)
        said = jax.lax.dynamic_update_index_in_dim(said, token, instant - first, axis=0)
        return State(carry, token), said

    return jax.lax.fori_loop(first, last, one, (state, said))


def _walks_forwards(layer: Layer) -> bool:
    """Whether a walk is known to see what came before, and nothing else: such layers `step`."""
    if inner := parts(layer):
        return all(map(_walks_forwards, inner))
    return hasattr(layer, "step") and not _looks_ahead(layer)


def _looks_ahead(layer: Layer) -> bool:
    if inner := parts(layer):
        return any(map(_looks_ahead, inner))
    return getattr(layer, "reverse", False) is True


def refuse_ahead(what: str, layer: Layer) -> None:
    """One sentence where `layer` reads from the end of time, which is not written yet."""
    if _looks_ahead(layer):
        raise ValueError(
            f"{what} needs a layer that walks forwards, and {quote(layer)} also reads what comes "
            f"after, which is not written yet: take a layer that does not."
        )
