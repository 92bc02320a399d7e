"""What the names and shapes of a state dict of torch say: its recurrent modules, its head."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxrnn import cells
from jaxrnn._checks import quote
from jaxrnn.cells._vanilla import Activation
from jaxrnn.interop._form import InteropError, vanilla
from jaxrnn.interop._state import Named, check_names, several

NAME = re.compile(
    r"(?P<prefix>(?:.*\.)?)(?:weight_ih|weight_hh|bias_ih|bias_hh|weight_hr)"
    r"(?:_l(?P<level>\d+)(?P<back>_reverse)?)?"
)
KINDS = {1: "RNN", 3: "GRU", 4: "LSTM"}  # by gates


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

    def cell(self, activation: Activation | None) -> Any:
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
    alone: each has `prefix`, `kind` (RNN, GRU or LSTM), `depth` (0 for a cell), `both`, `bias`,
    `input_size`, `hidden_size` and `projection`, and prints as a line. What else is misshapen or
    incomplete is told when it is taken. Raises InteropError for what is no state dict, and for a
    W_hh that is that of none of the three.

    >>> state = {"rnn.weight_ih_l0": np.ones((20, 3)), "rnn.weight_hh_l0": np.ones((20, 5))}
    >>> (found,) = jaxrnn.interop.recurrent_modules(state)
    >>> found.prefix, found.kind, found.input_size, found.hidden_size
    ('rnn.', 'LSTM', 3, 5)
    """
    check_names("the state dict", state)
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


def chosen(found: list[Module], prefix: str | Sequence[str] | None) -> list[Module]:
    listed = ", ".join(repr(module.prefix) for module in found)
    if not found:
        raise InteropError(
            "the state dict holds no recurrent module: none of its names ends as torch's do, in "
            "weight_ih_l0 say."
        )
    if prefix is None:
        if len(found) > 1:
            raise InteropError(
                f"the state dict holds {len(found)} recurrent modules, {listed}: name one with "
                f"`prefix`, or several that go one on the other, bottom first."
            )
        return found
    by_name = {module.prefix.removesuffix("."): module for module in found}
    wanted = several(prefix)
    if not wanted:
        raise InteropError(f"`prefix` names nothing; there is {listed}.")
    for name in wanted:
        if not isinstance(name, str) or name.removesuffix(".") not in by_name:
            raise InteropError(f"no recurrent module is called {quote(name)}; there is {listed}.")
    return [by_name[name.removesuffix(".")] for name in wanted]


def head_of(named: Named, module: Module) -> tuple[dict[str, Any] | None, Any, bool]:
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
