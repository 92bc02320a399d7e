"""The order of a run: what is to be compared takes turns, A B C A B C …, one computing at a time,
while we look for others on the cores. A disturbed turn is taken again."""

import gc
import importlib.util
import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from benchmarks import quiet

TURN = 0.25  # seconds, at least about
MOST_CALLS = 300
TRIES = 5
Numbers = dict[str, list[float]]  # by name: seconds of every call, say


class Contestant(NamedTuple):
    """turn: calls it some times. facts: what else is told of it."""

    turn: Callable[[], Numbers]
    facts: dict[str, Any]


Build = Callable[[], Contestant]


class NotOffered(Exception):
    """There is nothing to measure here; the message says why."""


def contestant(call: Callable[[], Any], **facts: Any) -> Contestant:
    """Of a function, which is finished when it returns: its first call, two more, then turns."""
    first, _, warm = (seconds(call) for _ in range(3))
    calls = min(MOST_CALLS, max(3, math.ceil(TURN / max(warm, 1e-6))))

    def turn() -> Numbers:
        gc.collect()
        gc.disable()
        call()
        taken = [seconds(call) for _ in range(calls)]
        gc.enable()
        return {"seconds": taken}

    return Contestant(turn, facts | {"first": first})


def once(turn: Callable[..., dict[str, float]], *given: Any) -> Build:
    """Of a function that gives the numbers of one process, from its start to its end."""

    def taken() -> Numbers:
        return {name: [number] for name, number in turn(*given).items()}

    return lambda: Contestant(taken, {})


def offered(module: str) -> None:
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        raise NotOffered("not installed")


def seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return round(time.perf_counter() - start, 7)


class Row:
    """One line of results. By contestant, `taken`: its turns, and whether each was disturbed;
    `told`: a summary of these, or why there is none."""

    def __init__(self, builds: dict[str, Build], rounds: int, patient: bool):
        self.told: dict[str, dict[str, Any]] = {name: {} for name in builds}
        self.taken: dict[str, list[tuple[Numbers, bool]]] = {name: [] for name in builds}
        made = {name: self._tried(name, build) for name, build in builds.items()}
        for _ in range(rounds):
            for name, one in made.items():
                if not self.told[name]:
                    done = self._tried(name, partial(_undisturbed, one.turn, patient))
                    self.taken[name] += [done] if done else []
        for name, one in made.items():
            self.told[name] = self.told[name] or _summary(self.taken[name]) | one.facts

    def _tried(self, name: str, what: Callable[[], Any]) -> Any:
        """None where it cannot be done; what is wrong is told, and the others go on."""
        try:
            return what()
        except NotOffered as why:
            self.told[name] = {"absent": str(why)}
        except Exception as why:
            self.told[name] = {"failed": f"{type(why).__name__}: {why}"[:500]}


def _undisturbed(turn: Callable[[], Numbers], patient: bool) -> tuple[Numbers, bool]:
    """The numbers of a turn; and whether it, the last of those tried, was disturbed. Processes that
    it starts must have ended when it returns."""
    for attempt in range(TRIES if patient else 1):
        time.sleep(2 if attempt else 0)
        before = quiet.snapshot()
        numbers = turn()
        time.sleep(max(0.0, TURN - (time.monotonic() - before.clock)))  # the clock ticks slowly
        if quiet.foreign(before) <= quiet.MOST_FOREIGN:
            return numbers, False
    return numbers, True


def _summary(taken: list[tuple[Numbers, bool]]) -> dict[str, Any]:
    """Of the turns that nobody disturbed, if there is any."""
    undisturbed = [numbers for numbers, disturbed in taken if not disturbed]
    told, turns = {}, undisturbed or [numbers for numbers, _ in taken]
    for what in turns[0]:
        every = [number for numbers in turns for number in numbers[what]]
        told[what] = {"least": min(every), "median": statistics.median(every), "calls": len(every)}
    return told | {"turns": len(taken), "disturbed": len(taken) - len(undisturbed)}
