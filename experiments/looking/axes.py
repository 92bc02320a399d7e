"""An axis: from where to where, its ticks, and where a value lies on it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple


class Axis(NamedTuple):
    """low < high; on a log axis 0 < low."""

    low: float
    high: float
    log: bool
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """0 at `low`, 1 at `high`."""
        if self.log:
            low, high, value = (math.log(v) for v in (self.low, self.high, value))
        else:
            low, high = self.low, self.high
        return (value - low) / (high - low)


def across(values: Iterable[float]) -> Axis:
    """For what goes on, epochs or tokens: from the first to the last, ticks at whole numbers."""
    low, high = _range(values)
    low, high = (low, high) if high > low else (low - 1, high + 1)
    return Axis(low, high, False, _even(low, high, whole=True))


def upward(values: Iterable[float], zero: bool = False) -> Axis:
    """For what is measured: a log axis where the values span more than a factor of eight, and a
    linear one with room at both ends else; with `zero`, linear and nought is on it."""
    low, high = _range(values)
    if zero or low == high == 0:
        low, high = 1.04 * min(low, 0.0), 1.04 * max(high, 0.0)
        high = high if high > low else 1.0
        return Axis(low, high, False, _even(low, high))
    if low > 0 and high / low > 8:
        room = (high / low) ** 0.04
        low, high = low / room, high * room
        return Axis(low, high, True, _powers(low, high))
    size = max(abs(low), abs(high))
    room = 0.06 * (high - low) if high - low > 1e-4 * size else 0.1 * size
    low, high = low - room, high + room
    return Axis(low, high, False, _even(low, high))


def _range(values: Iterable[float]) -> tuple[float, float]:
    finite = [value for value in values if math.isfinite(value)]
    return (min(finite), max(finite)) if finite else (0.0, 0.0)


def _even(low: float, high: float, whole: bool = False) -> tuple[float, ...]:
    """Two to six multiples of 1, 2, 2.5 or 5 times a power of ten."""
    raw = (high - low) / 5
    raw = max(raw, 1.0) if whole else raw
    size = 10.0 ** math.floor(math.log10(raw))
    steps = (m * size for m in (1, 2, 2.5, 5, 10) if not whole or (m * size).is_integer())
    step = next(step for step in steps if step >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(float(f"{n * step:.12g}") for n in range(first, last + 1))


def _powers(low: float, high: float) -> tuple[float, ...]:
    """1, 2 and 5 times the powers of ten; the powers alone, or some of them, on a long axis."""
    decades = math.log10(high / low)
    leading, every = ((1, 2, 5), 1) if decades <= 3 else ((1,), max(round(decades / 5), 1))
    first, last = math.floor(math.log10(low)) // every, math.ceil(math.log10(high)) // every
    found = [m * 10.0 ** (n * every) for n in range(first, last + 1) for m in leading]
    return tuple(float(f"{tick:.12g}") for tick in found if low <= tick <= high)
