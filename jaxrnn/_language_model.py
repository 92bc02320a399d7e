"""Tokens -> layer -> logits; the loss, and generation."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxrnn import _checks, _containers, engine
from jaxrnn._axes import automatic, vary_alike
from jaxrnn._types import Carry, Layer, Params, brief


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class HeadParams:
    """w (F, V), b (V), with F the layer's output_size."""

    w: jax.Array
    b: jax.Array


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class LanguageModelParams:
    """The layer's own params, and the head's."""

    layer: Params
    head: HeadParams


def _glorot(key, fan_in, fan_out, dtype):
    return HeadParams(
        jax.nn.initializers.glorot_uniform()(key, (fan_in, fan_out), dtype),
        jnp.zeros((fan_out,), dtype),
    )


def _small_normal(key, fan_in, fan_out, dtype):
    return HeadParams(
        0.01 * jax.random.normal(key, (fan_in, fan_out), dtype), jnp.zeros((fan_out,), dtype)
    )


def _pytorch_uniform(key, fan_in, fan_out, dtype):
    key_w, key_b = jax.random.split(key)
    draw = partial(jax.random.uniform, dtype=dtype, minval=-(fan_in**-0.5), maxval=fan_in**-0.5)
    return HeadParams(draw(key_w, (fan_in, fan_out)), draw(key_b, (fan_out,)))


HEAD_SCHEMES = {
    "glorot": _glorot,
    "small_normal": _small_normal,
    "pytorch_uniform": _pytorch_uniform,
}


@dataclasses.dataclass(frozen=True)
class LanguageModel:
    """A layer that reads tokens, and a linear head: O_t = H_t W + b. See `language_model`."""

    layer: Layer
    vocab_size: int
    initializer: str = "glorot"

    __repr__ = brief

    def __post_init__(self):
        object.__setattr__(self, "vocab_size", _checks.positive("vocab_size", self.vocab_size))
        _checks.layer("language_model", self.layer)
        _checks.one_of("initializer", self.initializer, tuple(HEAD_SCHEMES))

    def init(self, key: jax.Array, dtype: Any = None) -> LanguageModelParams:
        key_layer, key_head = jax.random.split(key)
        layer = self.layer.init(key_layer, self.vocab_size, dtype)
        dtype = _checks.float_dtype(dtype)
        wide = _checks.at_least_float32(dtype)
        sizes = self.layer.output_size, self.vocab_size
        head = HEAD_SCHEMES[self.initializer](key_head, *sizes, wide)
        return LanguageModelParams(layer, jax.tree.map(lambda a: a.astype(dtype), head))

    def initial_carry(
        self, params: LanguageModelParams, batch_shape: tuple[int, ...] = ()
    ) -> Carry:
        return self.layer.initial_carry(params.layer, batch_shape)

    def apply(
        self, params: LanguageModelParams, carry: Carry | None, tokens: jax.Array, **when: Any
    ) -> tuple[Carry, jax.Array]:
        """tokens (T, *batch) -> carry, logits (T, *batch, V); `when`, and a dropout's
        `key`, as a layer takes them."""
        carry, ys = self._features(params, carry, tokens, **when)
        logits = ys @ params.head.w
        return carry, logits + jnp.broadcast_to(params.head.b, logits.shape)

    def _features(self, params: LanguageModelParams, carry: Carry | None, tokens: Any, **when: Any):
        _ids("tokens", tokens)
        return self.layer.apply(params.layer, carry, tokens, **when)

    def loss(
        self,
        params: LanguageModelParams,
        carry: Carry | None,
        tokens: jax.Array,
        targets: jax.Array,
        **when: Any,
    ) -> tuple[jax.Array, Carry]:
        """Mean cross-entropy of `targets` (T, *batch) in nats a token, and the carry: so that
        ``jax.value_and_grad(lm.loss, has_aux=True)`` trains. exp(loss) is the perplexity.

        The mean is over valid positions where `lengths` or `mask` are given, in float32 at least,
        and 0 over none. For forward-mode differentiation take
        ``jaxrnn.cross_entropy(lm.apply(…)[1], targets)``, with the layer's `engine` "scan".
        """
        carry, ys = self._features(params, carry, tokens, **when)
        head, ys, targets = vary_alike((params.head, ys, _targets_like(ys, targets)))
        head_losses = automatic(_head_losses, ys, lambda split: split(slice(-1)))
        losses = head_losses(head, ys, targets)
        valid = engine.when(np.shape(targets), when.get("lengths"), when.get("mask")).valid
        if valid is None:
            return losses.sum() / max(losses.size, 1), carry
        count = jnp.maximum(valid.sum(), 1).astype(losses.dtype)
        return jnp.where(valid, losses, 0).sum() / count, carry

    def generate(
        self, params: LanguageModelParams, prefixes: Any, lengths: Any, count: int
    ) -> jax.Array:
        """Greedy continuations (count, P) of `prefixes` (T, P), each `lengths` (P) ids long.

        From the zero carry the prefix is fed id by id, then each step's argmax is fed back, all in
        one compiled function. A bidirectional layer sees one id at a time, both ways.
        """
        _ids("prefixes", prefixes)
        prefixes, lengths = _checks.wide(prefixes), _checks.wide(lengths)
        _ids("lengths", lengths)
        if prefixes.ndim != 2 or lengths.shape != prefixes.shape[1:]:
            raise ValueError(
                f"generate needs prefixes (T, P) and lengths (P), got {prefixes.shape} and "
                f"{lengths.shape}."
            )
        if not isinstance(lengths, Tracer):
            bad = [int(n) for n in lengths if not 1 <= n <= len(prefixes)]
            if bad:
                raise ValueError(f"`lengths` must lie in 1…T = {len(prefixes)}, got {bad[0]}.")
        return self._generate(params, prefixes, lengths, _checks.positive("count", count))

    @partial(jax.jit, static_argnums=(0, 4))
    def _generate(
        self, params: LanguageModelParams, prefixes: jax.Array, lengths: jax.Array, count: int
    ) -> jax.Array:
        T, P = prefixes.shape
        lengths = lengths.astype(jnp.int32)

        def step(state, t):
            carry, token = state
            given = prefixes[jnp.minimum(t, T - 1)]
            token = jnp.where(t < lengths, given, token)
            carry, logits = self.apply(params, carry, token[None])
            token = jnp.argmax(logits[0], axis=-1).astype(prefixes.dtype)
            return (carry, token), token

        start = self.initial_carry(params, (P,)), jnp.zeros((P,), prefixes.dtype)
        _, said = jax.lax.scan(step, start, jnp.arange(T + count - 1, dtype=jnp.int32))
        index = jnp.arange(count, dtype=jnp.int32)[:, None] + lengths[None] - 1
        return jnp.take_along_axis(said, index, axis=0)


