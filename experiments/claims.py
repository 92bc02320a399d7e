"""What a preset claims of its run, and whether a run kept it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Result(NamedTuple):
    """What a run leaves to be judged: perplexities[e - 1] is that of epoch e."""

    corpus: str
    perplexities: list[float]
    unigram: float
    continuations: Mapping[str, str]  # prefix -> what followed it after the last epoch


class Verdict(NamedTuple):
    kept: bool
    sentence: str


class Claim(Protocol):
    """`judge` returns None where the run did not reach what is claimed."""

    @property
    def epoch(self) -> int: ...

    def judge(self, result: Result) -> Verdict | None: ...

    def __str__(self) -> str: ...


@dataclass(frozen=True)
class Band:
    """low <= perplexity at `epoch` on `corpus` <= high (the median of so many epochs up to it)."""

    corpus: str
    epoch: int
    low: float
    high: float
    median: int = 1

    def __str__(self) -> str:
        of = f" (median of {self.median} epochs)" if self.median > 1 else ""
        return f"perplexity {self.low:g}…{self.high:g} @{self.epoch}{of} on {self.corpus}"

    def seen(self, perplexities: list[float]) -> float:
        """What is judged of a run that reached `epoch`."""
        judged = perplexities[self.epoch - self.median : self.epoch]
        return statistics.median(judged) if all(map(math.isfinite, judged)) else math.inf

    def judge(self, result: Result) -> Verdict | None:
        if result.corpus != self.corpus or len(result.perplexities) < self.epoch:
            return None
        seen = self.seen(result.perplexities)
        return Verdict(self.low <= seen <= self.high, f"expected {self}: {seen:.5g}")


@dataclass(frozen=True)
class OnlyUnigram:
    """The model learns the frequencies of the characters and nothing else: greedily it settles, in
    the second half of what it writes, into one character."""

    epoch: int
    tolerance: float

    def __str__(self) -> str:
        return (
            f"perplexity within {self.tolerance:.0%} of the text's unigram perplexity "
            f"@{self.epoch}, one character for ever"
        )

    def judge(self, result: Result) -> Verdict | None:
        if len(result.perplexities) < self.epoch:
            return None
        seen = result.perplexities[self.epoch - 1]
        near = math.isfinite(seen) and abs(seen / result.unigram - 1) <= self.tolerance
        said = {c for text in result.continuations.values() for c in text[len(text) // 2 :]}
        return Verdict(
            near and len(said) == 1,
            f"expected {self}: {seen:.5g} against {result.unigram:.5g}, {len(said)} generated",
        )


@dataclass(frozen=True)
class Periodic:
    """Greedy generation settles into a cycle of `period` characters."""

    epoch: int
    period: int
    why: str

    def __str__(self) -> str:
        return f"a period of {self.period} characters for ever @{self.epoch} ({self.why})"

    def judge(self, result: Result) -> Verdict | None:
        if len(result.perplexities) < self.epoch:
            return None
        tails = [text[len(text) // 2 :] for text in result.continuations.values()]
        kept = all(tail[self.period :] == tail[: -self.period] for tail in tails)
        return Verdict(kept, f"expected {self}: {' | '.join(tails)}")
