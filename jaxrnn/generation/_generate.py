"""Continuations of prompts of unequal lengths, side by side, in one program."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn import _checks
from jaxrnn.generation._programs import program
from jaxrnn.generation._prompt import bucket, prompts
from jaxrnn.generation._sampling import chooser, sampling
from jaxrnn.generation._walk import advance, read, refuse_ahead


def generate(
    lm: Any,
    params: Any,
    prefixes: Any,
    lengths: Any,
    count: int,
    *,
    key: jax.Array | None = None,
    temperature: Any = 1.0,
    top_k: int | None = None,
    top_p: Any = None,
) -> jax.Array:
    """Continuations (count, P), int32, of `prefixes` (T, P), each `lengths` (P) ids long, from the
    initial carry of the :class:`jaxrnn.LanguageModel` `lm`.

    Without a key each id is the likeliest, the lowest of equals. With one it is drawn from
    ``softmax(filtered(logits, temperature, top_k, top_p))``: see
    :func:`jaxrnn.generation.filtered`. Row p draws its t-th id by ``fold_in(fold_in(key, p), t)``:
    what it gets depends neither on the other rows nor on T.

    All is one program for T and count up to the same powers of two (16 at least), and for any
    temperature and top_p; another top_k is another program.

    A bidirectional or reversed layer is only walked greedily: it sees one id at a time, both ways,
    and so writes as if each were the last. With a key it is refused, by a ValueError; so are
    a count below 1, lengths outside 1…T or of another shape, and options without a key or out of
    their range. TypeError is raised for what is no language model, for prefixes and lengths that
    are no integers, and for what is no key. Under `jax.jit`, where no value can be refused, a
    length beyond T means T.

    >>> from jaxrnn import generation
    >>> lm = jaxrnn.language_model(jaxrnn.unroll(jaxrnn.gru(5)), vocab_size=7)
    >>> params, prefixes = lm.init(jax.random.key(0)), jnp.array([[1, 2], [3, 0]])     # (T, P)
    >>> ids = generation.generate(lm, params, prefixes, [2, 1], 4, key=jax.random.key(1), top_k=3)
    >>> ids.shape
    (4, 2)
    """
    _checks.model("generate", lm)
    given = prompts(prefixes, lengths)
    count = _checks.positive("count", count)
    how = sampling(lm.vocab_size, key, temperature, top_k, top_p)
    if how is not None:
        refuse_ahead("sampling", lm.layer)
    return _generate(lm, params, given, how, count, size=bucket(count))[:count]


@program("size")
def _generate(lm, params, given, how, count, size):
    state, rows = read(lm, params, None, given), given.ids.shape[1]
    said = jnp.zeros((size, rows), jnp.int32)
    bounds = jnp.zeros((), jnp.int32), jnp.asarray(count, jnp.int32)
    return advance(lm, params, chooser(how, rows), state, *bounds, said)[1]