def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """-log softmax(logits)[target], in nats: logits (..., V), targets (...) -> (...).

    A target outside 0…V-1 gives NaN, so that it cannot pass unseen.
    """
    targets = _targets_like(logits, targets)
    return jax.nn.logsumexp(logits, axis=-1) - _picked(logits, targets)


def _targets_like(features: jax.Array, targets: Any) -> jax.Array:
    if np.shape(features)[:-1] != np.shape(targets):
        raise ValueError(
            f"targets have shape {np.shape(targets)}, but {np.shape(features)[:-1]} is needed."
        )
    _ids("targets", targets)
    return _checks.wide(targets)


def _ids(name: str, ids: Any) -> None:
    if not _checks.is_tokens(ids):
        raise TypeError(f"{name} must be integers, got {jnp.result_type(ids)}.")


def _picked(logits: jax.Array, targets: jax.Array) -> jax.Array:
    known = (targets >= 0) & (targets < logits.shape[-1])
    picked = jnp.take_along_axis(logits, jnp.where(known, targets, 0)[..., None], axis=-1)
    return jnp.where(known, picked[..., 0], jnp.nan)


@jax.custom_vjp
def _head_losses(head: HeadParams, ys: jax.Array, targets: jax.Array) -> jax.Array:
    """`cross_entropy` of the head's logits, ys (..., F) -> (...): its slow twin is the two calls.
    The softmax is computed once, for the losses and for their adjoint."""
    return _head_forwards(head, ys, targets)[0]


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
    dlogits = (powers / total - hit.astype(powers.dtype)) * dlosses[..., None]
    dlogits = dlogits.astype(ys.dtype)
    flat = dlogits.reshape(-1, dlogits.shape[-1])
    dhead = HeadParams(w=ys.reshape(-1, ys.shape[-1]).T @ flat, b=flat.sum(0))
    return dhead, dlogits @ head.w.T, None


_head_losses.defvjp(_head_forwards, _head_backwards)


def language_model(layer: Layer, vocab_size: int, *, initializer: str = "glorot") -> LanguageModel:
    """A model of sequences of tokens 0…V-1: ``lm.init(key)``, ``lm.apply(params, carry, tokens)``
    -> carry, logits; ``lm.loss``; ``lm.generate``.

    `initializer` is the head's: ``"glorot"`` with zero bias, ``"small_normal"`` (N(0, 0.01²), zero
    bias) or ``"pytorch_uniform"`` (U(±1/√F) for both).
    """
    return LanguageModel(layer, vocab_size, initializer)
