"""The state of a training, and an epoch of updates in one program."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.core import Tracer

from jaxrnn import _checks, dropout
from jaxrnn._types import Carry, Params

from ._given import answer, by_value, minibatches
from ._optimizer import as_pytree, norm, wide

Restart = Literal["minibatch", "epoch", "never"]
RESTARTS = get_args(Restart)

Loss = Callable[..., tuple[jax.Array, Carry]]


class TrainState(NamedTuple):
    """All that changes from update to update: three pytrees of arrays, made by :func:`start`. The
    optimizer's memory is of float32 at least; the leaves of the carry lead with the batch."""

    params: Params
    optimizer_state: optax.OptState
    carry: Carry


class Report(NamedTuple):
    """One entry a minibatch: loss (N), in nats a token for a language model, and gradient_norm (N),
    ‖g‖ before clipping."""

    loss: jax.Array
    gradient_norm: jax.Array

    def first_not_finite(self) -> int | None:
        """The first minibatch whose loss or gradient is not a finite number, or None."""
        finite = np.isfinite(np.asarray(self.loss)) & np.isfinite(np.asarray(self.gradient_norm))
        return None if finite.all() else int(np.argmin(finite))


def start(params: Params, optimizer: optax.GradientTransformation, carry: Carry) -> TrainState:
    """The state before the first update. It owns copies, for `epoch` donates its state. `optimizer`
    is one of :func:`optimizer`, or any of optax; else TypeError. The carry, whose leaves lead with
    the batch, is that of ``initial_carry(params, (B,))``, or None for a loss that needs none.

    >>> from jaxrnn import training
    >>> lm = jaxrnn.language_model(jaxrnn.unroll(jaxrnn.gru(5)), vocab_size=7)
    >>> params = lm.init(jax.random.key(0))
    >>> carry = lm.initial_carry(params, batch_shape=(2,))
    >>> state = training.start(params, training.optimizer("adam", 0.01), carry)
    >>> state._fields
    ('params', 'optimizer_state', 'carry')
    """
    memory = as_pytree(optimizer).init(wide(params))
    return TrainState(*jax.tree.map(jnp.array, (params, memory, carry)))


def epoch(
    loss: Loss,
    optimizer: optax.GradientTransformation,
    state: TrainState,
    inputs: Any,
    targets: Any,
    start_carry: Carry,
    restart: Restart = "epoch",
    key: jax.Array | None = None,
) -> tuple[TrainState, Report]:
    """One update a minibatch of inputs and targets (N, T, B), in one program; `state` is donated:
    go on with the one that is returned, beside the losses and gradient norms, a `Report`.

    Either is an array or a pytree of arrays that lead with N. The carry is handed from minibatch
    to minibatch, detached. `restart` says where it begins anew from `start_carry`: at each
    ``"minibatch"``, each ``"epoch"``, or ``"never"``. From `key`, where it is given, each
    minibatch's loss gets a ``key`` of its own, for dropout: give each epoch another. Without one,
    a layer that drops is refused. ``loss(params, carry, inputs, targets)`` gives (loss, carry), the
    loss one float, the mean over the minibatch.

    Raises ValueError for inputs and targets of unequal N, for an unknown `restart`, for a carry or
    an optimizer's memory of another form, for a state that was donated before, and for integers
    that 32 bits do not hold; TypeError for a loss, optimizer, state or key that is none, and for
    what is no array.

    Compiled once for what is equal: a model's `loss` for equal models, and an optimizer of
    `training.optimizer` for any rate and clip.

    >>> from jaxrnn import training
    >>> lm = jaxrnn.language_model(jaxrnn.unroll(jaxrnn.gru(5)), vocab_size=7)
    >>> params, adam = lm.init(jax.random.key(0)), training.optimizer("adam", 0.01, clip=1.0)
    >>> carry = lm.initial_carry(params, batch_shape=(2,))
    >>> tokens = jnp.arange(4 * 7 * 2).reshape(4, 7, 2) % 7                # (N, T + 1, B)
    >>> inputs, targets = tokens[:, :-1], tokens[:, 1:]
    >>> state = training.start(params, adam, carry)
    >>> state, report = training.epoch(lm.loss, adam, state, inputs, targets, carry)
    >>> report.loss.shape, bool(report.loss[-1] < report.loss[0])
    ((4,), True)
    """
    _checks.one_of("restart", restart, RESTARTS)
    _checks.key(key)
    inputs, targets = minibatches(inputs, targets)
    optimizer, state = as_pytree(optimizer), usable(state)
    state = state._replace(optimizer_state=_settled(optimizer, state))
    with dropout.training_without_key(key is None):
        return _epoch(by_value(loss), optimizer, state, inputs, targets, start_carry, restart, key)


