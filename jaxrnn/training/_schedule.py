"""Learning rates by name, as functions of the number of updates before."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import optax

from jaxrnn import _checks

from ._optimizer import positive_number

# Each from 1 at the first of so many updates to `end` after the last, and `end` from there on.
Shape = Literal["constant", "cosine", "linear", "exponential"]
SHAPES: dict[Shape, Callable[[int, float], optax.Schedule]] = {
    "constant": lambda steps, end: optax.constant_schedule(1.0),
    "cosine": lambda steps, end: optax.cosine_decay_schedule(1.0, steps, end),
    "linear": lambda steps, end: optax.linear_schedule(1.0, end, steps),
    "exponential": lambda steps, end: optax.exponential_decay(1.0, steps, end, end_value=end),
}
SCHEDULES = get_args(Shape)


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A schedule of optax that is a value, equal where its fields are. Its rate is a leaf, so that
    `training.epoch` compiles once for any. Called with a number of updates, an integer (), it gives
    the rate after them, a float (). Its fields are checked by :func:`schedule`, which makes it.

    >>> from jaxrnn import training
    >>> training.schedule("cosine", 0.01, steps=100) == training.Schedule("cosine", 0.01, 100)
    True
    """

    name: Shape
    rate: float
    steps: int
    warmup: int = 0
    end: float = 0.01

    def __call__(self, step: Any) -> Any:
        shape = SHAPES[self.name](self.steps - self.warmup, self.end)
        if self.warmup:
            rise = optax.linear_schedule(0.0, 1.0, self.warmup)
            shape = optax.join_schedules([rise, shape], [self.warmup])
        # A float, for optax mixes the number with floats, which a strict JAX refuses of integers.
        return self.rate * shape(jnp.asarray(step, jnp.result_type(float)))


jax.tree_util.register_dataclass(Schedule, ["rate"], ["name", "steps", "warmup", "end"])


def schedule(
    name: Shape, rate: float, steps: int, warmup: int = 0, *, end: float = 0.01
) -> Schedule:
    """The learning rate of each of `steps` updates, for `training.optimizer` or any of optax.

    From 0 it rises linearly for `warmup` updates to `rate`; then it is ``"constant"``, or falls to
    `end` times `rate` by half a ``"cosine"`` (Loshchilov & Hutter 2017), by a ``"linear"`` line, or
    by the same factor at each update (``"exponential"``). After `steps` updates it stays there.

    Raises ValueError for an unknown name, with the nearest; for a rate that is not positive; for a
    warm-up that leaves no update; and for an `end` outside of [0, 1], or of 0 for the exponential.

    >>> rate = jaxrnn.training.schedule("linear", 1.0, steps=100, warmup=10, end=0.5)
    >>> [round(float(rate(step)), 2) for step in (0, 5, 10, 55, 100, 1000)]
    [0.0, 0.5, 1.0, 0.75, 0.5, 0.5]
    """
    _known(name)
    rate, steps = positive_number("rate", rate), _checks.positive("steps", steps)
    warmup = _checks.positive("warmup", warmup) if warmup else 0
    if warmup >= steps:
        raise ValueError(f"`warmup` must be less than all {steps} updates, got {warmup}.")
    open_at_zero = name == "exponential"
    if not isinstance(end, int | float) or not (0 < end <= 1 or (end == 0 and not open_at_zero)):
        interval = "(0, 1]" if open_at_zero else "[0, 1]"
        raise ValueError(
            f"`end` must be a part of the rate in {interval}, got {_checks.quote(end)}."
        )
    return Schedule(name, rate, steps, warmup, float(end))


def _known(name: Any) -> None:
    if not isinstance(name, str) or name not in SCHEDULES:
        near = difflib.get_close_matches(str(name), SCHEDULES, n=1)
        hint = f": did you mean {near[0]!r}?" if near else "."
        listed = ", ".join(map(repr, SCHEDULES))
        raise ValueError(f"`schedule` must be one of {listed}, got {_checks.quote(name)}{hint}")
