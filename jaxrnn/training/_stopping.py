"""When to stop: a score that has not improved for a while."""

from __future__ import annotations

import dataclasses
import math

from jaxrnn import _checks


@dataclasses.dataclass(frozen=True)
class EarlyStopping:
    """Stop after `patience` scores in a row that are not lower than the best by more than `least`.

    A value, and its own state: four numbers, which ``dataclasses.asdict`` gives to a checkpoint and
    ``EarlyStopping(**numbers)`` takes back. NaN is no improvement. ::

        stopping = EarlyStopping(patience=5)
        for score in scores:
            stopping = stopping.update(score)
            if stopping.improved: ...           # keep these params: they are the best
            if stopping.should_stop: break

    Raises ValueError for a `patience` below 1 and a negative `least`, TypeError for a `patience`
    that is no integer.

    >>> stopping = jaxrnn.training.EarlyStopping(patience=2)
    >>> for score in (3.0, 2.0, 2.5, 2.1, 1.0):
    ...     stopping = stopping.update(score)
    ...     if stopping.should_stop:
    ...         break
    >>> score, stopping.best
    (2.1, 2.0)
    """

    patience: int
    least: float = 0.0
    best: float = math.inf
    waited: int = 0  # scores since the best

    def __post_init__(self) -> None:
        _checks.positive("patience", self.patience)
        if not self.least >= 0:
            raise ValueError(f"`least` must not be negative, got {_checks.quote(self.least)}.")

    def update(self, score: float) -> EarlyStopping:
        """The state after one more score, a number or an array ()."""
        score = float(score)
        if score < self.best - self.least:
            return dataclasses.replace(self, best=score, waited=0)
        return dataclasses.replace(self, waited=self.waited + 1)

    @property
    def improved(self) -> bool:
        """Whether the last score is the best."""
        return self.waited == 0 and self.best < math.inf

    @property
    def should_stop(self) -> bool:
        """Whether the last `patience` scores were no better."""
        return self.waited >= self.patience
