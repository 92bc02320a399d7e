"""What can go wrong with a text, each told in one sentence."""

import difflib
from collections.abc import Iterable
from typing import Any

LETTERS = 120  # of a value that a sentence quotes


class TextError(ValueError):
    """A corpus, a token or a batch shape that cannot be used; the message quotes it. It is a
    ValueError."""


class CorpusNotFound(TextError):
    """A corpus known by name is neither at hand nor to be downloaded; a caller may take another."""


def quoted(value: Any) -> str:
    """The repr of a value on one line, cut where it is long."""
    return cut(repr(value))


def cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LETTERS else f"{text[:LETTERS]}…"


def because(error: Exception) -> str:
    """What an error of another library says, on one line and without its full stop."""
    return cut(str(error)).rstrip(".") or type(error).__name__


def unknown(what: str, name: str, known: Iterable[str]) -> TextError:
    """The error for a name that is `what`: it offers the nearest known one, or else lists all."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1) if isinstance(name, str) else []
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}."
    return TextError(f"{quoted(name)} is {what}; {hint}")
