"""The workloads in PyTorch: nn.LSTM, nn.GRU, nn.RNN and nn.Linear, made by `jaxrnn.interop`, run
eagerly on as many threads as there are cores (its LSTM is then oneDNN's fused one), with fused
optimizers. clip_grad_norm_ adds 1e-6 to the norm that it divides by."""

import os
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from benchmarks.cases import Arrays, Case, Program, named
from jaxrnn import interop

torch.set_num_threads(len(os.sched_getaffinity(0)))
Given = dict[str, torch.Tensor]


def build(framework: str, case: Case) -> Program:
    given = {k: torch.from_numpy(a) for k, a in case.inputs.items()}
    if case.w.kind == "gemm":
        product = partial(torch.matmul, *given.values(), out=torch.empty(case.w.H, case.w.H))
        return Program(lambda: None, lambda _: (None, product()))
    module = interop.to_torch(case.model, case.params).model
    kinds = {"forward": _forward, "backward": _backward, "train": _train, "generate": _generate}
    return kinds[case.w.kind](case.w, module, given)


def _forward(w: Any, module: nn.Module, given: Given) -> Program:
    @torch.inference_mode()
    def step(_: None) -> tuple[None, torch.Tensor]:
        return None, module(given["xs"])[0]

    return Program(lambda: None, step)


def _backward(w: Any, module: nn.Module, given: Given) -> Program:
    xs = given["xs"].requires_grad_()

    def step(_: None) -> tuple[None, torch.Tensor]:
        module.zero_grad(set_to_none=True)
        xs.grad = None
        ys = module(xs)[0]
        ys.backward(given["dys"])
        return None, ys

    def read(ys: torch.Tensor) -> Arrays:
        assert xs.grad is not None
        grads = {name: p.grad for name, p in module.named_parameters()}
        activation = "tanh" if w.cell == "vanilla" else None
        gradient = named(interop.from_torch(grads, activation=activation).params)
        return {"out": ys.detach().numpy(), "dxs": xs.grad.numpy(), **gradient}

    return Program(lambda: None, step, read)


def _train(w: Any, module: nn.Module, given: Given) -> Program:
    """Its state is the optimizer; the params are those of the module, which `start` takes back."""
    tokens, targets = given["tokens"].long(), given["targets"].long()
    make = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[w.optimizer]
    first = {k: v.clone() for k, v in module.state_dict().items()}

    def start() -> Any:
        module.load_state_dict(first)
        return make(module.parameters(), lr=w.learning_rate, fused=True)

    def step(optimizer: Any) -> tuple[Any, float]:
        optimizer.zero_grad()
        loss = cross_entropy(module(tokens)[0].flatten(0, 1), targets.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), w.clip)
        optimizer.step()
        return optimizer, loss.item()

    return Program(start, step)


def _generate(w: Any, module: nn.Module, given: Given) -> Program:
    @torch.inference_mode()
    def step(state: tuple[Any, torch.Tensor]) -> tuple[Any, torch.Tensor]:
        logits, carry = module(state[1], state[0])
        return (carry, logits.argmax(dim=-1)), logits

    return Program(lambda: (None, given["tokens"].long()), step)
