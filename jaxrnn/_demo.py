"""``python -m jaxrnn demo``: a GRU learns the Analects, with nothing at hand but the package.

The settings are those of the preset `gru-concise`, so its perplexities are, too.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import jax
import jax.numpy as jnp

import jaxrnn
from jaxrnn import _checks, text, training

BATCH, STEPS, CHARACTERS, EVERY = 32, 35, 10_000, 8
RATE, CLIP = 0.01, 0.01


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`demo`, among the commands of ``python -m jaxrnn``."""
    demo = commands.add_parser("demo", help="train a small language model, and read what it writes")
    demo.set_defaults(work=work)
    demo.add_argument("--epochs", type=_positive, default=40)


def work(asked: argparse.Namespace) -> int:
    """0; 1 where the perplexity ends higher than it began."""
    ids, vocab = text.encode(text.load_corpus("analects"), cut=CHARACTERS)
    model = model_of(len(vocab))
    params = model.init(jax.random.key(0))
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    unigram = text.unigram_perplexity(ids, len(vocab))
    print(
        f"analects: {len(ids):,} tokens, {len(vocab):,} distinct, unigram perplexity {unigram:.1f}"
    )
    print(f"gru(256), Adam: {count:,} parameters on {jax.default_backend()}", flush=True)
    start = model.initial_carry(params, (BATCH,))
    adam = training.optimizer("adam", learning_rate=RATE, clip=CLIP)
    state, seen = training.start(params, adam, start), []
    for epoch in range(1, asked.epochs + 1):
        begin = time.perf_counter()
        batches = text.batches("consecutive", ids, BATCH, STEPS, seed=0, epoch=epoch)
        state, report = training.epoch(model.loss, adam, state, *batches, start, "epoch")
        seen.append(training.perplexity(report.loss))
        if epoch % EVERY == 0 or epoch == asked.epochs:
            seconds = time.perf_counter() - begin
            print(f"epoch {epoch}, perplexity {seen[-1]:.6g}, {seconds:.3f} s")
            print(f"  {_written(model, state.params, vocab, '子曰')}", flush=True)
    return 0 if seen[-1] <= seen[0] else 1


def model_of(size: int) -> jaxrnn.LanguageModel:
    """Of so many characters."""
    cell = jaxrnn.gru(256, recurrent_bias=True, initializer="pytorch_uniform")
    return jaxrnn.language_model(jaxrnn.unroll(cell), size, initializer="pytorch_uniform")


def _written(model: jaxrnn.LanguageModel, params: Any, vocab: text.Vocabulary, prefix: str) -> str:
    ids = vocab.ids(prefix)
    drawn = model.generate(params, jnp.array(ids)[:, None], [len(ids)], 40)
    return prefix + "|" + vocab.text(drawn[:, 0])


def _positive(word: str) -> int:
    if not word.isdecimal() or not (number := int(word)):
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {_checks.cut(word)}")
    return number
