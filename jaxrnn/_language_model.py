"""Tokens -> layer -> logits; the loss, and generation."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

import jax
import jax.numpy as jnp

from jaxrnn import _checks, engine, generation
from jaxrnn._language_params import HEAD_SCHEMES as HEAD_SCHEMES
from jaxrnn._language_params import HeadInitializer, check, embedded, of_type, table
from jaxrnn._language_params import HeadParams as HeadParams
from jaxrnn._language_params import LanguageModelParams as LanguageModelParams
from jaxrnn._losses import cross_entropy as cross_entropy
from jaxrnn._losses import ids, mean_loss, targets_like
from jaxrnn._types import Carry, Layer, brief
from jaxrnn.dropout import drop, rate


@dataclasses.dataclass(frozen=True)
class LanguageModel:
    """A layer that reads tokens, and a linear head: logits O_t = H_t W + b. See
    :func:`language_model`, also for what is refused.

    >>> lm = jaxrnn.LanguageModel(jaxrnn.unroll(jaxrnn.gru(5)), vocab_size=7)
    >>> params = lm.init(jax.random.key(0))
    >>> tokens = jnp.ones((6, 2), jnp.int32)
    >>> loss, carry = lm.loss(params, None, tokens[:-1], tokens[1:])
    >>> loss.shape, carry.h.shape
    ((), (2, 5))
    """

    layer: Layer
    vocab_size: int
    initializer: HeadInitializer = "glorot"
    embedding: int | None = None
    tied: bool = False
    dropout: float = 0.0

    __repr__ = brief

    def __post_init__(self) -> None:
        object.__setattr__(self, "vocab_size", _checks.positive("vocab_size", self.vocab_size))
        _checks.layer("language_model", self.layer)
        _checks.one_of("initializer", self.initializer, get_args(HeadInitializer))
        if self.embedding is not None:
            object.__setattr__(self, "embedding", _checks.positive("embedding", self.embedding))
        _checks.flag("tied", self.tied)
        size = self.layer.output_size
        if self.tied and self.embedding != size:
            raise ValueError(
                f"`tied` needs an embedding of the layer's output_size, `embedding={size}`, got "
                f"{self.embedding}."
            )
        object.__setattr__(self, "dropout", rate("dropout", self.dropout))

    def init(self, key: jax.Array, dtype: Any = None) -> LanguageModelParams:
        """Fresh params; TypeError for what is no key or no floating dtype."""
        _checks.given_key(key)
        key_layer, key_head, *more = jax.random.split(key, 2 if self.embedding is None else 3)
        layer = self.layer.init(key_layer, self.embedding or self.vocab_size, dtype)
        dtype = _checks.float_dtype(dtype)
        wide = _checks.at_least_float32(dtype)
        sizes = self.layer.output_size, self.vocab_size
        head = HEAD_SCHEMES[self.initializer](key_head, *sizes, wide)
        if self.tied:
            head = dataclasses.replace(head, w=None)
        rows = None
        if self.embedding is not None:
            rows = table(more[0], self.vocab_size, self.embedding, wide)
        head, rows = jax.tree.map(lambda a: a.astype(dtype), (head, rows))
        return LanguageModelParams(layer, head, rows)

    def initial_carry(
        self, params: LanguageModelParams, batch_shape: tuple[int, ...] = ()
    ) -> Carry:
        """The layer's carry before the first token; every leaf leads with `batch_shape`."""
        return self.layer.initial_carry(of_type(self, params).layer, batch_shape)

    def apply(
        self,
        params: LanguageModelParams,
        carry: Carry | None,
        tokens: jax.Array,
        *,
        lengths: Any = None,
        mask: Any = None,
        resets: Any = None,
        key: jax.Array | None = None,
    ) -> tuple[Carry, jax.Array]:
        """tokens (T, *batch), integers -> carry, logits (T, *batch, V); `lengths`, `mask`, `resets`
        and `key` as a layer takes them (:func:`unroll`)."""
        when = {"lengths": lengths, "mask": mask, "resets": resets}
        carry, ys = self._features(params, carry, tokens, when, key)
        head = self._head(params)
        logits = ys @ head.w
        return carry, logits + jnp.broadcast_to(head.b, logits.shape)

    def _features(self, params, carry, tokens, when, key) -> tuple[Carry, jax.Array]:
        """What the head reads, ys (T, *batch, F)."""
        check(self, params)
        xs = ids("tokens", tokens)
        key_inputs, key, key_outputs = self._keys(key)
        if self.embedding is not None:
            _checks.batch_shape_of(xs)  # in whose sentence they are ids yet
            xs = self._dropped(key_inputs, embedded(params.embedding, xs))
        takes = key is not None and _checks.takes_key(self.layer)  # one's own may not
        noise = {"key": key} if takes else {}
        carry, ys = self.layer.apply(params.layer, carry, xs, **when, **noise)
        return carry, self._dropped(key_outputs, ys)

    def _keys(self, key: jax.Array | None) -> Any:
        """For the inputs, the layer and the outputs; the layer's own where only it drops."""
        _checks.key(key)
        if key is None or not self.dropout:
            return None, key, None
        return jax.random.split(key, 3)

    def _dropped(self, key: jax.Array | None, xs: jax.Array) -> jax.Array:
        return drop(key, self.dropout, xs) if self.dropout else xs

    def _head(self, params: Any) -> Any:
        if not self.tied:
            return params.head
        return dataclasses.replace(params.head, w=jnp.transpose(params.embedding))

    def loss(
        self,
        params: LanguageModelParams,
        carry: Carry | None,
        tokens: jax.Array,
        targets: jax.Array,
        *,
        lengths: Any = None,
        mask: Any = None,
        resets: Any = None,
        key: jax.Array | None = None,
    ) -> tuple[jax.Array, Carry]:
        """Mean cross-entropy () of `targets` (T, *batch) in nats a token, and the carry: so that
        ``jax.value_and_grad(lm.loss, has_aux=True)`` trains. exp(loss) is the perplexity.

        The mean is over valid positions where `lengths` or `mask` are given, in float32 at least,
        and 0 over none. A valid target outside 0…V-1 makes the loss NaN, and its gradients. Raises
        TypeError for targets that are no integers, ValueError for another shape than tokens'.
        """
        when = {"lengths": lengths, "mask": mask, "resets": resets}
        carry, ys = self._features(params, carry, tokens, when, key)
        targets = targets_like(ys, targets)
        valid = engine.when(targets.shape, lengths, mask).valid
        return mean_loss(self._head(params), ys, targets, valid), carry

    def generate(
        self,
        params: LanguageModelParams,
        prefixes: Any,
        lengths: Any,
        count: int,
        *,
        key: jax.Array | None = None,
        temperature: Any = 1.0,
        top_k: int | None = None,
        top_p: Any = None,
    ) -> jax.Array:
        """Continuations (count, P) of `prefixes` (T, P), each `lengths` (P) ids long: the likeliest
        id each time, or with a `key` a draw. See :func:`jaxrnn.generation.generate`."""
        how = {"key": key, "temperature": temperature, "top_k": top_k, "top_p": top_p}
        return generation.generate(self, params, prefixes, lengths, count, **how)


