"""The losses of a model that is not trained on them."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax

from jaxrnn import _checks
from jaxrnn._types import Carry, Params

from ._epoch import RESTARTS, Loss, Restart
from ._given import answer, by_value, minibatches


def evaluate(
    loss: Loss,
    params: Params,
    inputs: Any,
    targets: Any,
    start_carry: Carry,
    restart: Restart = "epoch",
) -> jax.Array:
    """The loss (N,) of each minibatch of inputs and targets (N, T, B): the loop ::

        carry = start_carry
        for n in range(N):
            losses[n], carry = loss(params, carry, inputs[n], targets[n])

    in one program, compiled once for what is equal, as :func:`epoch` is. Nothing is updated and,
    without a key, nothing dropped. With `restart` ``"minibatch"`` each begins from `start_carry`;
    ``"epoch"`` and ``"never"``, which differ from epoch to epoch, are one here.

    `loss` may be any measure, such as the share of errors; `perplexity` reads losses in nats.
    Inputs and targets may be pytrees. Raises as `epoch` does, where the two have an argument in
    common.

    >>> from jaxrnn import training
    >>> lm = jaxrnn.language_model(jaxrnn.unroll(jaxrnn.gru(5)), vocab_size=7)
    >>> params = lm.init(jax.random.key(0))
    >>> carry = lm.initial_carry(params, batch_shape=(2,))
    >>> tokens = jnp.arange(4 * 7 * 2).reshape(4, 7, 2) % 7                # (N, T + 1, B)
    >>> losses = training.evaluate(lm.loss, params, tokens[:, :-1], tokens[:, 1:], carry)
    >>> losses.shape, training.perplexity(losses) > 1
    ((4,), True)
    """
    _checks.one_of("restart", restart, RESTARTS)
    inputs, targets = minibatches(inputs, targets)
    return _evaluate(by_value(loss), params, inputs, targets, start_carry, restart == "minibatch")


@partial(jax.jit, static_argnames=("loss", "anew"))
def _evaluate(loss, params, inputs, targets, start_carry, anew):
    loss = partial(*loss)

    def score(carry: Carry, batch: tuple[Any, Any]) -> tuple[Carry, jax.Array]:
        value, after = answer(loss(params, start_carry if anew else carry, *batch))
        advice = "take it from `initial_carry(params, (B,))`."
        _checks.same_form("the carry given to an evaluation", carry, after, advice)
        return after, value

    return jax.lax.scan(score, start_carry, (inputs, targets))[1]
