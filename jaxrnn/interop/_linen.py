"""Flax Linen: SimpleCell, GRUCell, LSTMCell and OptimizedLSTMCell, alone, in an RNN, or both ways;
and MGUCell, which is a GRU whose two gates are one.

Each gate has its own kernels. The biases of an LSTM lie on the side of h, those of the others on
the side of x; the GRU has one more, inside r ⊙ (…). The carry of an LSTM is (c, h).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxrnn import cells
from jaxrnn._checks import quote
from jaxrnn.interop import _biases, _flax
from jaxrnn.interop._form import (
    Form,
    InteropError,
    Natives,
    Walk,
    check_held,
    dropped,
    form_of,
    natives_of,
    vanilla,
)
from jaxrnn.interop._result import Result, as_params, by_jax, level_by_level, verified
from jaxrnn.interop._state import Named, arrays

GATES = {cells.LSTM: ("i", "f", "g", "o"), cells.GRU: ("r", "z", "n"), cells.Vanilla: ("",)}
BIAS_SIDE = {cells.LSTM: "h", cells.GRU: "i", cells.Vanilla: "i"}
MADE: dict[type, Any] = {
    cells.LSTM: nn.OptimizedLSTMCell,
    cells.GRU: nn.GRUCell,
    cells.Vanilla: nn.SimpleCell,
}


def read_cell(cell: Any, native: Any) -> Any:
    gates = GATES[type(cell)]
    H = cell.hidden_size

    def joined(side: str, leaf: str) -> Any:
        return jnp.concatenate([native[side + gate][leaf] for gate in gates], axis=-1)

    w_x, w_h, b = (
        joined("i", "kernel"),
        joined("h", "kernel"),
        joined(BIAS_SIDE[type(cell)], "bias"),
    )
    if isinstance(cell, cells.GRU):
        inside = native["hn"]["bias"]
        b_h = jnp.concatenate([jnp.zeros(2 * H, inside.dtype), inside])
        return cells.GRUParams(w_x, w_h, b, b_h)
    params = cells.LSTMParams if isinstance(cell, cells.LSTM) else cells.VanillaParams
    return params(w_x, w_h, b)


def write_cell(cell: Any, params: Any, biases: _biases.Biases) -> dict[str, dict[str, Any]]:
    gates, inside = GATES[type(cell)], None
    if isinstance(cell, cells.GRU):
        _resets_after(cell)
        b, inside = biases.with_candidate(cell, params)
    else:
        b = biases.one(cell, params)
    parts = {"w_x": params.w_x, "w_h": params.w_h, "b": b}
    parts = {name: np.split(a, len(gates), axis=-1) for name, a in parts.items()}
    native: dict[str, dict[str, Any]] = {}
    for k, gate in enumerate(gates):
        native[f"i{gate}"] = {"kernel": parts["w_x"][k]}
        native[f"h{gate}"] = {"kernel": parts["w_h"][k]}
        native[BIAS_SIDE[type(cell)] + gate]["bias"] = parts["b"][k]
    if inside is not None:
        native["hn"]["bias"] = inside
    return native


def _resets_after(cell: cells.GRU) -> None:
    if cell.reset != "after":
        raise InteropError(
            f"Flax's GRUCell resets after the product, and {quote(cell)} before: Keras' with "
            f"reset_after=False, Haiku's and ONNX' reset so."
        )


def from_linen(module: Any, variables: Any, *, verify: bool = False) -> Result:
    """``layer, params, *_ = from_linen(module, variables)``: of a SimpleCell, GRUCell, MGUCell (as
    a gru), LSTMCell or OptimizedLSTMCell, an ``nn.RNN`` of one, an ``nn.Bidirectional`` of two, or
    a list of these, bottom first, with a list of their variables. A cell inside a module of your
    own is converted by itself: ``from_linen(nn.GRUCell(8), variables["params"]["GRUCell_0"])``.
    `notes` say where an RNN is batch-major. `verify` runs both sides on random input.

    Raises InteropError for other functions than tanh and sigmoid, another merge, a reversed RNN
    that does not keep the order, and for tensors that are missing, too many or misshapen.

    >>> from flax import linen as nn
    >>> module = nn.RNN(nn.GRUCell(5))
    >>> variables = module.init(jax.random.key(0), jnp.ones((2, 6, 3)))
    >>> layer, params, *_ = jaxrnn.interop.from_linen(module, variables)
    >>> layer, params.w_x.shape
    (Unroll(cell=GRU(hidden_size=5)), (3, 15))
    """
    modules = _flax.modules(module)
    given = list(variables) if isinstance(module, list | tuple) else [variables]
    if len(given) != len(modules):
        raise InteropError(f"{len(modules)} modules have {len(given)} sets of variables.")
    levels = [_level(*pair) for pair in zip(modules, given, strict=True)]
    alone = len(modules) == 1 and not isinstance(modules[0], nn.RNN | nn.Bidirectional)
    natives = Natives(Form(tuple(levels), alone=alone))
    model, params = natives.model(read_cell), as_params(natives.read(natives.arrays, read_cell))
    differences = to_linen(model, params, verify=True).differences if verify else None
    notes = _notes(natives.form, modules) + _flax.notes_of_axes(modules)
    return Result(model, params, notes, differences)


def _notes(form: Form, modules: list[Any]) -> tuple[str, ...]:
    notes = []
    if any(isinstance(walk.cell, cells.GRU) for walk in form.walks):
        notes.append(
            "gates r and z have one bias there and two here, the second zero: where both are "
            "trained, plain SGD moves their sum twice as far"
        )
    if any("MGUCell" in repr(module) for module in modules):
        notes.append(
            "an MGUCell is a GRU whose gates r and z are one: here they are two of equal weights, "
            "which training may move apart"
        )
    return tuple(notes)


def _level(module: Any, variables: Any) -> tuple[Walk, ...]:
    tree = variables.get("params", variables) if isinstance(variables, Mapping) else variables
    flat = Named("the variables", arrays("the variables", _flat(tree)))
    if isinstance(module, nn.Bidirectional):
        _flax.check_merge(module)
        ways: dict[str, Any] = {
            "forward_rnn/cell/": module.forward_rnn,
            "backward_rnn/cell/": module.backward_rnn,
        }
        walks = [_walk(rnn.cell, flat, at, at[0] == "b") for at, rnn in ways.items()]
    elif isinstance(module, nn.RNN):
        _flax.check_walk(module, module.reverse)
        walks = [_walk(module.cell, flat, "cell/", module.reverse)]
    else:
        walks = [_walk(module, flat, "", False)]
    flat.all_taken()
    return tuple(walks)


def _flat(tree: Any, at: str = "") -> dict[str, Any]:
    if not isinstance(tree, Mapping):
        if not at:
            raise InteropError(f"the variables must be a nested dict, got {quote(tree)}.")
        return {at: tree}
    flat: dict[str, Any] = {}
    for name, part in tree.items():
        flat |= _flat(part, f"{at}/{name}" if at else f"{name}")
    return flat


def _walk(module: Any, flat: Named, at: str, reverse: bool) -> Walk:
    H: Any = getattr(module, "features", None)
    if isinstance(module, nn.LSTMCell | nn.OptimizedLSTMCell):
        cell: Any = cells.lstm(H)
    elif isinstance(module, nn.GRUCell | nn.MGUCell):
        cell = cells.gru(H)
    elif isinstance(module, nn.SimpleCell):
        cell = vanilla("SimpleCell", H, _flax.activation_of(module))
    else:
        raise InteropError(
            f"{quote(module)} has no counterpart in jaxrnn: SimpleCell, GRUCell, MGUCell, LSTMCell "
            f"and OptimizedLSTMCell have, alone, in an RNN, or in a Bidirectional of two."
        )
    _flax.activation_of(module)
    if isinstance(module, nn.MGUCell):
        return Walk(cell, _of_one_gate(module, flat, at, H), reverse)
    native: dict[str, dict[str, Any]] = {}
    size = None
    for gate in GATES[type(cell)]:
        kernel = flat.take(f"{at}i{gate}/kernel", size, H)
        size = kernel.shape[0]
        native[f"i{gate}"] = {"kernel": kernel}
        native[f"h{gate}"] = {"kernel": flat.take(f"{at}h{gate}/kernel", H, H)}
        side = BIAS_SIDE[type(cell)] + gate
        native[side]["bias"] = flat.take(f"{at}{side}/bias", H)
    if isinstance(cell, cells.GRU):
        native["hn"]["bias"] = flat.take(f"{at}hn/bias", H)
    return Walk(cell, native, reverse)


def _of_one_gate(module: nn.MGUCell, flat: Named, at: str, H: int) -> dict[str, Any]:
    """The arrays of a GRUCell of which both gates are the one of an MGUCell."""
    if not module.reset_gate:
        raise InteropError("MGUCell with reset_gate=False has no counterpart in jaxrnn.")
    f, n = ({"kernel": flat.take(f"{at}i{g}/kernel", None, H)} for g in "fn")
    for native, g in ((f, "f"), (n, "n")):
        native["bias"] = flat.take(f"{at}i{g}/bias", H)
    hf = {"kernel": flat.take(f"{at}hf/kernel", H, H)}
    hn = {"kernel": flat.take(f"{at}hn/kernel", H, H), "bias": flat.take(f"{at}hn/bias", H)}
    return {"ir": f, "iz": f, "in": n, "hr": hf, "hz": hf, "hn": hn}


def to_linen(model: Any, params: Any, *, equivalent: bool = False, verify: bool = False) -> Result:
    """``module, variables, *_ = to_linen(layer, params)``: of a cell a SimpleCell, GRUCell or
    OptimizedLSTMCell; of a layer an ``nn.RNN`` or ``nn.Bidirectional`` of them, time-major, that
    returns the carry too; of a stack a list of these, bottom first, and a list of variables.
    `verify` runs both sides on random input.

    Raises InteropError for what Flax cannot hold: a GRU that resets before; two biases, unless
    `equivalent` allows their sum.

    >>> layer = jaxrnn.unroll(jaxrnn.gru(5))
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> module, variables, *_ = jaxrnn.interop.to_linen(layer, params)
    >>> carry, ys = module.apply(variables, jnp.ones((6, 2, 3)))
    >>> ys.shape
    (6, 2, 5)
    """
    form = form_of(model, params)
    check_held(form, "Flax Linen", tuple(MADE))
    biases = _biases.Biases("Flax Linen", equivalent)
    natives = natives_of(form, biases.writing(write_cell))
    modules = [_module(form, level) for level in form.levels]
    variables = [_variables(form, level) for level in natives.form.levels]
    differences = None
    if verify:
        ours, theirs = (model, params), _theirs(form, modules)
        differences = verified(ours, natives, by_jax(theirs), read_cell)
    one = len(modules) == 1
    return Result(
        modules[0] if one else modules,
        variables[0] if one else variables,
        tuple(sorted(biases.notes | dropped(form))),
        differences,
    )


def _module(form: Form, level: tuple[Walk, ...]) -> Any:
    made = [_cell(walk) for walk in level]
    if form.alone:
        return made[0]
    if len(made) == 2:
        rnns = [nn.RNN(cell, time_major=True, return_carry=True) for cell in made]
        return nn.Bidirectional(rnns[0], rnns[1], time_major=True, return_carry=True)
    reverse = level[0].reverse
    return nn.RNN(made[0], time_major=True, return_carry=True, reverse=reverse, keep_order=reverse)


def _cell(walk: Walk) -> Any:
    cell, dtype = walk.cell, jax.tree.leaves(walk.params)[0].dtype
    how = {}
    if isinstance(cell, cells.Vanilla):
        how["activation_fn"] = {"tanh": jnp.tanh, "relu": jax.nn.relu}[cell.activation]
    return MADE[type(cell)](cell.hidden_size, param_dtype=dtype, **how)


def _variables(form: Form, natives: Any) -> dict[str, Any]:
    trees = [walk.params if isinstance(walk, Walk) else walk for walk in natives]
    trees = [jax.tree.map(jnp.asarray, tree) for tree in trees]
    if form.alone:
        return {"params": trees[0]}
    if len(trees) == 2:
        names = "forward_rnn", "backward_rnn"
        return {"params": {name: {"cell": tree} for name, tree in zip(names, trees, strict=True)}}
    return {"params": {"cell": trees[0]}}


def _theirs(form: Form, modules: list[Any]) -> Any:
    def run(k: int, natives: Any, carries: list[Any], xs: Any) -> tuple[Any, Any]:
        variables, start = _variables(form, natives), [_flax.theirs(c) for c in carries]
        start = tuple(start) if len(start) == 2 else start[0]
        if form.alone:
            after, ys = modules[k].apply(variables, start, xs)
        else:
            after, ys = modules[k].apply(variables, xs, initial_carry=start)
        after = list(after) if len(carries) == 2 else [after]
        return [_flax.ours(c, a) for c, a in zip(carries, after, strict=True)], ys

    return level_by_level(form, run)
