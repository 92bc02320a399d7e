"""A run on disk: config.json written whole at the start, then lines that only grow.

Whatever ends the process leaves finished lines behind, and at most a part of one, which the next
that opens the folder takes away.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import math
import os
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class RunDirError(ValueError):
    """The folder cannot hold this run, or what it holds is none; one sentence says why."""


class RunDir:
    """The folder of one run, which one process at a time may write.

    metrics.jsonl and samples.jsonl have a line for each epoch (and prefix); one that is there
    already is not written again, so that a run that goes on from an earlier state leaves them as if
    it had never stopped. timings.jsonl has a line for each epoch that was run, twice where it was
    run twice. What is not finite is null.
    """

    def __init__(self, path: Path):
        self.path = path
        self.close = weakref.finalize(self, os.close, _locked(path))
        for part in path.glob(".*.part"):  # of a writer that was killed
            part.unlink(missing_ok=True)
        self._there = {name: _settled(path / name) for name in ("metrics.jsonl", "samples.jsonl")}

    @staticmethod
    def new(asked: str | os.PathLike[str] | None, name: str, config: dict[str, Any]) -> RunDir:
        """The folder asked for, else a new one under runs/."""
        path, fresh = _numbered(name) if asked is None else make(folder(asked))
        run = RunDir(path)
        try:
            run._begin(config)
        except BaseException:
            if fresh:
                with contextlib.suppress(OSError):
                    (path / ".lock").unlink()
                    path.rmdir()
            run.close()
            raise
        return run

    def __enter__(self) -> RunDir:
        return self

    def __exit__(self, *_: object) -> None:
        """Another may write it, from now on."""
        self.close()

    @property
    def metrics(self) -> list[dict[str, Any]]:
        return read_metrics(self.path)

    def _begin(self, config: dict[str, Any]) -> None:
        path, content = self.path, json.dumps(finite(config), indent=2, ensure_ascii=False)
        if (path / "config.json").exists() or (path / "metrics.jsonl").exists():
            raise RunDirError(
                f"{path} holds another run: name another --run-dir, or go on with --resume {path}."
            )
        with _told(f"{path}/config.json cannot be written"):
            write_whole(path / "config.json", content + "\n")

    def record(self, metrics: dict[str, Any], timings: dict[str, Any]) -> None:
        """An epoch that is finished."""
        self._append("timings.jsonl", [timings])
        self._once("metrics.jsonl", [metrics], ("epoch",))

    def samples(self, samples: list[dict[str, Any]]) -> None:
        self._once("samples.jsonl", samples, ("epoch", "prefix"))

    def _once(self, name: str, records: list[dict[str, Any]], key: tuple[str, ...]) -> None:
        there = self._there[name]
        fresh = {tuple(r[k] for k in key): r for r in records}
        fresh = {k: r for k, r in fresh.items() if k not in there}
        if fresh:
            self._append(name, [*fresh.values()])
            there |= fresh.keys()

    def _append(self, name: str, records: list[dict[str, Any]]) -> None:
        """All of them in one write, or what there is of it is taken back."""
        path = self.path / name
        lines = [
            json.dumps(finite(record), ensure_ascii=False, allow_nan=False) for record in records
        ]
        data = "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
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
    records = []
    for number, line in enumerate(_lines(path / "metrics.jsonl"), 1):
        try:
            record = json.loads(line)
            record["perplexity"] = math.inf if (p := record["perplexity"]) is None else float(p)
        except (ValueError, TypeError, KeyError):
            where = f"{path}/metrics.jsonl, line {number},"
            raise RunDirError(f"{where} is no finished epoch: {line[:80]!r}.") from None
        records.append(record)
    return records


def read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads((path / "config.json").read_bytes())
        if isinstance(config, dict):
            return config
        raise ValueError
    except OSError as error:
        raise RunDirError(
            f"{path} is no run: config.json cannot be read, {error.strerror}."
        ) from None
    except (ValueError, RecursionError):
        raise RunDirError(f"{path}/config.json is no configuration of a run.") from None


def _lines(path: Path) -> list[bytes]:
    """The whole lines of a file; a last one without its end is not finished."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    return data[: data.rfind(b"\n") + 1].splitlines()


def _settled(path: Path) -> set[tuple]:
    """What lines a file has, by epoch and prefix; part of a line behind them is taken away."""
    lines = _lines(path)
    if path.exists() and (whole := sum(len(line) + 1 for line in lines)) < path.stat().st_size:
        with _told(f"{path} cannot be mended"):
            os.truncate(path, whole)
    there = set()
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            there.add(tuple(record[k] for k in ("epoch", "prefix") if k in record))
        except (ValueError, TypeError, KeyError):
            raise RunDirError(f"{path}, line {number}, is damaged: {line[:80]!r}.") from None
    return there


def _locked(path: Path) -> int:
    """A descriptor that holds the folder's lock until it is closed, at the latest by the system."""
    with _told(f"{path} cannot be written"):
        descriptor = os.open(path / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise RunDirError(f"{path} is being written by another process.") from None
        return descriptor


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


def write_whole(path: Path, content: str) -> None:
    """The file at `path`, whole and on the disk, or as it was. A file name that is not UTF-8 keeps
    its bytes as JSON's escapes."""
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with open(part, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
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


def finite(record: Any) -> Any:
    """JSON has no infinity and no NaN: null."""
    if isinstance(record, dict):
        return {k: finite(v) for k, v in record.items()}
    if isinstance(record, list | tuple):
        return [finite(v) for v in record]
    return None if isinstance(record, float) and not math.isfinite(record) else record
