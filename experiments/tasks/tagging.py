"""Tag every word of a sentence, both ways: what comes later tells, too, what a word is.

    python experiments/tasks/tagging.py

A hidden Markov model writes the sentences: a tag follows on a tag, and each tag says one of its
words; a word may be said by several tags. The best that can be done is known (L. R. Rabiner, "A
Tutorial on Hidden Markov Models", Proceedings of the IEEE 77, 1989)::

    a forward tagger      p(tag_t | words up to t)     the filter
    one that reads all    p(tag_t | all words)         the smoother, by forward and backward

So no forward network can be better than the filter, however long it is trained. The script trains
one network forwards and one both ways; the latter must go far beyond the filter, to the smoother.
"""

from __future__ import annotations

import jax
import numpy as np
import task

import jaxrnn
from jaxrnn import training

N, T, B = 50, 40, 32  # minibatches an epoch, words of a sentence, sentences
TAGS, WORDS = 4, 8
FOLLOWS = 0.85 * np.roll(np.eye(TAGS), 1, axis=1) + 0.15 / TAGS  # p(tag | the tag before)
SAYS = np.repeat(0.6 * np.eye(TAGS) + 0.1, 2, axis=1) / 2  # p(word | its tag)
Batches = tuple[np.ndarray, np.ndarray]  # words and tags, each (N, T, B)


def pick(rng: np.random.Generator, chances: np.ndarray) -> np.ndarray:
    """An index for each row of chances (..., n) -> (...)."""
    return (rng.random((*chances.shape[:-1], 1)) > chances.cumsum(-1)[..., :-1]).sum(-1)


def draw(rng: np.random.Generator) -> Batches:
    """N minibatches of sentences."""
    tags = np.empty((T, N, B), int)
    tags[0] = rng.integers(0, TAGS, (N, B))
    for t in range(1, T):
        tags[t] = pick(rng, FOLLOWS[tags[t - 1]])
    return pick(rng, SAYS[tags]).swapaxes(0, 1), tags.swapaxes(0, 1)


def best(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest tags by the filter and by the smoother: words (N, T, B) -> tags (N, T, B)."""
    said = SAYS.T[words.swapaxes(0, 1)]
    past, future = np.empty_like(said), np.ones_like(said)
    past[0] = said[0]
    for t in range(1, T):
        past[t] = past[t - 1] @ FOLLOWS * said[t]
        past[t] /= past[t].sum(-1, keepdims=True)
    for t in range(T - 1, 0, -1):
        future[t - 1] = (future[t] * said[t]) @ FOLLOWS.T
        future[t - 1] /= future[t - 1].sum(-1, keepdims=True)
    return past.argmax(-1).swapaxes(0, 1), (past * future).argmax(-1).swapaxes(0, 1)


def accuracy_of(layer: jaxrnn.Layer, steps: int, rng, key: jax.Array, held_out: Batches) -> float:
    """Train a tagger, a language model whose targets are tags, and judge it."""
    tagger = jaxrnn.language_model(layer, WORDS)
    params = tagger.init(key)
    carry = tagger.initial_carry(params, (B,))

    def accuracy(params, carry, words: jax.Array, tags: jax.Array):
        _, logits = tagger.apply(params, carry, words)
        return (logits.argmax(-1) == tags).mean(), carry

    adam = training.optimizer("adam", training.schedule("linear", 0.01, steps), clip=1.0)
    state = training.start(params, adam, carry)
    for _ in range(0, steps, N):
        state, _ = training.epoch(tagger.loss, adam, state, *draw(rng), carry, "minibatch")
    return float(training.evaluate(accuracy, state.params, *held_out, carry, "minibatch").mean())


def main(steps: int = 250, seed: int = 0, reach: float = 0.7) -> int:
    """Tag sentences forwards, and both ways.

    Args:
        steps: Updates of each network, rounded up to whole epochs.
        seed: Of the sentences and of the first weights.
        reach: How far to go from the filter (0) to the smoother (1); no forward network passes 0.
    """
    rng, key = task.chance(seed)
    words, tags = held_out = draw(rng)
    known = [float((guess == tags).mean()) for guess in best(words)]
    cell = jaxrnn.gru(32)
    layers = jaxrnn.unroll(cell), jaxrnn.bidirectional(cell)
    got = [accuracy_of(layer, steps, rng, key, held_out) for layer in layers]
    print(f"forwards:  accuracy {got[0]:.4f}, the best possible (the filter) {known[0]:.4f}")
    print(f"both ways: accuracy {got[1]:.4f}, the best possible (the smoother) {known[1]:.4f}")
    way = (got[1] - known[0]) / (known[1] - known[0])
    return task.judge("both ways, part of the way from filter to smoother", way, reach)


if __name__ == "__main__":
    task.run(main)
