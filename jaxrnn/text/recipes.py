"""Recipes: how a corpus becomes tokens.

    lines = clean(text)  ->  tokens (characters, words, bytes)  ->  vocabulary and cut  ->  ids

The two of *Dive into Deep Learning* differ in all of it, and the text of one's own stays as it is:

| | lyrics (first edition) | time_machine (d2l 0.17) | plain |
|---|---|---|---|
| clean | line ends become spaces | of a line, letters stay, lowered; the rest is a space | – |
| vocabulary | after the cut, sorted | before the cut, by falling frequency | as the lyrics' |
| unknown token | an error | `<unk>`, id 0 | `<unk>`, id 0 |

Words are split on white space, and a line end that cleaning leaves is a token too. Bytes are those
of the UTF-8 of the cleaned text; their vocabulary is all 256, and no token is unknown.
"""

import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from ._errors import TextError, quoted, unknown
from .vocabulary import BYTE_VOCABULARY, UNK, Unit, Vocabulary, tokenise

if TYPE_CHECKING:
    from .corpora import Corpus


def clean_lyrics(text: str) -> list[str]:
    r"""One line: every `\n` and every `\r` becomes a space."""
    return [text.replace("\n", " ").replace("\r", " ")]


def clean_time_machine(text: str) -> list[str]:
    """Line by line: all but the letters A to Z become one space; stripped, in lower case.

    Nothing stands between the lines afterwards: as in the book, the last word of one and the first
    word of the next run together when read as characters.
    """
    lines = io.StringIO(text, newline=None)  # line ends as an opened file has them
    return [re.sub("[^A-Za-z]+", " ", line).strip().lower() for line in lines]


def clean_plain(text: str) -> list[str]:
    """The text as it is, line ends and capitals too."""
    return [text]


def by_code_point(tokens: Iterable[str]) -> list[str]:
    """The distinct tokens, sorted: the same in every process, unlike `list(set(tokens))`."""
    return sorted(set(tokens))


def by_frequency(tokens: Iterable[str]) -> list[str]:
    """The distinct tokens, the most frequent first; among equals, the one that came first."""
    return [token for token, _ in Counter(tokens).most_common()]


@dataclass(frozen=True)
class Recipe:
    """How to clean a text, order its vocabulary, and whether the cut or the vocabulary is first.

    `seams` says for each unit, by a regular expression, where a text may be cut in two without a
    change to its tokens, though `clean` sees each part alone; bytes have the seams of characters.
    Without, a text is cleaned whole. `clean` gives lines of a text, `order` the distinct tokens;
    with `has_unk`, `<unk>` is id 0; with `cut_first`, the vocabulary is that of the tokens kept.

    >>> from jaxrnn import text
    >>> text.TIME_MACHINE.clean("Call me Ishmael.")
    ['call me ishmael']
    >>> text.TIME_MACHINE.vocabulary("aab", "char").tokens
    ('<unk>', 'a', 'b')
    """

    name: str
    clean: Callable[[str], list[str]]
    order: Callable[[Iterable[str]], list[str]]
    has_unk: bool
    cut_first: bool
    seams: Mapping[Unit, str] = field(default_factory=dict, hash=False)

    def vocabulary(self, tokens: Iterable[str], unit: Unit) -> Vocabulary:
        """The distinct tokens in this recipe's order, after `<unk>` if it has one: a text's own
        `<unk>` is that one too. Of bytes there is one vocabulary, and the tokens are not looked at.
        """
        if unit == "byte":
            return BYTE_VOCABULARY
        ordered = self.order(tokens)
        if self.has_unk:
            known = (token for token in ordered if token != UNK)
            return Vocabulary((UNK, *known), unk=0, unit=unit)
        return Vocabulary(tuple(ordered), unk=None, unit=unit)

    def lines(self, corpus: "Corpus", unit: Unit) -> Iterator[str]:
        """What cleaning leaves of a corpus, in parts that its tokens do not cross."""
        seam = self.seams.get("char" if unit == "byte" else unit)
        parts = [corpus.text] if seam is None else _in_parts(corpus.pieces(), seam)
        return (line for part in parts for line in self.clean(part))

    def tokens(self, corpus: "Corpus", unit: Unit) -> Iterator[str]:
        """The tokens of a corpus, one at a time."""
        return chain.from_iterable(tokenise(line, unit) for line in self.lines(corpus, unit))

    def prompt(self, text: str, vocab: Vocabulary) -> np.ndarray:
        """Ids (N,) int32 of a prompt, cleaned as the corpus was, so that the model knows its like.

        Raises TextError for a prompt of which cleaning leaves no token, and for a token that is
        unknown where the vocabulary has no `<unk>`.
        """
        if not isinstance(text, str):
            raise TextError(f"a prompt must be a string, got {quoted(text)}.")
        try:
            ids = np.concatenate([vocab.ids(line) for line in ("", *self.clean(text))])
        except TextError as error:
            raise TextError(f"prompt {quoted(text)}: {error}") from None
        if not ids.size:
            one = {"char": "character"}.get(vocab.unit, vocab.unit)
            raise TextError(
                f"a prompt needs at least one {one} that recipe {self.name!r} keeps, "
                f"got {quoted(text)}."
            )
        return ids


def _in_parts(pieces: Iterable[str], seam: str) -> Iterator[str]:
    """The text of the pieces, in parts that begin at a seam: the first in its piece."""
    held = [""]
    for piece in pieces:
        before = held[-1][-1:]
        found = re.compile(seam).search(before + piece, len(before))
        if found and any(held):
            at = found.start() - len(before)
            yield "".join((*held, piece[:at]))
            held, piece = [""], piece[at:]
        held.append(piece)
    yield "".join(held)


WORDS = r"(?<=\s)"  # after white space
WORDS_AND_LINE_ENDS = r"(?<=[^\S\r])"  # but not inside of \r\n
LYRICS = Recipe(
    "lyrics",
    clean_lyrics,
    by_code_point,
    has_unk=False,
    cut_first=True,
    seams={"char": "", "word": WORDS},
)
TIME_MACHINE = Recipe(
    "time_machine",
    clean_time_machine,
    by_frequency,
    has_unk=True,
    cut_first=False,
    seams={"char": r"(?<=\n)|(?<=[A-Za-z])(?=[A-Za-z])", "word": WORDS},
)
PLAIN = Recipe(
    "plain",
    clean_plain,
    by_code_point,
    has_unk=True,
    cut_first=True,
    seams={"char": "", "word": WORDS_AND_LINE_ENDS},
)
RecipeName = Literal["lyrics", "time_machine", "plain"]
RECIPES: dict[str, Recipe] = {"lyrics": LYRICS, "time_machine": TIME_MACHINE, "plain": PLAIN}


def find_recipe(recipe: Recipe | RecipeName | str) -> Recipe:
    """A recipe itself, or the one of that name; TextError where there is none.

    >>> from jaxrnn import text
    >>> text.find_recipe("plain") is text.PLAIN
    True
    """
    if isinstance(recipe, Recipe):
        return recipe
    if not isinstance(recipe, str) or recipe not in get_args(RecipeName):
        raise unknown("no recipe", recipe, RECIPES)
    return RECIPES[recipe]
