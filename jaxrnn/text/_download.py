"""One file from a public address, kept in the user's cache."""

import contextlib
import hashlib
import os
from pathlib import Path
from urllib.request import urlopen

from ._errors import TextError
from ._whole import whole

TIMEOUT_SECONDS = 10


def cache_folder() -> Path:
    """Where `load_corpus` keeps what it downloads: `$XDG_CACHE_HOME/jaxrnn`, or `~/.cache/jaxrnn`.
    It may not be there yet.

    >>> jaxrnn.text.cache_folder().name
    'jaxrnn'
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxrnn"


def check_sha1(found: str, sha1: str, source: str) -> None:
    """A TextError that shows both sums, if the one found is not the one expected."""
    if found != sha1:
        raise TextError(f"{source} has sha1 {found}, but {sha1} was expected.")


def _checked(data: bytes, sha1: str, source: str) -> bytes:
    check_sha1(hashlib.sha1(data).hexdigest(), sha1, source)
    return data


def download(url: str, sha1: str, name: str) -> bytes:
    """The bytes at `url`, from the cache if they were fetched before, where the file has this name.

    Nothing reaches the cache but a whole file with the right sum.
    Raises OSError or HTTPException if the address cannot be read, TextError for another sum.
    """
    cached = cache_folder() / name
    with contextlib.suppress(OSError, TextError):  # absent, unreadable or damaged: fetch it
        return _checked(cached.read_bytes(), sha1, str(cached))
    with urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
        data = _checked(answer.read(), sha1, url)
    with contextlib.suppress(OSError):  # without a cache, the next run downloads again
        cached.parent.mkdir(parents=True, exist_ok=True)
        with whole(cached) as file:
            file.write(data)
    return data
