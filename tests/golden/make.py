"""Write torch.json: what PyTorch's recurrent layers say, for tests that run without PyTorch.

    python tests/golden/make.py

Run it again only to add cases: the numbers are from torch 2.13.0, CPU, float64.
"""

import json
from pathlib import Path

import numpy as np
import torch

T, B, I, H = 4, 1, 3, 2
CASES = {
    "tanh": (torch.nn.RNN, {}),
    "relu": (torch.nn.RNN, {"nonlinearity": "relu"}),
    "gru": (torch.nn.GRU, {}),
    "lstm": (torch.nn.LSTM, {}),
    "gru-2-bidirectional": (torch.nn.GRU, {"num_layers": 2, "bidirectional": True}),
}


def case(kind: type, options: dict) -> dict:
    """Weights, input, initial carry and cotangents; outputs and gradients. Carries are [h], [h, c]
    of shape (layers × directions, B, H)."""
    torch.manual_seed(7)
    module = kind(I, H, dtype=torch.float64, **options)
    floors = (2 if module.bidirectional else 1) * module.num_layers
    parts = 2 if kind is torch.nn.LSTM else 1

    def normal(*shape):
        return torch.randn(*shape, dtype=torch.float64).round(decimals=2)

    for weight in module.parameters():
        weight.data = normal(*weight.shape) / 2  # few digits in what goes in

    xs = normal(T, B, I).requires_grad_()
    carry = [normal(floors, B, H).requires_grad_() for _ in range(parts)]
    ys, end = module(xs, tuple(carry) if parts == 2 else carry[0])
    end = list(end) if parts == 2 else [end]
    dys, dend = normal(*ys.shape), [normal(*part.shape) for part in end]
    torch.autograd.backward([ys, *end], [dys, *dend])

    def plain(arrays):
        return [np.asarray(a.detach()).tolist() for a in arrays]

    weights = dict(module.named_parameters())
    return {
        "weights": dict(zip(weights, plain(weights.values()), strict=True)),
        "dweights": dict(zip(weights, plain(w.grad for w in weights.values()), strict=True)),
        **dict(zip(("xs", "ys", "dys", "dxs"), plain([xs, ys, dys, xs.grad]), strict=True)),
        "carry": plain(carry),
        "dcarry": plain(part.grad for part in carry),
        "end": plain(end),
        "dend": plain(dend),
    }


if __name__ == "__main__":
    golden = {name: case(*arguments) for name, arguments in CASES.items()}
    Path(__file__).with_name("torch.json").write_text(json.dumps(golden, separators=(",", ":")))
