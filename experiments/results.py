"""What a campaign measured beside what is published, and whether each seed kept its claim."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import campaign
import presets
from campaign import Curves
from claims import Band, Claim
from judged import verdict
from looking.runs import read


class Row(NamedTuple):
    """One claim on one text; `claim` is None where the preset claims nothing of that text."""

    preset: str
    published: str
    corpus: str
    claim: Claim | None
    epoch: int  # at which
    seen: dict[int, float]  # seed -> perplexity there
    kept: dict[int, bool]  # seed -> whether; the seeds that are judged

    @property
    def outside(self) -> list[int]:
        return [seed for seed, kept in self.kept.items() if not kept]

    @property
    def expected(self) -> str:
        if not isinstance(self.claim, Band):
            return str(self.claim or "–")
        median = f", median of {self.claim.median}" if self.claim.median > 1 else ""
        return f"{self.claim.low:g} … {self.claim.high:g} @{self.epoch}{median}"

    @property
    def measured(self) -> str:
        """Median, lowest and highest over the seeds."""
        if not self.seen:
            return "–"
        values = self.seen.values()
        spread = f" ({min(values):.4g} … {max(values):.4g})" if len(values) > 1 else ""
        return f"{statistics.median(values):.4g}{spread} @{self.epoch}"

    @property
    def judgement(self) -> str:
        band = isinstance(self.claim, Band)
        if not self.seen or not self.kept:
            return "not reached" if self.claim and not self.seen else "not judged"
        if not self.outside:
            return "in band" if band else "kept"
        seeds = ", ".join(map(str, self.outside))
        return f"{'out of band' if band else 'broken'}: seed {seeds}"


def rows(curves: Curves, runs: Path) -> list[Row]:
    """In the order of the presets, the published text's before its stand-in's."""
    return [
        row
        for name in presets.PRESETS
        for (preset, corpus), seeds in curves.items()
        if preset == name
        for row in _of(name, corpus, seeds, runs)
    ]


def _of(name: str, corpus: str, seeds: dict[int, list[float]], runs: Path) -> Iterator[Row]:
    preset, found = presets.PRESETS[name], False
    seeds = dict(sorted(seeds.items()))
    for claim in preset.claims:
        if getattr(claim, "corpus", corpus) != corpus:
            continue
        whole = {seed: run for seed, run in seeds.items() if len(run) >= claim.epoch}
        seen = {seed: _seen(claim, run) for seed, run in whole.items()}
        kept = {}
        for seed, value in seen.items():
            judged = _kept(claim, value, runs / campaign.name_of(name, corpus, seed))
            kept |= {} if judged is None else {seed: judged}
        found = True
        yield Row(name, preset.published, corpus, claim, claim.epoch, seen, kept)
    if not found:
        last = min(map(len, seeds.values()))
        seen = {seed: run[last - 1] for seed, run in seeds.items()}
        yield Row(name, preset.published, corpus, None, last, seen, {})


def figures(preset: presets.Preset, runs: list[list[float]]) -> str:
    """Median, lowest and highest perplexity of some runs, at those of the published epochs that
    all of them reached; else at the last of all. For the presets of the Time Machine of each the
    median of 50 epochs, for SGD spikes."""
    last, window = min(map(len, runs)), 50 if preset.fallback else 1
    epochs = [int(epoch) for epoch in re.findall(r"@(\d+)", preset.published)]
    points = []
    for epoch in [epoch for epoch in epochs if epoch <= last] or [last]:
        seen = [statistics.median(run[max(epoch - window, 0) : epoch]) for run in runs]
        spread = f" ({_digits(min(seen))} … {_digits(max(seen))})" if len(seen) > 1 else ""
        points.append(f"{_digits(statistics.median(seen))}{spread} @{epoch}")
    return "; ".join(points)


def _digits(perplexity: float) -> str:
    """Of one near 1 the digits after it tell."""
    return f"{perplexity:.6g}" if perplexity < 1.01 else f"{perplexity:.4g}"


def _seen(claim: Claim, perplexities: list[float]) -> float:
    return claim.seen(perplexities) if isinstance(claim, Band) else perplexities[claim.epoch - 1]


def _kept(claim: Claim, seen: float, run: Path) -> bool | None:
    """A band is of the perplexity; any other claim asks for what the run wrote, too."""
    if isinstance(claim, Band):
        return claim.low <= seen <= claim.high
    said = verdict(claim, read(run))
    return said and said.kept


def markdown(table: list[Row]) -> str:
    """The rows as Markdown, those out of band in bold."""
    lines = [
        "# Published against measured",
        "",
        "Perplexities: median (lowest … highest) over the seeds, @epoch.",
        "",
        "| preset | text | published | expected | measured | seeds | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in table:
        judged = f"**{row.judgement}**" if row.outside else row.judgement
        cells = f"`{row.preset}`", row.corpus, row.published, row.expected, row.measured
        lines.append(f"| {' | '.join(cells)} | {len(row.seen)} | {judged} |")
    return "\n".join(lines) + "\n"


def place(band: Band, value: float) -> float:
    """Where a value lies beside its band, on the scale that bands are made on, ln(perplexity - 1):
    0 at its lower end, 1 at its upper one; linear where the band begins at 1."""
    if band.low > 1:
        if value <= 1:
            return -math.inf
        low, high, at = (math.log(v - 1) for v in (band.low, band.high, value))
    else:
        low, high, at = band.low, band.high, value
    return (at - low) / (high - low)
