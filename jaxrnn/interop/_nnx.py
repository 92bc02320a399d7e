"""Flax NNX: SimpleCell, GRUCell, LSTMCell and OptimizedLSTMCell, alone, in an RNN, or both ways.

The gates of all but LSTMCell lie side by side, in our order. There is one bias: of an LSTM on the
side of h, of the others on the side of x; the GRU, which resets after the product, has none inside
r ⊙ (…). The carry of an LSTM is (c, h).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxrnn import cells
from jaxrnn._checks import quote
from jaxrnn.interop import _biases, _flax
from jaxrnn.interop._form import (
    CONTAINERS,
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

SIDE = {cells.LSTM: "dense_h", cells.GRU: "dense_i", cells.Vanilla: "dense_i"}  # of the bias
MADE: dict[type, Any] = {
    cells.LSTM: nnx.OptimizedLSTMCell,
    cells.GRU: nnx.GRUCell,
    cells.Vanilla: nnx.SimpleCell,
}


def read_cell(cell: Any, native: Any) -> Any:
    w_x, w_h = native["dense_i"]["kernel"], native["dense_h"]["kernel"]
    return CONTAINERS[type(cell)](w_x, w_h, native[SIDE[type(cell)]]["bias"])


def write_cell(cell: Any, params: Any, biases: _biases.Biases) -> dict[str, dict[str, Any]]:
    if isinstance(cell, cells.GRU) and cell.reset != "after":
        raise InteropError(
            f"Flax's GRUCell resets after the product, and {quote(cell)} before: Keras' with "
            f"reset_after=False, Haiku's and ONNX' reset so."
        )
    native = {"dense_i": {"kernel": params.w_x}, "dense_h": {"kernel": params.w_h}}
    native[SIDE[type(cell)]]["bias"] = biases.one(cell, params)
    return native


def from_nnx(module: Any, *, verify: bool = False) -> Result:
    """``layer, params, *_ = from_nnx(module)``: of a SimpleCell, GRUCell, LSTMCell or
    OptimizedLSTMCell, an ``nnx.RNN`` of one, an ``nnx.Bidirectional`` of two, or a list of these,
    bottom first. `notes` say where an RNN is batch-major. `verify` runs both sides on random input.

    Raises InteropError for other functions than tanh and sigmoid, another merge, a reversed RNN
    that does not keep the order, and for weights that are not finite.

    >>> from flax import nnx
    >>> layer, params, *_ = jaxrnn.interop.from_nnx(nnx.RNN(nnx.LSTMCell(3, 5, rngs=nnx.Rngs(0))))
    >>> layer, params.w_x.shape
    (Unroll(cell=LSTM(hidden_size=5)), (3, 20))
    """
    modules = _flax.modules(module)
    levels = [_level(each) for each in modules]
    alone = len(modules) == 1 and not isinstance(modules[0], nnx.RNN | nnx.Bidirectional)
    natives = Natives(Form(tuple(levels), alone=alone))
    model, params = natives.model(read_cell), as_params(natives.read(natives.arrays, read_cell))
    differences = to_nnx(model, params, verify=True).differences if verify else None
    return Result(model, params, _flax.notes_of_axes(modules), differences)


def _level(module: Any) -> tuple[Walk, ...]:
    if isinstance(module, nnx.Bidirectional):
        _flax.check_merge(module)
        ways: list[Any] = [module.forward_rnn, module.backward_rnn]
        return _walk(ways[0].cell, False), _walk(ways[1].cell, True)
    if isinstance(module, nnx.RNN):
        _flax.check_walk(module, module.reverse)
        return (_walk(module.cell, module.reverse),)
    return (_walk(module, False),)


def _walk(module: Any, reverse: bool) -> Walk:
    H: Any = getattr(module, "hidden_features", None)
    if isinstance(module, nnx.LSTMCell | nnx.OptimizedLSTMCell):
        cell: Any = cells.lstm(H)
    elif isinstance(module, nnx.GRUCell):
        cell = cells.gru(H, recurrent_bias=False)
    elif isinstance(module, nnx.SimpleCell):
        cell = vanilla("SimpleCell", H, _flax.activation_of(module))
    else:
        raise InteropError(
            f"{quote(type(module).__name__)} has no counterpart in jaxrnn: SimpleCell, GRUCell, "
            f"LSTMCell and OptimizedLSTMCell have, alone, in an RNN, or in a Bidirectional of two."
        )
    _flax.activation_of(module)
    name, I = type(module).__name__, module.in_features
    named = Named(name, arrays(name, _named(module)))
    if isinstance(module, nnx.LSTMCell):
        native = _joined(named, I, H)
    else:
        wide = {cells.LSTM: 4, cells.GRU: 3, cells.Vanilla: 1}[type(cell)] * H
        native = {
            "dense_i": {"kernel": named.take("dense_i.kernel", I, wide)},
            "dense_h": {"kernel": named.take("dense_h.kernel", H, wide)},
        }
        side = SIDE[type(cell)]
        native[side]["bias"] = named.take(f"{side}.bias", wide)
    named.all_taken()
    return Walk(cell, native, reverse)


def _named(module: Any) -> dict[str, Any]:
    flat = nnx.to_flat_state(nnx.state(module, nnx.Param))
    return {".".join(map(str, path)): leaf.get_value() for path, leaf in flat}


def _joined(named: Named, I: int, H: int) -> dict[str, dict[str, Any]]:
    """The kernels and biases of an LSTMCell, side by side."""

    def joined(names: tuple[str, ...], *shape: int) -> Any:
        return np.concatenate([named.take(name, *shape) for name in names], axis=-1)

    return {
        "dense_i": {"kernel": joined(("ii.kernel", "if_.kernel", "ig.kernel", "io.kernel"), I, H)},
        "dense_h": {
            "kernel": joined(("hi.kernel", "hf.kernel", "hg.kernel", "ho.kernel"), H, H),
            "bias": joined(("hi.bias", "hf.bias", "hg.bias", "ho.bias"), H),
        },
    }


def to_nnx(model: Any, params: Any, *, equivalent: bool = False, verify: bool = False) -> Result:
    """``module, *_ = to_nnx(layer, params)``: of a cell a SimpleCell, GRUCell or OptimizedLSTMCell;
    of a layer an ``nnx.RNN`` or ``nnx.Bidirectional`` of them, time-major, that returns the carry
    too; of a stack an ``nnx.List`` of these, bottom first. `verify` runs both sides on random
    input.

    Raises InteropError for what NNX cannot hold: a GRU that resets before, or has a bias inside
    r ⊙ (…); two biases, unless `equivalent` allows their sum.

    >>> layer = jaxrnn.unroll(jaxrnn.lstm(5))
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> module, *_ = jaxrnn.interop.to_nnx(layer, params)
    >>> carry, ys = module(jnp.ones((6, 2, 3)))
    >>> ys.shape
    (6, 2, 5)
    """
    form = form_of(model, params)
    check_held(form, "Flax NNX", tuple(MADE))
    biases = _biases.Biases("Flax NNX", equivalent)
    natives = natives_of(form, biases.writing(write_cell))
    modules = [_module(form, level) for level in natives.form.levels]
    differences = None
    if verify:
        ours, theirs = (model, params), _theirs(form, modules)
        differences = verified(ours, natives, by_jax(theirs), read_cell)
    made = modules[0] if len(modules) == 1 else nnx.List(modules)
    return Result(made, None, tuple(sorted(biases.notes | dropped(form))), differences)


def _module(form: Form, level: tuple[Walk, ...]) -> Any:
    made = [_cell(walk.cell, walk.params) for walk in level]
    if form.alone:
        return made[0]
    if len(made) == 2:
        rnns = [nnx.RNN(cell, time_major=True, return_carry=True) for cell in made]
        return nnx.Bidirectional(rnns[0], rnns[1], time_major=True, return_carry=True)
    reverse = level[0].reverse
    return nnx.RNN(made[0], time_major=True, return_carry=True, reverse=reverse, keep_order=reverse)


def _cell(cell: Any, native: Any) -> Any:
    kernel, how = native["dense_i"]["kernel"], {}
    if isinstance(cell, cells.Vanilla):
        how["activation_fn"] = {"tanh": jnp.tanh, "relu": jax.nn.relu}[cell.activation]
    if not isinstance(cell, cells.GRU):
        how["dtype"] = kernel.dtype
    # Orthogonal matrices, its own beginning, are not to be had in 16 bits on a CPU.
    how |= {"param_dtype": kernel.dtype, "recurrent_kernel_init": nnx.initializers.zeros_init()}
    made = MADE[type(cell)](kernel.shape[0], cell.hidden_size, rngs=nnx.Rngs(0), **how)
    for side, leaves in native.items():
        for leaf, a in leaves.items():
            getattr(getattr(made, side), leaf).set_value(jnp.asarray(a))
    return made


def _theirs(form: Form, modules: list[Any]) -> Any:
    split = [nnx.split(module, nnx.Param, ...) for module in modules]

    def run(k: int, natives: Any, carries: list[Any], xs: Any) -> tuple[Any, Any]:
        graph, params, rest = split[k]
        params = jax.tree.map(lambda a: a, params)
        nnx.replace_by_pure_dict(params, _tree(form, natives))
        module, start = nnx.merge(graph, params, rest), [_flax.theirs(c) for c in carries]
        start = tuple(start) if len(start) == 2 else start[0]
        if form.alone:
            after, ys = module(start, xs)
        else:
            after, ys = module(xs, initial_carry=start)
        after = list(after) if len(carries) == 2 else [after]
        return [_flax.ours(c, a) for c, a in zip(carries, after, strict=True)], ys

    return level_by_level(form, run)


def _tree(form: Form, natives: Any) -> Any:
    if form.alone:
        return natives[0]
    if len(natives) == 2:
        names = "forward_rnn", "backward_rnn"
        return {name: {"cell": native} for name, native in zip(names, natives, strict=True)}
    return {"cell": natives[0]}
