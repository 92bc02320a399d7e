"""`experiments/char_lm.py gru-concise` in PyTorch, as its users write it; end_to_end runs it, with
the words text.npz and how many epochs.

text.npz: inputs and targets (N, T, B), vocab_size, and prefixes, one a row. Batches and prefixes
come encoded, so that this process imports PyTorch and NumPy and nothing else.
"""

import json
import math
import os
import sys
import time
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, one_hot


class CharModel(nn.Module):
    def __init__(self, V: int, H: int = 256):
        super().__init__()
        self.layer, self.head = nn.GRU(V, H), nn.Linear(H, V)

    def forward(self, tokens: torch.Tensor, carry: torch.Tensor | None):
        ys, carry = self.layer(one_hot(tokens, self.layer.input_size).float(), carry)
        return self.head(ys), carry


def update(model: nn.Module, optimizer: Any, batch: Any, clip: float, carry: Any = None) -> Any:
    """On tokens and targets (T, B): the loss before it, and the last carry."""
    optimizer.zero_grad()
    logits, carry = model(batch[0], carry)
    loss = cross_entropy(logits.flatten(0, 1), batch[1].flatten())
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    return loss.item(), carry


@torch.no_grad()
def generate(model: CharModel, prefix: list[int], count: int) -> None:
    """The prefix character by character, then each argmax fed back."""
    carry, logits = None, torch.zeros(())
    for k in range(len(prefix) + count):
        token = prefix[k] if k < len(prefix) else int(logits.argmax())
        logits, carry = model(torch.tensor([[token]]), carry)


def main(path: str, epochs: int) -> None:
    """The carry is handed on from minibatch to minibatch, detached."""
    text, seconds, losses = np.load(path), 0.0, [math.inf]
    inputs, targets = (torch.from_numpy(text[k]).long() for k in ("inputs", "targets"))
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    model = CharModel(int(text["vocab_size"]))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    for epoch in range(epochs + 1):
        start, carry, losses = time.perf_counter(), None, []
        for batch in zip(inputs, targets, strict=True) if epoch else ():
            loss, carry = update(model, optimizer, batch, 0.01, carry)
            losses, carry = [*losses, loss], carry.detach()
        seconds += time.perf_counter() - start
        if epoch % 40 == 0 or epoch == epochs:
            for prefix in text["prefixes"].tolist():
                generate(model, prefix, 50 if epoch else 10)
    print(json.dumps({"epochs": seconds, "perplexity": math.exp(np.mean(losses))}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
