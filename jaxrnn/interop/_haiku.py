"""Haiku: VanillaRNN, GRU and LSTM cores, by the names and shapes of their params.

The LSTM has one matrix (I + H, 4H) with gates i g f o, and adds 1 to its forget gate in the step:
so its bias is ours less 1, to within an ulp. The GRU has gates z r a, resets before the product,
and keeps (1 - z) h + z a: so z is ours with the sign turned, σ(-a) = 1 - σ(a). The vanilla core is
a relu, with one bias or two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
    in_order,
    namespace,
    natives_of,
)
from jaxrnn.interop._result import Result, as_params, by_jax, level_by_level, needs, verified
from jaxrnn.interop._state import Named, arrays, several

IGFO = (0, 2, 1, 3)  # its own inverse


def _to_zra(a: Any) -> Any:
    r, z, n = namespace(a).split(a, 3, axis=-1)
    return namespace(a).concatenate([-z, r, n], axis=-1)


def _to_rzn(a: Any) -> Any:
    z, r, n = namespace(a).split(a, 3, axis=-1)
    return namespace(a).concatenate([r, -z, n], axis=-1)


def read_cell(cell: Any, native: Any) -> Any:
    H = cell.hidden_size
    if isinstance(cell, cells.LSTM):
        w, b = in_order(native["linear"]["w"], IGFO), in_order(native["linear"]["b"], IGFO)
        one = np.repeat(np.array([0, 1, 0, 0], b.dtype), H)
        return cells.LSTMParams(w[:-H], w[-H:], b + one)
    if isinstance(cell, cells.GRU):
        return cells.GRUParams(*(_to_rzn(native[""][leaf]) for leaf in ("w_i", "w_h", "b")))
    inner, outer = native["linear"], native["linear_1"]
    return cells.VanillaParams(inner["w"], outer["w"], inner["b"], outer.get("b"))


def write_cell(cell: Any, params: Any, biases: _biases.Biases) -> dict[str, dict[str, Any]]:
    if isinstance(cell, cells.LSTM):
        b = in_order(biases.one(cell, params), IGFO)
        b = b - np.repeat(np.array([0, 0, 1, 0], b.dtype), cell.hidden_size)
        return {"linear": {"w": in_order(np.concatenate([params.w_x, params.w_h]), IGFO), "b": b}}
    if isinstance(cell, cells.GRU):
        if cell.reset != "before":
            raise InteropError(
                f"Haiku's GRU resets before the product, and {quote(cell)} after: torch's, Keras' "
                f"with reset_after=True and ONNX' with linear_before_reset=1 reset so."
            )
        leaves = params.w_x, params.w_h, biases.one(cell, params)
        return {"": dict(zip(("w_i", "w_h", "b"), map(_to_zra, leaves), strict=True))}
    if cell.activation != "relu":
        raise InteropError(f"Haiku's VanillaRNN is a relu, and {quote(cell)} is not.")
    biases.second = cell.recurrent_bias
    outer = {"w": params.w_h} | ({} if params.b_h is None else {"b": params.b_h})
    return {"linear": {"w": params.w_x, "b": params.b}, "linear_1": outer}


def from_haiku(
    params: Any, cores: Sequence[Any] | str | None = None, *, verify: bool = False
) -> Result:
    """``layer, params, *_ = from_haiku(params)``: of the params of a transformed function, in which
    cores are found by names and shapes. `cores` names those to take, bottom first, a pair (forward,
    backward) for one both ways; without it, all that are there are one stack, in the order of their
    names (as a ``hk.DeepRNN`` has them). One core's name gives a cell. `verify` runs both sides on
    random input.

    Raises InteropError for a core that is not there, or whose tensors are misshapen or not finite.

    >>> layer = jaxrnn.unroll(jaxrnn.lstm(5))
    >>> theirs = jaxrnn.interop.to_haiku(layer, layer.init(jax.random.key(0), input_size=3)).params
    >>> jaxrnn.interop.from_haiku(theirs).model
    Unroll(cell=LSTM(hidden_size=5))
    """
    flat = _flat(params)
    found = _cores(flat)
    if not found:
        raise InteropError("the params hold no core: neither w_i, w_h, b nor a linear of one.")
    if cores is None and len(set(found.values())) > 1:
        raise InteropError(
            f"the params hold cores of several kinds, {', '.join(map(repr, found))}, and do not "
            f"say which is on which: name them with `cores`, bottom first."
        )
    alone = isinstance(cores, str)
    wanted = list(found) if cores is None else several(cores)
    named, levels = Named("the params", flat), []
    for each in wanted:
        pair = each if isinstance(each, tuple) else (each,)
        levels.append(tuple(_walk(named, found, name, k == 1) for k, name in enumerate(pair)))
    if cores is None:
        named.all_taken("name the cores with `cores`")
    natives = Natives(Form(tuple(levels), alone=alone))
    model, ours = natives.model(read_cell), as_params(natives.read(natives.arrays, read_cell))
    differences = to_haiku(model, ours, verify=True).differences if verify else None
    return Result(model, ours, (), differences)


def _flat(params: Any) -> dict[str, Any]:
    if not isinstance(params, Mapping) or not all(isinstance(m, Mapping) for m in params.values()):
        raise InteropError(f"Haiku's params are a dict of dicts, got {quote(params)}.")
    flat = {
        f"{module}//{leaf}": a for module, leaves in params.items() for leaf, a in leaves.items()
    }
    return arrays("the params", flat)


def _cores(flat: Mapping[str, Any]) -> dict[str, type]:
    """Cores by name, in its natural order."""
    modules: dict[str, set[str]] = {}
    for name in flat:
        module, _, leaf = name.rpartition("//")
        modules.setdefault(module, set()).add(leaf)
    found: dict[str, type] = {}
    for module, leaves in modules.items():
        parent, _, last = module.rpartition("/")
        if leaves == {"w_i", "w_h", "b"}:
            found[module] = cells.GRU
        elif last == "linear" and parent:
            vanilla = f"{parent}/linear_1" in modules
            found[parent] = cells.Vanilla if vanilla else cells.LSTM
    return dict(sorted(found.items(), key=lambda item: _natural(item[0])))


def _natural(name: str) -> list[Any]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _walk(named: Named, found: Mapping[str, type], name: Any, reverse: bool) -> Walk:
    if not isinstance(name, str) or name not in found:
        listed = ", ".join(map(repr, found))
        raise InteropError(f"the params hold no core {quote(name)}; there is {listed}.")
    if found[name] is cells.LSTM:
        b = named.take(f"{name}/linear//b", None)
        if len(b) % 4:
            raise InteropError(
                f"the params: '{name}/linear' has a bias of {len(b)}, which is not four gates of "
                f"an LSTM."
            )
        w, H = named.take(f"{name}/linear//w", None, len(b)), len(b) // 4
        if len(w) <= H:
            raise InteropError(
                f"the params: '{name}/linear' has w of {w.shape}, but an LSTM of {H} needs more "
                f"than {H} rows: those of x and of h."
            )
        return Walk(cells.lstm(H), {"linear": {"w": w, "b": b}}, reverse)
    if found[name] is cells.GRU:
        w_h = named.take(f"{name}//w_h", None, None)
        H = len(w_h)
        native = {"w_i": (None, 3 * H), "w_h": (H, 3 * H), "b": (3 * H,)}
        leaves = {leaf: named.take(f"{name}//{leaf}", *shape) for leaf, shape in native.items()}
        return Walk(cells.gru(H, reset="before"), {"": leaves}, reverse)
    w_h = named.take(f"{name}/linear_1//w", None, None)
    H, two = len(w_h), named.has(f"{name}/linear_1//b")
    inner = {"w": named.take(f"{name}/linear//w", None, H), "b": named.take(f"{name}/linear//b", H)}
    outer = {"w": named.take(f"{name}/linear_1//w", H, H)}
    if two:
        outer["b"] = named.take(f"{name}/linear_1//b", H)
    cell = cells.vanilla(H, "relu", recurrent_bias=two)
    return Walk(cell, {"linear": inner, "linear_1": outer}, reverse)


def to_haiku(model: Any, params: Any, *, equivalent: bool = False, verify: bool = False) -> Result:
    """``names, params, *_ = to_haiku(layer, params)``: params of cores, and their names in levels,
    bottom first, as `from_haiku` takes them for `cores`. A core is called as Haiku calls it without
    a name: ``lstm``, ``lstm_1``, … in the order in which they are made. `verify` runs both sides on
    random input.

    Raises InteropError for what Haiku cannot hold: a GRU that resets after, a vanilla cell of tanh;
    two biases of another cell, unless `equivalent` allows their sum.

    >>> layer = jaxrnn.unroll(jaxrnn.lstm(5))
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> names, params, *_ = jaxrnn.interop.to_haiku(layer, params)
    >>> names, {name: list(leaves) for name, leaves in params.items()}
    (['lstm'], {'lstm/linear': ['b', 'w']})
    """
    _haiku()
    form, biases = form_of(model, params), _biases.Biases("Haiku", equivalent)
    check_held(form, "Haiku", tuple(CORES))
    if any(len(level) == 1 and level[0].reverse for level in form.levels):
        raise InteropError(
            "Haiku's params do not say that a core walks backwards alone: convert the cell, "
            "`layer.cell`, and unroll it with reverse=True."
        )
    natives = natives_of(form, biases.writing(write_cell))
    names = _names(form)
    tree: dict[str, Any] = {}
    for level, natives_there in zip(names, natives.arrays["levels"], strict=True):
        for name, native in zip(level, natives_there, strict=True):
            tree |= placed(name, native)
    differences = None
    if verify:
        ours, theirs = (model, params), _theirs(natives.form)
        differences = verified(ours, natives, by_jax(theirs), read_cell)
    tree = jax.tree.map(jnp.asarray, tree)
    cores: Any = [level[0] if len(level) == 1 else level for level in names]
    return Result(
        cores[0] if form.alone else cores,
        tree,
        tuple(sorted(biases.notes | dropped(form))),
        differences,
    )


CORES = {cells.Vanilla: "vanilla_rnn", cells.GRU: "gru", cells.LSTM: "lstm"}


def _names(form: Form) -> list[tuple[str, ...]]:
    counts: dict[str, int] = {}

    def name(cell: Any) -> str:
        base = CORES[type(cell)]
        counts[base] = counts.get(base, -1) + 1
        return f"{base}_{counts[base]}" if counts[base] else base

    return [tuple(name(walk.cell) for walk in level) for level in form.levels]


def placed(name: str, native: Any) -> dict[str, Any]:
    """The arrays of a core as Haiku's params have them."""
    return {f"{name}/{module}" if module else name: leaves for module, leaves in native.items()}


