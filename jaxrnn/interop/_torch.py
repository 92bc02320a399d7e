"""PyTorch: nn.RNN, nn.GRU, nn.LSTM and their cells; a language model of these and nn.Linear.

torch keeps (G·H, I) where we keep (I, G·H); the gates' order is the same, r z n and i f g o, and so
are the two biases. Its GRU resets after the product.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxrnn import cells
from jaxrnn._checks import quote
from jaxrnn._language_model import HeadParams
from jaxrnn.interop import _biases
from jaxrnn.interop._form import (
    CONTAINERS,
    DROPPED,
    Form,
    InteropError,
    Natives,
    Walk,
    form_of,
    natives_of,
    vanilla,
)
from jaxrnn.interop._result import Answer, Differences, Result, as_params, needs, verified
from jaxrnn.interop._state import Named, array, arrays

LEAVES = {"w_x": "weight_ih", "w_h": "weight_hh", "b": "bias_ih", "b_h": "bias_hh"}
NAME = re.compile(
    r"(?P<prefix>(?:.*\.)?)(?:weight_ih|weight_hh|bias_ih|bias_hh|weight_hr)"
    r"(?:_l(?P<level>\d+)(?P<back>_reverse)?)?"
)
KINDS = {1: "RNN", 3: "GRU", 4: "LSTM"}  # by gates


# One cell's weights.


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


# What a state dict says.


class Module(NamedTuple):
    """A recurrent module, as names and shapes tell of it."""

    prefix: str
    kind: str  # RNN, GRU or LSTM
    depth: int  # 0 for a cell
    both: bool
    bias: bool
    input_size: int
    hidden_size: int
    projection: int | None

    def __str__(self) -> str:
        how = [f"{self.input_size} -> {self.hidden_size}"]
        how += [f"{self.depth} levels"] * (self.depth > 1)
        how += ["both ways"] * self.both + ["without bias"] * (not self.bias)
        how += [f"projected to {self.projection}"] * (self.projection is not None)
        cell = "Cell" * (self.depth == 0)
        return f"{self.prefix or '(the whole)'}: {self.kind}{cell}, {', '.join(how)}"

    @property
    def suffixes(self) -> list[list[str]]:
        """Of the names, by level and direction."""
        ways = ["", "_reverse"][: 1 + self.both]
        return [[f"_l{k}{way}" for way in ways] for k in range(self.depth)] or [[""]]

    def cell(self, activation: str | None) -> Any:
        H, bias = self.hidden_size, self.bias
        if self.kind == "LSTM" and self.projection is not None:
            return cells.projection_lstm(H, self.projection, recurrent_bias=bias)
        if self.kind == "LSTM":
            return cells.lstm(H, recurrent_bias=bias)
        if self.kind == "GRU":
            return cells.gru(H, recurrent_bias=bias)
        return vanilla(f"the nn.RNN {self.prefix!r}", H, activation, bias)

    def natives(self, named: Named) -> list[list[dict[str, np.ndarray]]]:
        """Its tensors, by level and direction; each must be there, and of its shape."""
        wide = {"RNN": 1, "GRU": 3, "LSTM": 4}[self.kind] * self.hidden_size
        out, levels, size = self.projection or self.hidden_size, [], self.input_size
        for suffixes in self.suffixes:
            shapes: dict[str, tuple[int, ...]] = {
                "weight_ih": (wide, size),
                "weight_hh": (wide, out),
            }
            if self.bias:
                shapes |= {"bias_ih": (wide,), "bias_hh": (wide,)}
            if self.projection is not None:
                shapes["weight_hr"] = (self.projection, self.hidden_size)
            levels.append(
                [
                    {
                        leaf: named.take(self.prefix + leaf + end, *shape)
                        for leaf, shape in shapes.items()
                    }
                    for end in suffixes
                ]
            )
            size = out * (1 + self.both)
        return levels


def recurrent_modules(state: Mapping[str, Any]) -> list[Module]:
    """The RNN, GRU and LSTM modules and cells of a state dict, in its order, by names and shapes
    alone. What is misshapen or incomplete is told when it is taken."""
    found: dict[str, dict[str, Any]] = {}
    for name in state:
        if match := NAME.fullmatch(name):
            found.setdefault(match["prefix"], {})[name[len(match["prefix"]) :]] = match
    return [_module(state, prefix, names) for prefix, names in found.items()]


def _module(state: Mapping[str, Any], prefix: str, names: dict[str, Any]) -> Module:
    levels = [int(match["level"]) for match in names.values() if match["level"] is not None]
    end = "_l0" if levels else ""
    w_x, w_h = (_shape(state, f"{prefix}weight_{side}{end}") for side in ("ih", "hh"))
    w_r = _shape(state, f"{prefix}weight_hr{end}") if f"weight_hr{end}" in names else None
    hidden = w_h[1] if w_r is None else w_r[1]
    gates = w_h[0] // hidden if hidden and w_h[0] % hidden == 0 else 0
    if gates not in KINDS:
        raise InteropError(
            f"{prefix + 'weight_hh' + end!r} has shape {w_h}: {w_h[0]} rows for a hidden size of "
            f"{hidden} are those of no RNN (1), GRU (3) or LSTM (4)."
        )
    return Module(
        prefix=prefix,
        kind=KINDS[gates],
        depth=1 + max(levels, default=-1),
        both=any(match["back"] for match in names.values()),
        bias=any(name.startswith("bias") for name in names),
        input_size=w_x[1],
        hidden_size=hidden,
        projection=None if w_r is None else w_r[0],
    )


def _shape(state: Mapping[str, Any], name: str) -> tuple[int, int]:
    if name not in state:
        raise InteropError(f"the state dict lacks {name!r}.")
    shape = tuple(np.shape(state[name]))
    if len(shape) != 2:
        raise InteropError(f"{name!r} has shape {shape}, but a matrix is needed.")
    return shape


def _chosen(found: list[Module], prefix: str | Sequence[str] | None) -> list[Module]:
    listed = ", ".join(repr(module.prefix) for module in found)
    if not found:
        raise InteropError(
            "the state dict holds no recurrent module: none of its names ends as torch's do, in "
            "weight_ih_l0 say."
        )
    if prefix is not None and not isinstance(prefix, str) and not prefix:
        raise InteropError(f"`prefix` names nothing; there is {listed}.")
    if prefix is None:
        if len(found) > 1:
            raise InteropError(
                f"the state dict holds {len(found)} recurrent modules, {listed}: name one with "
                f"`prefix`, or several that go one on the other, bottom first."
            )
        return found
    by_name = {module.prefix.removesuffix("."): module for module in found}
    wanted = [prefix] if isinstance(prefix, str) else [*prefix]
    for name in wanted:
        if not isinstance(name, str) or name.removesuffix(".") not in by_name:
            raise InteropError(f"no recurrent module is called {quote(name)}; there is {listed}.")
    return [by_name[name.removesuffix(".")] for name in wanted]


def _head(named: Named, module: Module) -> tuple[dict[str, Any] | None, Any, bool]:
    """The linear head and the embedding of a language model, where nothing else is left."""
    left = {name: a for name, a in named.named.items() if name not in named.taken}
    biases = [name for name in left if name.endswith("bias") and left[name].ndim == 1]
    if len(biases) != 1:
        return None, None, False
    prefix = biases[0].removesuffix("bias")
    (V,), F = left[biases[0]].shape, (module.projection or module.hidden_size) * (1 + module.both)
    head = {"weight": named.take(f"{prefix}weight", V, F), "bias": named.take(biases[0], V)}
    tables = [name for name in left if name.endswith("weight") and name != f"{prefix}weight"]
    if len(tables) != 1:
        _same_size("one-hot tokens", module.input_size, V)
        return head, None, False
    table = named.take(tables[0], V, module.input_size)
    if table.shape == head["weight"].shape and (table == head["weight"]).all():
        return {"bias": head["bias"]}, table, True
    return head, table, False


def _same_size(what: str, got: int, want: int) -> None:
    if got != want:
        raise InteropError(
            f"the recurrent module reads {got} features, but {what} of the head are {want}: name "
            f"the recurrent module alone with `prefix`."
        )


def read_head(head: Mapping[str, Any]) -> HeadParams:
    return HeadParams(head["weight"].T if "weight" in head else None, head["bias"])


def write_head(head: HeadParams) -> dict[str, Any]:
    weight = {} if head.w is None else {"weight": np.ascontiguousarray(head.w.T)}
    return weight | {"bias": head.b}


# The two faces.


def from_torch(
    source: Any,
    *,
    prefix: str | Sequence[str] | None = None,
    activation: str | None = None,
    verify: bool = False,
) -> Result:
    """``layer, params, *_ = from_torch(module)``: of an ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM``, one
    of their cells, any module that holds some, or a state dict of one of these.

    Sizes, depth, directions, biases and projection are read off the tensors. `prefix` names one
    recurrent module of many, ``"encoder.lstm"``, or several that go one on the other, bottom first;
    without it there must be one alone, or a language model: one, an ``nn.Linear``, and maybe an
    ``nn.Embedding``, tied or not. A state dict does not tell the `activation` of an nn.RNN,
    ``"tanh"`` or ``"relu"``; a module does. `verify` runs both sides on random input.

    Raises InteropError in a sentence that names the tensor that is missing, too many, misshapen, of
    another dtype, or not finite.
    """
    state, modules = _state_of(source)
    chosen = _chosen(recurrent_modules(state), prefix)
    notes: set[str] = set()
    if prefix is not None:
        prefixes = tuple(module.prefix for module in chosen)
        state = {
            name: a
            for name, a in state.items()
            if (match := NAME.fullmatch(name)) and match["prefix"] in prefixes
        }
    named, levels, dropout = Named("the state dict", state), [], 0.0
    for module in chosen:
        inside = modules.get(module.prefix.removesuffix("."))
        cell = module.cell(_activation(module, inside, activation))
        dropout = getattr(inside, "dropout", 0.0) if module.depth > 1 else 0.0
        if dropout and len(chosen) > 1:
            notes.add(f"{DROPPED}: that of {module.prefix!r}")
            dropout = 0.0
        for ways in module.natives(named):
            levels.append(tuple(Walk(cell, native, k == 1) for k, native in enumerate(ways)))
    head, table, tied = _head(named, chosen[0]) if prefix is None else (None, None, False)
    named.all_taken("name the recurrent module alone with `prefix`")
    alone = len(chosen) == 1 and chosen[0].depth == 0 and head is None
    natives = Natives(Form(tuple(levels), dropout, head, table, tied, alone))
    model = natives.model(read_cell, read_head)
    params = as_params(natives.read(natives.arrays, read_cell, read_head))
    notes.update(_biases.notes_of_missing(all(module.bias for module in chosen)))
    if head is not None and table is None:
        notes.add(
            "without an embedding it was taken for a language model of one-hot tokens: name the "
            "recurrent module with `prefix` to take it alone"
        )
    differences = None
    if verify:
        inside = modules.get(chosen[0].prefix.removesuffix(".")) if head is None else None
        differences = _verified(natives, model, params, inside if len(chosen) == 1 else None)
    return Result(model, params, tuple(sorted(notes)), differences)


def _activation(module: Module, inside: Any, asked: str | None) -> str | None:
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
        theirs = _theirs(torch, form, module, getattr(module, "batch_first", False))
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
    and maybe ``embedding``: tokens (T, B), state -> logits (T, B, V), state.

    torch has two biases, or with ``bias=False`` none. `equivalent` allows biases that are laid out
    otherwise and give the same outputs. `verify` runs both sides on random input.

    Raises InteropError for what torch cannot hold: a GRU that resets before, levels that are not
    alike, a level that walks backwards alone.
    """
    torch = library()
    biases = _biases.Biases("torch", equivalent, bias)
    form = form_of(model, params)
    natives = natives_of(form, biases.writing(write_cell), write_head)
    module = _built(torch, natives, bias, batch_first)
    differences = None
    if verify:
        theirs = _theirs(torch, natives.form, copy.deepcopy(module).eval(), batch_first)
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


def _tensor(torch: Any, a: Any) -> Any:
    a = np.array(a)  # of its own memory
    if a.dtype.name == "bfloat16":
        return torch.from_numpy(a.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(a)


def _load(torch: Any, module: Any, named: Mapping[str, Any]) -> None:
    module.load_state_dict({name: _tensor(torch, a) for name, a in named.items()})


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


def _theirs(torch: Any, form: Form, module: Any, batch_first: bool) -> Any:
    """torch's answer to our question, and its gradients by its own autograd."""

    def answer(weights: Any, carry: Any, xs: Any, dcarry: Any, dys: Any) -> Answer:
        tokens = np.issubdtype(xs.dtype, np.integer)
        xs_in = _tensor(torch, xs).requires_grad_(not tokens)
        parts = [_tensor(torch, a).requires_grad_() for a in _states(carry, form)]
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
        cotangents = [_tensor(torch, a) for a in _states(dcarry, form)]
        torch.autograd.backward([ys, *after], [_tensor(torch, dys), *cotangents])
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


def library() -> Any:
    try:
        import torch
    except ImportError:
        raise needs("torch") from None
    return torch
