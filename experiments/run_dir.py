"""A run on disk: config.json written whole at the start, metrics.jsonl a line an epoch."""

from __future__ import annotations

import errno
import json
import math
import os
import time
from pathlib import Path
from typing import Any


class RunDirError(ValueError):
    """The folder cannot hold this run; one sentence says why."""


class RunDir:
    """A folder for one run. Lines go out whole, in one write each, so that whatever ends the
    process leaves only finished epochs behind. What is not finite is null."""

    def __init__(self, path: Path, config: dict[str, Any]):
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise RunDirError(f"{path} is a file, not a folder: name another --run-dir.") from None
        except OSError as error:
            raise RunDirError(f"{path} cannot be made: {error.strerror}.") from None
        if (path / "config.json").exists() or (path / "metrics.jsonl").exists():
            raise RunDirError(f"{path} holds another run: name another --run-dir.")
        self._write_whole("config.json", json.dumps(config, indent=2, ensure_ascii=False) + "\n")

    def append(self, record: dict[str, float]) -> None:
        finite = {k: v if math.isfinite(v) else None for k, v in record.items()}  # as JSON has it
        line = json.dumps(finite, allow_nan=False) + "\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            with open(
                os.open(self.path / "metrics.jsonl", flags, 0o666), "wb", buffering=0
            ) as file:
                size = file.seek(0, os.SEEK_END)
                if file.write(line.encode()) != len(line.encode()):
                    file.truncate(size)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise RunDirError(f"{self.path}/metrics.jsonl cannot grow: {error.strerror}.") from None

    def _write_whole(self, name: str, content: str) -> None:
        """Whole or not at all, and by one run alone."""
        part = self.path / f".{name}.{os.getpid()}"
        try:
            part.write_text(content, encoding="utf-8")
            os.link(part, self.path / name)
        except FileExistsError:
            raise RunDirError(f"{self.path} holds another run: name another --run-dir.") from None
        except OSError as error:
            raise RunDirError(f"{self.path}/{name} cannot be written: {error.strerror}.") from None
        finally:
            part.unlink(missing_ok=True)


def fresh_path(name: str) -> Path:
    """runs/NAME-TIME, a folder that is not there yet."""
    base = Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    path, count = base, 1
    while path.exists():
        path, count = base.with_name(f"{base.name}-{count}"), count + 1
    return path
