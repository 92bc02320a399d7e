"""PyTorch: nn.RNN, nn.GRU, nn.LSTM and their cells; a language model of these and nn.Linear.

torch keeps (G·H, I) where we keep (I, G·H); the gates' order is the same, r z n and i f g o, and so
are the two biases. Its GRU resets after the product.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxrnn import cells
from jaxrnn._checks import quote
from jaxrnn._language_model import HeadParams
from jaxrnn.cells._vanilla import Activation
from jaxrnn.interop import _biases
from jaxrnn.interop._form import (
    BATCH_FIRST,
    CONTAINERS,
    DROPPED,
    Form,
    InteropError,
    Natives,
    Walk,
    form_of,
    natives_of,
)
from jaxrnn.interop._result import Differences, Result, as_params, needs, verified
from jaxrnn.interop._state import Named, arrays
from jaxrnn.interop._torch_answer import answerer, tensor
from jaxrnn.interop._torch_names import NAME, Module, chosen, head_of, recurrent_modules

LEAVES = {"w_x": "weight_ih", "w_h": "weight_hh", "b": "bias_ih", "b_h": "bias_hh"}


def read_cell(cell: Any, native: Mapping[str, Any]) -> Any:
    bias = native.get("bias_ih")
    arrays = {
        "w_x": native["weight_ih"].T,
        "w_h": native["weight_hh"].T,
        "b": 0 * native["weight_hh"][:, 0] if bias is None else bias,
        "b_h": native["bias_hh"] if cell.recurrent_bias else None,
    }
    if isinstance(cell, cells.ProjectionLSTM):
        return cells.ProjectionLSTMParams(**arrays, w_r=native["weight_hr"].T)
    return CONTAINERS[type(cell)](**arrays)


def write_cell(cell: Any, params: Any, biases: _biases.Biases) -> dict[str, Any]:
    _refuse(cell)
    b, b_h = biases.two(cell, params)
    native = {"weight_ih": params.w_x.T, "weight_hh": params.w_h.T, "bias_ih": b, "bias_hh": b_h}
    if isinstance(cell, cells.ProjectionLSTM):
        native["weight_hr"] = params.w_r.T
    return {name: np.ascontiguousarray(a) for name, a in native.items() if a is not None}


def _refuse(cell: Any) -> None:
    if isinstance(cell, cells.GRU) and cell.reset != "after":
        raise InteropError(
            f"torch's GRU resets after the product, and {quote(cell)} before: Keras' with "
            f"reset_after=False, Haiku's and ONNX' reset so."
        )
    if not isinstance(cell, (*CONTAINERS, cells.ProjectionLSTM)):
        raise InteropError(
            f"torch has no {quote(cell)}: it has vanilla, gru, lstm and projection_lstm."
        )


def read_head(head: Mapping[str, Any]) -> HeadParams:
    return HeadParams(head["weight"].T if "weight" in head else None, head["bias"])


def write_head(head: HeadParams) -> dict[str, Any]:
    weight = {} if head.w is None else {"weight": np.ascontiguousarray(head.w.T)}
    return weight | {"bias": head.b}


def from_torch(
    source: Any,
    *,
    prefix: str | Sequence[str] | None = None,
    activation: Activation | None = None,
    verify: bool = False,
) -> Result:
    """``layer, params, *_ = from_torch(module)``: of an ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM``, one
    of their cells, any module that holds some, or a state dict of one of these.

    Sizes, depth, directions, biases and projection are read off the tensors. `prefix` names one
    recurrent module of many, ``"encoder.lstm"``, or several that go one on the other, bottom first;
    without it there must be one alone, or a language model: one, an ``nn.Linear``, and maybe an
    ``nn.Embedding``, tied or not. A state dict does not tell the `activation` of an nn.RNN,
    ``"tanh"`` or ``"relu"``; a module does, and whether it is batch-first, which `notes` then say.
    `verify` runs both sides on random input.

    Raises InteropError in a sentence that names the tensor that is missing, too many, misshapen, of
    another dtype, or not finite.

    >>> import torch
    >>> layer, params, *_ = jaxrnn.interop.from_torch(torch.nn.LSTM(3, 5))
    >>> layer, params.w_x.shape
    (Unroll(cell=LSTM(hidden_size=5, recurrent_bias=True)), (3, 20))
    """
    state, modules = _state_of(source)
    taken = chosen(recurrent_modules(state), prefix)
    notes: set[str] = set()
    if prefix is not None:
        prefixes = tuple(module.prefix for module in taken)
        state = {
            name: a
            for name, a in state.items()
            if (match := NAME.fullmatch(name)) and match["prefix"] in prefixes
        }
    named, levels, dropout = Named("the state dict", state), [], 0.0
    for module in taken:
        inside = modules.get(module.prefix.removesuffix("."))
        cell = module.cell(_activation(module, inside, activation))
        notes.update([BATCH_FIRST] * bool(getattr(inside, "batch_first", False)))
        dropout = getattr(inside, "dropout", 0.0) if module.depth > 1 else 0.0
        if dropout and len(taken) > 1:
            notes.add(f"{DROPPED}: that of {module.prefix!r}")
            dropout = 0.0
        for ways in module.natives(named):
            levels.append(tuple(Walk(cell, native, k == 1) for k, native in enumerate(ways)))
    head, table, tied = head_of(named, taken[0]) if prefix is None else (None, None, False)
    named.all_taken("name the recurrent module alone with `prefix`")
    alone = len(taken) == 1 and taken[0].depth == 0 and head is None
    natives = Natives(Form(tuple(levels), dropout, head, table, tied, alone))
    model = natives.model(read_cell, read_head)
    params = as_params(natives.read(natives.arrays, read_cell, read_head))
    notes.update(_biases.notes_of_missing(all(module.bias for module in taken)))
    if head is not None and table is None:
        notes.add(
            "without an embedding it was taken for a language model of one-hot tokens: name the "
            "recurrent module with `prefix` to take it alone"
        )
    differences = None
    if verify:
        inside = modules.get(taken[0].prefix.removesuffix(".")) if head is None else None
        differences = _verified(natives, model, params, inside if len(taken) == 1 else None)
    return Result(model, params, tuple(sorted(notes)), differences)


def _activation(module: Module, inside: Any, asked: Activation | None) -> Activation | None:
    own = getattr(inside, "nonlinearity", None)
    if own is not None and asked not in (None, own):
        raise InteropError(f"{module.prefix!r} has the nonlinearity {own!r}, not {asked!r}.")
    return asked or own


def _verified(natives: Natives, model: Any, params: Any, module: Any) -> Differences:
    """By the module that was given, where it is the recurrent one; else by torch's own modules with
    these weights, all in one, or level by level where torch has no one for them."""
    torch, form = library(), natives.form
    if module is not None:
        module = copy.deepcopy(module).cpu().eval()
        theirs = answerer(torch, form, module, getattr(module, "batch_first", False))
        return verified((model, params), natives, theirs, read_cell, read_head)
    if form.head is not None or form.alike:
        bias = "bias_ih" in form.walks[0].params
        found = to_torch(model, params, bias=bias, verify=True).differences
        assert found is not None
        return found
    parts = [Natives(Form((level,))) for level in form.levels]
    read = [(part, part.model(read_cell), part.read(part.arrays, read_cell)) for part in parts]
    return Differences.worst([_verified(*one, None) for one in read])


def _state_of(source: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Its tensors by name, and its modules by name where it is one."""
    if isinstance(source, Mapping):
        return arrays("the state dict", source), {}
    if not (hasattr(source, "state_dict") and hasattr(source, "named_modules")):
        raise InteropError(
            f"from_torch takes a torch.nn.Module or its state dict, got {quote(source)}."
        )
    return arrays("the state dict", source.state_dict()), dict(source.named_modules())


