"""Optimizers, and a whole epoch as one compiled scan.

Nothing here knows what is trained: a `loss` is any function
``(params, carry, inputs, targets) -> (loss, carry)``, such as ``jaxrnn.language_model(…).loss``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxrnn import _checks
from jaxrnn._types import Carry, Params

OPTIMIZERS = {"sgd": optax.sgd, "adam": optax.adam}
RESTARTS = ("minibatch", "epoch", "never")

Loss = Callable[[Params, Carry, jax.Array, jax.Array], tuple[jax.Array, Carry]]


class TrainState(NamedTuple):
    """All that changes from update to update."""

    params: Params
    optimizer_state: optax.OptState
    carry: Carry


class Report(NamedTuple):
    """One entry a minibatch (N): loss in nats a token, ‖g‖ before clipping."""

    loss: jax.Array
    gradient_norm: jax.Array


@cache
def optimizer(name: str, learning_rate: float, clip: float) -> optax.GradientTransformation:
    """``"sgd"`` or ``"adam"`` behind the clip rule: if ‖g‖ > θ, g ← g θ/‖g‖, with one norm over
    all parameters and no epsilon (θ = `clip`, infinity for none)."""
    _checks.one_of("optimizer", name, tuple(OPTIMIZERS))
    for what, value in (("learning_rate", learning_rate), ("clip", clip)):
        if not value > 0:
            raise ValueError(f"`{what}` must be positive, got {value}.")
    update = OPTIMIZERS[name](learning_rate)
    return update if math.isinf(clip) else optax.chain(optax.clip_by_global_norm(clip), update)


def start(params: Params, optimizer: optax.GradientTransformation, carry: Carry) -> TrainState:
    """The state before the first update. It owns copies, for `epoch` donates its state."""
    params, carry = jax.tree.map(jnp.array, (params, carry))
    return TrainState(params, optimizer.init(params), carry)


@partial(jax.jit, static_argnames=("loss", "optimizer", "restart"), donate_argnames=("state",))
def epoch(
    loss: Loss,
    optimizer: optax.GradientTransformation,
    state: TrainState,
    inputs: jax.Array,
    targets: jax.Array,
    start_carry: Carry,
    restart: str = "epoch",
    key: jax.Array | None = None,
) -> tuple[TrainState, Report]:
    """One update a minibatch of inputs and targets (N, T, B), in one program; `state` is donated.

    The carry is handed from minibatch to minibatch, detached. `restart` says where it begins
    anew from `start_carry`: at each ``"minibatch"``, each ``"epoch"``, or ``"never"``. From `key`,
    where it is given, each minibatch's loss gets a ``key`` of its own, for dropout: give each epoch
    another.
    """
    _checks.one_of("restart", restart, RESTARTS)

    def update(state: TrainState, batch: tuple[jax.Array, jax.Array, jax.Array | None]):
        inputs, targets, key = batch
        noise = {} if key is None else {"key": key}
        params, optimizer_state, carry = state
        carry = start_carry if restart == "minibatch" else carry
        (value, carry), gradient = jax.value_and_grad(loss, has_aux=True)(
            params, carry, inputs, targets, **noise
        )
        updates, optimizer_state = optimizer.update(gradient, optimizer_state, params)
        params = optax.apply_updates(params, updates)
        report = Report(value, optax.tree.norm(gradient))
        return TrainState(params, optimizer_state, carry), report

    if restart == "epoch":
        state = state._replace(carry=start_carry)
    keys = None if key is None else jax.random.split(key, len(inputs))
    return jax.lax.scan(update, state, (inputs, targets, keys))


def perplexity(losses: Any) -> float:
    """exp of the mean of equally weighted losses in nats; inf where that overflows."""
    try:
        return math.exp(np.mean(np.asarray(losses, np.float64)))
    except OverflowError:
        return math.inf
