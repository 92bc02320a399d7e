"""A file that is written whole or not at all."""

import contextlib
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

if sys.platform == "win32":

    def _lock(file: IO[bytes], wait: bool) -> None:
        """None is needed: nobody can remove a file that is open."""

else:
    import fcntl

    def _lock(file: IO[bytes], wait: bool) -> None:
        """Until it is closed, or its process is no more. OSError where another has the lock, unless
        one may wait, and on file systems without locks."""
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


@contextlib.contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """The file to write, under another name until the block has ended: a reader of `path` sees all
    of it or what was there before, and where the block raises, nothing is left. Of two writers at
    once, the last has its way."""
    with _created(path) as (part, file):
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if sys.platform == "win32":
                file.close()  # or it could not be renamed; elsewhere, its lock lasts until it is
            os.replace(part, path)
        except BaseException:
            with contextlib.suppress(OSError):
                file.close()
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise


def sweep(path: Path) -> None:
    """Away with what processes that were killed have left of this file: what nobody has locked."""
    for part in path.parent.glob(f"{path.name}.*.part"):
        with contextlib.suppress(OSError), open(part, "rb") as file:
            _lock(file, wait=False)
            os.unlink(part)


@contextlib.contextmanager
def _created(path: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """A new file beside `path`, locked where that can be."""
    while True:
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
        with open(part, "x+b") as file:
            with contextlib.suppress(OSError):
                _lock(file, wait=True)
            if part.exists():  # not swept before it was locked
                yield part, file
                return