def language_model(
    layer: Layer,
    vocab_size: int,
    *,
    initializer: HeadInitializer = "glorot",
    embedding: int | None = None,
    tied: bool = False,
    dropout: float = 0.0,
) -> LanguageModel:
    """A model of sequences of tokens 0…V-1, V = `vocab_size`: ``lm.init(key)``;
    ``lm.apply(params, carry, tokens)`` -> carry, logits (T, *batch, V) of tokens (T, *batch);
    ``lm.loss``; ``lm.generate``.

    `initializer` is the head's: ``"glorot"`` with zero bias, ``"small_normal"`` (N(0, 0.01²), zero
    bias) or ``"pytorch_uniform"`` (U(±1/√F) for both).

    With an `embedding` of size E the layer reads rows of a table (V, E), which begins as N(0, 1/E);
    without one, the ids themselves, as one-hot vectors. An id outside 0…V-1 is a row of zeros
    either way. A `tied` head has the table's transpose for its weight, O_t = H_t Eᵀ + b, and only
    b is its own (Press & Wolf 2017; Inan et al. 2017): E must then be the layer's output_size.

    `dropout` is the probability with which each number of an embedded input, and of what the head
    reads, is dropped while a ``key`` is given, anew at each instant; what is kept is scaled by
    1 / (1 - dropout) (Zaremba et al. 2014). One-hot inputs are not dropped: see
    :class:`jaxrnn.Dropout`.

    Raises TypeError for what is no layer, ValueError for sizes below 1, a rate outside [0, 1), an
    initializer that is not told here, and `tied` without that E. `apply` and `loss` raise TypeError
    for tokens that are no integers and for params of another kind, ValueError for a table or a head
    of other shapes; else they raise what the layer does.

    >>> layer = jaxrnn.unroll(jaxrnn.gru(5))
    >>> lm = jaxrnn.language_model(layer, vocab_size=7, embedding=5, tied=True)
    >>> params = lm.init(jax.random.key(0))
    >>> carry, logits = lm.apply(params, None, jnp.ones((6, 2), jnp.int32))
    >>> logits.shape, params.embedding.shape, params.head.w
    ((6, 2, 7), (7, 5), None)
    """
    return LanguageModel(layer, vocab_size, initializer, embedding, tied, dropout)
