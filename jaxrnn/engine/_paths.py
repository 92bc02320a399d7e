"""The ways to walk, a table: the first that fits a question is taken; the plain scan fits all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from jaxrnn._platform import platform
from jaxrnn.engine import _derived, _linear, _newton, _pairs, _plain, _sums
from jaxrnn.engine._read import Reading, Unread
from jaxrnn.engine.kernels import _mlstm

Engine = Literal["auto", "associative", "derived", "sequential", "chunked", "newton", "scan"]
ENGINES = get_args(Engine)
Keep = Literal["gates", "carries", "chunks"]


class Question(NamedTuple):
    """A walk that is asked for: its instant, and the same as it was read, or why it was not."""

    body: Callable
    reading: Reading | None
    unread: str
    steps: Any
    keep: Keep
    engine: Engine
    platform: str
    cell: Any
    plain: bool  # nothing laid on the step: no zoneout, masks, 16-bit products


class Path(NamedTuple):
    """``fits(question)`` is None, or the refusal in a sentence ("" by a kernel of another cell,
    where nothing is to be told); ``walk(question, keep, reverse,
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


def _linear_fits(question: Question) -> str | None:
    why = _derived_fits(question)
    if why is not None or question.reading is None:
        return why
    if question.keep == "carries":
        return 'keep="carries" is less than a walk of pairs keeps.'
    return _pairs.why_not(question.reading)


def _associative_fits(question: Question) -> str | None:
    """Where nobody asks for it, where it was measured to be faster: on two cores a loop wins at
    nearly every length (`python -m benchmarks layers`)."""
    why = _linear_fits(question)
    if why is None and question.engine == "auto" and question.platform == "cpu":
        return "on a CPU a loop is faster."
    return why


def _loop_fits(question: Question) -> str | None:
    """Of complex numbers, the walk of pairs in order was measured to be faster than this one, at
    every length."""
    why, reading = _derived_fits(question), question.reading
    if why is not None or reading is None or question.engine != "auto":
        return why
    of_complex = any(jnp.issubdtype(v.aval.dtype, jnp.complexfloating) for v in reading.carry_in)
    if of_complex and _linear_fits(question) is None:
        return "of a complex carry the sequential walk is faster."
    return None


def _newton_fits(question: Question) -> str | None:
    why = _derived_fits(question)
    if why is not None or question.reading is None:
        return why
    if question.keep == "carries":
        return 'keep="carries" is no less than Newton\'s walk keeps.'
    return _newton.why_not(question.reading)


def _newton_walk(q: Any, keep: str, reverse: bool, shared: Any, carry: Any, timed: Any) -> Any:
    """In float32 at least, as the instant was read: what rounds to 16 bits never settles."""
    del keep  # refused by the table, or done in chunks
    want = jax.eval_shape(q.body, shared, carry, jax.tree.map(lambda a: a[0], timed))
    wide = _sums.widened((shared, carry, timed))
    return _sums.like(_newton.walk(q.reading, reverse, *wide), want)


def _linear_path(solver: str, fits: Callable = _linear_fits) -> Path:
    return Path(solver, fits, lambda q, *how: _linear.walk(solver, q.reading, *how))


def _kernel_walk(q: Any, keep: str, *how: Any) -> Any:
    del keep  # what JAX keeps of the products; a memory for each chunk, and not for each instant
    return _mlstm.walk(q.cell, *how)


PATHS = (
    Path("chunked", lambda q: _mlstm.why_not(q.cell, q.plain), _kernel_walk),
    _linear_path("associative", _associative_fits),
    Path("derived", _loop_fits, lambda q, *how: _derived.walk(q.reading, *how)),
    _linear_path("sequential"),
    _linear_path("chunked"),
    Path("newton", _newton_fits, _newton_walk),
    Path("scan", lambda question: None, lambda q, *how: _plain.walk(q.body, *how)),
)


def ask(body: Callable, narrow: Any, shared: Any, carry: Any, timed: Any, **asked: Any) -> Question:
    """The question of a walk of `body`; `timed` is one instant, that only the plain scan spares."""
    reading, unread = None, ""
    if asked["engine"] != "scan":
        if asked["engine"] == "newton":
            shared, carry, timed = _sums.widened((shared, carry, timed))
        try:
            reading = Reading(body, shared, carry, timed, narrow)
        except Unread as why:
            unread = str(why)
    return Question(body, reading, unread, platform=platform(), **asked)


def take(question: Question) -> tuple[Path, dict[str, str]]:
    """The path for the engine asked, and why those before it in the table were refused."""
    refused: dict[str, str] = {}
    for path in PATHS:
        if question.engine not in ("auto", path.name):
            continue
        why = path.fits(question)
        if why is None:
            refused.pop(path.name, None)
            return path, refused
        if why:
            refused[path.name] = why
    (why,) = refused.values()
    raise ValueError(f'engine="{question.engine}" does not fit: {why}')
