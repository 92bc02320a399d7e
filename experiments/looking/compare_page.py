"""The page of several runs, one over another."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .charts import Chart, Series
from .page import charts, headline, notes, page, section
from .runs import Run
from .summary import summary
from .tables import Html, table
from .words import cut, escape, flat, plain

HEADINGS = ("parameters", "tokens", "epochs", "final", "best", "validation best", "tokens/s")
NO_SETTINGS = ("started", "command", "parameters")  # of the occasion, or told in numbers

Rows = list[list[str]]


def html(runs: Sequence[Run], labels: Sequence[str]) -> str:
    """The page; labels[n] is what runs[n] is called on it."""
    swatches = [
        Html(f'<i class="swatch {Series("", (), (), n).css}"></i>{escape(label)}')
        for n, label in enumerate(labels)
    ]
    rows = [[swatch, *row[1:]] for swatch, row in zip(swatches, numbers(runs, labels), strict=True)]
    differing = differences(runs)
    named = zip(labels, runs, strict=True)
    told = [f"{label}: {note}" for label, run in named for note in run.notes]
    return page(
        f"{len(runs)} runs compared",
        [
            headline("Comparison", _title(labels)),
            notes(told),
            section("In numbers", table(["run", *HEADINGS], rows)),
            section(
                "How they learnt",
                charts(_perplexities(runs, labels), "one"),
                charts(_training(runs, labels), first=4),
            ),
            section(
                "What differs",
                table(["setting", *labels], differing, text=range(len(runs) + 1))
                if differing
                else "<p>Their settings are the same.</p>",
            ),
        ],
    )


def numbers(runs: Sequence[Run], labels: Sequence[str]) -> Rows:
    """A row a run: its label, and HEADINGS."""
    return [
        [label, *(words[heading] for heading in HEADINGS)]
        for label, words in zip(labels, (summary(run).words() for run in runs), strict=True)
    ]


def differences(runs: Sequence[Run]) -> Rows:
    """A row a setting that is not the same in all: its name, and each run's value."""
    settings = [flat({k: v for k, v in run.config.items() if k not in NO_SETTINGS}) for run in runs]
    names = dict.fromkeys(name for setting in settings for name in setting)
    rows = []
    for name in names:
        values = [plain(s[name]) if name in s else "–" for s in settings]
        if len(set(values)) > 1:
            rows.append([cut(name, 80), *(cut(value, 60) for value in values)])
    return rows


def _title(labels: Sequence[str]) -> str:
    if len(labels) <= 3:
        return " and ".join((", ".join(labels[:-1]), labels[-1]))
    return f"{len(labels)} runs"


def _perplexities(runs: Sequence[Run], labels: Sequence[str]) -> list[Chart]:
    """Over tokens too, where an epoch of one run is not an epoch of another."""
    key, drawn = "perplexity", []
    drawn.append(_of("Training perplexity by epoch", key, runs, labels))
    per_epoch = {run.column("tokens")[0] for run in runs if run.epochs}
    if len({tokens for tokens in per_epoch if math.isfinite(tokens)}) > 1:
        series = [
            _by_tokens(Series(label, run.column("tokens"), run.column(key), tone))
            for tone, (label, run) in enumerate(zip(labels, runs, strict=True))
        ]
        drawn.append(Chart("Training perplexity by tokens seen", series, across="tokens"))
    drawn.append(_of("Validation perplexity", "validation_perplexity", runs, labels))
    return drawn


def _training(runs: Sequence[Run], labels: Sequence[str]) -> list[Chart]:
    return [
        _of("Gradient norm", "gradient_norm", runs, labels),
        _of("Clipped minibatches", "clipped_fraction", runs, labels, zero=True, percent=True),
        _of("Learning rate", "learning_rate", runs, labels),
        _of("Tokens per second", "tokens_per_second", runs, labels, zero=True),
    ]


def _of(title: str, key: str, runs: Sequence[Run], labels: Sequence[str], **options) -> Chart:
    """A curve for each run that has one; its colour is the run's on the whole page."""
    columns = [run.column(key) for run in runs]
    series = [
        Series(label, run.epochs, column, tone)
        for tone, (label, run, column) in enumerate(zip(labels, runs, columns, strict=True))
        if any(map(math.isfinite, column))
    ]
    return Chart(title, series, **options)


def _by_tokens(series: Series) -> Series:
    """Without the epochs whose tokens are not told."""
    pairs = [(x, y) for x, y in zip(series.xs, series.ys, strict=True) if math.isfinite(x)]
    return Series(series.label, [x for x, _ in pairs], [y for _, y in pairs], series.tone)
