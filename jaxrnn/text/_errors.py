"""What can go wrong with a text, each told in one sentence."""

import difflib
from collections.abc import Iterable


class TextError(ValueError):
    """A corpus, a token or a batch shape that cannot be used; the message quotes it."""


class CorpusNotFound(TextError):
    """A corpus known by name is neither at hand nor to be downloaded; a caller may take another."""


def unknown(what: str, name: str, known: Iterable[str]) -> TextError:
    """The error for a name that is `what`: it offers the nearest known one, or else lists all."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}."
    return TextError(f"{name!r} is {what}; {hint}")
