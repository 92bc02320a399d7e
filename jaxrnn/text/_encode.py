"""Encode: a corpus to token ids and their vocabulary, in memory or on disk."""

import os
from array import array
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, get_args

import numpy as np

from ._checks import positive
from ._errors import TextError, quoted, unknown
from ._token_files import TokenFile
from .recipes import RECIPES, Recipe, RecipeName, find_recipe
from .vocabulary import Unit, Vocabulary, tokenise

if TYPE_CHECKING:
    from .corpora import Corpus


class Encoded(NamedTuple):
    """A text as ids (N,), and the vocabulary that reads them.

    The ids are int32; from a folder they are a read-only memory map of the least of uint8, uint16
    and int32 that holds the vocabulary. Characters per token: `vocab.characters(ids) / len(ids)`.
    """

    ids: np.ndarray
    vocab: Vocabulary


def encode(
    corpus: "Corpus",
    recipe: Recipe | RecipeName | None = None,
    cut: int | None = 10_000,
    unit: Unit = "char",
    folder: str | os.PathLike[str] | None = None,
) -> Encoded:
    """The first `cut` tokens of a corpus (all of them for None) as ids, with their vocabulary.

    The recipe is the corpus's own unless another is given; `unit` says what a token is, ``"char"``,
    ``"word"`` or ``"byte"``. A text is read in parts, twice: no more of it than is cut, unless the
    recipe makes its vocabulary first.

    With a `folder`, ids and vocabulary are written there once, in pieces, so that neither text nor
    ids need fit in memory; whoever encodes the same text in the same way again finds them there,
    and does not read the text. The recipe must then be one of RECIPES: a name is all that tells
    another's results apart.

    Raises TextError for what is no corpus, for a cut below 1, an unknown recipe or unit, where
    cleaning leaves nothing, and for a folder that cannot be written to.

    >>> from jaxrnn import text
    >>> ids, vocab = text.encode(text.load_corpus("analects"), cut=100)
    >>> ids.shape, vocab.text(ids[:2])
    ((100,), '子曰')
    """
    if not hasattr(corpus, "recipe"):
        raise TextError(
            f"encode needs a Corpus, of `load_corpus` or made of a string, got {quoted(corpus)}."
        )
    rule = find_recipe(recipe or corpus.recipe)
    if unit not in get_args(Unit):
        raise unknown("no unit", unit, get_args(Unit))
    if cut is not None:
        cut = positive("cut", cut, " or None")
    make = _in_memory if folder is None else partial(_on_disk, folder)
    return make(corpus, rule, cut, unit)


def _in_memory(corpus: "Corpus", rule: Recipe, cut: int | None, unit: Unit) -> Encoded:
    vocab, ids = _vocabulary(corpus, rule, cut, unit), array("i")
    for piece in _pieces(corpus, rule, cut, vocab):
        ids.frombytes(piece.view(np.uint8).data)
    return Encoded(np.asarray(ids), vocab)


def _on_disk(
    folder: str | os.PathLike[str], corpus: "Corpus", rule: Recipe, cut: int | None, unit: Unit
) -> Encoded:
    if rule not in RECIPES.values():
        raise TextError(
            f"a folder keeps ids of the recipes {', '.join(RECIPES)} alone, got recipe "
            f"{rule.name!r}: encode without a folder."
        )
    file = TokenFile.of(folder, corpus.text_sha1(), rule.name, unit, cut)
    if (found := file.read()) is None:
        vocab = _vocabulary(corpus, rule, cut, unit)
        file.write(vocab, _pieces(corpus, rule, cut, vocab))
        found = file.map(vocab)
    return Encoded(*found)


def _vocabulary(corpus: "Corpus", rule: Recipe, cut: int | None, unit: Unit) -> Vocabulary:
    known = cut if rule.cut_first else None
    return rule.vocabulary(islice(rule.tokens(corpus, unit), known), unit)


def _pieces(
    corpus: "Corpus", rule: Recipe, cut: int | None, vocab: Vocabulary
) -> Iterator[np.ndarray]:
    """The ids in pieces, as the text is read; TextError if there is none."""
    count = 0
    for line in rule.lines(corpus, vocab.unit):
        # what lies behind the cut may be unknown
        known = line if cut is None else islice(tokenise(line, vocab.unit), cut - count)
        ids = vocab.ids(known)
        count += len(ids)
        yield ids
        if count == cut:
            return
    if not count:
        name = quoted(corpus.name)
        raise TextError(f"nothing of corpus {name} is left by recipe {rule.name!r}.")
