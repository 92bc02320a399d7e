"""The page of one run."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence

from .charts import Chart, Series
from .inside import inside
from .page import charts, facts, headline, notes, page, section
from .runs import Run
from .samples import samples
from .summary import Summary, per_unit, summary
from .tables import fields, table
from .words import escape, figures

ROWS = 250  # of the table of numbers

Judged = tuple[str, bool | None, str]  # a claim, whether it was kept, and how

COLUMNS = {
    "tokens": "tokens",
    "perplexity": "perplexity",
    "validation_perplexity": "validation",
    "learning_rate": "learning rate",
    "gradient_norm": "gradient norm",
    "clipped_fraction": "clipped",
    "seconds": "seconds",
    "tokens_per_second": "tokens/s",
}


def html(run: Run, judged: Sequence[Judged] = ()) -> str:
    """The page, whatever of the run is there."""
    told = summary(run)
    return page(
        f"{run.name}: {told.words()['final']}",
        [
            headline(f"Training run · {run.label}", run.name, _lead(run)),
            facts(_facts(run, told)),
            notes(_notes(run, told)),
            section(
                "How it learnt",
                charts([_perplexity(run)], "one"),
                charts(_training(run), first=2),
            ),
            section("What it writes", samples(run.samples)),
            inside(run, first=6),
            section("What was claimed", _claims(judged)),
            section("Go on, or let it write", _commands(run)),
            section("Settings", fields(_settings(run))),
            section("Numbers", _numbers(run)),
        ],
    )


def _lead(run: Run) -> str:
    name, tokens = run.told("corpus", "name"), run.told("corpus", "tokens")
    distinct, unit = run.told("corpus", "vocabulary"), run.told("corpus", "unit")
    told = [f"{tokens:,} tokens" if isinstance(tokens, int) else ""]
    told += [f"{distinct:,} distinct" if isinstance(distinct, int) else ""]
    told += [f"by {'character' if unit == 'char' else unit}" if isinstance(unit, str) else ""]
    listed = ", ".join(filter(None, told))
    return f"On {name}: {listed}." if isinstance(name, str) and listed else ""


def _facts(run: Run, told: Summary) -> list[tuple[str, str, str]]:
    words = told.words()
    best = figures(told.best.value) if told.best else "–"
    asked = f"of {told.asked:,.0f}" if math.isfinite(told.asked) else ""
    pairs = [
        ("Final perplexity", words["final"], per_unit(run, told.final)),
        ("Best perplexity", best, f"at epoch {told.best.epoch:,}" if told.best else ""),
        ("Epochs", words["epochs"], asked),
        ("Tokens seen", words["tokens"], ""),
        ("Time", words["time"], f"{words['tokens/s']} tokens/s"),
        ("Parameters", words["parameters"], ""),
    ]
    if told.validation:
        value, epoch = told.validation
        bits = per_unit(run, value)
        remark = f"at epoch {epoch:,}" + (f", {bits}" if bits else "")
        pairs.insert(2, ("Best validation", figures(value), remark))
    return [pair for pair in pairs if pair[1] != "–"]


def _notes(run: Run, told: Summary) -> list[str]:
    lost = [e for e, v in zip(run.epochs, run.column("perplexity"), strict=True) if math.isnan(v)]
    said = list(run.notes)
    if lost:
        more = f" and {len(lost) - 1:,} more" if len(lost) > 1 else ""
        said.append(f"The perplexity is not finite at epoch {lost[0]:,}{more}: a gap in the curve.")
    if told.epochs < told.asked:
        said.append(f"The run stopped after {told.epochs:,} of {told.asked:,.0f} epochs.")
    return said


def _perplexity(run: Run) -> Chart:
    series = [Series("training", run.epochs, run.column("perplexity"), 0)]
    validation = run.column("validation_perplexity")
    if any(map(math.isfinite, validation)):
        series.append(Series("validation", run.epochs, validation, 1))
    unigram = run.told("corpus", "unigram_perplexity")
    known = isinstance(unigram, int | float) and 1 <= unigram < 1e9
    return Chart("Perplexity", series, level=("unigram", float(unigram)) if known else None)


def _training(run: Run) -> list[Chart]:
    def of(title: str, key: str, tone: int, **options) -> Chart:
        label = title.lower()
        return Chart(title, [Series(label, run.epochs, run.column(key), tone)], **options)

    return [
        of("Gradient norm", "gradient_norm", 2),
        of("Clipped minibatches", "clipped_fraction", 5, zero=True, percent=True),
        of("Learning rate", "learning_rate", 3),
        of("Tokens per second", "tokens_per_second", 6, zero=True),
    ]


def _claims(judged: Sequence[Judged]) -> str:
    names = {None: ("", "not judged"), True: ("kept", "kept"), False: ("broken", "broken")}
    items = []
    for words, kept, sentence in judged:
        css, name = names[kept]
        shown = escape(sentence or words)
        items.append(f'<li><span class="verdict {css}">{name}</span> {shown}</li>')
    return f'<ul class="claims">{"".join(items)}</ul>' if items else ""


def _settings(run: Run) -> list[tuple[str, object]]:
    """The configuration in groups; what is of no known group stands in the last."""
    config = dict(run.config)
    for key in ("claims", "name"):
        config.pop(key, None)
    if isinstance(config.get("command"), list):
        config["command"] = shlex.join(map(str, config["command"]))
    groups = [(k.capitalize(), config.pop(k)) for k in ("model", "training") if config.get(k)]
    groups += [("Text", config.pop("corpus"))] if config.get("corpus") else []
    around = ("dtype", "device", "versions", "git", "started", "command")
    environment = {k: config.pop(k) for k in around if k in config}
    groups += [("Environment", environment)] if environment else []
    return [*groups, ("Other", config)] if config else groups


def _commands(run: Run) -> str:
    where = shlex.quote(str(run.path))
    goes_on = f"python experiments/char_lm.py --resume {where}"
    writes = f"python experiments/sample.py {where}"
    return f"<pre>{escape(goes_on)}\n{escape(writes)}</pre>"


def _numbers(run: Run) -> str:
    """The metrics as a table: all of them, or every so many epochs with the first and the last."""
    columns = {k: run.column(k) for k in COLUMNS}
    columns = {k: v for k, v in columns.items() if any(map(math.isfinite, v))}
    if not run.epochs:
        return ""
    step, last = -(-len(run.epochs) // ROWS), len(run.epochs) - 1
    best = _best_row(columns)
    chosen = sorted({*range(0, last + 1, step), last, *best})
    rows = [
        [f"{run.epochs[n]:,}", *(figures(column[n]) for column in columns.values())] for n in chosen
    ]
    every = "every epoch" if step == 1 else f"one epoch in {step:,}, the best and the last"
    shown = table(["epoch", *(COLUMNS[k] for k in columns)], rows, text=())
    summary_line = f"As a table: {every}; all are in metrics.jsonl"
    return f"<details><summary>{summary_line}</summary>{shown}</details>"


def _best_row(columns: dict[str, list[float]]) -> list[int]:
    names = [k for k in ("perplexity", "validation_perplexity") if k in columns]
    finite = [[(v, n) for n, v in enumerate(columns[k]) if math.isfinite(v)] for k in names]
    return [min(pairs)[1] for pairs in finite if pairs]
