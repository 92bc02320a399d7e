"""Which cell shall I take? Every cell as a language model of one size, and on two problems of
memory.

    python experiments/family.py --page docs/family.md       # hours; it goes on where it stopped
    python experiments/family.py --only mingru lstm --seeds 1

Language: Moby Dick as it is, by characters; two layers between an embedding of 64 and the head, of
as many units as come nearest to --parameters in all; the same text, order, optimizer and updates
for each. What is measured on the last twentieth of the text, which nobody trained on, is bits per
character.

Memory: the problems of `long_memory.py`, one layer of 64 units, as many updates at every lag.

Each measurement is a file under --runs; the page and its plots are made of all that are there.
"""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Annotated, Any, get_args

import command
import family_page
import jax
import numpy as np
import tyro
from long_memory import LAGS, PROBLEMS, optimizer, remember
from run_dir import make, write_whole
from settings import Cell, Model

import jaxrnn
from jaxrnn import text, training

EMBEDDING, LAYERS = 64, 2
HEADS = {"mlstm": 8}  # of a language model: one head's memory would be its hidden size squared
BATCH, STEPS, CHUNK = 32, 64, 64  # rows, tokens of a row, updates of a program


@dataclasses.dataclass(frozen=True)
class Options:
    """Measure every cell, and write the table."""

    only: tuple[Cell, ...] = get_args(Cell)
    """The cells to measure."""
    seeds: int = 3
    """Runs of each language model; a problem has one."""
    parameters: int = 1_000_000
    """Of a language model, about."""
    updates: int = 256
    """Of a language model: each of 2,048 characters, so that 512 are most of the text."""
    problem_updates: int = 500
    """Of each problem at each lag."""
    runs: Path = Path("runs/family")
    """Where the measurements are."""
    page: Annotated[Path | None, tyro.conf.arg(metavar="FILE.md")] = None
    """Write the table there, and its plots beside it."""


def language_model(cell: Cell, hidden_size: int, vocab_size: int) -> jaxrnn.LanguageModel:
    model = Model(
        cell=cell,
        hidden_size=hidden_size,
        layers=LAYERS,
        embedding=EMBEDDING,
        heads=HEADS.get(cell),
    )
    return model.language_model(vocab_size)


def parameters(lm: jaxrnn.LanguageModel) -> int:
    shapes = jax.eval_shape(lm.init, jax.random.key(0))
    return sum(a.size for a in jax.tree.leaves(shapes))


def sized(cell: Cell, vocab_size: int, wanted: int) -> tuple[jaxrnn.LanguageModel, int]:
    """The model of that cell with nearest to `wanted` parameters; its hidden size."""
    low, high = 8, 16
    while parameters(language_model(cell, high, vocab_size)) < wanted:
        low, high = high, 2 * high
    while high - low > 8:
        middle = (low + high) // 16 * 8
        if parameters(language_model(cell, middle, vocab_size)) < wanted:
            low = middle
        else:
            high = middle
    sizes = {abs(parameters(language_model(cell, H, vocab_size)) - wanted): H for H in (low, high)}
    H = sizes[min(sizes)]
    return language_model(cell, H, vocab_size), H


def model_language(cell: Any, seed: int, options: Options) -> dict[str, Any]:
    """Train, measure, write: one run of a cell as a language model."""
    ids, vocab = text.encode(text.load_corpus("moby_dick"), "plain", cut=None)
    parts = text.split(ids, 0.05)
    lm, hidden_size = sized(cell, len(vocab), options.parameters)
    xs, ys = rows(parts.train)
    adam = optimizer(options.updates)
    params = lm.init(jax.random.key(seed))
    start = lm.initial_carry(params, (BATCH,))
    state, seconds = training.start(params, adam, start), []
    for begin in range(0, options.updates, CHUNK):
        at = np.arange(begin, begin + CHUNK) % len(xs)
        since = time.perf_counter()
        state, _ = training.epoch(lm.loss, adam, state, xs[at], ys[at], start, "never")
        jax.block_until_ready(state)
        seconds.append(time.perf_counter() - since)
    losses = training.evaluate(lm.loss, state.params, *rows(parts.validation), start)
    rest = seconds[1:] or seconds
    return {
        "hidden_size": hidden_size,
        "parameters": parameters(lm),
        "bits": float(np.mean(losses) / np.log(2)),
        "tokens_per_second": CHUNK * BATCH * STEPS / float(np.median(rest)),
        "first_call_seconds": seconds[0] - float(np.median(rest)),
        "milliseconds_per_character": writing(lm, state.params),
    }


def rows(ids: np.ndarray) -> text.Batches:
    """Consecutive minibatches (N, T, B), and the same one token on."""
    return text.batches("consecutive", ids, BATCH, STEPS, seed=0, epoch=0)


def writing(lm: jaxrnn.LanguageModel, params: Any, count: int = 500) -> float:
    """Milliseconds a character of one text."""
    prompt = np.zeros((1, 1), np.int32), np.ones(1, np.int32)
    jax.block_until_ready(jaxrnn.generation.generate(lm, params, *prompt, count))
    since = time.perf_counter()
    jax.block_until_ready(jaxrnn.generation.generate(lm, params, *prompt, count))
    return (time.perf_counter() - since) / count * 1e3


def measurements(options: Options):
    """(name of its file, what measures it)."""
    for seed in range(options.seeds):
        for cell in options.only:
            yield f"language-{cell}-{seed}", lambda c=cell, s=seed: model_language(c, s, options)
    for problem in PROBLEMS:
        for lag in LAGS:
            for cell in options.only:
                yield (
                    f"{problem}-{lag}-{cell}-0",
                    lambda c=cell, p=problem, n=lag: remember(c, p, n, options.problem_updates),
                )


def main(options: Options) -> int:
    make(options.runs)
    for name, measure in measurements(options):
        file = options.runs / f"{name}.json"
        if not file.exists():
            told = {"measured": name, **measure()}
            write_whole(file, json.dumps(told, indent=1) + "\n")
            print(json.dumps(told), flush=True)
    if options.page:
        family_page.write(options.runs, options.page, LAGS)
    return 0


if __name__ == "__main__":
    command.run(lambda: main(command.parse(Options)))