def to_torch(
    model: Any,
    params: Any,
    *,
    bias: bool = True,
    batch_first: bool = False,
    equivalent: bool = False,
    verify: bool = False,
) -> Result:
    """``module, *_ = to_torch(layer, params)``: an ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM`` of as many
    levels, one of their cells of a cell, or for a language model a module of ``rnn``, ``linear``
    and maybe ``embedding``: tokens (T, B), state -> logits (T, B, V), state. With `batch_first` it
    reads and gives (B, T, …).

    torch has two biases, or with ``bias=False`` none. `equivalent` allows biases that are laid out
    otherwise and give the same outputs. `verify` runs both sides on random input.

    Raises InteropError for what torch cannot hold: a GRU that resets before, levels that are not
    alike, a level that walks backwards alone.

    >>> layer = jaxrnn.unroll(jaxrnn.lstm(5, recurrent_bias=True))
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> module, *_ = jaxrnn.interop.to_torch(layer, params)
    >>> module
    LSTM(3, 5)
    """
    torch = library()
    biases = _biases.Biases("torch", equivalent, bias)
    form = form_of(model, params)
    natives = natives_of(form, biases.writing(write_cell), write_head)
    module = _built(torch, natives, bias, batch_first)
    differences = None
    if verify:
        theirs = answerer(torch, natives.form, copy.deepcopy(module).eval(), batch_first)
        differences = verified((model, params), natives, theirs, read_cell, read_head)
    return Result(module, None, tuple(sorted(biases.notes)), differences)


