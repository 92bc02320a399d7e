"""Fewer points, the same picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

Points = list[tuple[float, float]]


def thin(xs: Sequence[float], ys: Sequence[float], limit: int) -> Points:
    """At most `limit` points of the curve (limit >= 6), in order: the first, the last, and of each
    stretch between them the lowest, the highest and a nan where it has one, for that is a gap."""
    points = list(zip(xs, ys, strict=True))
    if len(points) <= limit:
        return points
    inner, stretches = points[1:-1], max((limit - 2) // 3, 1)
    kept = [points[0]]
    for n in range(stretches):
        begin, end = (len(inner) * k // stretches for k in (n, n + 1))
        kept += _extremes(inner[begin:end])
    return [*kept, points[-1]]


def _extremes(stretch: Points) -> Points:
    finite = [n for n, (_, y) in enumerate(stretch) if math.isfinite(y)]
    gaps = [n for n, (_, y) in enumerate(stretch) if not math.isfinite(y)]
    kept = set(gaps[:1])
    if finite:
        kept |= {min(finite, key=lambda n: stretch[n][1]), max(finite, key=lambda n: stretch[n][1])}
    return [stretch[n] for n in sorted(kept)]
