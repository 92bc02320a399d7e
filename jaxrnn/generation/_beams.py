"""Beam search: the likeliest continuations that are found by keeping a few at each instant."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxrnn import _checks
from jaxrnn._checks import quote
from jaxrnn.generation._programs import program
from jaxrnn.generation._prompt import bucket, prompt
from jaxrnn.generation._walk import read, refuse_ahead


class Beams(NamedTuple):
    """ids (beams, count), int32, and log_probabilities (beams), in nats, best first."""

    ids: jax.Array
    log_probabilities: jax.Array


def beam_search(lm: Any, params: Any, prefix: Any, count: int, *, beams: int = 4) -> Beams:
    """Likely continuations of `prefix` (T), of `count` ids each, and their log-probabilities in
    nats, log p(ids | prefix), in float32 at least (beam search: Lowerre 1976).

    At each instant every beam is continued by each of the V ids, and the likeliest `beams` of all
    these are kept; of equal ones, those of the better beam and the lower id. One beam is greedy
    generation; V^(count-1) beams miss nothing. All are of one length, so nothing is gained by a
    penalty on it.

    Raises TypeError for what is no language model and a prefix that is no integers; ValueError for
    a layer that also reads what comes after, for an empty prefix, for a count or beams below 1, and
    for more beams than the V^count continuations that there are.

    >>> from jaxrnn import generation
    >>> lm = jaxrnn.language_model(jaxrnn.unroll(jaxrnn.gru(5)), vocab_size=7)
    >>> params = lm.init(jax.random.key(0))
    >>> beams = generation.beam_search(lm, params, jnp.array([1, 2]), count=3, beams=2)
    >>> beams.ids.shape, beams.log_probabilities.shape
    ((2, 3), (2,))
    """
    _checks.model("beam_search", lm)
    given = prompt("prefix", prefix)
    count, beams = _checks.positive("count", count), _checks.positive("beams", beams)
    most = lm.vocab_size ** min(count, 64)
    if beams > most:
        raise ValueError(
            f"`beams` must be at most V^count = {lm.vocab_size}^{count} = {most} continuations, "
            f"got {quote(beams)}."
        )
    refuse_ahead("beam search", lm.layer)
    ids, scores = _search(lm, params, given, count, beams=beams, size=bucket(count))
    return Beams(ids[:, :count], scores)


@program("beams", "size")
def _search(lm, params, given, count, beams, size):
    state = read(lm, params, None, given)
    carry = jax.tree.map(lambda a: jnp.broadcast_to(a, (beams, *a.shape[1:])), state.carry)
    token = jnp.broadcast_to(state.token, (beams,))
    first, last = jnp.zeros((), jnp.int32), jnp.asarray(count, jnp.int32)

    def one(instant, search):
        carry, token, scores, said = search
        carry, logits = lm.apply(params, carry, token[None])
        steps = jax.nn.log_softmax(logits[0].astype(scores.dtype), axis=-1)
        scores, best = jax.lax.top_k((scores[:, None] + steps).ravel(), beams)
        parent, token = jnp.divmod(best, lm.vocab_size)
        carry, said = jax.tree.map(lambda a: a[parent], (carry, said))
        said = jax.lax.dynamic_update_index_in_dim(said, token, instant, axis=1)
        return carry, token, scores, said

    form = jax.eval_shape(lm.apply, params, carry, token[None])[1]
    nothing = jnp.full((beams,), -jnp.inf, _checks.at_least_float32(form.dtype))
    search = carry, token, nothing.at[0].set(0), jnp.zeros((beams, size), jnp.int32)
    *_, scores, said = jax.lax.fori_loop(first, last, one, search)
    return said, scores
