"""How long does a cell remember? Two problems, the adding and the copying one, at growing lags.

    python experiments/long_memory.py                       # vanilla, gru and lstm: half an hour
    python experiments/long_memory.py --only lru --problem copying --lags 10 100

After Hochreiter & Schmidhuber (1997) and Arjovsky, Shah & Bengio (2016): in the adding problem the
two numbers to add are marked in a sequence of random ones (what is guessed has an error of 1/6); in
the copying problem eight letters are to be said again after a lag (guessing errs in 7 of 8). One
layer of 64 units; as many updates at every lag; the error on sequences that were not trained on.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal

import command
import family_page
import jax
import jax.numpy as jnp
import numpy as np
import tyro
from settings import Cell, Model

import jaxrnn
from jaxrnn import training

LAGS, UNITS, BATCH = (10, 30, 100, 300), 64, 64
LETTERS, WORD = 8, 8  # of the copying problem


@dataclasses.dataclass(frozen=True)
class Options:
    """Train each cell on a problem at every lag, and tell its error."""

    only: tuple[Cell, ...] = ("vanilla", "gru", "lstm")
    """The cells to train."""
    problem: Literal["adding", "copying"] = "adding"
    """What is to be remembered."""
    lags: tuple[int, ...] = LAGS
    """For how long, in steps."""
    updates: int = 500
    """Of each cell at each lag."""
    seed: int = 0
    """Of the weights and the sequences."""
    draw: Annotated[Path | None, tyro.conf.arg(metavar="FILE.svg")] = None
    """Draw the errors over the lags there."""


def optimizer(updates: int, rate: float = 0.003) -> Any:
    return training.optimizer("adam", training.schedule("cosine", rate, updates, 20), clip=1.0)


def adding(rng: np.random.Generator, lag: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """n minibatches: a number and a mark at each of `lag` instants; the sum of the two marked, one
    in the first tenth."""
    numbers = rng.random((n, lag, BATCH))
    marks, shape = np.zeros_like(numbers), (n, 1, BATCH)
    early = rng.integers(0, max(1, lag // 10), shape)
    late = rng.integers(lag // 2, lag, shape)
    for at in (early, late):
        np.put_along_axis(marks, at, 1.0, axis=1)
    xs = np.stack([numbers, marks], -1)
    return xs.astype(np.float32), (numbers * marks).sum(1).astype(np.float32)


def copying(rng: np.random.Generator, lag: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """n minibatches: a word, blanks, and a sign for each letter to say; tokens, and the word."""
    word = rng.integers(0, LETTERS, (n, WORD, BATCH))
    blanks = np.full((n, lag, BATCH), LETTERS)
    signs = np.full((n, WORD, BATCH), LETTERS + 1)
    return np.concatenate([word, blanks, signs], 1), word


PROBLEMS = {"adding": adding, "copying": copying}


def remember(cell: Any, problem: str, lag: int, updates: int, seed: int = 0) -> dict[str, Any]:
    """Train on one problem at one lag: the error on sequences that were not trained on."""
    layer = jaxrnn.unroll(Model(cell=cell, hidden_size=UNITS).one())
    rng, n = np.random.default_rng(seed), 50
    inputs, outputs = (2, 1) if problem == "adding" else (LETTERS + 2, LETTERS)
    draw = PROBLEMS[problem]
    key_layer, key_head = jax.random.split(jax.random.key(seed))
    w = jax.nn.initializers.glorot_uniform()(key_head, (layer.output_size, outputs))
    params = {"layer": layer.init(key_layer, inputs), "w": w, "b": jnp.zeros(outputs)}

    def say(params, xs):
        ys = layer.apply(params["layer"], None, xs)[1]
        ys = ys[-1:] if problem == "adding" else ys[-WORD:]
        return ys @ params["w"] + params["b"]

    def loss(params, carry, xs, wanted):
        said = say(params, xs)
        if problem == "adding":
            return jnp.mean((said[0, :, 0] - wanted) ** 2), carry
        return jaxrnn.cross_entropy(said, wanted).mean(), carry

    def wrong(params, carry, xs, wanted):
        if problem == "adding":
            return loss(params, carry, xs, wanted)
        return (say(params, xs).argmax(-1) != wanted).mean(), carry

    adam = optimizer(updates)
    state = training.start(params, adam, None)
    for _ in range(0, updates, n):
        state, _ = training.epoch(loss, adam, state, *draw(rng, lag, n), None)
    held_out = draw(np.random.default_rng(10_000 + seed), lag, 10)
    return {"error": float(training.evaluate(wrong, state.params, *held_out, None).mean())}


def main(options: Options) -> int:
    errors: dict[tuple[str, int, str], list[float]] = {}
    for cell in options.only:
        for lag in options.lags:
            told = remember(cell, options.problem, lag, options.updates, options.seed)
            errors[options.problem, lag, cell] = [told["error"]]
            guess = family_page.GUESS[options.problem]
            print(
                f"{cell}, lag {lag}: error {told['error']:.4f} (guessing {guess:.4f})", flush=True
            )
    if options.draw:
        family_page.draw_problem(options.problem, errors, options.lags, options.draw)
        print(f"drawn in {options.draw}")
    return 0


if __name__ == "__main__":
    command.run(lambda: main(command.parse(Options)))
