"""Corpora: a text, and where it came from.

By name: `analects` and `moby_dick` are shipped (see data/README.md); `time_machine` and `lyrics`
are the files of *Dive into Deep Learning* (d2l), read from `$JAXRNN_DATA` or downloaded from the
book's public address. By path: any .txt, or a .zip with one .txt inside.
"""

import hashlib
import io
import os
import zipfile
import zlib
from dataclasses import dataclass, field
from http.client import HTTPException
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from ._download import cache_folder, check_sha1, download
from ._errors import CorpusNotFound, TextError, unknown
from .recipes import find_recipe

_D2L = "http://d2l-data.s3-accelerate.amazonaws.com/"


@dataclass(frozen=True)
class Corpus:
    """A raw text.

    `sha1` is that of the file as it was read (of the zip, for a zip), `source` says where it was
    found, and `recipe` names the rule by which `encode` cleans it if told no other.
    """

    name: str
    text: str = field(repr=False)
    sha1: str
    source: str
    recipe: str


class _Public(NamedTuple):
    """A file at d2l's address, the sum it must have, and the shipped text nearest to it."""

    file: str
    sha1: str
    stand_in: str


_SHIPPED = ("analects", "moby_dick")
_PUBLIC = {
    "time_machine": _Public(
        "timemachine.txt", "090b5e7e70c295757f55df93cb0a180b9691891a", "moby_dick"
    ),
    "lyrics": _Public(
        "jaychou_lyrics.txt.zip", "9529987e701a4f37048ab778270a5dde9a762a0b", "analects"
    ),
}
_RECIPES = {"moby_dick": "time_machine", "time_machine": "time_machine"}  # any other: "lyrics"

CORPORA = (*_SHIPPED, *_PUBLIC)
"""The names that `load_corpus` knows."""


def load_corpus(name: str | os.PathLike[str], recipe: str | None = None) -> Corpus:
    """The corpus of that name (one of CORPORA), or the file at that path.

    Sums are checked for the public files called by name; a file given by path is taken as it is,
    and is called by its file name, or by the corpus whose public file has that name.
    Raises CorpusNotFound if a public file is not to be had, and TextError for a name that is no
    file either, a file that cannot be read, a wrong sum, a zip without exactly one .txt, a text not
    in UTF-8, or an empty one.
    """
    name = os.fspath(name)
    path = Path(os.path.expanduser(name))
    called = name if name in CORPORA else _public_name(path.name)
    if name in _SHIPPED:
        file, source = f"{name}.txt", "shipped with jaxrnn"
        data = resources.files("jaxrnn.text").joinpath("data", file).read_bytes()
    elif name in _PUBLIC:
        file, data, source = _read_public(name)
    elif os.path.isfile(path):  # unlike Path.is_file, no error for a name that no file can have
        file, data, source = path.name, _read(path, name), name
    else:
        raise unknown("neither a corpus nor a file", name, CORPORA)
    return Corpus(
        name=called,
        text=_decode(_unzip(data, source) if file.endswith(".zip") else data, source),
        sha1=hashlib.sha1(data).hexdigest(),
        source=source,
        recipe=find_recipe(recipe or _RECIPES.get(called, "lyrics")).name,
    )


def _public_name(file: str) -> str:
    """The corpus whose public file is called so, packed or not; else the file's own name, whole
    where its stem would pass for a corpus that it is not."""
    for name, public in _PUBLIC.items():
        if file in (public.file, public.file.removesuffix(".zip")):
            return name
    stem = file.removesuffix(".zip").removesuffix(".txt")
    return file if stem in CORPORA else stem


def _read_public(name: str) -> tuple[str, bytes, str]:
    """File name, bytes and source of a public corpus: `$JAXRNN_DATA` first, then the address.

    An unpacked .txt in place of the zip is welcome; there is no sum to hold it to.
    """
    public, folder = _PUBLIC[name], os.environ.get("JAXRNN_DATA")
    if folder:
        for file in (public.file, public.file.removesuffix(".zip")):
            path, source = Path(folder, file), f"$JAXRNN_DATA/{file}"
            if os.path.isfile(path):
                data = _read(path, source)
                checked = file == public.file
                return file, check_sha1(data, public.sha1, source) if checked else data, source
    url = _D2L + public.file
    try:
        return public.file, download(url, public.sha1), url
    except (OSError, HTTPException) as error:
        raise CorpusNotFound(
            f"corpus {name!r} was not found: there is no {public.file} in $JAXRNN_DATA "
            f"({folder or 'not set'}) or {cache_folder()}, and {url} cannot be read ({error}); "
            f"set $JAXRNN_DATA to a folder with the file, or use {public.stand_in!r}, "
            "which is shipped."
        ) from error


def _read(path: Path, source: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TextError(f"{source} cannot be read: {error.strerror}.") from error


def _unzip(data: bytes, source: str) -> bytes:
    """The one .txt in a zip (what macOS adds under __MACOSX/ aside)."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [n for n in archive.namelist() if not n.startswith("__MACOSX/")]
            texts = [n for n in names if n.endswith(".txt")]
            if len(texts) == 1:
                return archive.read(texts[0])
    except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise TextError(f"{source} cannot be unzipped: {error}.") from error
    listing = ", ".join(texts or names) or "nothing"
    raise TextError(f"{source} must hold exactly one .txt, but it holds {listing}.")


def _decode(data: bytes, source: str) -> str:
    """UTF-8 to text, without a byte order mark; line ends stay as they are."""
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        byte = data[error.start]
        raise TextError(
            f"{source} is not UTF-8: byte 0x{byte:02x} at position {error.start}."
        ) from error
    if not text.strip():
        raise TextError(f"{source} is empty.")
    return text
