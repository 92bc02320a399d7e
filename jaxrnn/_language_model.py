"""Tokens -> layer -> logits; the loss, and generation."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import _checks
from jaxrnn._types import Carry, Layer, Params


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class HeadParams:
    """w (F, V), b (V), with F the layer's output_size."""

    w: jax.Array
    b: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
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

    def __post_init__(self):
        object.__setattr__(self, "vocab_size", _checks.positive("vocab_size", self.vocab_size))
        if not isinstance(self.layer, Layer):
            raise TypeError(
                f"language_model needs a layer, got {self.layer!r}: `unroll` makes a cell a layer."
            )
        _checks.one_of("initializer", self.initializer, tuple(HEAD_SCHEMES))

    def init(self, key: jax.Array, dtype: Any = None) -> LanguageModelParams:
        key_layer, key_head = jax.random.split(key)
        head = HEAD_SCHEMES[self.initializer]
        return LanguageModelParams(
            self.layer.init(key_layer, self.vocab_size, dtype),
            head(key_head, self.layer.output_size, self.vocab_size, _checks.float_dtype(dtype)),
        )

    def initial_carry(
        self, params: LanguageModelParams, batch_shape: tuple[int, ...] = ()
    ) -> Carry:
        return self.layer.initial_carry(params.layer, batch_shape)

    def apply(
        self, params: LanguageModelParams, carry: Carry | None, tokens: jax.Array, **when: Any
    ) -> tuple[Carry, jax.Array]:
        """tokens (T, *batch) -> carry, logits (T, *batch, V); `when` as a layer takes it."""
        carry, ys = self.layer.apply(params.layer, carry, tokens, **when)
        logits = ys @ params.head.w
        return carry, logits + jnp.broadcast_to(params.head.b, logits.shape)

    def loss(
        self,
        params: LanguageModelParams,
        carry: Carry | None,
        tokens: jax.Array,
        targets: jax.Array,
        **when: Any,
    ) -> tuple[jax.Array, Carry]:
        """Mean cross-entropy (nats a token) of `targets` (T, *batch), and the carry: so that
        ``jax.value_and_grad(lm.loss, has_aux=True)`` trains. exp(loss) is the perplexity."""
        carry, logits = self.apply(params, carry, tokens, **when)
        return cross_entropy(logits, targets).mean(), carry

    @partial(jax.jit, static_argnums=(0, 4))
    def generate(
        self, params: LanguageModelParams, prefixes: jax.Array, lengths: jax.Array, count: int
    ) -> jax.Array:
        """Greedy continuations (count, P) of `prefixes` (T, P), each `lengths` (P) ids long.

        From the zero carry the prefix is fed id by id, then each step's argmax is fed back, all in
        one compiled function. A bidirectional layer sees one id at a time, both ways.
        """
        T, P = prefixes.shape

        def step(state, t):
            carry, token = state
            given = prefixes[jnp.minimum(t, T - 1)]
            token = jnp.where(t < lengths, given, token)
            carry, logits = self.apply(params, carry, token[None])
            token = jnp.argmax(logits[0], axis=-1).astype(prefixes.dtype)
            return (carry, token), token

        start = self.initial_carry(params, (P,)), jnp.zeros((P,), prefixes.dtype)
        _, said = jax.lax.scan(step, start, jnp.arange(T + count - 1))
        index = jnp.arange(count)[:, None] + lengths[None] - 1
        return jnp.take_along_axis(said, index, axis=0)


def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """-log softmax(logits)[target], in nats: logits (..., V), targets (...) -> (...).

    A target outside 0…V-1 gives NaN, so that it cannot pass unseen.
    """
    if np.shape(logits)[:-1] != np.shape(targets):
        raise ValueError(
            f"targets have shape {np.shape(targets)}, but logits {np.shape(logits)} need "
            f"{np.shape(logits)[:-1]}."
        )
    V = logits.shape[-1]
    known = (targets >= 0) & (targets < V)
    picked = jnp.take_along_axis(logits, jnp.where(known, targets, 0)[..., None], axis=-1)
    losses = jax.nn.logsumexp(logits, axis=-1) - picked[..., 0]
    return jnp.where(known, losses, jnp.nan)


def language_model(layer: Layer, vocab_size: int, *, initializer: str = "glorot") -> LanguageModel:
    """A model of sequences of tokens 0…V-1: ``lm.init(key)``, ``lm.apply(params, carry, tokens)``
    -> carry, logits; ``lm.loss``; ``lm.generate``.

    `initializer` is the head's: ``"glorot"`` with zero bias, ``"small_normal"`` (N(0, 0.01²), zero
    bias) or ``"pytorch_uniform"`` (U(±1/√F) for both).
    """
    return LanguageModel(layer, vocab_size, initializer)
