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
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._errors import TextError, unknown
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
    """How to clean a text, order its vocabulary, and whether the cut or the vocabulary is first."""

    name: str
    clean: Callable[[str], list[str]]
    order: Callable[[Iterable[str]], list[str]]
    has_unk: bool
    cut_first: bool

    def vocabulary(self, tokens: Iterable[str], unit: Unit) -> Vocabulary:
        """The distinct tokens in this recipe's order, after `<unk>` if it has one."""
        if self.has_unk:
            return Vocabulary((UNK, *self.order(tokens)), unk=0, unit=unit)
        return Vocabulary(tuple(self.order(tokens)), unk=None, unit=unit)


LYRICS = Recipe("lyrics", clean_lyrics, by_code_point, has_unk=False, cut_first=True)
TIME_MACHINE = Recipe(
    "time_machine", clean_time_machine, by_frequency, has_unk=True, cut_first=False
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
    line. Raises TextError for a cut below 1 and where cleaning leaves nothing.
    """
    rule = find_recipe(recipe or corpus.recipe)
    if cut is not None and cut < 1:
        raise TextError(f"`cut` must be positive or None, got {cut}.")
    lines = rule.clean(corpus.text)
    tokens = list(itertools.chain.from_iterable(tokenise(line, unit) for line in lines))
    if not tokens:
        raise TextError(f"nothing of corpus {corpus.name!r} is left by recipe {rule.name!r}.")
    kept = tokens[:cut]
    vocab = rule.vocabulary(kept if rule.cut_first else tokens, unit)
    return Encoded(vocab.ids(kept), vocab)
