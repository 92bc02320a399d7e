"""What a model wrote while it learnt."""

from __future__ import annotations

from collections.abc import Sequence

from .runs import Record
from .words import cut, escape

EPOCHS = 12  # that are shown
LENGTH = 600  # characters of a sample
PREFIXES = 4  # of an epoch


def samples(records: Sequence[Record]) -> str:
    """An item an epoch, each prefix and what followed it; of many epochs some, spread evenly with
    the first and the last among them."""
    epochs = sorted({record["epoch"] for record in records})
    chosen = _spread(epochs)
    items = "\n".join(_item(epoch, records) for epoch in chosen)
    if not items:
        return ""
    left = f"{len(chosen)} of {len(epochs):,} epochs; all samples are in samples.jsonl."
    more = f'<p class="lead">{left}</p>' if len(chosen) < len(epochs) else ""
    return f'<ol class="samples">{items}</ol>{more}'


def _spread(epochs: list[int]) -> list[int]:
    if len(epochs) <= EPOCHS:
        return epochs
    last = len(epochs) - 1
    return [epochs[round(n * last / (EPOCHS - 1))] for n in range(EPOCHS)]


def _item(epoch: int, records: Sequence[Record]) -> str:
    """An epoch that was come back to may stand twice: of a prefix the last counts."""
    said = {r.get("prefix", ""): r["text"] for r in records if r["epoch"] == epoch}
    texts = "".join(
        f'<p dir="auto"><mark>{escape(cut(prefix, 200))}</mark>{escape(cut(text, LENGTH))}</p>'
        for prefix, text in list(said.items())[:PREFIXES]
    )
    when = "before training" if epoch == 0 else f"epoch {epoch:,}"
    return f'<li><span class="when">{when}</span><div>{texts}</div></li>'
