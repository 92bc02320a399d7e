"""A page of HTML that is whole in itself: style, script and numbers are inside, and its policy
forbids the browser to ask for anything else."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from .charts import Chart, figure
from .words import escape

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="generator" content="jaxrnn">"""


def page(title: str, parts: Iterable[str]) -> str:
    """The page; `title` is text, and `parts` are HTML."""
    body = "\n".join(part for part in parts if part)
    return f"""{HEAD}
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>
{_beside("page.css")}</style>
<main>
{body}
</main>
<script>
{_beside("page.js")}</script>
</html>
"""


def headline(eyebrow: str, title: str, lead: str = "") -> str:
    """All three are text."""
    above = f'<p class="eyebrow">{escape(eyebrow)}</p>'
    below = f'<p class="lead">{escape(lead)}</p>' if lead else ""
    return f"<header>{above}<h1>{escape(title)}</h1>{below}</header>"


def facts(pairs: Iterable[tuple[str, str, str]]) -> str:
    """(name, value, remark) each in large type."""
    cells = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}"
        f"{f'<small>{escape(remark)}</small>' if remark else ''}</dd></div>"
        for name, value, remark in pairs
    )
    return f'<dl class="facts">{cells}</dl>'


def notes(sentences: Iterable[str]) -> str:
    told = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    return f'<div class="notes" role="note">{told}</div>' if told else ""


def section(title: str, *parts: str) -> str:
    """Nothing where all its parts are."""
    inside = "\n".join(part for part in parts if part)
    return f"<section><h2>{escape(title)}</h2>\n{inside}\n</section>" if inside else ""


def charts(drawn: Iterable[Chart], css: str = "", first: int = 1) -> str:
    """The charts beside each other, numbered from `first`."""
    figures = "\n".join(filter(None, (figure(c, n) for n, c in enumerate(drawn, first))))
    return f'<div class="charts {css}">\n{figures}\n</div>' if figures else ""


def is_ours(path: Path) -> bool:
    """Whether the file is a page of this house, which may be written over."""
    with open(path, "rb") as file:
        return file.read(len(HEAD)) == HEAD.encode()


@cache
def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
