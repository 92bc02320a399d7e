"""The NumPy twins whose gradients are by the complex step, with random params of each."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxrnn import reference as ref

I, H = 3, 4


class Twin(NamedTuple):
    cell: Any
    shapes: dict[str, Any]  # of its params; None stays None
    input_size: int = I

    def params(self, rng: np.random.Generator, **given: Any) -> Any:
        """Random ones, none of them zero, or as `given`."""
        made = dataclasses.make_dataclass("Params", list(self.shapes), frozen=True)
        return made(**random_arrays(rng, self.shapes) | given)


def random_arrays(rng: np.random.Generator, shapes: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if shape is None else rng.normal(size=shape) for name, shape in shapes.items()
    }


def gated(gates: int, h: int = H, **more: Any) -> dict[str, Any]:
    return {"w_x": (I, gates * H), "w_h": (h, gates * H), "b": (gates * H,), **more}


def unit(gates: int, b: int | None = None, **more: Any) -> dict[str, Any]:
    """Of a cell whose gates see the input alone."""
    return {"w_x": (I, gates * H), "b": ((gates if b is None else b) * H,), **more}


G, LINE = (4 * H,), (3 * H,)
LN_LSTM = gated(4, scale_x=G, scale_h=G, scale_c=(H,), shift_c=(H,))
CONV = {"w_x": (3, 2, 1, 8), "w_h": (3, 2, 2, 8), "b": (8,), "p": (3, 2, 3, 2)}
SLSTM = {"w_x": (I, 4 * H), "w_h": (2, 2, 8), "b": G}
MLSTM = {"w_x": (I, 4 * H), "b": G, "w_g": (I, 4), "b_g": (4,)}
LRU = {name: (H,) for name in ("nu", "theta", "gamma")} | {
    "w_re": (I, H),
    "w_im": (I, H),
    "c_re": (H, H),
    "c_im": (H, H),
    "d": (I, H),
}

TWINS = {
    "projection-lstm": Twin(ref.projection_lstm(H, 2), gated(4, 2, b_h=G, w_r=(H, 2))),
    "projection-lstm-no-b_h": Twin(ref.projection_lstm(H, 2), gated(4, 2, b_h=None, w_r=(H, 2))),
    "peephole-lstm": Twin(ref.peephole_lstm(H), gated(4, p=LINE)),
    "coupled-lstm": Twin(ref.coupled_lstm(H), gated(3)),
    "layer-norm-lstm": Twin(ref.layer_norm_lstm(H), LN_LSTM),
    "layer-norm-gru": Twin(ref.layer_norm_gru(H), gated(3, scale_x=LINE, scale_h=LINE, b_n=(H,))),
    "mgu": Twin(ref.mgu(H), gated(2)),
    "indrnn": Twin(ref.indrnn(H), unit(1, u=(H,))),
    "indrnn-tanh": Twin(ref.indrnn(H, "tanh"), unit(1, u=(H,))),
    "conv-lstm": Twin(ref.conv_lstm(2, (2, 3)), CONV, 6),
    "conv-lstm-no-p": Twin(ref.conv_lstm(2, (2, 3)), CONV | {"p": None}, 6),
    "slstm": Twin(ref.slstm(H, 2), SLSTM),
    "slstm-exponential": Twin(ref.slstm(H, 2, "exponential"), SLSTM),
    "mlstm": Twin(ref.mlstm(H, 2), MLSTM),
    "mlstm-exponential": Twin(ref.mlstm(H, 2, "exponential"), MLSTM),
    "mingru": Twin(ref.mingru(H), unit(2)),
    "minlstm": Twin(ref.minlstm(H), unit(3)),
    "sru": Twin(ref.sru(H), unit(3, 2, w_s=(I, H))),
    "sru-no-w_s": Twin(ref.sru(H), {"w_x": (H, 3 * H), "b": (2 * H,), "w_s": None}, H),
    "qrnn": Twin(ref.qrnn(H), {"w_x": (2, I, 3 * H), "b": LINE}),
    "qrnn-1": Twin(ref.qrnn(H, 1), {"w_x": (1, I, 3 * H), "b": LINE}),
    "qrnn-3": Twin(ref.qrnn(H, 3), {"w_x": (3, I, 3 * H), "b": LINE}),
    "lru": Twin(ref.lru(H), LRU),
    "rg-lru": Twin(ref.rg_lru(H), unit(2, a=(H,), w_s=(I, H))),
    "rg-lru-no-w_s": Twin(
        ref.rg_lru(H), {"w_x": (H, 2 * H), "b": (2 * H,), "a": (H,), "w_s": None}, H
    ),
    "paragru": Twin(ref.paragru(H), unit(3, a=LINE)),
}


def each(function: Callable, *trees: Any) -> Any:
    """`function` of the leaves of params and carries, whose classes stay."""
    first = trees[0]
    if first is None:
        return None
    if isinstance(first, tuple):
        parts = [each(function, *parts) for parts in zip(*trees, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    if dataclasses.is_dataclass(first) and not isinstance(first, type):
        names = [field.name for field in dataclasses.fields(first)]
        changes = {name: each(function, *(getattr(t, name) for t in trees)) for name in names}
        return dataclasses.replace(first, **changes)
    return function(*trees)


def leaves(tree: Any) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    each(lambda a: found.append(np.asarray(a)), tree)
    return found


def reachable(rng: np.random.Generator, twin: Twin, params: Any, batch: tuple[int, ...]) -> Any:
    """A carry that two random inputs have led to."""
    xs = rng.normal(size=(2, *batch, twin.input_size))
    return ref.unroll(twin.cell).forward(params, None, xs)[0]
