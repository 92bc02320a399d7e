"""torch's answer to the question that `verify` puts, and its gradients by its own autograd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxrnn.interop._form import Form
from jaxrnn.interop._result import Answer
from jaxrnn.interop._state import array


def answerer(torch: Any, form: Form, module: Any, batch_first: bool) -> Any:
    """torch's answer to our question, and its gradients by its own autograd."""

    def answer(weights: Any, carry: Any, xs: Any, dcarry: Any, dys: Any) -> Answer:
        tokens = np.issubdtype(xs.dtype, np.integer)
        xs_in = tensor(torch, xs).requires_grad_(not tokens)
        parts = [tensor(torch, a).requires_grad_() for a in _states(carry, form)]
        state = parts[0] if len(parts) == 1 else tuple(parts)
        given = xs_in.transpose(0, 1) if batch_first and not form.alone else xs_in
        if form.alone:
            after = module(given, state)
            after = list(after) if isinstance(after, tuple) else [after]
            ys = after[0]
        else:
            ys, after = module(given, state)
            after = list(after) if isinstance(after, tuple) else [after]
            ys = ys.transpose(0, 1) if batch_first else ys
        cotangents = [tensor(torch, a) for a in _states(dcarry, form)]
        torch.autograd.backward([ys, *after], [tensor(torch, dys), *cotangents])
        return Answer(
            carry=_carry(carry, form, after),
            ys=array("ys", ys),
            dweights=_gradients(form, module),
            dcarry=_carry(carry, form, [part.grad for part in parts]),
            dxs=None if tokens else array("dxs", xs_in.grad),
        )

    return answer


def _states(carry: Any, form: Form) -> list[np.ndarray]:
    """Our carry as torch's [h] or [h, c], each (levels · directions, B, H), or (B, H) of a cell."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(carry)]
    if form.alone:
        return leaves
    count = len(leaves) // len(form.walks)
    return [np.stack(leaves[k::count]) for k in range(count)]


def _carry(like: Any, form: Form, parts: Sequence[Any]) -> Any:
    parts = [array("the state", part) for part in parts]
    leaves = parts
    if not form.alone:
        leaves = [part[k] for k in range(len(form.walks)) for part in parts]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _gradients(form: Form, module: Any) -> Any:
    grads = {name: array(name, p.grad) for name, p in module.named_parameters()}
    rnn = "" if form.head is None else "rnn."
    levels = [[{} for _ in level] for level in form.levels]
    for name, walk in zip(_places(form), form.walks, strict=True):
        k, way, suffix = name
        levels[k][way] = {leaf: grads[f"{rnn}{leaf}{suffix}"] for leaf in walk.params}
    head = None if form.head is None else {leaf: grads[f"linear.{leaf}"] for leaf in form.head}
    table = (
        None
        if form.embedding is None
        else grads["embedding.weight" if not form.tied else "linear.weight"]
    )
    return {"levels": levels, "head": head, "embedding": table}


def _places(form: Form) -> list[tuple[int, int, str]]:
    """Level, direction and the end of torch's names, of every walk."""
    return [
        (k, way, "" if form.alone else f"_l{k}" + "_reverse" * way)
        for k, level in enumerate(form.levels)
        for way in range(len(level))
    ]


def tensor(torch: Any, a: Any) -> Any:
    a = np.array(a)  # of its own memory
    if a.dtype.name == "bfloat16":
        return torch.from_numpy(a.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(a)
