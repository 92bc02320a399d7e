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


def check_sha1(data: bytes, sha1: str, source: str) -> bytes:
    """The data, if its sum is the expected one; else a TextError that shows both sums."""
    found = hashlib.sha1(data).hexdigest()
    if found != sha1:
        raise TextError(f"{source} has sha1 {found}, but {sha1} was expected.")
    return data


def download(url: str, sha1: str) -> bytes:
    """The bytes at `url`, from the cache if they were fetched before.

    Nothing reaches the cache but a whole file with the right sum.
    Raises OSError or HTTPException if the address cannot be read, TextError for another sum.
    """
    cached = cache_folder() / url.rpartition("/")[2]
    with contextlib.suppress(OSError, TextError):  # absent, unreadable or damaged: fetch it
        return check_sha1(cached.read_bytes(), sha1, str(cached))
    with urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
        data = check_sha1(answer.read(), sha1, url)
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
