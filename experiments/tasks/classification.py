"""Classify sequences of unequal lengths: in which order did the two signals come?

    python experiments/tasks/classification.py

A sequence of 20 to 60 letters is noise but for two places, one in each half, at which an X or a Y
stands. Its class is the order of the two: XX, XY, YX or YY. The temporal order problem is from
S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural Computation 9, 1997, section 5.6.

The sequences lie side by side, padded to one T, and `lengths=` tells the layer how long each is:
the carry is held where a sequence is over, so that the last one is what the layer has made of it.
"""

from __future__ import annotations

import jax
import numpy as np
import task

import jaxrnn
from jaxrnn import training

N, B = 50, 64  # minibatches an epoch, sequences in each
SHORTEST, T = 20, 60
NOISE, LETTERS, CLASSES = 4, 6, 4  # a b c d, and X Y; XX XY YX YY
LAYER = jaxrnn.unroll(jaxrnn.lstm(32))


def draw(rng: np.random.Generator) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """N minibatches: (tokens (N, T, B), lengths (N, B)), classes (N, B)."""
    lengths = rng.integers(SHORTEST, T + 1, (N, B))
    first, second = rng.integers(0, lengths // 2, (2, N, B))
    signals = rng.integers(0, 2, (2, N, B))
    tokens = rng.integers(0, NOISE, (N, T, B))
    for place, signal in zip((first, lengths // 2 + second), signals, strict=True):
        np.put_along_axis(tokens, place[:, None], NOISE + signal[:, None], axis=1)
    return (tokens, lengths), 2 * signals[0] + signals[1]


def init(key: jax.Array) -> dict:
    key_layer, key_head = jax.random.split(key)
    head = jax.nn.initializers.glorot_uniform()(key_head, (LAYER.output_size, CLASSES))
    return {"layer": LAYER.init(key_layer, LETTERS), "head": head}


def logits(params: dict, inputs: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Of the classes, (B, 4), by the carry at the end of each sequence."""
    tokens, lengths = inputs
    carry, _ = LAYER.apply(params["layer"], None, tokens, lengths=lengths)
    return carry.h @ params["head"]


def loss(params: dict, carry: None, inputs, classes: jax.Array):
    """Cross-entropy in nats. No carry goes from a minibatch to the next, so it is None."""
    return jaxrnn.cross_entropy(logits(params, inputs), classes).mean(), carry


def accuracy(params: dict, carry: None, inputs, classes: jax.Array):
    """The share of sequences told right: a measure, for `training.evaluate`."""
    return (logits(params, inputs).argmax(-1) == classes).mean(), carry


def main(steps: int = 400, seed: int = 0, reach: float = 0.98) -> int:
    """Tell in which order two signals came, in sequences of unequal lengths.

    Args:
        steps: Updates, rounded up to whole epochs.
        seed: Of the sequences and of the first weights.
        reach: The accuracy on held-out sequences; guessing has 0.25.
    """
    rng, key = task.chance(seed)
    adam = training.optimizer("adam", training.schedule("cosine", 0.01, steps), clip=1.0)
    state = training.start(init(key), adam, None)
    held_out, right = draw(rng), 0.0
    for done in range(N, steps + N, N):
        state, report = training.epoch(loss, adam, state, *draw(rng), None)
        right = float(training.evaluate(accuracy, state.params, *held_out, None).mean())
        if done % (2 * N) == 0 or done >= steps:
            print(f"update {done}: loss {report.loss.mean():.4f}, held-out accuracy {right:.3f}")
    return task.judge("accuracy on held-out sequences", right, reach)


if __name__ == "__main__":
    task.run(main)
