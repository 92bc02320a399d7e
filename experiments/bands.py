"""What bands a campaign's first five seeds give, and whether its other seeds keep to them.

    python experiments/bands.py runs/reproduce

A band is the range of ln(perplexity - 1) over the seeds 0 to 4, widened at both ends by half its
width, and by 0.15 at least. Exit status 1 if a preset states another band, or if a seed is
outside the one that it states, 2 if the first seeds are not all there, or no band is judged.
"""

from __future__ import annotations

import math
from typing import Annotated

import campaign
import command
import presets
import tyro
from claims import Band
from run_dir import folder

FIRST = range(5)
LEAST = 0.15


def main(runs: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]) -> int:
    """Hold the bands of the presets to what a campaign's seeds give.

    Args:
        runs: The campaign's folder.
    """
    judged = [
        told(name, claim, seeds)
        for (name, corpus), seeds in campaign.read(folder(runs)).items()
        for claim in presets.PRESETS[name].claims
        if isinstance(claim, Band) and claim.corpus == corpus != "time_machine"
    ]
    if not judged:
        raise ValueError(f"{runs} holds no run whose preset states a band of its text.")
    return 0 if all(judged) else 1


def told(name: str, claim: Band, seeds: dict[int, list[float]]) -> bool:
    """One line about one claim; whether it is the rule's, and every seed within it."""
    whole = {seed: run for seed, run in sorted(seeds.items()) if len(run) >= claim.epoch}
    seen = {seed: claim.seen(run) for seed, run in whole.items()}
    if not seen.keys() >= {*FIRST}:
        raise ValueError(f"{name} has no whole run of seeds 0 to 4 on {claim.corpus}.")
    first = [value for seed, value in seen.items() if seed in FIRST]
    if not all(1 < value < math.inf for value in first):
        raise ValueError(f"{name} on {claim.corpus}: {first} give no band, which is of ln(x - 1).")
    low, high = band(first)
    stated = near(claim.high, high) and (claim.low == 1 or near(claim.low, low))
    kept = all(claim.low <= value <= claim.high for value in seen.values())
    values = " ".join(f"{value:.4g}" for value in seen.values())
    verdict = "" if stated and kept else "  <- " + ("a seed is outside" if stated else "not stated")
    print(f"{name:18} {claim}: by the rule {low:.4g}…{high:.4g}; seeds {values}{verdict}")
    return stated and kept


def near(a: float, b: float) -> bool:
    """The same, but for how a band is written down."""
    return abs(math.log((a - 1) / (b - 1))) < 0.1


def band(values: list[float]) -> tuple[float, float]:
    logs = [math.log(value - 1) for value in values]
    spread = max((max(logs) - min(logs)) / 2, LEAST)
    return 1 + math.exp(min(logs) - spread), 1 + math.exp(max(logs) + spread)


if __name__ == "__main__":
    command.run(lambda: command.parse(main))