def _built(torch: Any, natives: Natives, bias: bool, batch_first: bool) -> Any:
    """The module, with the arrays of `natives` in it."""
    form, nn = natives.form, torch.nn
    cell = form.walks[0].cell
    if not (form.alone or form.alike):
        raise InteropError(
            "a module of torch has one kind and size of cell in all its levels, and walks forwards "
            "or both ways: convert each level by itself."
        )
    kind = next(name for name, types in OURS.items() if isinstance(cell, types))
    named = _named(form)
    input_size = next(iter(named.values())).shape[1]
    how: dict[str, Any] = {"bias": bias, "dtype": _dtype(torch, next(iter(named.values())))}
    if kind == "RNN":
        how["nonlinearity"] = cell.activation
    if form.alone:
        if isinstance(cell, cells.ProjectionLSTM):
            raise InteropError("torch's LSTMCell has no projection: convert `unroll(cell)`.")
        module = getattr(nn, kind + "Cell")(input_size, cell.hidden_size, **how)
    else:
        how |= {"num_layers": len(form.levels), "dropout": form.dropout, "batch_first": batch_first}
        how["bidirectional"] = len(form.levels[0]) == 2
        if isinstance(cell, cells.ProjectionLSTM):
            how["proj_size"] = cell.projection_size
        module = getattr(nn, kind)(input_size, cell.hidden_size, **how)
    _load(torch, module, named)
    return module if form.head is None else _language_model(torch, module, form)


OURS = {"RNN": cells.Vanilla, "GRU": cells.GRU, "LSTM": (cells.LSTM, cells.ProjectionLSTM)}


def _named(form: Form) -> dict[str, Any]:
    """The arrays of natives by torch's names."""
    ways = ("", "_reverse")
    return {
        leaf if form.alone else f"{leaf}_l{k}{way}": a
        for k, level in enumerate(form.levels)
        for walk, way in zip(level, ways, strict=False)
        for leaf, a in walk.params.items()
    }


def _dtype(torch: Any, a: np.ndarray) -> Any:
    return getattr(torch, a.dtype.name)


def _load(torch: Any, module: Any, named: Mapping[str, Any]) -> None:
    module.load_state_dict({name: tensor(torch, a) for name, a in named.items()})


def _language_model(torch: Any, rnn: Any, form: Form) -> Any:
    head, table, nn = form.head, form.embedding, torch.nn
    assert head is not None
    V = len(head["bias"])

    class RNNModel(nn.Module):
        """tokens (T, B), state -> logits (T, B, V), state; batch first where its `rnn` is so."""

        def __init__(self):
            super().__init__()
            self.rnn, features = rnn, rnn.proj_size or rnn.hidden_size
            dtype = next(rnn.parameters()).dtype
            self.linear = nn.Linear(features * (1 + rnn.bidirectional), V, dtype=dtype)
            self.embedding: Any = None
            if table is not None:
                self.embedding = nn.Embedding(V, table.shape[1], dtype=dtype)
            if form.tied:
                self.linear.weight = self.embedding.weight

        def forward(self, tokens, state=None):
            if self.embedding is None:
                xs = nn.functional.one_hot(tokens.long(), V).to(self.linear.weight.dtype)
            else:
                xs = self.embedding(tokens.long())
            ys, state = self.rnn(xs, state)
            return self.linear(ys), state

    model = RNNModel()
    tensors = {f"rnn.{name}": a for name, a in _named(form).items()}
    tensors |= {f"linear.{name}": a for name, a in head.items()}
    if table is not None:
        tensors["embedding.weight"] = table
    if form.tied:
        tensors["linear.weight"] = table
    _load(torch, model, tensors)
    return model


def library() -> Any:
    try:
        import torch
    except ImportError:
        raise needs("torch") from None
    return torch
