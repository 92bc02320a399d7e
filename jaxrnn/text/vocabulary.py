"""Vocabulary: tokens to ids and back, and what is counted or spread over ids."""

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ._checks import integers
from ._errors import TextError, quoted, unknown

Unit = Literal["char", "word"]
UNK = "<unk>"


def tokenise(text: str, unit: Unit) -> Iterable[str]:
    """The characters of a text, or its words, split on white space: one at a time, for a list of
    them takes many times the memory of the text."""
    return text if unit == "char" else (word.group() for word in re.finditer(r"\S+", text))


@dataclass(frozen=True)
class Vocabulary:
    """Tokens in the order of their ids; `unk` is the id of unknown ones, or None to refuse them."""

    tokens: tuple[str, ...]
    unk: int | None
    unit: Unit

    def __post_init__(self):
        if self.unit not in get_args(Unit):
            raise unknown("no unit", self.unit, get_args(Unit))
        if len(self._id_of) < len(self.tokens):
            twice = next(t for i, t in enumerate(self.tokens) if self._id_of[t] != i)
            raise TextError(f"{quoted(twice)} is in the vocabulary twice: give each token one id.")
        if self.unk is not None:
            _in_range(self.unk, len(self))

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} {self.unit}s, unk={self.unk})"

    @cached_property
    def _id_of(self) -> "_Ids":
        return _Ids(self.tokens, self.unk, self.unit)

    def ids(self, text: str | Iterable[str]) -> np.ndarray:
        """Ids (N,) int32 of a text, which is only split, not cleaned, or of tokens.

        An unknown token becomes `unk`; without one it raises TextError.
        """
        tokens = tokenise(text, self.unit) if isinstance(text, str) else text
        return np.asarray(array("i", map(self._id_of.__getitem__, tokens)))

    def text(self, ids: ArrayLike) -> str:
        """The text of ids (N,): characters joined by nothing, words by a space.

        Raises TextError for an id outside 0 … len - 1.
        """
        ids = _in_range(ids, len(self))
        return ("" if self.unit == "char" else " ").join(self.tokens[i] for i in ids)


class _Ids(dict[str, int]):
    """The id of each token; of an unknown one `unk`, or an error where that is None."""

    def __init__(self, tokens: tuple[str, ...], unk: int | None, unit: Unit):
        super().__init__((token, i) for i, token in enumerate(tokens))
        self.unk, self.unit = unk, unit

    def __missing__(self, token: str) -> int:
        if self.unk is not None:
            return self.unk
        code_point = f" (U+{ord(token):04X})" if len(token) == 1 else ""
        raise TextError(
            f"{quoted(token)}{code_point} is not in the vocabulary of {len(self)} {self.unit}s, "
            f"which has no {UNK}."
        )


def one_hot(ids: ArrayLike, size: int, dtype: DTypeLike = np.float32) -> np.ndarray:
    """ids (*batch,) -> (*batch, size): 1 at the id, 0 elsewhere; an id out of range is a zero row.

    >>> one_hot([2, 0, 3], 3)
    array([[0., 0., 1.],
           [1., 0., 0.],
           [0., 0., 0.]], dtype=float32)
    """
    return (np.asarray(ids)[..., None] == np.arange(size)).astype(dtype)


def unigram_perplexity(ids: ArrayLike, size: int) -> float:
    """exp(-Σ p log p), p the frequencies of ids (N,): what a model of no context can reach at best.

    It lies between 1 and `size`. Raises TextError for no ids and for an id outside 0 … size - 1.
    """
    counts = np.bincount(_in_range(ids, size))
    if not counts.size:
        raise TextError("the unigram perplexity of no ids is undefined.")
    p = counts[counts > 0] / counts.sum()
    return float(np.exp(-np.sum(p * np.log(p))))


def _in_range(ids: ArrayLike, size: int) -> np.ndarray:
    """Ids (N,) as an int64 array; TextError quotes the first outside 0 … size - 1."""
    array = integers("ids", ids).reshape(-1)
    outside = array[(array < 0) | (array >= size)]
    if outside.size:
        raise TextError(f"id {outside[0]} is not among the {size} of the vocabulary.")
    return array.astype(np.int64)
