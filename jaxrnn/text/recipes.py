"""Recipes: how a corpus becomes token ids.

    lines = clean(text)   ->   tokens (characters or words)   ->   vocabulary and cut   ->   ids

The two of *Dive into Deep Learning* differ in all of it:

| | lyrics (first edition) | time_machine (d2l 0.17) |
|---|---|---|
| clean | line ends become spaces | of a line, letters stay, lowered; the rest is a space |
| vocabulary | after the cut, sorted | before the cut, by falling frequency |
| unknown token | an error | `<unk>`, id 0 |
"""

import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple, get_args

import numpy as np

from ._checks import positive
from ._errors import TextError, quoted, unknown
from .vocabulary import UNK, Unit, Vocabulary, tokenise

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
    change to its tokens, though `clean` sees each part alone. Without, a text is cleaned whole.
    """

    name: str
    clean: Callable[[str], list[str]]
    order: Callable[[Iterable[str]], list[str]]
    has_unk: bool
    cut_first: bool
    seams: Mapping[Unit, str] = field(default_factory=dict, hash=False)

    def vocabulary(self, tokens: Iterable[str], unit: Unit) -> Vocabulary:
        """The distinct tokens in this recipe's order, after `<unk>` if it has one: a text's own
        `<unk>` is that one too."""
        ordered = self.order(tokens)
        if self.has_unk:
            known = (token for token in ordered if token != UNK)
            return Vocabulary((UNK, *known), unk=0, unit=unit)
        return Vocabulary(tuple(ordered), unk=None, unit=unit)

    def tokens(self, corpus: "Corpus", unit: Unit) -> Iterator[str]:
        """The tokens of a corpus, one at a time."""
        seam = self.seams.get(unit)
        parts = [corpus.text] if seam is None else _in_parts(corpus.pieces(), seam)
        lines = (line for part in parts for line in self.clean(part))
        return chain.from_iterable(tokenise(line, unit) for line in lines)


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
RECIPES = {recipe.name: recipe for recipe in (LYRICS, TIME_MACHINE)}


def find_recipe(recipe: Recipe | str) -> Recipe:
    """A recipe itself, or the one of that name; TextError where there is none."""
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in RECIPES:
        raise unknown("no recipe", recipe, RECIPES)
    return RECIPES[recipe]


class Encoded(NamedTuple):
    """A text as ids (N,) int32, and the vocabulary that reads them."""

    ids: np.ndarray
    vocab: Vocabulary


def encode(
    corpus: "Corpus",
    recipe: Recipe | str | None = None,
    cut: int | None = 10_000,
    unit: Unit = "char",
) -> Encoded:
    """The first `cut` tokens of a corpus (all of them for None) as ids, with their vocabulary.

    The recipe is the corpus's own unless another is given. Words are split on white space, line by
    line. A text is read in parts, twice: no more of it than is cut, unless the recipe makes its
    vocabulary first. Raises TextError for a cut below 1 and where cleaning leaves nothing.
    """
    rule = find_recipe(recipe or corpus.recipe)
    if unit not in get_args(Unit):
        raise unknown("no unit", unit, get_args(Unit))
    if cut is not None:
        cut = positive("cut", cut, " or None")
    known = cut if rule.cut_first else None
    vocab = rule.vocabulary(islice(rule.tokens(corpus, unit), known), unit)
    ids = vocab.ids(islice(rule.tokens(corpus, unit), cut))
    if not ids.size:
        raise TextError(f"nothing of corpus {quoted(corpus.name)} is left by recipe {rule.name!r}.")
    return Encoded(ids, vocab)
