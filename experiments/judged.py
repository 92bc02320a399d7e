"""The claims that a run's folder lists, held to what the folder holds."""

from __future__ import annotations

import math

import presets
from claims import Band, Claim, Result, Verdict
from looking.runs import Run, number


def judged(run: Run) -> list[tuple[str, Verdict | None]]:
    """Every claim that config.json lists, in words, and its verdict: None where the run did not
    reach it, or its folder does not tell what it asks for."""
    told = run.told("claims")
    preset = presets.PRESETS.get(run.name)
    known = {str(claim): claim for claim in preset.claims} if preset else {}
    listed = [words for words in told if isinstance(words, str)] if isinstance(told, list) else []
    return [(words, verdict(known[words], run) if words in known else None) for words in listed]


def verdict(claim: Claim, run: Run) -> Verdict | None:
    """What the claim says of the run. A band asks for perplexities alone, any other claim for the
    samples after the last epoch and for the text's unigram perplexity too."""
    seen = run.column("perplexity")
    perplexities = [value if math.isfinite(value) else math.inf for value in seen]
    unigram = number(run.told("corpus", "unigram_perplexity"))
    last = run.epochs[-1] if run.epochs else 0
    said = {s.get("prefix", ""): s["text"] for s in run.samples if s["epoch"] == last}
    if not isinstance(claim, Band) and not (said and unigram > 0):
        return None
    return claim.judge(Result(str(run.told("corpus", "name")), perplexities, unigram, said))
