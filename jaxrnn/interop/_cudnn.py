"""The flat vector of cuDNN's LSTM, as `jax.experimental.rnn` keeps it: torch's matrices W_ih and
W_hh of every level and direction, then all biases b_ih and b_hh."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn import _checks, cells
from jaxrnn._checks import quote
from jaxrnn.interop import _biases, _torch
from jaxrnn.interop._form import (
    Form,
    InteropError,
    Natives,
    Walk,
    dropped,
    form_of,
    joined,
    natives_of,
)
from jaxrnn.interop._result import Result, as_params, by_jax, verified
from jaxrnn.interop._state import Named, array

MATRICES, VECTORS = ("weight_ih", "weight_hh"), ("bias_ih", "bias_hh")


def _shapes(input_size: int, H: int, depth: int, ways: int) -> list[dict[str, tuple[int, ...]]]:
    """Of every walk, in the order of levels and directions."""
    return [
        {
            "weight_ih": (4 * H, input_size if level == 0 else ways * H),
            "weight_hh": (4 * H, H),
            "bias_ih": (4 * H,),
            "bias_hh": (4 * H,),
        }
        for level in range(depth)
        for _ in range(ways)
    ]


def _split(weights: Any, shapes: list[dict[str, tuple[int, ...]]]) -> list[dict[str, Any]]:
    natives: list[dict[str, Any]] = [{} for _ in shapes]
    at = 0
    for kinds in (MATRICES, VECTORS):
        for native, shape in zip(natives, shapes, strict=True):
            for leaf in kinds:
                size = math.prod(shape[leaf])
                native[leaf] = weights[at : at + size].reshape(shape[leaf])
                at += size
    return natives


def from_cudnn(
    weights: Any,
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    bidirectional: bool = False,
    *,
    verify: bool = False,
) -> Result:
    """``layer, params, *_ = from_cudnn(weights, input_size, hidden_size, …)``: of the vector (N)
    that ``jax.experimental.rnn.init_lstm_weight`` gives for these numbers. `verify` runs both sides
    on random input.

    Raises InteropError where its length is that of others, or a number is not finite; ValueError
    for a size below 1.

    >>> layer = jaxrnn.unroll(jaxrnn.lstm(5, recurrent_bias=True))
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> weights, *_ = jaxrnn.interop.to_cudnn(layer, params)
    >>> jaxrnn.interop.from_cudnn(weights, input_size=3, hidden_size=5).model
    Unroll(cell=LSTM(hidden_size=5, recurrent_bias=True))
    """
    sizes = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}
    I, H, depth = (_checks.positive(name, size) for name, size in sizes.items())
    _checks.flag("bidirectional", bidirectional)
    ways = 1 + bidirectional
    shapes = _shapes(I, H, depth, ways)
    need = sum(math.prod(shape) for walk in shapes for shape in walk.values())
    flat = Named("the vector", {"weights": array("the vector", weights)}).take("weights", need)
    walks = [
        Walk(cells.lstm(H, recurrent_bias=True), native, k % ways == 1)
        for k, native in enumerate(_split(flat, shapes))
    ]
    levels = tuple(tuple(walks[k : k + ways]) for k in range(0, len(walks), ways))
    natives = Natives(Form(levels))
    model = natives.model(_torch.read_cell)
    params = as_params(natives.read(natives.arrays, _torch.read_cell))
    differences = to_cudnn(model, params, verify=True).differences if verify else None
    return Result(model, params, (), differences)


def to_cudnn(model: Any, params: Any, *, equivalent: bool = False, verify: bool = False) -> Result:
    """``weights, *_ = to_cudnn(layer, params)``: the vector (N) of an LSTM, whose levels are alike.
    `verify` runs both sides on random input.

    Raises InteropError for another cell, for levels that are not alike, and for one bias, unless
    `equivalent` allows a second one of zeros.

    >>> layer = jaxrnn.unroll(jaxrnn.lstm(5, recurrent_bias=True))
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> weights, *_ = jaxrnn.interop.to_cudnn(layer, params)
    >>> weights.shape                                        # 4 H (I + H + 2)
    (200,)
    """
    form, biases = form_of(model, params), _biases.Biases("cuDNN", equivalent)
    if form.head is not None or form.alone or not form.alike:
        raise InteropError(
            f"cuDNN's vector holds layers that are alike, forwards or both ways, and no "
            f"{quote(model)}."
        )
    if not isinstance(form.walks[0].cell, cells.LSTM):
        raise InteropError(
            f"cuDNN's vector is that of an LSTM, not of {quote(form.walks[0].cell)}."
        )
    natives = natives_of(form, biases.writing(_torch.write_cell))
    weights = _flat(natives.arrays["levels"])
    differences = None
    if verify:
        theirs = _theirs(natives.form, natives.form.walks[0].params["weight_ih"].shape[1])
        differences = verified((model, params), natives, theirs, _torch.read_cell)
    return Result(
        jnp.asarray(weights), None, tuple(sorted(biases.notes | dropped(form))), differences
    )


def _theirs(form: Form, input_size: int) -> Any:
    """By the reference that `jax.experimental.rnn` has for a CPU."""
    from jax.experimental import rnn

    both = len(form.levels[0]) == 2
    sizes = input_size, form.walks[0].cell.hidden_size, len(form.levels)

    def call(weights: Any, carry: Any, xs: Any) -> tuple[Any, Any]:
        leaves, tree = jax.tree.flatten(carry)
        h, c = jnp.stack(leaves[0::2]), jnp.stack(leaves[1::2])
        lengths = jnp.full(xs.shape[1], xs.shape[0], jnp.int32)
        parts = rnn.unpack_lstm_weights(_flat(weights["levels"]), *sizes, both)
        ys, h, c = rnn.lstm_ref(jnp.swapaxes(xs, 0, 1), h, c, *parts, lengths, *sizes, 0.0, both)
        after = [leaf for pair in zip(h, c, strict=True) for leaf in pair]
        return jax.tree.unflatten(tree, after), jnp.swapaxes(ys, 0, 1)

    return by_jax(call)


def _flat(levels: Any) -> Any:
    parts = [native for level in levels for native in level]
    return joined(
        [part[leaf].ravel() for kinds in (MATRICES, VECTORS) for part in parts for leaf in kinds]
    )
