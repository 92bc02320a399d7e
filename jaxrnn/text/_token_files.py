"""Token ids on disk: written once, read as a memory map.

    FOLDER/NAME.npy     ids (N,): uint8, uint16 or int32, the least that holds the vocabulary
    FOLDER/NAME.json    the vocabulary, N, and the sum of both files

NAME is the sum of the text, the recipe, the unit, the cut and the version of these files.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from ._errors import TextError, because, quoted
from ._whole import sweep, whole
from .vocabulary import Vocabulary

VERSION = 1
"""To be raised when a recipe, a vocabulary's order or the files' form changes."""


@dataclass(frozen=True)
class TokenFile:
    """The two files of one text, encoded in one way."""

    ids: Path
    beside: Path

    @staticmethod
    def of(
        folder: str | os.PathLike[str], sha1: str, recipe: str, unit: str, cut: int | None
    ) -> "TokenFile":
        try:
            place = Path(os.path.expanduser(folder))
        except TypeError:
            raise TextError(f"`folder` must be a path or None, got {quoted(folder)}.") from None
        if str(place).startswith("~"):
            raise TextError(f"`folder` {str(place)!r} is in the home of nobody: name another.")
        whole_or_cut = "all" if cut is None else cut
        name = f"{sha1}-{recipe}-{unit}-{whole_or_cut}-v{VERSION}"
        return TokenFile(place / f"{name}.npy", place / f"{name}.json")

    def read(self) -> tuple[np.ndarray, Vocabulary] | None:
        """The ids and their vocabulary; None where they are absent, damaged or another's."""
        try:
            said = json.loads(self.beside.read_bytes())
            with open(self.ids, "rb") as file:
                if said.pop("sum") != _sum(file, said) or said["name"] != self.ids.stem:
                    return None
            return self.map(Vocabulary(tuple(said["tokens"]), said["unk"], said["unit"]))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None

    def map(self, vocab: Vocabulary) -> tuple[np.ndarray, Vocabulary]:
        return np.load(self.ids, mmap_mode="r", allow_pickle=False), vocab

    def write(self, vocab: Vocabulary, pieces: Iterable[np.ndarray]) -> None:
        """Both files, or neither; TextError where the disk does not take them."""
        try:
            self.ids.parent.mkdir(parents=True, exist_ok=True)
            for file in (self.ids, self.beside):
                sweep(file)
            with whole(self.ids) as file:
                said = _said(self.ids.stem, vocab, _fill(file, _dtype(vocab), pieces))
                with whole(self.beside) as beside:
                    beside.write(json.dumps({**said, "sum": _sum(file, said)}).encode())
        except TextError:
            raise
        except (OSError, ValueError) as error:  # ValueError: a path with a null character
            why = getattr(error, "strerror", None) or because(error)
            folder = str(self.ids.parent)
            raise TextError(
                f"token ids cannot be kept in {folder!r}: {why}; name another folder, or none."
            ) from error


def _said(name: str, vocab: Vocabulary, count: int) -> dict[str, Any]:
    said = {"tokens": vocab.tokens, "unk": vocab.unk, "unit": vocab.unit}
    return {"name": name, "count": count, **said}


def _sum(file: IO[bytes], said: dict[str, Any]) -> str:
    """sha1 of the file of ids, from its beginning, and of what is said of it."""
    file.seek(0)
    digest = hashlib.file_digest(file, "sha1")  # pyright: ignore[reportArgumentType]
    digest.update(json.dumps(said, sort_keys=True).encode())
    return digest.hexdigest()


def _dtype(vocab: Vocabulary) -> np.dtype:
    sizes = (np.uint8, np.uint16, np.int32)
    return np.dtype(next(t for t in sizes if len(vocab) - 1 <= np.iinfo(t).max))


def _fill(file: IO[bytes], dtype: np.dtype, pieces: Iterable[np.ndarray]) -> int:
    """Write the ids, which are counted only then, so that the header is written twice; it keeps
    room for a count of any length."""
    count = 0
    _header(file, dtype, count)
    for piece in pieces:
        file.write(piece.astype(dtype).tobytes())
        count += len(piece)
    file.seek(0)
    _header(file, dtype, count)
    return count


def _header(file: IO[bytes], dtype: np.dtype, count: int) -> None:
    descr = np.lib.format.dtype_to_descr(dtype)
    said = {"descr": descr, "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(file, said)
