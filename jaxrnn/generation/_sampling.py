"""From logits to an id: the likeliest, or a draw from what temperature, top-k and top-p leave."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxrnn import _checks
from jaxrnn._checks import quote


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["key", "temperature", "top_p"],
    meta_fields=["top_k"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class Sampling:
    """How ids are drawn, as an argument of a program: only another `top_k` is another program."""

    key: jax.Array
    temperature: Any
    top_p: Any
    top_k: int | None


def sampling(
    vocab_size: int, key: jax.Array | None, temperature: Any, top_k: Any, top_p: Any
) -> Sampling | None:
    """The options of a call, checked; None for greedy, which takes none of them."""
    temperature, top_k, top_p = _options(vocab_size, temperature, top_k, top_p)
    if key is None:
        tempered = isinstance(temperature, Tracer) or temperature != 1
        given = {"temperature": temperature if tempered else None, "top_k": top_k, "top_p": top_p}
        for name, value in given.items():
            if value is not None:
                raise ValueError(
                    f"`{name}` = {quote(value)} needs a `key`, say jax.random.key(0): without one "
                    f"nothing is drawn."
                )
        return None
    _checks.given_key(key)
    temperature = _within(temperature, _checks.float_dtype(None))
    top_p = None if top_p is None else jnp.asarray(top_p, float)
    return Sampling(key, temperature, top_p, top_k)


def chooser(how: Sampling | None, rows: int) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """(logits (P, V), instant) -> ids (P). Row p draws at instant t by the key folded with p, then
    with t: so that neither the rows beside it nor their lengths are in it."""
    if how is None:
        return lambda logits, _: jnp.argmax(logits, axis=-1).astype(jnp.int32)
    fold = jax.random.fold_in
    keys = jax.vmap(fold, (None, 0))(how.key, jnp.arange(rows, dtype=jnp.int32))

    def choose(logits: jax.Array, instant: jax.Array) -> jax.Array:
        now = jax.vmap(fold, (0, None))(keys, instant)
        left = filtered(logits, how.temperature, how.top_k, how.top_p)
        return jax.vmap(jax.random.categorical)(now, left).astype(jnp.int32)

    return choose


def filtered(
    logits: jax.Array, temperature: Any = 1.0, top_k: int | None = None, top_p: Any = None
) -> jax.Array:
    """Logits (..., V) of what is drawn from, up to a constant; -inf where nothing is. In turn ::

        logits / temperature
        top_k:  the k greatest are kept; of equal ones, those of the lowest ids (exactly k; Fan et
                al. 2018)
        top_p:  of what is left, the smallest set of the likeliest whose probability reaches p
                (the nucleus; Holtzman et al. 2020), at least one

    in float32 at least. The greatest is taken off first, so that no temperature overflows.

    temperature > 0 and top_p in (0, 1] are numbers or traced; top_k in 1…V is a number. Raises
    TypeError or ValueError, in one sentence, for anything else.

    >>> jaxrnn.generation.filtered(jnp.array([0.0, 3.0, 1.0]), top_k=2).tolist()
    [-inf, 0.0, -2.0]
    """
    if _checks.is_tokens(logits, "logits"):
        raise TypeError(f"logits must be floats, got {_checks.own_dtype(logits)}.")
    _checks.with_features("logits", logits)
    logits = jnp.asarray(logits)
    temperature, top_k, top_p = _options(logits.shape[-1], temperature, top_k, top_p)
    logits = logits.astype(_checks.at_least_float32(logits.dtype))
    logits = logits - logits.max(axis=-1, keepdims=True)
    logits = logits / _within(temperature, logits.dtype)
    if top_k is None and top_p is None:
        return logits
    kept, ids = jax.lax.top_k(logits, top_k or logits.shape[-1])
    if top_p is not None:
        kept = _nucleus(kept, jnp.asarray(top_p, logits.dtype))
    nothing = jnp.full_like(logits, -jnp.inf)
    return jnp.put_along_axis(nothing, ids, kept, axis=-1, inplace=False)


def _nucleus(falling: jax.Array, p: jax.Array) -> jax.Array:
    """Of logits in falling order, those before which less than p is reached; all of them for 1,
    which rounding may reach too soon."""
    probabilities = jax.nn.softmax(falling, axis=-1)
    before = jnp.cumsum(probabilities, axis=-1) - probabilities
    return jnp.where((before < p) | (p >= 1), falling, -jnp.inf)


def _within(temperature: Any, dtype: Any) -> jax.Array:
    """In the range of `dtype`, beyond which 0 / 0 and inf / inf would be divided."""
    least, most = float(jnp.finfo(dtype).tiny), float(jnp.finfo(dtype).max)
    if not isinstance(temperature, Tracer):
        temperature = min(max(temperature, least), most)
    return jnp.clip(jnp.asarray(temperature, dtype), least, most)


def _options(vocab_size: int, temperature: Any, top_k: Any, top_p: Any) -> tuple[Any, Any, Any]:
    """The three, of which what has a value is checked."""
    temperature = _number("temperature", temperature, "a positive number")
    if not isinstance(temperature, Tracer) and not 0 < temperature < math.inf:
        raise ValueError(
            f"`temperature` must be positive and finite, got {temperature}: leave out `key` for "
            f"the likeliest id each time."
        )
    if top_k is not None:
        top_k = _checks.positive("top_k", top_k)
        if top_k > vocab_size:
            raise ValueError(f"`top_k` must lie in 1…V = {vocab_size}, got {quote(top_k)}.")
    if top_p is not None:
        top_p = _number("top_p", top_p, "a probability in (0, 1]")
        if not isinstance(top_p, Tracer) and not 0 < top_p <= 1:
            raise ValueError(f"`top_p` must be a probability in (0, 1], got {top_p}.")
    return temperature, top_k, top_p


def _number(name: str, value: Any, what: str) -> Any:
    """A real number, or an array of one, as a float; what is traced as it is."""
    array = isinstance(value, jax.Array | np.ndarray | np.generic)
    real = array and np.ndim(value) == 0 and jnp.issubdtype(value.dtype, jnp.number)
    real = real and not jnp.issubdtype(value.dtype, jnp.complexfloating)
    if not real and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise TypeError(f"`{name}` must be {what}, got {quote(value)}.")
    return value if isinstance(value, Tracer) else float(value)
