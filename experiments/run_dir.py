"""A run on disk: config.json written whole at the start, metrics.jsonl a line an epoch."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class RunDirError(ValueError):
    """The folder cannot hold this run, or what it holds is none; one sentence says why."""


class RunDir:
    """A folder for one run: the one asked for, else a new one under runs/. A line goes out in one
    write, or what there is of it is taken back, so that whatever ends the process leaves only
    finished epochs behind. What is not finite is null."""

    def __init__(self, asked: str | os.PathLike[str] | None, name: str, config: dict[str, Any]):
        self.path, new = _numbered(name) if asked is None else make(folder(asked))
        content = json.dumps(_finite(config), indent=2, ensure_ascii=False, allow_nan=False)
        try:
            self._begin(content + "\n")
        except BaseException:
            if new:
                with contextlib.suppress(OSError):
                    self.path.rmdir()
            raise

    def _begin(self, config: str) -> None:
        taken = RunDirError(f"{self.path} holds another run: name another --run-dir.")
        if (self.path / "metrics.jsonl").exists():
            raise taken
        with _told(f"{self.path}/config.json cannot be written"):
            try:
                write_whole(self.path / "config.json", config, fresh=True)
            except FileExistsError:
                raise taken from None

    def append(self, record: dict[str, float]) -> None:
        path, line = self.path / "metrics.jsonl", json.dumps(_finite(record), allow_nan=False)
        data = f"{line}\n".encode()
        with _told(f"{path} cannot grow"), open(path, "ab", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            try:
                while data:  # a full disk takes a part, and tells so at the next
                    data = data[file.write(data) :]
            except BaseException:
                file.truncate(size)
                raise


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The finished epochs of the run in the folder `path`; none where it has not begun."""
    try:
        lines = (path / "metrics.jsonl").read_bytes().splitlines()
    except FileNotFoundError:
        return []
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            record["perplexity"] = math.inf if (p := record["perplexity"]) is None else float(p)
        except (ValueError, TypeError, KeyError):
            where = f"{path}/metrics.jsonl, line {number},"
            raise RunDirError(f"{where} is no finished epoch: {line[:80]!r}.") from None
        records.append(record)
    return records


def folder(given: str | os.PathLike[str]) -> Path:
    """The folder that a command line names; `~` is the home also where no shell saw to it."""
    given = os.fspath(given)
    if not given.strip():
        raise RunDirError(f"a folder needs a name, got {given!r}.")
    try:
        return Path(given).expanduser()
    except RuntimeError:
        raise RunDirError(f"{given} is no folder: nobody here has that home.") from None


def make(path: Path) -> tuple[Path, bool]:
    """The path as a folder, and whether it is a new one."""
    with _told(f"{path} cannot be made"):
        try:
            new = not path.exists()
            path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise RunDirError(f"{path} is a file, not a folder: name another.") from None
    return path, new


def write_whole(path: Path, content: str, fresh: bool = False) -> None:
    """The file at `path`, whole or not at all, and by one writer at a time: FileExistsError for
    another one, and where `fresh`, if the file is there. A file name that is not UTF-8 keeps its
    bytes as JSON's escapes."""
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(content)
        if fresh and path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _numbered(name: str) -> tuple[Path, bool]:
    """runs/NAME-TIME, a new folder; with a number behind it where another run was faster."""
    parent, _ = make(Path("runs"))
    base = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in itertools.count(1):
        path = parent / (base if number == 1 else f"{base}-{number}")
        with _told(f"{path} cannot be made"), contextlib.suppress(FileExistsError):
            path.mkdir()
            return path, True
    raise AssertionError("some number is free")


@contextlib.contextmanager
def _told(failure: str) -> Iterator[None]:
    """An OSError as a sentence of what failed and why."""
    try:
        yield
    except OSError as error:
        raise RunDirError(f"{failure}: {error.strerror}.") from None


def _finite(record: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity and no NaN: null."""
    return {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()
    }
