"""A chart: curves as SVG that stretch with the page, axes as text that does not, a legend that
tells the last value or, by page.js, the one under the pointer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from . import axes
from .thin import Points, thin
from .words import escape, figures, script_json, short

SIDE = 1000  # of the viewBox
TONES = 8  # colours in page.css
POINTS = 700  # of a curve, and not more in all than
ALL_POINTS = 4200


@dataclass(frozen=True)
class Series:
    """A curve, a nan a gap in it. `tone` from 0 up is its colour, and from TONES up its dashes;
    `outside` makes it red."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    tone: int = 0
    outside: bool = False

    @property
    def css(self) -> str:
        if self.outside:
            return "outside"
        dashed = " dashed" if self.tone >= TONES else ""
        return f"tone{self.tone % TONES}{dashed}"


@dataclass(frozen=True)
class Band:
    """Where a value at `x` was to be."""

    x: float
    low: float
    high: float


@dataclass(frozen=True)
class Chart:
    """`zero`: the ordinate starts at nought; `percent`: it is a share of one."""

    title: str
    series: Sequence[Series]
    across: str = "epoch"
    zero: bool = False
    percent: bool = False
    level: tuple[str, float] | None = None  # a horizontal line and its name
    band: Band | None = None
    most: int = ALL_POINTS  # of all its curves

    @cached_property
    def points(self) -> list[Points]:
        limit = max(min(POINTS, self.most // max(len(self.series), 1)), 30)
        return [thin(s.xs, s.ys, limit) for s in self.series]

    @cached_property
    def x(self) -> axes.Axis:
        return axes.across(x for s in self.series for x in s.xs)

    @cached_property
    def y(self) -> axes.Axis:
        values = [y for s in self.series for y in s.ys]
        values += [self.level[1]] if self.level else []
        values += [self.band.low, self.band.high] if self.band else []
        return axes.upward(values, self.zero)

    @property
    def empty(self) -> bool:
        return not any(math.isfinite(y) for s in self.series for y in s.ys)

    def value(self, y: float) -> str:
        return f"{100 * y:.3g}%" if self.percent and math.isfinite(y) else figures(y)


def figure(chart: Chart, number: int) -> str:
    """The chart as HTML; `number` is its own on the page. Nothing where it has no value."""
    if chart.empty:
        return ""
    return (
        f'<figure class="chart"><figcaption><h3>{escape(chart.title)}</h3>{_legend(chart)}'
        f'</figcaption><div class="plot">{_labels(chart)}{_svg(chart, number)}'
        f'<div class="over"></div></div><script type="application/json">'
        f"{script_json(_data(chart))}</script></figure>"
    )


def _legend(chart: Chart) -> str:
    last = max(x for s in chart.series for x in s.xs)
    keys = [f'<span class="at">{escape(chart.across)} <b>{figures(last)}</b></span>']
    for series in chart.series:
        told = chart.value(series.ys[-1]) if len(series.ys) else ""
        keys.append(
            f'<span class="key {series.css}"><i></i>{escape(series.label)} <b>{told}</b></span>'
        )
    if chart.level:
        name, value = chart.level
        keys.append(f'<span class="level">{escape(name)} {chart.value(value)}</span>')
    return f'<p class="legend">{"".join(keys)}</p>'


def _labels(chart: Chart) -> str:
    """The ticks' numbers, for the eye alone: the table and the description are for all."""
    shown = (lambda t: f"{100 * t:.4g}%") if chart.percent else short
    ys = "".join(
        f'<span style="bottom:{100 * chart.y.place(t):.2f}%">{shown(t)}</span>'
        for t in chart.y.ticks
    )
    xs = "".join(
        f'<span style="left:{100 * chart.x.place(t):.2f}%">{short(t)}</span>' for t in chart.x.ticks
    )
    beside = (
        '<div class="ys" aria-hidden="true">{}</div><div class="xs" aria-hidden="true">{}</div>'
    )
    return beside.format(ys, xs)


def _svg(chart: Chart, number: int) -> str:
    grid = "".join(f"M0 {_down(chart, t):.1f}H{SIDE}" for t in chart.y.ticks)
    parts = [f'<path class="grid" d="{grid}"/>', _band(chart)]
    if chart.level:
        parts.append(f'<path class="level" d="M0 {_down(chart, chart.level[1]):.1f}H{SIDE}"/>')
    for series, points in zip(chart.series, chart.points, strict=True):
        parts.append(f'<path class="line {series.css}" d="{_path(chart, points)}"/>')
    name, told = f"chart{number}", " ".join(_sentence(chart, s) for s in chart.series)
    return (
        f'<svg viewBox="0 0 {SIDE} {SIDE}" preserveAspectRatio="none" role="img" '
        f'aria-labelledby="{name} {name}-told"><title id="{name}">{escape(chart.title)}</title>'
        f'<desc id="{name}-told">{escape(told)}</desc>{"".join(parts)}</svg>'
    )


def _band(chart: Chart) -> str:
    """A bar that ends at the band's epoch."""
    if not chart.band:
        return ""
    top, bottom = (_down(chart, y) for y in (chart.band.high, chart.band.low))
    right = SIDE * chart.x.place(chart.band.x)
    return (
        f'<rect class="band" x="{right - 60:.1f}" y="{top:.1f}" width="60" '
        f'height="{bottom - top:.1f}"/>'
    )


def _path(chart: Chart, points: Points) -> str:
    """A point alone is a dot: a line of no length, with round ends."""
    steps, pen = [], "M"
    for x, y in points:
        if math.isfinite(y) and not (chart.y.log and y <= 0):
            steps.append(f"{pen}{SIDE * chart.x.place(x):.1f} {_down(chart, y):.1f}")
            steps.append("h.01" if pen == "M" else "")
            pen = "L"
        else:
            pen = "M"
    return "".join(steps)


def _down(chart: Chart, y: float) -> float:
    return SIDE * (1 - chart.y.place(y))


def _sentence(chart: Chart, series: Series) -> str:
    known = [(y, x) for x, y in zip(series.xs, series.ys, strict=True) if math.isfinite(y)]
    if not known:
        return f"{series.label}: no finite value."
    (first, start), (last, end), (low, at) = known[0], known[-1], min(known)
    return (
        f"{series.label}: {chart.value(first)} at {chart.across} {figures(start)}, "
        f"{chart.value(last)} at {figures(end)}, lowest {chart.value(low)} at {figures(at)}."
    )


def _data(chart: Chart) -> dict[str, object]:
    """What page.js reads the values under the pointer from."""
    series = []
    for points in chart.points:
        ys = [float(f"{y:.5g}") if math.isfinite(y) else None for _, y in points]
        series.append({"x": [x for x, _ in points], "y": ys})
    y = chart.y
    return {
        "x": [chart.x.low, chart.x.high],
        "y": [y.low, y.high],
        "log": y.log,
        "percent": chart.percent,
        "series": series,
    }
