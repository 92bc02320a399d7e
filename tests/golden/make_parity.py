"""Perplexities of PyTorch loops written as *Dive into Deep Learning* writes them, into parity.json.

    python tests/golden/make_parity.py

Every run starts from weights that `initial_weights` draws with NumPy, so that they need not be
stored, and reads the first 10,000 characters of the Analects. Only the loop itself needs torch.
"""

import json
import platform
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxrnn import text

PATH = Path(__file__).with_name("parity.json")
COMMAND = "python tests/golden/make_parity.py"
SEED, EPOCHS, BATCH, STEPS = 0, 10, 32, 35
GATES = {"vanilla": 1, "gru": 3, "gru-before": 3, "lstm": 4}


class Recipe(NamedTuple):
    """Weights are PyTorch's for Adam, "from scratch" for SGD: N(0, 0.01²) and biases 0."""

    cell: str
    hidden: int = 32
    depth: int = 1
    directions: int = 1
    optimizer: str = "adam"
    rate: float = 0.01
    clip: float = 0.01


RUNS = {
    "vanilla": Recipe("vanilla", rate=0.001),
    "gru": Recipe("gru"),
    "lstm": Recipe("lstm"),
    "lstm-2-layers": Recipe("lstm", depth=2),
    "bigru": Recipe("gru", directions=2),
    "gru-scratch": Recipe("gru-before", optimizer="sgd", rate=100.0),
}


def ids_and_vocabulary_size():
    ids, vocabulary = text.encode(text.load_corpus("analects"))
    return ids, len(vocabulary)


class Weights(NamedTuple):
    """rnn[level][direction] is w_x (I, G·H), w_h (H, G·H), b (G·H), b_h (G·H); head is w (F, V),
    b (V)."""

    rnn: list
    head: tuple


def initial_weights(recipe, vocabulary_size):
    rng = np.random.default_rng(SEED)
    scratch, hidden = recipe.optimizer == "sgd", recipe.hidden

    def weight(fan_in, *shape):
        if scratch:
            return rng.normal(0, 0.01, shape)
        return rng.uniform(-(fan_in**-0.5), fan_in**-0.5, shape)

    def bias(fan_in, size):
        return np.zeros(size) if scratch else weight(fan_in, size)

    def one_way(inputs):
        wide = GATES[recipe.cell] * hidden
        w_x, w_h = weight(hidden, inputs, wide), weight(hidden, hidden, wide)
        return w_x, w_h, bias(hidden, wide), bias(hidden, wide)

    features = recipe.directions * hidden
    rnn = [
        [one_way(features if level else vocabulary_size) for _ in range(recipe.directions)]
        for level in range(recipe.depth)
    ]
    head = weight(features, features, vocabulary_size), bias(features, vocabulary_size)
    return Weights(rnn, head)


# The loop of the book, in float64.


def perplexities(recipe, epochs=EPOCHS):
    """The running perplexity of each epoch."""
    import torch

    torch.set_num_threads(1)
    ids, vocabulary_size = ids_and_vocabulary_size()
    corpus = torch.tensor(ids, dtype=torch.long)
    weights = initial_weights(recipe, vocabulary_size)
    params, model = (scratch if recipe.optimizer == "sgd" else concise)(recipe, weights)
    rules = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    optimizer = rules[recipe.optimizer](params, lr=recipe.rate)
    loss = torch.nn.CrossEntropyLoss()
    printed = []
    for _ in range(epochs):
        loss_sum, count, state = 0.0, 0, None
        for x, y in data_iter_consecutive(corpus, BATCH, STEPS):
            state = detached(state)
            one_hot = torch.nn.functional.one_hot(x.T, vocabulary_size).double()
            output, state = model(one_hot, state)
            y = y.T.contiguous().view(-1)
            mean = loss(output, y)
            optimizer.zero_grad()
            mean.backward()
            grad_clipping(params, recipe.clip)
            optimizer.step()
            loss_sum, count = loss_sum + mean.item() * len(y), count + len(y)
        printed.append(float(np.exp(loss_sum / count)))
    return printed


