"""Calls timed in one process, in turn, A B C A B C …, and what a page says of their times."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax

WARM = 2  # rounds that are not counted
COLUMNS = ("least", "median", "×")  # of `words`


def seconds(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Of every call, `rounds` times each."""
    taken: dict[str, list[float]] = {what: [] for what in calls}
    for round_ in range(rounds + WARM):
        for what, call in calls.items():
            begin = time.perf_counter()
            call()
            if round_ >= WARM:
                taken[what].append(time.perf_counter() - begin)
    return taken


def words(times: list[float], one: list[float]) -> list[str]:
    """Milliseconds, the least and the median, and the least over that of `one`."""
    least, median = min(times), statistics.median(times)
    return [f"{least * 1e3:.2f}", f"{median * 1e3:.2f}", f"{least / min(one):.2f}"]


def where(document: dict[str, Any]) -> str:
    """The machine, the day and the version of a run."""
    about = document["machine"]
    forced = ", **forced under load**" if document["forced"] else ""
    return f"{about['cpu']}, {about['cores']} cores, {about['time']}, jax {jax.__version__}{forced}"
