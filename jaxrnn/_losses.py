"""Cross-entropy of tokens: of logits, and of a head's features with the head's own adjoint."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn import _checks
from jaxrnn._adjoint import with_adjoint
from jaxrnn._axes import automatic, vary_alike
from jaxrnn._types import Params


def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """-log softmax(logits)[target], in nats: logits (..., V), targets (...) -> (...).

    The losses have the dtype of the logits. A target outside 0…V-1 gives NaN, in the loss and in
    every gradient that depends on it, so that it cannot pass unseen. Raises TypeError for targets
    that are no integers and for what is no array, ValueError for shapes that do not fit.

    >>> logits = jnp.zeros((2, 4))                # four ids, all alike: log 4 nats
    >>> [round(float(nats), 3) for nats in jaxrnn.cross_entropy(logits, jnp.array([3, 0]))]
    [1.386, 1.386]
    """
    _checks.with_features("logits", logits)
    logits, targets = vary_alike((logits, targets_like(logits, targets)))
    known = _known(logits, targets)
    # The identity; a product with NaN would have a gradient of NaN where a mask asks for none.
    return jax.lax.custom_linear_solve(
        lambda losses: losses,
        jax.nn.logsumexp(logits, axis=-1) - _picked(logits, targets),
        solve=lambda _, losses: jnp.where(known, losses, jnp.nan),
        transpose_solve=lambda _, dlosses: _nan_unless(known, dlosses),
    )


def targets_like(features: jax.Array, targets: Any) -> jax.Array:
    targets = ids("targets", targets)
    if features.shape[:-1] != targets.shape:
        raise ValueError(
            f"targets have shape {targets.shape}, but {features.shape[:-1]} is needed."
        )
    return targets


def ids(name: str, values: Any) -> jax.Array:
    """Token ids, checked and then read as int32."""
    if not _checks.is_tokens(values, name):
        raise TypeError(f"{name} must be integers, got {_checks.own_dtype(values)}.")
    return _checks.wide(values)


def _known(logits: jax.Array, targets: jax.Array) -> jax.Array:
    return (targets >= 0) & (targets < logits.shape[-1])


def _picked(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """The logit of each target; NaN where it is none."""
    known = _known(logits, targets)
    picked = jnp.take_along_axis(logits, jnp.where(known, targets, 0)[..., None], axis=-1)
    return jnp.where(known, picked[..., 0], jnp.nan)


def _nan_unless(known: jax.Array, cotangent: jax.Array) -> jax.Array:
    """NaN where the target is unknown and something depends on its loss."""
    return jnp.where(known | (cotangent == 0), cotangent, jnp.nan)


@jax.jit
def mean_loss(head: Params, ys: jax.Array, targets: jax.Array, valid: Any) -> jax.Array:
    """The mean of the losses that are valid, all of them for None."""
    head, ys, targets = vary_alike((head, ys, targets))
    losses = automatic(_head_losses, ys, lambda split: split(slice(-1)))(head, ys, targets)
    if valid is None:
        return losses.sum() / jnp.maximum(jnp.asarray(losses.size, losses.dtype), 1)
    count = jnp.maximum(valid.sum(), 1).astype(losses.dtype)
    return jnp.where(valid, losses, 0).sum() / count


def _head_forwards(head, ys, targets):
    logits = ys @ head.w
    logits = logits + jnp.broadcast_to(head.b, logits.shape)
    if logits.dtype.itemsize < 4:
        logits = logits.astype(jnp.float32)
    top = logits.max(axis=-1, keepdims=True)
    powers = jnp.exp(logits - top)
    total = powers.sum(axis=-1, keepdims=True)
    losses = (jnp.log(total) + top)[..., 0] - _picked(logits, targets)
    return losses, (head, ys, targets, powers, total)


def _head_backwards(residuals, dlosses):
    head, ys, targets, powers, total = residuals
    classes = jax.lax.broadcasted_iota(targets.dtype, powers.shape, powers.ndim - 1)
    hit = classes == targets[..., None]
    dlosses = _nan_unless(_known(powers, targets), dlosses)
    dlogits = (powers / total - hit.astype(powers.dtype)) * dlosses[..., None]
    dlogits = dlogits.astype(ys.dtype)
    leading = tuple(range(targets.ndim))  # merged, a sharded batch axis would be gathered
    dw = jax.lax.dot_general(ys, dlogits, ((leading, leading), ((), ())))
    dhead = dataclasses.replace(head, w=dw, b=dlogits.sum(leading))
    return dhead, dlogits @ head.w.T, None


def _all_losses(head: Params, ys: jax.Array, targets: jax.Array) -> jax.Array:
    """`cross_entropy` of the head's logits, ys (..., F) -> (...): its slow twin is the two calls.
    The softmax is computed once, for the losses and for their adjoint."""
    return _head_forwards(head, ys, targets)[0]


_head_losses = with_adjoint(_all_losses, _head_forwards, _head_backwards)