def _theirs(form: Form) -> Any:
    hk = _haiku()

    def run(k: int, natives: Any, carries: list[Any], xs: Any) -> tuple[Any, Any]:
        walks = []
        for walk, native, carry in zip(form.levels[k], natives, carries, strict=True):
            is_lstm = isinstance(walk.cell, cells.LSTM)
            start = hk.LSTMState(carry.h, carry.c) if is_lstm else carry.h
            kind = {"vanilla_rnn": hk.VanillaRNN, "gru": hk.GRU, "lstm": hk.LSTM}[
                CORES[type(walk.cell)]
            ]
            how = {"double_bias": walk.cell.recurrent_bias} if kind is hk.VanillaRNN else {}

            def network(xs, start, kind=kind, walk=walk, how=how):
                core = kind(walk.cell.hidden_size, name="core", **how)
                if form.alone:
                    return core(xs, start)
                return hk.dynamic_unroll(core, xs, start, reverse=walk.reverse)

            apply = hk.without_apply_rng(hk.transform(network)).apply
            ys, after = apply(placed("core", native), xs, start)
            after = cells.LSTMCarry(after.hidden, after.cell) if is_lstm else type(carry)(after)
            walks.append((after, ys))
        return [c for c, _ in walks], jnp.concatenate([ys for _, ys in walks], axis=-1)

    return level_by_level(form, run)


def _haiku() -> Any:
    try:
        import haiku
    except ImportError:
        raise needs("dm-haiku") from None
    return haiku
