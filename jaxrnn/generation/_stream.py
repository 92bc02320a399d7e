"""Ids one by one, as long as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import _checks
from jaxrnn._types import Carry
from jaxrnn.generation._programs import program
from jaxrnn.generation._prompt import prompt
from jaxrnn.generation._sampling import Sampling, chooser, sampling
from jaxrnn.generation._walk import State, advance, read, refuse_ahead

CHUNK = 16  # ids a program


def stream(
    lm: Any,
    params: Any,
    prompt_ids: Any,
    *,
    key: jax.Array | None = None,
    temperature: Any = 1.0,
    top_k: int | None = None,
    top_p: Any = None,
    carry: Carry | None = None,
) -> Iterator[int]:
    """What follows `prompt_ids` (T), an id at a time and for ever: stop when there is enough ::

        for token in itertools.islice(generation.stream(lm, params, prompt_ids, key=key), 100):
            print(vocabulary.text([token]), end="", flush=True)

    The ids are those of :func:`jaxrnn.generation.generate` for this one prompt and the same
    options. From `carry`, without batch axes, the prompt is read on where ``lm.apply`` stopped;
    None is the initial one. They come 16 a program.

    Raises at the call, not at the first id: ValueError for a layer that also reads what comes
    after, greedy or not, for an empty prompt and for another carry; else as `generate` does.

    >>> from itertools import islice
    >>> from jaxrnn import generation
    >>> lm = jaxrnn.language_model(jaxrnn.unroll(jaxrnn.gru(5)), vocab_size=7)
    >>> params = lm.init(jax.random.key(0))
    >>> ids = list(islice(generation.stream(lm, params, jnp.array([1, 2])), 4))
    >>> len(ids), max(ids) < 7
    (4, True)
    """
    _checks.model("stream", lm)
    given = prompt("prompt_ids", prompt_ids)
    how = sampling(lm.vocab_size, key, temperature, top_k, top_p)
    refuse_ahead("streaming", lm.layer)
    _checks.arrays("carry", carry)
    return _ids(lm, params, how, _begin(lm, params, carry, given))


def _ids(lm: Any, params: Any, how: Sampling | None, state: State) -> Iterator[int]:
    first = 0
    while True:
        state, said = _more(lm, params, how, state, np.int32(first))
        yield from np.asarray(said)[:, 0].tolist()
        first += CHUNK


@program()
def _begin(lm, params, carry, given):
    row = jax.tree.map(lambda a: jnp.asarray(a)[None], carry)  # None has no leaves
    return read(lm, params, row, given)


@program()
def _more(lm, params, how, state, first):
    said = jnp.zeros((CHUNK, 1), jnp.int32)
    return advance(lm, params, chooser(how, 1), state, first, first + CHUNK, said)
