"""What goes on inside a model, along a text (`jaxrnn.insight`), and a run's insight.json of it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from run_dir import RunDir, finite, write_whole

from jaxrnn import insight

STEPS, ROWS = 128, 16  # of a run's text that are looked at


class Inside(NamedTuple):
    """reach and gates are None for what walks backwards too."""

    reach: insight.Reach | None
    gates: list[insight.Gate] | None
    radii: dict[str, np.ndarray]


def measure(lm: Any, params: Any, tokens: np.ndarray) -> Inside:
    """Of a language model, along tokens (T, B)."""
    radii = insight.spectral_radii(params)
    ids = jnp.asarray(tokens, jnp.int32)
    xs = ids if params.embedding is None else params.embedding[ids]
    of = lm.layer, params.layer, None, xs
    try:
        return Inside(insight.gradient_reach(*of), insight.gate_saturation(*of), radii)
    except ValueError:  # the layer walks backwards too
        return Inside(None, None, radii)


def keep(run: RunDir, lm: Any, params: Any, ids: np.ndarray, epoch: int) -> None:
    """insight.json of a run that is finished, along the beginning of its text; none of a text that
    is too short."""
    rows = len(ids) // STEPS
    if not rows:
        return
    rows = min(rows, ROWS)
    seen = measure(lm, params, np.reshape(ids[: rows * STEPS], (rows, STEPS)).T)
    told: dict[str, Any] = {"epoch": epoch}
    told |= {"radii": {name: of.tolist() for name, of in seen.radii.items()}}
    if seen.reach and seen.gates is not None:
        leaves = {name: of.tolist() for name, of in seen.reach.leaves.items()}
        told |= {"steps": STEPS, "rows": rows, "reach": seen.reach.norms.tolist(), "leaves": leaves}
        told |= {"gates": [gate._asdict() for gate in seen.gates]}
    write_whole(run.path / "insight.json", json.dumps(finite(told)) + "\n")
