"""How far back does a loss reach? The gradient of the last output in the state at each step before.

    python experiments/gradient_flow.py                     # new weights: a minute
    python experiments/gradient_flow.py --run runs/lstm-20260101-120000 --draw reach.svg

Of a run's model as it was trained; without a run, of a vanilla RNN, a GRU, an LSTM, and LSTMs of 2
and of 6 layers, as they begin. On random tokens, for each: the norm of the gradient 1, 10 and 100
steps back, the spectral radii of the recurrent matrices, and the part of its gates that is shut or
open (`jaxrnn.insight`).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import command
import jax
import numpy as np
import tyro
from inside import measure
from run_dir import folder
from settings import Model

import jaxrnn
from jaxrnn import insight

VOCABULARY = 64
NEW = {
    "vanilla": Model(cell="vanilla"),
    "gru": Model(cell="gru"),
    "lstm": Model(cell="lstm"),
    "lstm, 2 layers": Model(cell="lstm", layers=2),
    "lstm, 6 layers": Model(cell="lstm", layers=6),
}


@dataclasses.dataclass(frozen=True)
class Options:
    """Tell how far gradients reach."""

    run: Annotated[tuple[str, ...], tyro.conf.arg(metavar="FOLDER…")] = ()
    """Runs of char_lm.py; else new weights of some models."""
    steps: int = 128
    """How far back to look."""
    seed: int = 0
    """Of the new weights, and the tokens."""
    draw: Annotated[Path | None, tyro.conf.arg(metavar="FILE.svg")] = None
    """Draw the norms over the lag there."""


def models(options: Options) -> dict[str, tuple[Any, Any]]:
    if options.run:
        return {name: jaxrnn.load(folder(name) / "model.safetensors") for name in options.run}
    key = jax.random.key(options.seed)
    made = {name: model.language_model(VOCABULARY) for name, model in NEW.items()}
    return {name: (lm, lm.init(key)) for name, lm in made.items()}


def tell(name: str, found: insight.Reach, gates: list[insight.Gate], radii: Any) -> None:
    lags = [lag for lag in (1, 10, 100) if lag <= len(found.norms)]
    norms = ", ".join(f"{found.norms[lag - 1]:.2e} after {lag}" for lag in lags)
    print(f"{name}: gradient {norms}")
    for leaf, of in found.leaves.items():
        if len(found.leaves) > 2:
            print(f"  {leaf}: " + ", ".join(f"{of[lag - 1]:.2e}" for lag in lags))
    for leaf, of in radii.items():
        print(f"  spectral radii of {leaf}: " + ", ".join(f"{radius:.2f}" for radius in of))
    if gates:
        shut, open_ = (
            np.mean([getattr(gate, what) for gate in gates]) for what in ("shut", "open")
        )
        print(f"  gates: {shut:.0%} shut, {open_:.0%} open")


def draw(found: dict[str, insight.Reach], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, of in found.items():
        axes.semilogy(np.arange(1, len(of.norms) + 1), of.norms, label=name)
    axes.set_xlabel("steps back")
    axes.set_ylabel("‖∂ loss / ∂ state‖")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path)


def main(options: Options) -> int:
    found = {}
    for name, (lm, params) in models(options).items():
        rng = np.random.default_rng(options.seed)
        seen = measure(lm, params, rng.integers(lm.vocab_size, size=(options.steps, 16)))
        if seen.reach is None or seen.gates is None:
            raise ValueError(f"{name} walks backwards too: a loss reaches all of its steps.")
        found[name] = seen.reach
        tell(name, seen.reach, seen.gates, seen.radii)
    if options.draw:
        draw(found, options.draw)
        print(f"drawn in {options.draw}")
    return 0


if __name__ == "__main__":
    command.run(lambda: main(command.parse(Options)))
