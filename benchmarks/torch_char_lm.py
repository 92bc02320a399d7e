"""`experiments/char_lm.py gru-concise` in PyTorch, as its users write it; end_to_end runs it, with
the words text.npz and how many epochs.

text.npz: inputs and targets (N, T, B), vocab_size, and prefixes, one a row, padded with -1. Batches
and prefixes come encoded, so that this process imports PyTorch and NumPy and nothing else.
"""

import json
import math
import os
import sys
import time

import numpy as np
import torch
from torch import nn


class CharModel(nn.Module):
    def __init__(self, vocab_size: int, hidden_size: int = 256):
        super().__init__()
        self.vocab_size = vocab_size
        self.layer = nn.GRU(vocab_size, hidden_size)
        self.head = nn.Linear(hidden_size, vocab_size)

    def forward(self, tokens: torch.Tensor, carry: torch.Tensor | None):
        one_hot = nn.functional.one_hot(tokens, self.vocab_size).to(torch.float32)
        ys, carry = self.layer(one_hot, carry)
        return self.head(ys), carry


@torch.no_grad()
def generate(model: CharModel, prefix: list[int], count: int) -> None:
    """The prefix character by character, then each argmax fed back."""
    carry, logits = None, torch.zeros(())
    for k in range(len(prefix) + count):
        token = prefix[k] if k < len(prefix) else int(logits.argmax())
        logits, carry = model(torch.tensor([[token]]), carry)


def train_epoch(model: CharModel, optimizer: torch.optim.Optimizer, inputs, targets) -> float:
    """The running perplexity; the state is handed on from minibatch to minibatch, detached."""
    cross_entropy, carry, total = nn.CrossEntropyLoss(), None, 0.0
    for x, y in zip(inputs, targets, strict=True):
        optimizer.zero_grad()
        logits, carry = model(x, carry)
        carry = carry.detach()
        loss = cross_entropy(logits.reshape(-1, model.vocab_size), y.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        optimizer.step()
        total += loss.item()
    return math.exp(total / len(inputs))


def main(path: str, epochs: int) -> None:
    text, seconds, perplexity = np.load(path), 0.0, math.inf
    inputs, targets = (torch.from_numpy(text[k]).long() for k in ("inputs", "targets"))
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    model = CharModel(int(text["vocab_size"]))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    for epoch in range(epochs + 1):
        start = time.perf_counter()
        if epoch:
            perplexity = train_epoch(model, optimizer, inputs, targets)
            seconds += time.perf_counter() - start
        if epoch % 40 == 0 or epoch == epochs:
            for row in text["prefixes"]:
                generate(model, [int(i) for i in row if i >= 0], 50 if epoch else 10)
    print(json.dumps({"epochs": seconds, "perplexity": perplexity}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
