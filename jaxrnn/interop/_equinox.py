"""Equinox: nn.GRUCell and nn.LSTMCell.

Matrices lie as (G·H, I), gates r z n and i f g o. There is one bias, or none; the GRU, which resets
after the product, has one more inside r ⊙ (…). A cell reads one row: `jax.vmap` takes it over a
batch, and a `jax.lax.scan` through time.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import cells
from jaxrnn._checks import quote
from jaxrnn.interop import _biases
from jaxrnn.interop._form import (
    Form,
    InteropError,
    Natives,
    Walk,
    check_held,
    dropped,
    form_of,
    natives_of,
)
from jaxrnn.interop._result import Result, as_params, by_jax, level_by_level, needs, verified
from jaxrnn.interop._state import Named, arrays


def read_cell(cell: Any, native: Any) -> Any:
    w_x, w_h, H = native["weight_ih"].T, native["weight_hh"].T, cell.hidden_size
    b = native["bias"] if "bias" in native else 0 * native["weight_hh"][:, 0]
    if isinstance(cell, cells.LSTM):
        return cells.LSTMParams(w_x, w_h, b)
    if not cell.recurrent_bias:
        return cells.GRUParams(w_x, w_h, b)
    inside = native["bias_n"]
    return cells.GRUParams(w_x, w_h, b, jnp.concatenate([jnp.zeros(2 * H, inside.dtype), inside]))


def write_cell(cell: Any, params: Any, biases: _biases.Biases) -> dict[str, Any]:
    native = {"weight_ih": params.w_x.T, "weight_hh": params.w_h.T}
    if isinstance(cell, cells.LSTM):
        native["bias"] = biases.one(cell, params)
    elif cell.reset == "after":
        native["bias"], native["bias_n"] = biases.with_candidate(cell, params)
    else:
        raise InteropError(
            f"Equinox' GRUCell resets after the product, and {quote(cell)} before: Keras' with "
            f"reset_after=False, Haiku's and ONNX' reset so."
        )
    return {name: np.ascontiguousarray(a) for name, a in native.items() if a is not None}


def from_equinox(source: Any, *, verify: bool = False) -> Result:
    """``cell, params, *_ = from_equinox(cell)``: of an ``eqx.nn.GRUCell`` or ``eqx.nn.LSTMCell``;
    of a list of them a stack of layers, bottom first, in which a pair (forward, backward) is one
    both ways. `verify` runs both sides on random input.

    Raises InteropError for another module, and for weights that are misshapen or not finite.

    >>> import equinox as eqx
    >>> cell, params, *_ = jaxrnn.interop.from_equinox(eqx.nn.LSTMCell(3, 5, key=jax.random.key(0)))
    >>> cell, params.w_x.shape
    (LSTM(hidden_size=5), (3, 20))
    """
    _equinox()
    alone = not isinstance(source, list)
    levels = []
    for level in [source] if alone else source:
        pair = level if isinstance(level, tuple) else (level,)
        levels.append(tuple(_walk(cell, k == 1) for k, cell in enumerate(pair)))
    natives = Natives(Form(tuple(levels), alone=alone))
    model, params = natives.model(read_cell), as_params(natives.read(natives.arrays, read_cell))
    has_bias = all("bias" in walk.params for walk in natives.form.walks)
    differences = None
    if verify:
        differences = to_equinox(model, params, bias=has_bias, verify=True).differences
    return Result(model, params, _biases.notes_of_missing(has_bias), differences)


def _walk(module: Any, reverse: bool) -> Walk:
    eqx = _equinox()
    if not isinstance(module, eqx.nn.GRUCell | eqx.nn.LSTMCell):
        raise InteropError(
            f"{quote(type(module).__name__)} has no counterpart in jaxrnn: eqx.nn.GRUCell and "
            f"eqx.nn.LSTMCell have."
        )
    H, I, bias = module.hidden_size, module.input_size, module.use_bias
    is_lstm = isinstance(module, eqx.nn.LSTMCell)
    wide = (4 if is_lstm else 3) * H
    shapes: dict[str, tuple[int, ...]] = {"weight_ih": (wide, I), "weight_hh": (wide, H)}
    if bias:
        shapes |= {"bias": (wide,)} | ({} if is_lstm else {"bias_n": (H,)})
    name = type(module).__name__
    named = Named(name, arrays(name, {leaf: getattr(module, leaf) for leaf in shapes}))
    native = {leaf: named.take(leaf, *shape) for leaf, shape in shapes.items()}
    return Walk(cells.lstm(H) if is_lstm else cells.gru(H, recurrent_bias=bias), native, reverse)


def to_equinox(
    model: Any, params: Any, *, bias: bool = True, equivalent: bool = False, verify: bool = False
) -> Result:
    """``cell, *_ = to_equinox(cell, params)``: an ``eqx.nn.GRUCell`` or ``eqx.nn.LSTMCell``; of a
    layer, a list of them, bottom first, a pair (forward, backward) where it walks both ways. With
    ``bias=False`` they have no bias. `verify` runs both sides on random input.

    Raises InteropError for what Equinox cannot hold: a vanilla cell, a GRU that resets before, a
    layer that walks backwards alone; two biases, unless `equivalent` allows their sum.

    >>> cell = jaxrnn.lstm(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> module, *_ = jaxrnn.interop.to_equinox(cell, params)
    >>> module.weight_ih.shape
    (20, 3)
    """
    eqx = _equinox()
    form, biases = form_of(model, params), _biases.Biases("Equinox", equivalent, bias)
    _check(form)
    natives = natives_of(form, biases.writing(write_cell))
    levels = [tuple(made_of(eqx, w.cell, w.params) for w in level) for level in natives.form.levels]
    differences = None
    if verify:
        ours, theirs = (model, params), _theirs(eqx, form)
        differences = verified(ours, natives, by_jax(theirs), read_cell)
    made: Any = [level[0] if len(level) == 1 else level for level in levels]
    made = made[0] if form.alone else made
    return Result(made, None, tuple(sorted(biases.notes | dropped(form))), differences)


def _check(form: Form) -> None:
    check_held(form, "Equinox", (cells.GRU, cells.LSTM))
    if any(len(level) == 1 and level[0].reverse for level in form.levels):
        raise InteropError(
            "a list of Equinox' cells does not say that one walks backwards alone: convert the "
            "cell, `layer.cell`, and scan it with reverse=True."
        )


def made_of(eqx: Any, cell: Any, native: Any) -> Any:
    """A module with these arrays in it."""
    kind = eqx.nn.LSTMCell if isinstance(cell, cells.LSTM) else eqx.nn.GRUCell
    w_x = native["weight_ih"]
    how = {"use_bias": "bias" in native, "dtype": w_x.dtype, "key": jax.random.key(0)}
    made = kind(w_x.shape[1], cell.hidden_size, **how)
    leaves = [*native]
    values = [jnp.asarray(native[leaf]) for leaf in leaves]
    return eqx.tree_at(lambda m: [getattr(m, leaf) for leaf in leaves], made, values)


def _theirs(eqx: Any, form: Form) -> Any:
    def run(k: int, natives: Any, carries: list[Any], xs: Any) -> tuple[Any, Any]:
        walks = []
        for walk, native, carry in zip(form.levels[k], natives, carries, strict=True):
            step = jax.vmap(made_of(eqx, walk.cell, native))
            start = tuple(carry) if len(carry) == 2 else carry[0]
            if form.alone:
                after = step(xs, start)
                ys = after[0] if len(carry) == 2 else after
            else:
                after, ys = _scan(step, start, xs, walk.reverse)
            walks.append((type(carry)(*(after if len(carry) == 2 else (after,))), ys))
        return [c for c, _ in walks], jnp.concatenate([ys for _, ys in walks], axis=-1)

    return level_by_level(form, run)


def _scan(step: Any, start: Any, xs: Any, reverse: bool) -> tuple[Any, Any]:
    def body(state, x):
        state = step(x, state)
        return state, state[0] if isinstance(state, tuple) else state

    return jax.lax.scan(body, start, xs, reverse=reverse)


def _equinox() -> Any:
    try:
        import equinox
    except ImportError:
        raise needs("equinox") from None
    return equinox
