"""Numbers and foreign text, as a page may show them."""

from __future__ import annotations

import html
import json
import math
import re
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")


def escape(text: object) -> str:
    """Text for an element or an attribute in quotes; what HTML cannot hold becomes U+FFFD."""
    return html.escape(_CONTROL.sub("\ufffd", str(text)), quote=True)


def script_json(value: Any) -> str:
    """JSON for the inside of <script>: no `<`, so no tag and no comment ends or begins there."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def figures(value: float) -> str:
    """Four significant figures; thousands are parted and not rounded."""
    if not math.isfinite(value):
        return "not finite"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"


def short(value: float) -> str:
    """For a tick: 50k, 1.5M."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size <= abs(value) < 1e12:
            return f"{value / (1e3 if sign == 'k' else size):.4g}{sign}"
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:.3g}"


def duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "not told"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {left:02} s"
    return f"{minutes // 60:,} h {minutes % 60:02} min"


def plain(value: Any) -> str:
    """A value of a configuration on one line."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def flat(value: Any, under: str = "") -> dict[str, Any]:
    """{"training.learning_rate": 0.01, …}; a list of scalars is one value."""
    if isinstance(value, dict) and value:
        parts = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        parts = [(str(n), inner) for n, inner in enumerate(value)]
    else:
        return {under: value}
    found: dict[str, Any] = {}
    for key, inner in parts:
        found |= flat(inner, f"{under}.{key}" if under else key)
    return found
