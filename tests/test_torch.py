"""PyTorch's recurrent layers, number for number: outputs and every gradient.

Through `interop.from_torch`, with numbers on disk where there is no torch.
"""

import json
import zlib
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxrnn import LSTMCarry, bidirectional, gru, interop, lstm, stack, unroll, vanilla
from jaxrnn.testing import Answer, draw, same
from jaxrnn.testing._case import numpy

CELLS = {
    "tanh": lambda size: vanilla(size, recurrent_bias=True),
    "relu": lambda size: vanilla(size, activation="relu", recurrent_bias=True),
    "gru": gru,
    "lstm": lambda size: lstm(size, recurrent_bias=True),
}
GOLDEN = json.loads(Path(__file__).with_name("golden").joinpath("torch.json").read_text())


def our_layer(cell, depth, both):
    layer = (bidirectional if both else unroll)(cell)
    return layer if depth == 1 else stack([layer] * depth)


def our_params(cell, weights):
    """torch's named arrays, or their gradients, as params."""
    arrays = {name: np.asarray(a) for name, a in weights.items()}
    activation = cell if cell in ("tanh", "relu") else None
    return numpy(interop.from_torch(arrays, activation=activation).params)


def our_carry(like, parts):
    """torch's [h] or [h, c], each (layers × directions, B, H), as a carry."""
    flat = [np.asarray(part)[k] for k in range(len(parts[0])) for part in parts]
    return jax.tree.unflatten(jax.tree.structure(like), flat)


def torch_parts(carry):
    """A carry as torch's [h] or [h, c]."""
    leaves = jax.tree.leaves(carry)
    is_lstm = any(
        isinstance(node, LSTMCarry)
        for node in jax.tree.leaves(carry, is_leaf=lambda node: isinstance(node, LSTMCarry))
    )
    count = 2 if is_lstm else 1
    return [np.stack(leaves[k::count]) for k in range(count)]


@pytest.mark.parametrize("both", [False, True], ids=["one-way", "bidirectional"])
@pytest.mark.parametrize("depth", [1, pytest.param(2, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize("cell", CELLS)
def test_torch_layers(request, cell, depth, both):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(zlib.crc32(request.node.name.encode()))
    I, H, T, B = (int(n) for n in rng.integers(1, 9, 4))
    layer = our_layer(CELLS[cell](H), depth, both)
    case = draw(layer, I, seed=depth, steps=T, batch=B)

    kind = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}.get(cell, torch.nn.RNN)
    options = {"nonlinearity": cell} if kind is torch.nn.RNN else {}
    module = kind(I, H, depth, bidirectional=both, dtype=torch.float64, **options)
    weights = {name: weight.detach().numpy() for name, weight in module.named_parameters()}
    case = case.but(params=our_params(cell, weights))

    xs = torch.tensor(case.xs, requires_grad=True)
    parts = [torch.tensor(part, requires_grad=True) for part in torch_parts(case.carry)]
    ys, end = module(xs, tuple(parts) if len(parts) == 2 else parts[0])
    end = list(end) if len(parts) == 2 else [end]
    dend = map(torch.tensor, torch_parts(case.dcarry))
    torch.autograd.backward([ys, *end], [torch.tensor(case.dys), *dend])
    grads = {name: weight.grad.numpy() for name, weight in module.named_parameters()}
    want = Answer(
        carry=our_carry(case.carry, [part.detach().numpy() for part in end]),
        ys=ys.detach().numpy(),
        dparams=our_params(cell, grads),
        dcarry=our_carry(case.carry, [part.grad.numpy() for part in parts]),
        dxs=xs.grad.numpy(),
    )
    same(case.answer(), want)


@pytest.mark.parametrize("name", GOLDEN)
def test_torch_golden(name):
    """The same from numbers on disk, where there is no torch."""
    golden = GOLDEN[name]
    T, B, I, H = 4, 1, 3, 2
    cell, *deep = name.split("-")
    layer = our_layer(CELLS[cell](H), 2 if deep else 1, bool(deep))
    case = draw(layer, I, seed=0, steps=T, batch=B)
    case = case.but(
        params=our_params(cell, golden["weights"]),
        carry=our_carry(case.carry, golden["carry"]),
        xs=np.array(golden["xs"]),
        dcarry=our_carry(case.carry, golden["dend"]),
        dys=np.array(golden["dys"]),
    )
    want = Answer(
        carry=our_carry(case.carry, golden["end"]),
        ys=np.array(golden["ys"]),
        dparams=our_params(cell, golden["dweights"]),
        dcarry=our_carry(case.carry, golden["dcarry"]),
        dxs=np.array(golden["dxs"]),
    )
    same(case.answer(), want)


def test_tensors_are_told_apart_from_arrays():
    """A sentence where a tensor would go into a program; counts and flags are read as numbers."""
    torch = pytest.importorskip("torch")
    layer = unroll(gru(4))
    case = draw(layer, 3, 0)
    whole = {"params": case.params, "carry": case.carry, "xs": case.xs}
    for name, words in {"params": "`params.w_x`", "carry": "`carry.h`", "xs": "xs"}.items():
        there = whole | {name: jax.tree.map(torch.tensor, whole[name])}
        with pytest.raises(TypeError, match=f"^{words} must be an array .*, got Tensor tensor"):
            layer.step(there["params"], there["carry"], there["xs"])
    with pytest.raises(TypeError, match=r"`key` must be .*, got torch\.float64\[7, 6, 3\]\."):
        layer.apply(**whole, key=torch.tensor(case.xs))
    lengths = np.arange(case.batch)
    got, want = (layer.apply(**whole, lengths=n) for n in (torch.tensor(lengths), lengths))
    same(numpy(got), numpy(want), within=0)
