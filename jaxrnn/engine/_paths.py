"""The ways to walk: a table. The first that fits a question is taken; the plain scan fits always."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

from jaxrnn.engine import _derived, _plain
from jaxrnn.engine._read import Reading, Unread

Engine = Literal["auto", "derived", "scan"]
ENGINES = get_args(Engine)
Keep = Literal["gates", "carries", "chunks"]


class Question(NamedTuple):
    """A walk that is asked for: its instant, and the same as it was read, or why it was not."""

    body: Callable
    reading: Reading | None
    unread: str
    steps: Any


class Path(NamedTuple):
    """``fits(question)`` is None, or the refusal in a sentence; ``walk(question, keep, reverse,
    shared, carry, timed)`` is `jax.lax.scan` of the question's body."""

    name: str
    fits: Callable[[Question], str | None]
    walk: Callable


def _derived_fits(question: Question) -> str | None:
    if question.reading is None:
        return f"`step` cannot be read: {question.unread}."
    if isinstance(question.steps, int) and question.steps == 0:
        return "there is no instant to read."
    return None


PATHS = (
    Path("derived", _derived_fits, lambda q, *how: _derived.walk(q.reading, *how)),
    Path("scan", lambda question: None, lambda q, *how: _plain.walk(q.body, *how)),
)


def ask(body: Callable, narrow: Any, shared: Any, carry: Any, timed: Any, steps: Any) -> Question:
    """The question of a walk of `body`; `timed` is one instant."""
    try:
        return Question(body, Reading(body, shared, carry, timed, narrow), "", steps)
    except Unread as why:
        return Question(body, None, str(why), steps)


def take(question: Question, engine: str) -> tuple[Path, dict[str, str]]:
    """The path for `engine`, and why those before it in the table were refused."""
    refused: dict[str, str] = {}
    for path in PATHS:
        if engine not in ("auto", path.name):
            continue
        why = path.fits(question)
        if why is None:
            return path, refused
        refused[path.name] = why
    (why,) = refused.values()
    raise ValueError(f'engine="{engine}" does not fit: {why}')
