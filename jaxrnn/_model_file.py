"""Arrays in a safetensors file, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

KEY = "jaxrnn"  # of the metadata


class ModelFileError(ValueError):
    """A model file that cannot be written or read; one sentence names it and says why."""


def write(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], said: str) -> None:
    """`arrays` by name, with `said` in the metadata."""
    data = _safetensors("numpy").save(
        {name: np.ascontiguousarray(a) for name, a in arrays.items()}, metadata={KEY: said}
    )
    write_or_tell(path, data)


def write_or_tell(
    path: str | os.PathLike[str], data: bytes, refusal: type[ValueError] = ModelFileError
) -> None:
    """`write_bytes`; where that cannot be, one sentence says why."""
    try:
        write_bytes(Path(path), data)
    except OSError as error:
        why = error.strerror or error
        raise refusal(f"{os.fspath(path)} cannot be written: {why}.") from None


def write_bytes(path: Path, data: bytes) -> None:
    """The file at `path`, whole and on the disk, or as it was."""
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def read(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], str | None]:
    """The arrays by name, and what was said of them."""
    where = os.fspath(path)
    _safetensors()
    try:
        if os.path.isdir(path):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        os.stat(path)
        with _safetensors().safe_open(where, framework="numpy") as file:
            said = (file.metadata() or {}).get(KEY)
            names = file.keys()
            return {name: file.get_tensor(name) for name in names}, said
    except OSError as error:
        raise ModelFileError(f"{where} cannot be read: {error.strerror or error}.") from None
    except Exception as error:  # safetensors' own, and what NumPy says of a strange dtype
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelFileError(
            f"{where} is no whole safetensors file: {reason[:200].rstrip('.')}."
        ) from None


def _safetensors(room: str = "") -> Any:
    """safetensors, or a room of it."""
    from importlib import import_module

    name = f"safetensors.{room}" if room else "safetensors"
    try:
        module: ModuleType = import_module(name)
    except ImportError:
        raise ModelFileError(
            "a model file needs the package safetensors: pip install 'jaxrnn[files]'."
        ) from None
    return module
