"""PyTorch: nn.LSTM, nn.GRU, nn.RNN and nn.Linear, run eagerly on as many threads as there are cores
(its LSTM is then oneDNN's fused one). clip_grad_norm_ adds 1e-6 to the norm that it divides by."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.protocol import Built
from benchmarks.weights import Variant, Weights
from benchmarks.workloads import Workload
from jaxrnn.interop._torch import LEAVES

torch.set_num_threads(len(os.sched_getaffinity(0)))

VARIANTS: dict[str, Variant] = {}
LAYERS: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU, "vanilla": nn.RNN}


def versions() -> dict[str, str]:
    return {"torch": version("torch"), "torch threads": str(torch.get_num_threads())}


def build(w: Workload, weights: Weights, inputs: Weights) -> Built:
    tensors = {k: torch.from_numpy(a) for k, a in inputs.items()}
    if w.kind == "gemm":
        with torch.no_grad():
            product = torch.empty(w.H, w.H)
        return Built(
            lambda: torch.matmul(tensors["a"], tensors["b"], out=product),
            lambda: {"product": product.numpy()},
        )
    return BUILDERS[w.kind](w, Model(w, weights), tensors)


class Model(nn.Module):
    def __init__(self, w: Workload, weights: Weights):
        super().__init__()
        self.layer = LAYERS[w.cell](w.D, w.H, w.depth, bidirectional=w.both_ways)
        self.head = nn.Linear(w.features, w.V) if w.V else nn.Identity()
        self.vocabulary = w.V
        with torch.no_grad():
            for name, parameter in self.canonical().items():
                parameter.copy_(_turned(torch.from_numpy(weights[name])))

    def forward(self, xs: torch.Tensor, carry: Any = None) -> tuple[Any, torch.Tensor]:
        ys, carry = self.layer(xs, carry)
        return carry, self.head(ys)

    def one_hot(self, tokens: torch.Tensor) -> torch.Tensor:
        return nn.functional.one_hot(tokens, self.vocabulary).to(torch.float32)

    def canonical(self) -> dict[str, torch.Tensor]:
        """The parameters by their common names; matrices lie transposed."""
        named: dict[str, torch.Tensor] = {}
        for level in range(self.layer.num_layers):
            for way in ("forward", "backward")[: 1 + self.layer.bidirectional]:
                suffix = f"_l{level}" + ("_reverse" if way == "backward" else "")
                for ours, theirs in LEAVES.items():
                    named[f"{level}.{way}.{ours}"] = getattr(self.layer, theirs + suffix)
        if isinstance(self.head, nn.Linear):
            named["head.w"], named["head.b"] = self.head.weight, self.head.bias
        return named

    def gradients(self) -> Weights:
        found = {}
        for name, parameter in self.canonical().items():
            assert parameter.grad is not None
            found[f"d.{name}"] = _turned(parameter.grad).numpy()
        return found


def _turned(a: torch.Tensor) -> torch.Tensor:
    return a.T if a.ndim == 2 else a


def _forward(w: Workload, model: Model, inputs: dict[str, torch.Tensor]) -> Built:
    def call():
        with torch.inference_mode():
            return model(inputs["xs"])[1]

    return Built(call, lambda: {"ys": call().numpy()})


def _backward(w: Workload, model: Model, inputs: dict[str, torch.Tensor]) -> Built:
    xs = inputs["xs"].requires_grad_()

    def call() -> torch.Tensor:
        model.zero_grad(set_to_none=True)
        xs.grad = None
        ys = model(xs)[1]
        ys.backward(inputs["dys"])
        return ys

    def probe() -> Weights:
        ys = call().detach().numpy()
        assert xs.grad is not None
        return {"ys": ys, "dxs": xs.grad.numpy(), **model.gradients()}

    return Built(call, probe)


def _optimizer(w: Workload, model: Model) -> torch.optim.Optimizer:
    make: dict[str, Callable] = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    return make[w.optimizer](model.parameters(), lr=w.learning_rate, fused=True)


def _train(w: Workload, model: Model, inputs: dict[str, torch.Tensor]) -> Built:
    tokens, targets = inputs["tokens"].long(), inputs["targets"].long().reshape(-1)
    cross_entropy = nn.CrossEntropyLoss()
    begin = {k: v.clone() for k, v in model.state_dict().items()}

    def make_step() -> Callable[[], float]:
        model.load_state_dict(begin)
        optimizer = _optimizer(w, model)

        def step() -> float:
            optimizer.zero_grad(set_to_none=True)
            _, logits = model(model.one_hot(tokens))
            loss = cross_entropy(logits.reshape(-1, w.V), targets)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), w.clip)
            optimizer.step()
            return loss.item()

        return step

    def probe() -> Weights:
        step = make_step()
        losses = np.array([step(), step()])
        model.load_state_dict(begin)
        model.zero_grad()
        cross_entropy(model(model.one_hot(tokens))[1].reshape(-1, w.V), targets).backward()
        return {"losses": losses, **model.gradients()}

    return Built(make_step(), probe)


def _generate(w: Workload, model: Model, inputs: dict[str, torch.Tensor]) -> Built:
    tokens = inputs["tokens"].long()

    def step(token: torch.Tensor, carry: Any) -> tuple[Any, torch.Tensor, torch.Tensor]:
        with torch.inference_mode():
            carry, logits = model(model.one_hot(token), carry)
            return carry, logits.argmax(dim=-1), logits

    states: list[tuple[Any, torch.Tensor]] = [(None, tokens[:1])]

    def call() -> None:
        carry, token = states.pop()
        carry, token, _ = step(token, carry)
        states.append((carry, token))

    def probe() -> Weights:
        carry, said = None, []
        for t in range(len(tokens)):
            carry, _, logits = step(tokens[t : t + 1], carry)
            said.append(logits.numpy())
        return {"logits": np.concatenate(said)}

    return Built(call, probe)


BUILDERS: dict[str, Callable[[Workload, Model, dict[str, torch.Tensor]], Built]] = {
    "forward": _forward,
    "backward": _backward,
    "train": _train,
    "generate": _generate,
}
