"""Corpora: a text, and where it came from.

By name: `analects` and `moby_dick` are shipped (see data/README.md); `time_machine` and `lyrics`
are the files of *Dive into Deep Learning* (d2l), `tiny_shakespeare` is that of Karpathy's char-rnn,
read from `$JAXRNN_DATA` or downloaded from their public addresses. By path: any .txt, or a .zip
with one .txt inside.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, get_args

from ._document import BYTES, Document
from ._download import cache_folder, check_sha1, download
from ._errors import CorpusNotFound, unknown
from .recipes import RecipeName, find_recipe

_D2L = "http://d2l-data.s3-accelerate.amazonaws.com/"
_CHAR_RNN = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"


@dataclass(frozen=True)
class Corpus:
    """A raw text: `text` is a string, `name` says how it is called.

    `sha1` is that of the file as it was read (of the zip, for a zip), `source` says where it was
    found, and `recipe` names the rule by which `encode` cleans it if told no other. What
    `load_corpus` found stays in its file: `text` reads it whole, `pieces` in parts. Both raise
    TextError where the file is no longer what it was. An unknown recipe is refused by `encode`.

    >>> from jaxrnn import text
    >>> mine = text.Corpus("mine", "so it goes", sha1="", source="a string", recipe="plain")
    >>> text.encode(mine).ids.shape
    (10,)
    """

    name: str
    text: str = field(repr=False)
    sha1: str
    source: str
    recipe: RecipeName

    def pieces(self) -> Iterator[str]:
        """The text in parts of some thousands of characters."""
        text = vars(self)["text"]
        if isinstance(text, Document):
            return text.pieces()
        return (text[i : i + BYTES] for i in range(0, len(text), BYTES))

    def text_sha1(self) -> str:
        """The sum by which the text is known: its file's, or one of the string that was given,
        which is no file's: of a file, a byte order mark is no part of the text."""
        text = vars(self)["text"]
        if isinstance(text, Document):
            return self.sha1
        return hashlib.sha1(b"a string: " + text.encode("utf-8", "surrogatepass")).hexdigest()


class _Text:
    """The field `text` of a corpus: the string that was given, or a document's, read whole each
    time that it is asked for."""

    def __set__(self, corpus: Any, text: str | Document) -> None:
        vars(corpus)["text"] = text

    def __get__(self, corpus: Any, owner: Any = None) -> str:
        text = vars(corpus)["text"]
        return text if isinstance(text, str) else "".join(text.pieces())


Corpus.text = _Text()  # pyright: ignore[reportAttributeAccessIssue]


class _Public(NamedTuple):
    """A file, the sum it must have, the shipped text nearest to it, and the file's address where
    that is not d2l's."""

    file: str
    sha1: str
    stand_in: str
    url: str | None = None


CorpusName = Literal["analects", "moby_dick", "time_machine", "lyrics", "tiny_shakespeare"]
CORPORA = get_args(CorpusName)
"""The names that `load_corpus` knows."""
_SHIPPED = ("analects", "moby_dick")
_PUBLIC = {
    "time_machine": _Public(
        "timemachine.txt", "090b5e7e70c295757f55df93cb0a180b9691891a", "moby_dick"
    ),
    "lyrics": _Public(
        "jaychou_lyrics.txt.zip", "9529987e701a4f37048ab778270a5dde9a762a0b", "analects"
    ),
    "tiny_shakespeare": _Public(
        "tinyshakespeare.txt",
        "04486597058d11dcc2c556b1d0433891eb639d2e",
        "moby_dick",
        f"{_CHAR_RNN}tinyshakespeare/input.txt",
    ),
}
_RECIPES: dict[str, RecipeName] = {  # of any other: "plain"
    "analects": "lyrics",
    "lyrics": "lyrics",
    "moby_dick": "time_machine",
    "time_machine": "time_machine",
}


def load_corpus(
    name: CorpusName | str | os.PathLike[str], recipe: RecipeName | None = None
) -> Corpus:
    """The corpus of that name (one of CORPORA), or the file at that path.

    Sums are checked for the public files called by name; a file given by path is taken as it is,
    and is called by its file name, or by the corpus whose public file has that name. Its recipe is
    that corpus's, or else "plain".
    Raises CorpusNotFound if a public file is not to be had, and TextError for a name that is no
    file either, one that cannot be read, a wrong sum, a zip that is damaged, or without exactly one
    .txt, a text not in UTF-8, or an empty one, and for an unknown recipe.

    >>> corpus = jaxrnn.text.load_corpus("moby_dick")
    >>> corpus.name, corpus.recipe, corpus.source
    ('moby_dick', 'time_machine', 'shipped with jaxrnn')
    """
    name = os.fspath(name)
    called = name
    if name in _SHIPPED:
        data = resources.files("jaxrnn.text").joinpath("data", f"{name}.txt").read_bytes()
        document = Document(data, "shipped with jaxrnn", zipped=False)
    elif name in _PUBLIC:
        document = _public(name)
    elif os.path.isfile(path := Path(os.path.expanduser(name))):
        document, called = Document.at(path, name, _is_zip(path.name)), _public_name(path.name)
    else:
        raise unknown("neither a corpus nor a file", name, CORPORA)
    return Corpus(
        name=called,
        text=document,  # pyright: ignore[reportArgumentType]
        sha1=document.check(),
        source=document.source,
        recipe=cast(RecipeName, find_recipe(recipe or _RECIPES.get(called, "plain")).name),
    )


def _is_zip(file: str) -> bool:
    return file.lower().endswith(".zip")


def _public_name(file: str) -> str:
    """The corpus whose public file is called so, packed or not; else the file's own name, whole
    where its stem would pass for a corpus that it is not."""
    for name, public in _PUBLIC.items():
        if file.lower() in (public.file, public.file.removesuffix(".zip")):
            return name
    stem = file
    for suffix in (".zip", ".txt"):
        stem = stem[: -len(suffix)] if stem.lower().endswith(suffix) else stem
    if file in CORPORA:
        return f"./{file}"
    return file if stem in CORPORA else stem


def _public(name: str) -> Document:
    """A public corpus: from `$JAXRNN_DATA` first, then from the address.

    An unpacked .txt in place of the zip is welcome; there is no sum to hold it to.
    """
    public, folder = _PUBLIC[name], os.environ.get("JAXRNN_DATA")
    if folder:
        for file in (public.file, public.file.removesuffix(".zip")):
            path, source = Path(folder, file), f"$JAXRNN_DATA/{file}"
            if os.path.isfile(path):
                document = Document.at(path, source, _is_zip(file))
                if file == public.file:
                    check_sha1(document.sha1(), public.sha1, source)
                return document
    url = public.url or _D2L + public.file
    try:
        data = download(url, public.sha1, public.file)
        return Document(data, url, _is_zip(public.file))
    except (OSError, HTTPException) as error:
        raise CorpusNotFound(
            f"corpus {name!r} was not found: there is no {public.file} in $JAXRNN_DATA "
            f"({folder or 'not set'}) or {cache_folder()}, and {url} cannot be read ({error}); "
            f"set $JAXRNN_DATA to a folder with the file, or use {public.stand_in!r}, "
            "which is shipped."
        ) from error