def data_iter_consecutive(corpus, batch_size, num_steps):
    batch_len = len(corpus) // batch_size
    rows = corpus[: batch_size * batch_len].view(batch_size, batch_len)
    for i in range((batch_len - 1) // num_steps):
        i = i * num_steps
        yield rows[:, i : i + num_steps], rows[:, i + 1 : i + num_steps + 1]


def detached(state):
    if isinstance(state, tuple):
        return tuple(part.detach() for part in state)
    return None if state is None else state.detach()


def grad_clipping(params, theta):
    norm = sum((p.grad**2).sum() for p in params) ** 0.5
    if norm > theta:
        for p in params:
            p.grad *= theta / norm


def concise(recipe, weights):
    """torch.nn's own layer, and a linear one on its outputs."""
    from torch import from_numpy, nn

    kind = {"vanilla": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[recipe.cell]
    w, b = weights.head
    sizes = {"num_layers": recipe.depth, "bidirectional": recipe.directions == 2}
    rnn, dense = kind(w.shape[1], recipe.hidden, **sizes).double(), nn.Linear(*w.shape).double()
    theirs = rnn.state_dict()
    for level, directions in enumerate(weights.rnn):
        for suffix, arrays in zip(("", "_reverse"), directions, strict=False):
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            for name, array in zip(names, arrays, strict=True):
                theirs[f"{name}_l{level}{suffix}"] = from_numpy(array.T)
    rnn.load_state_dict(theirs)
    dense.load_state_dict({"weight": from_numpy(w.T), "bias": from_numpy(b)})

    def model(inputs, state):
        ys, state = rnn(inputs, state)
        return dense(ys.reshape(-1, ys.shape[-1])), state

    return [*rnn.parameters(), *dense.parameters()], model


def scratch(recipe, weights):
    """The book's GRU from scratch: nine arrays and the output layer's two."""
    import torch

    def split(array):
        return [torch.tensor(part, requires_grad=True) for part in np.split(array, 3, axis=-1)]

    w_x, w_h, b, _ = weights.rnn[0][0]
    (w_xr, w_xz, w_xh), (w_hr, w_hz, w_hh), (b_r, b_z, b_h) = split(w_x), split(w_h), split(b)
    w_hq, b_q = (torch.tensor(array, requires_grad=True) for array in weights.head)

    def model(inputs, state):
        h = torch.zeros(inputs.shape[1], recipe.hidden).double() if state is None else state
        outputs = []
        for x in inputs:
            r = torch.sigmoid(x @ w_xr + h @ w_hr + b_r)
            z = torch.sigmoid(x @ w_xz + h @ w_hz + b_z)
            candidate = torch.tanh(x @ w_xh + (r * h) @ w_hh + b_h)
            h = z * h + (1 - z) * candidate
            outputs.append(h @ w_hq + b_q)
        return torch.cat(outputs, dim=0), h

    return [w_xz, w_hz, b_z, w_xr, w_hr, b_r, w_xh, w_hh, b_h, w_hq, b_q], model


def main():
    import torch

    ids, vocabulary_size = ids_and_vocabulary_size()
    versions = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
    }
    common = {
        "corpus": "analects",
        "sha1": text.load_corpus("analects").sha1,
        "tokens": len(ids),
        "vocabulary": vocabulary_size,
        "sampling": "consecutive",
        "batch": BATCH,
        "steps": STEPS,
        "seed": SEED,
        "dtype": "float64",
    }
    runs = {
        name: {"recipe": recipe._asdict(), "perplexities": perplexities(recipe)}
        for name, recipe in RUNS.items()
    }
    golden = {"command": COMMAND, "versions": versions, "common": common, "runs": runs}
    PATH.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
