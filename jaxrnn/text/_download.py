"""One file from a public address, kept in the user's cache."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from urllib.request import urlopen

from ._errors import TextError

TIMEOUT_SECONDS = 10


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/jaxrnn`, or `~/.cache/jaxrnn`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxrnn"


def check_sha1(found: str, sha1: str, source: str) -> None:
    """A TextError that shows both sums, if the one found is not the one expected."""
    if found != sha1:
        raise TextError(f"{source} has sha1 {found}, but {sha1} was expected.")


def _checked(data: bytes, sha1: str, source: str) -> bytes:
    check_sha1(hashlib.sha1(data).hexdigest(), sha1, source)
    return data


def download(url: str, sha1: str) -> bytes:
    """The bytes at `url`, from the cache if they were fetched before.

    Nothing reaches the cache but a whole file with the right sum.
    Raises OSError or HTTPException if the address cannot be read, TextError for another sum.
    """
    cached = cache_folder() / url.rpartition("/")[2]
    with contextlib.suppress(OSError, TextError):  # absent, unreadable or damaged: fetch it
        return _checked(cached.read_bytes(), sha1, str(cached))
    with urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
        data = _checked(answer.read(), sha1, url)
    with contextlib.suppress(OSError):  # without a cache, the next run downloads again
        _write_atomically(cached, data)
    return data


def _write_atomically(path: Path, data: bytes) -> None:
    """Write beside the path and rename: a reader sees the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
