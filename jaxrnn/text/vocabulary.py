"""Vocabulary: tokens to ids and back."""

import codecs
import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ._checks import in_pieces, in_range, integers, positive
from ._errors import TextError, quoted, unknown

Unit = Literal["char", "word", "byte"]
UNK = "<unk>"
LINE_ENDS = ("\n", "\r\n", "\r")
_WORDS = re.compile(r"\r\n|[\r\n]|\S+")


def tokenise(text: str, unit: Unit) -> Iterable[str]:
    """The tokens of a text, one at a time, for a list takes many times the memory of the text.

    They are its characters; or its words, split on white space, and its line ends; or the bytes of
    its UTF-8, each as the character U+0000 … U+00FF of that number.
    """
    if unit == "word":
        return (word.group() for word in _WORDS.finditer(text))
    return _utf8(text).decode("latin-1") if unit == "byte" else text


def _utf8(text: str) -> bytes:
    """A byte that a command line could not decode (Python's "surrogateescape") is that byte."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        half = quoted(text[error.start])
        raise TextError(f"{half} is half of a surrogate pair: UTF-8 has no bytes for it.") from None


@dataclass(frozen=True)
class Vocabulary:
    """Tokens in the order of their ids; `unk` is the id of unknown ones, or None to refuse them.

    The unit "byte" has one vocabulary, BYTE_VOCABULARY. Raises TextError for a token that is no
    string or is there twice, for an unknown unit, and for an `unk` that is no id.

    >>> vocab = jaxrnn.text.Vocabulary(("<unk>", "a", "b"), unk=0, unit="char")
    >>> vocab.ids("abc").tolist()
    [1, 2, 0]
    >>> vocab.text([1, 2])
    'ab'
    """

    tokens: tuple[str, ...]
    unk: int | None
    unit: Unit

    def __post_init__(self) -> None:
        if self.unit not in get_args(Unit):
            raise unknown("no unit", self.unit, get_args(Unit))
        for token in self.tokens:
            if not isinstance(token, str):
                raise TextError(f"a token must be a string, got {quoted(token)}.")
        if len(self._id_of) < len(self.tokens):
            twice = next(t for i, t in enumerate(self.tokens) if self._id_of[t] != i)
            raise TextError(f"{quoted(twice)} is in the vocabulary twice: give each token one id.")
        if self.unk is not None:
            in_range(self.unk, len(self))
        if self.unit == "byte" and (tuple(self.tokens), self.unk) != (_BYTES, None):
            raise TextError(
                f"bytes have 256 tokens and no {UNK}, got {len(self)} with unk={self.unk}: take "
                "`text.BYTE_VOCABULARY`."
            )

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} {self.unit}s, unk={self.unk})"

    @cached_property
    def _id_of(self) -> "_Ids":
        return _Ids(self.tokens, self.unk, self.unit)

    def ids(self, text: str | Iterable[str]) -> np.ndarray:
        """Ids (N,) int32 of a text, which is only split, not cleaned, or of tokens.

        Of a text of words, a line end is a token where the vocabulary has any, else white space
        like other. An unknown token becomes `unk`; without one it raises TextError, as it does for
        bytes, which are to be decoded.
        """
        if isinstance(text, bytes):
            raise TextError(f"a text must be a string, got {quoted(text)}: decode it.")
        if not isinstance(text, str):
            return np.asarray(array("i", map(self._id_of.__getitem__, text)))
        if self.unit == "byte":
            return np.frombuffer(_utf8(text), np.uint8).astype(np.int32)
        tokens = tokenise(text, self.unit)
        if self.unit == "word" and not any(end in self._id_of for end in LINE_ENDS):
            tokens = (token for token in tokens if token not in LINE_ENDS)
        return self.ids(iter(tokens))

    def text(self, ids: ArrayLike) -> str:
        """The text of ids (N,): characters joined by nothing, words by a space (but none at a line
        end), bytes decoded, U+FFFD in place of what is no UTF-8.

        Raises TextError for what is no integer, and for an id outside 0 … len - 1.
        """
        return "".join(self._spell(in_range(ids, len(self)).tolist()))

    def pieces(self, ids: Iterable[ArrayLike]) -> Iterator[str]:
        """The text of ids that come one or some at a time, as soon as it is known.

        A byte inside of a character waits for the rest of it; the space between two words comes
        with the second. Joined, the pieces are the `text` of all the ids: so give a stream the ids
        of its prompt first. Raises TextError at an id outside 0 … len - 1.
        """
        return self._spell(i for some in ids for i in in_range(some, len(self)).tolist())

    def characters(self, ids: ArrayLike) -> int:
        """How many characters the text of ids (N,) has, the spaces between words among them.

        `<unk>` counts as one in a vocabulary of characters, as it is spelt in one of words. Ids are
        counted in pieces: they may be a memory map. Raises TextError as `text`.
        """
        lengths = np.array([_length(token, self.unit) for token in self.tokens], np.int64)
        apart = np.array([self.unit == "word" and t not in LINE_ENDS for t in self.tokens], bool)
        total, word_before = 0, False
        for piece in in_pieces(ids, len(self)):
            words = apart[piece]
            spaces = np.count_nonzero(words[1:] & words[:-1]) + bool(word_before and words[0])
            total, word_before = total + int(lengths[piece].sum()) + int(spaces), words[-1]
        return total

    def _spell(self, ids: Iterable[int]) -> Iterator[str]:
        if self.unit == "byte":
            return _decoded(ids)
        tokens = map(self.tokens.__getitem__, ids)
        return _spaced(tokens) if self.unit == "word" else tokens


def _length(token: str, unit: Unit) -> int:
    """In characters; a byte that continues a character (10xxxxxx) is none."""
    if unit == "byte":
        return int(ord(token) >> 6 != 0b10)
    return len(token) if unit == "word" else 1


def _spaced(tokens: Iterable[str]) -> Iterator[str]:
    word_before = False
    for token in tokens:
        word = token not in LINE_ENDS
        yield f" {token}" if word and word_before else token
        word_before = word


def _decoded(bytes_: Iterable[int]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for byte in bytes_:
        if piece := decoder.decode(bytes((byte,))):
            yield piece
    if piece := decoder.decode(b"", final=True):
        yield piece


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


_BYTES = tuple(map(chr, range(256)))
BYTE_VOCABULARY = Vocabulary(_BYTES, unk=None, unit="byte")
"""The 256 bytes, each the token of its own number: any text has ids in it."""


def one_hot(ids: ArrayLike, size: int, dtype: DTypeLike = np.float32) -> np.ndarray:
    """ids (*batch,) -> (*batch, size): 1 at the id, 0 elsewhere; an id out of range is a zero row.
    Raises TextError for ids that are no integers, and for a size below 1.

    >>> jaxrnn.text.one_hot([2, 0, 3], 3)
    array([[0., 0., 1.],
           [1., 0., 0.],
           [0., 0., 0.]], dtype=float32)
    """
    of = np.arange(positive("size", size))
    return (integers("ids", ids)[..., None] == of).astype(dtype)
