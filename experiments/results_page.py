"""The page of a campaign: its table, and every seed's curve beside the band it had to end in."""

from __future__ import annotations

from collections.abc import Iterable

import presets
from campaign import Curves
from claims import Band
from looking import charts
from looking.page import charts as drawn
from looking.page import facts, headline, notes, page, section
from looking.runs import number
from looking.tables import Html, table
from looking.words import escape
from results import Row, place

POINTS = 600  # of all curves of a chart

HEADINGS = ("preset", "text", "", "against its band", "measured", "expected", "published", "seeds")


def html(rows: list[Row], curves: Curves, failed: list[str]) -> str:
    outside = [row for row in rows if row.outside]
    judged = [row for row in rows if row.kept]
    runs = sum(map(len, curves.values()))
    return page(
        "Published against measured",
        [
            headline("Reproduction", "Published against measured", _lead(outside, judged)),
            facts(
                [
                    ("Presets", str(len({row.preset for row in rows})), ""),
                    ("Runs", str(runs), f"{len(failed)} failed" if failed else ""),
                    ("In band", str(len(judged) - len(outside)), f"of {len(judged)} judged"),
                    ("Out of band", str(len(outside)), ""),
                ]
            ),
            notes(f"{name} failed." for name in failed),
            section("Every claim", table(HEADINGS, map(_cells, rows), text=range(7))),
            section("Every run", _grid(rows, curves)),
        ],
    )


def _lead(outside: list[Row], judged: list[Row]) -> str:
    if not judged:
        return "No claim is judged."
    if not outside:
        return "Every seed is within the band of its preset."
    return "Out of band: " + "; ".join(f"{row.preset} on {row.corpus}" for row in outside) + "."


def _cells(row: Row) -> list[str]:
    css = "out" if row.outside else "in" if row.kept else ""
    judged = Html(f'<span class="{css}">{escape(row.judgement)}</span>')
    texts = [row.measured, row.expected, row.published, str(len(row.seen))]
    return [row.preset, row.corpus, judged, _strip(row), *texts]


def _strip(row: Row) -> Html:
    """The band as the middle half of a strip, and a dot for each seed."""
    if not isinstance(row.claim, Band):
        return Html("")
    dots = []
    for seed, value in row.seen.items():
        left = min(max(25 + 50 * place(row.claim, value), 1), 99)
        css = ' class="out"' if seed in row.outside else ""
        dots.append(f'<b{css} style="left:{left:.1f}%" title="seed {seed}: {value:.4g}"></b>')
    return Html(f'<span class="strip" aria-hidden="true"><i></i>{"".join(dots)}</span>')


def _grid(rows: list[Row], curves: Curves) -> str:
    """A small chart for each preset and text, in the order of the presets."""
    pairs = sorted(curves, key=lambda pair: [*presets.PRESETS].index(pair[0]))
    return drawn((_chart(pair, curves[pair], rows) for pair in pairs), "small")


def _chart(
    pair: tuple[str, str], seeds: dict[int, list[float]], rows: Iterable[Row]
) -> charts.Chart:
    of = [row for row in rows if (row.preset, row.corpus) == pair]
    outside = {seed for row in of for seed in row.outside}
    bands = [row.claim for row in of if isinstance(row.claim, Band) and row.seen]
    band = charts.Band(bands[-1].epoch, bands[-1].low, bands[-1].high) if bands else None
    series = [
        charts.Series(f"seed {s}", range(1, len(run) + 1), list(map(number, run)), n, s in outside)
        for n, (s, run) in enumerate(sorted(seeds.items()))
    ]
    return charts.Chart(" · ".join(pair), series, band=band, most=POINTS)
