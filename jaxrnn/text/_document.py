"""A text where it lies, read in pieces: UTF-8, in a .txt or as the one .txt in a .zip."""

import codecs
import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ._errors import TextError, because, cut

BYTES = 1 << 14
"""Of a piece."""


@dataclass(frozen=True)
class Document:
    """The bytes of a file, or the path of one that is to stay as it was found (`stamp`: its size
    and time). Everything that is wrong with it is a TextError that begins with its `source`."""

    where: Path | bytes = field(repr=False)
    source: str
    zipped: bool
    stamp: tuple[int, int] | None = None

    @staticmethod
    def at(path: Path, source: str, zipped: bool) -> "Document":
        """The file at `path`, wherever the process goes meanwhile."""
        try:
            return Document(path.absolute(), source, zipped, _stamp(path.stat()))
        except OSError as error:
            raise _unreadable(source, error) from error

    def sha1(self) -> str:
        """Of the file: of the zip, for a zip."""
        try:
            with self._open() as file:
                return hashlib.file_digest(file, "sha1").hexdigest()
        except OSError as error:
            raise _unreadable(self.source, error) from error

    def pieces(self, watch: Callable[[bytes], None] = lambda data: None) -> Iterator[str]:
        """The text, of about as many characters at a time as there are BYTES, without a byte order
        mark; line ends stay as they are. Its bytes are shown to `watch` as they are read."""
        decoder, end, mark = codecs.getincrementaldecoder("utf-8")(), 0, "\ufeff"
        for data in self._chunks():
            end += len(data)
            watch(data)
            try:
                piece = decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                at = end - len(error.object) + error.start
                byte = error.object[error.start]
                raise TextError(
                    f"{self.source} is not UTF-8: byte 0x{byte:02x} at position {at}."
                ) from error
            if piece:
                yield piece.removeprefix(mark)
                mark = ""

    def check(self) -> str:
        """TextError for what cannot be read to its end, and for white space alone; else the sha1.
        A text that is not zipped is read once for both."""
        blank, digest = True, hashlib.sha1()
        for piece in self.pieces(digest.update):
            blank = blank and not piece.strip()
        if blank:
            raise TextError(f"{self.source} is empty.")
        return self.sha1() if self.zipped else digest.hexdigest()

    @contextmanager
    def _open(self) -> Iterator[io.BufferedReader | io.BytesIO]:
        if isinstance(self.where, bytes):
            yield io.BytesIO(self.where)
            return
        with open(self.where, "rb") as file:
            if _stamp(os.fstat(file.fileno())) != self.stamp:
                raise TextError(f"{self.source} has changed since it was loaded: load it again.")
            yield file

    def _chunks(self) -> Iterator[bytes]:
        """The text's bytes; an empty chunk is the last."""
        try:
            with self._open() as file:
                yield from _unzipped(file, self.source) if self.zipped else _read(file)
        except OSError as error:
            raise _unreadable(self.source, error) from error


def _stamp(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _unreadable(source: str, error: OSError) -> TextError:
    return TextError(f"{source} cannot be read: {error.strerror or because(error)}.")


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while data := file.read(BYTES):
        yield data
    yield b""


def _unzipped(file: IO[bytes], source: str) -> Iterator[bytes]:
    """The one .txt in a zip (what macOS adds under __MACOSX/ aside).

    Damage can lead zipfile and the decompressors that it uses into any exception.
    """
    try:
        with zipfile.ZipFile(file) as archive, archive.open(_member(archive, source)) as member:
            yield from _read(member)
    except TextError:
        raise
    except Exception as error:
        raise TextError(f"{source} cannot be unzipped: {because(error)}.") from error


def _member(archive: zipfile.ZipFile, source: str) -> zipfile.ZipInfo:
    inside = [i for i in archive.infolist() if not i.filename.startswith("__MACOSX/")]
    texts = [i for i in inside if i.filename.lower().endswith(".txt")]
    if len(texts) == 1:
        return texts[0]
    listing = cut(", ".join(i.filename for i in texts or inside)) or "nothing"
    raise TextError(f"{source} must hold exactly one .txt, but it holds {listing}.")
