"""Tokens -> layer -> logits; the loss, and generation."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxrnn import _checks, _containers, engine
from jaxrnn._losses import cross_entropy as cross_entropy
from jaxrnn._losses import ids, mean_loss, targets_like
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


HeadInitializer = Literal["glorot", "small_normal", "pytorch_uniform"]
HEAD_SCHEMES: dict[HeadInitializer, Any] = {
    "glorot": _glorot,
    "small_normal": _small_normal,
    "pytorch_uniform": _pytorch_uniform,
}


@dataclasses.dataclass(frozen=True)
class LanguageModel:
    """A layer that reads tokens, and a linear head: O_t = H_t W + b. See `language_model`."""

    layer: Layer
    vocab_size: int
    initializer: HeadInitializer = "glorot"

    __repr__ = brief

    def __post_init__(self):
        object.__setattr__(self, "vocab_size", _checks.positive("vocab_size", self.vocab_size))
        _checks.layer("language_model", self.layer)
        _checks.one_of("initializer", self.initializer, get_args(HeadInitializer))

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
        """tokens (T, *batch) -> carry, logits (T, *batch, V); `lengths`, `mask`, `resets` and
        `key` as a layer takes them."""
        when = {"lengths": lengths, "mask": mask, "resets": resets}
        carry, ys = self._features(params, carry, tokens, when, key)
        logits = ys @ params.head.w
        return carry, logits + jnp.broadcast_to(params.head.b, logits.shape)

    def _features(self, params, carry, tokens, when, key) -> tuple[Carry, jax.Array]:
        noise = {} if key is None else {"key": key}  # which a layer of one's own may not take
        return self.layer.apply(params.layer, carry, ids("tokens", tokens), **when, **noise)

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
        """Mean cross-entropy of `targets` (T, *batch) in nats a token, and the carry: so that
        ``jax.value_and_grad(lm.loss, has_aux=True)`` trains. exp(loss) is the perplexity.

        The mean is over valid positions where `lengths` or `mask` are given, in float32 at least,
        and 0 over none. A valid target outside 0…V-1 makes the loss NaN, and its gradients.
        """
        when = {"lengths": lengths, "mask": mask, "resets": resets}
        carry, ys = self._features(params, carry, tokens, when, key)
        targets = targets_like(ys, targets)
        valid = engine.when(targets.shape, lengths, mask).valid
        return mean_loss(params.head, ys, targets, valid), carry

    def generate(
        self, params: LanguageModelParams, prefixes: Any, lengths: Any, count: int
    ) -> jax.Array:
        """Greedy continuations (count, P) of `prefixes` (T, P), each `lengths` (P) ids long.

        From the zero carry the prefix is fed id by id, then each step's argmax is fed back, all in
        one compiled function. A bidirectional layer sees one id at a time, both ways.
        """
        given = _checks.array("`lengths`", lengths)
        prefixes, lengths = ids("prefixes", prefixes), ids("`lengths`", given)
        if prefixes.ndim != 2 or lengths.shape != prefixes.shape[1:]:
            raise ValueError(
                f"generate needs prefixes (T, P) and lengths (P), got {prefixes.shape} and "
                f"{lengths.shape}."
            )
        T = prefixes.shape[0]
        if not isinstance(lengths, Tracer) and isinstance(T, int):
            bad = [int(n) for n in np.asarray(given) if not 1 <= n <= T]
            if bad:
                raise ValueError(f"`lengths` must lie in 1…T = {T}, got {bad[0]}.")
        return self._generate(params, prefixes, lengths, _checks.positive("count", count))

    @partial(jax.jit, static_argnums=(0, 4))
    def _generate(
        self, params: LanguageModelParams, prefixes: jax.Array, lengths: jax.Array, count: int
    ) -> jax.Array:
        T, P = prefixes.shape

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


def language_model(
    layer: Layer, vocab_size: int, *, initializer: HeadInitializer = "glorot"
) -> LanguageModel:
    """A model of sequences of tokens 0…V-1: ``lm.init(key)``, ``lm.apply(params, carry, tokens)``
    -> carry, logits; ``lm.loss``; ``lm.generate``.

    `initializer` is the head's: ``"glorot"`` with zero bias, ``"small_normal"`` (N(0, 0.01²), zero
    bias) or ``"pytorch_uniform"`` (U(±1/√F) for both).
    """
    return LanguageModel(layer, vocab_size, initializer)
