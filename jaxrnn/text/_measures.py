"""Measures of a text and of a model of it: unigram perplexity, bits per character."""

import math

import numpy as np
from numpy.typing import ArrayLike

from ._checks import in_pieces, not_negative, positive
from ._errors import TextError, quoted


def unigram_perplexity(ids: ArrayLike, size: int) -> float:
    """exp(-Σ p log p), p the frequencies of ids (N,): what a model of no context can reach at best.

    It lies between 1 and `size`. Ids are counted in pieces, so that they may be a memory map larger
    than memory. Raises TextError for no ids, an id outside 0 … size - 1, and a size below 1.

    >>> jaxrnn.text.unigram_perplexity([0, 1, 2, 3], size=4)
    4.0
    """
    counts = np.zeros(positive("size", size), np.int64)
    for piece in in_pieces(ids, size):
        counts += np.bincount(piece, minlength=size)
    if not counts.any():
        raise TextError("the unigram perplexity of no ids is undefined.")
    p = counts[counts > 0] / counts.sum()
    return float(np.exp(-np.sum(p * np.log(p))))


def bits_per_character(perplexity: float, tokens: int, characters: int) -> float:
    """tokens / characters · log₂ perplexity: what a model of any unit spends on a character.

    `perplexity` is that of a token, and `tokens` of them spell `characters`
    (`Vocabulary.characters`), so models of bytes, characters and words compare. An infinite
    perplexity is infinitely many bits, NaN is NaN. Raises TextError for a perplexity that is not
    positive, for a negative number of tokens, and for no characters.

    >>> jaxrnn.text.bits_per_character(4.0, tokens=300, characters=200)
    3.0
    """
    tokens, characters = not_negative("tokens", tokens), positive("characters", characters)
    try:
        value = float(perplexity)
    except (TypeError, ValueError):
        value = 0.0
    if value <= 0:
        raise TextError(f"`perplexity` must be a positive number, got {quoted(perplexity)}.")
    return tokens / characters * math.log2(value)
