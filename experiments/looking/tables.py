"""Tables: for a page, and for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from .words import cut, escape, flat, plain


class Html(str):
    """A cell that is HTML already; every other is text."""


def table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], text: Collection[int] = (0,)
) -> str:
    """A table that scrolls by itself where it is wide; columns but `text` are numbers."""

    def cells(tag: str, row: Sequence[str]) -> str:
        kinds = ("" if n in text else ' class="number"' for n in range(len(row)))
        inside = (c if isinstance(c, Html) else escape(c) for c in row)
        return "".join(f"<{tag}{k}>{c}</{tag}>" for k, c in zip(kinds, inside, strict=True))

    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        '<div class="scroll" tabindex="0"><table><thead><tr>'
        f"{cells('th', headings)}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def fields(groups: Iterable[tuple[str, Any]], most: int = 60) -> str:
    """Parts of a configuration, each a list of names and values."""
    shown = []
    for title, value in groups:
        named = flat(value) if isinstance(value, dict) else {"": value}
        rows = "".join(
            f"<div><dt>{escape(cut(name, 120))}</dt><dd>{escape(cut(plain(v), 400))}</dd></div>"
            for name, v in list(named.items())[:most]
        )
        if len(named) > most:
            rows += f"<div><dt>and {len(named) - most:,} more</dt><dd>in config.json</dd></div>"
        shown.append(f"<div><h3>{escape(title)}</h3><dl>{rows}</dl></div>")
    return f'<div class="fields">{"".join(shown)}</div>' if shown else ""


def text_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns parted by two spaces, the first to the left and the others to the right."""
    lines = [tuple(map(_printable, line)) for line in (headings, *rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]

    def laid(line: Sequence[str]) -> str:
        pads = [" " * (w - _width(cell)) for w, cell in zip(widths, line, strict=True)]
        first, *others = (
            cell + pad if n == 0 else pad + cell
            for n, (cell, pad) in enumerate(zip(line, pads, strict=True))
        )
        return "  ".join((first, *others)).rstrip()

    return "\n".join(map(laid, lines))


def _printable(cell: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in cell)


def _width(cell: str) -> int:
    """Columns of a terminal: an ideograph takes two."""
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in cell)
