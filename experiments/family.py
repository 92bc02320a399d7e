"""Which cell shall I take? Every cell as a language model of one size, and on two problems of
memory.

    python experiments/family.py --page docs/family.md       # hours; it goes on where it stopped
    python experiments/family.py --only mingru lstm --seeds 1

Language: Moby Dick as it is, by characters; two layers between an embedding of 64 and the head, of
as many units as come nearest to --parameters in all; the same text, order, optimizer and updates
for each. What is measured on the last twentieth of the text, which nobody trained on, is bits per
character.

Memory, after Hochreiter & Schmidhuber (1997) and Arjovsky, Shah & Bengio (2016): in the adding
problem the two numbers to add are marked in a sequence of random ones (what is guessed has an error
of 1/6); in the copying problem eight letters are to be said again after a lag (guessing has 1/8).
One layer of 64 units, as many updates at every lag.

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
import jax.numpy as jnp
import numpy as np
import tyro
from run_dir import make, write_whole
from settings import Cell, Model

import jaxrnn
from jaxrnn import text, training

EMBEDDING, LAYERS = 64, 2
HEADS = {"mlstm": 8}  # of a language model: one head's memory would be its hidden size squared
BATCH, STEPS, CHUNK = 32, 64, 64  # rows, tokens of a row, updates of a program
LAGS, UNITS, PROBLEM_BATCH = (10, 30, 100, 300), 64, 64
LETTERS, WORD = 8, 8  # of the copying problem


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


def optimizer(updates: int, rate: float = 0.003) -> Any:
    return training.optimizer("adam", training.schedule("cosine", rate, updates, 20), clip=1.0)


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


# The problems of memory: inputs (T, B, I) and what is to be said.


def adding(rng: np.random.Generator, lag: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """n minibatches: a number and a mark at each of `lag` instants; the sum of the two marked, one
    in the first tenth."""
    numbers = rng.random((n, lag, PROBLEM_BATCH))
    marks, shape = np.zeros_like(numbers), (n, 1, PROBLEM_BATCH)
    early = rng.integers(0, max(1, lag // 10), shape)
    late = rng.integers(lag // 2, lag, shape)
    for at in (early, late):
        np.put_along_axis(marks, at, 1.0, axis=1)
    xs = np.stack([numbers, marks], -1)
    return xs.astype(np.float32), (numbers * marks).sum(1).astype(np.float32)


def copying(rng: np.random.Generator, lag: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """n minibatches: a word, blanks, and a sign for each letter to say; tokens, and the word."""
    word = rng.integers(0, LETTERS, (n, WORD, PROBLEM_BATCH))
    blanks = np.full((n, lag, PROBLEM_BATCH), LETTERS)
    signs = np.full((n, WORD, PROBLEM_BATCH), LETTERS + 1)
    return np.concatenate([word, blanks, signs], 1), word


def remember(cell: Any, problem: str, lag: int, seed: int, options: Options) -> dict[str, Any]:
    """Train on one problem at one lag: the error on sequences that were not trained on."""
    layer = jaxrnn.unroll(Model(cell=cell, hidden_size=UNITS).one())
    rng, n = np.random.default_rng(seed), 50
    inputs, outputs = (2, 1) if problem == "adding" else (LETTERS + 2, LETTERS)
    draw = adding if problem == "adding" else copying
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

    adam = optimizer(options.problem_updates)
    state = training.start(params, adam, None)
    for _ in range(0, options.problem_updates, n):
        state, _ = training.epoch(loss, adam, state, *draw(rng, lag, n), None)
    held_out = draw(np.random.default_rng(10_000 + seed), lag, 10)
    return {"error": float(training.evaluate(wrong, state.params, *held_out, None).mean())}


def measurements(options: Options):
    """(name of its file, what measures it)."""
    for seed in range(options.seeds):
        for cell in options.only:
            yield f"language-{cell}-{seed}", lambda c=cell, s=seed: model_language(c, s, options)
    for problem in ("adding", "copying"):
        for lag in LAGS:
            for cell in options.only:
                yield (
                    f"{problem}-{lag}-{cell}-0",
                    lambda c=cell, p=problem, n=lag: remember(c, p, n, 0, options),
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