@partial(jax.jit, static_argnames=("loss", "restart"), donate_argnames=("state",))
def _epoch(loss, optimizer, state, inputs, targets, start_carry, restart, key):
    loss, optimizer = partial(*loss), optax.with_extra_args_support(optimizer)
    _checks.same_form(
        "the optimizer's state",
        state.optimizer_state,
        jax.eval_shape(optimizer.init, wide(state.params)),
        "take it from `training.start`, with the same optimizer.",
    )

    def update(state: TrainState, batch: tuple[Any, Any, jax.Array | None]):
        (inputs, targets, key), (params, optimizer_state, carry) = batch, state
        noise = {} if key is None else {"key": key}
        carry = start_carry if restart == "minibatch" else carry

        def score(params: Params) -> tuple[jax.Array, Carry]:
            return answer(loss(params, carry, inputs, targets, **noise), to_train_on=True)

        (value, after), gradient = jax.value_and_grad(score, has_aux=True)(params)
        advice = "take it from `initial_carry(params, (B,))`."
        _checks.same_form("the carry given to a training", carry, after, advice)
        gradient, wide_params = wide(gradient), wide(params)
        updates, optimizer_state = optimizer.update(
            gradient,
            optimizer_state,
            wide_params,
            value=value,
            grad=gradient,
            value_fn=lambda p: score(optax.tree.cast_like(p, params))[0],
        )
        moved = optax.apply_updates(wide_params, updates)
        state = TrainState(optax.tree.cast_like(moved, params), optimizer_state, after)
        scale, length = norm(gradient)
        return state, Report(value, length / scale)

    if restart != "never":
        state = state._replace(carry=start_carry)
    count = jax.tree.leaves((inputs, targets))[0].shape[0]
    keys = None if key is None else jax.random.split(key, count)
    return jax.lax.scan(update, state, (inputs, targets, keys))


def usable(state: Any) -> TrainState:
    """The state itself, or a sentence that says why it is none."""
    if not isinstance(state, TrainState):
        raise TypeError(
            f"`state` must be a TrainState, as `training.start` makes it, got "
            f"{_checks.quote(type(state).__name__)}."
        )
    arrays = (a for a in jax.tree.leaves(state) if isinstance(a, jax.Array))
    if any(not isinstance(a, Tracer) and a.is_deleted() for a in arrays):
        raise ValueError(
            "`state` was donated to an epoch before: go on with the state that it returned, or "
            "take another from `training.start`."
        )
    return state


def _settled(optimizer: optax.GradientTransformation, state: TrainState) -> optax.OptState:
    """The optimizer's state, with numbers that were put into it, such as a rate of
    `optax.inject_hyperparams`, in the dtypes of those that they replace: another would compile
    anew, or end the scan."""
    given = state.optimizer_state
    if not any(_is_bare(leaf) for leaf in jax.tree.leaves(given)):
        return given
    form = jax.eval_shape(optimizer.init, wide(state.params))
    if jax.tree.structure(form) != jax.tree.structure(given):
        return given
    return jax.tree.map(lambda a, like: jnp.asarray(a, like.dtype), given, form)


def _is_bare(leaf: Any) -> bool:
    return not isinstance(leaf, jax.Array) or jax.typeof(leaf).weak_type


def perplexity(losses: Any) -> float:
    """exp of the mean of equally weighted losses in nats, of any shape; inf where that overflows,
    NaN of none.

    >>> jaxrnn.training.perplexity([0.0, 2.0]) == np.e
    True
    """
    try:
        return math.exp(np.mean(np.asarray(losses, np.float64)))
    except OverflowError:
        return math.inf
