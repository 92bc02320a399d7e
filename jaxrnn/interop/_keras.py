"""Keras 3: SimpleRNN, GRU (reset_after either way), LSTM, their cells, Bidirectional, and models of
these with an Embedding before and a Dense behind.

Gates of the GRU are z r h. A GRU with reset_after has two biases, (2, 3H); all others have one.
Keras is batch-major, and gives a layer's last output alone unless it is asked for all.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Any

import numpy as np

from jaxrnn import cells
from jaxrnn._checks import quote
from jaxrnn._language_model import HeadParams
from jaxrnn.interop import _biases
from jaxrnn.interop._form import (
    BATCH_FIRST,
    CONTAINERS,
    DROPPED,
    Form,
    InteropError,
    Natives,
    Walk,
    check_held,
    dropped,
    form_of,
    in_order,
    natives_of,
    vanilla,
)
from jaxrnn.interop._keras_layers import answerer, built, model_of
from jaxrnn.interop._result import Result, as_params, needs, verified
from jaxrnn.interop._state import Named, arrays

ZRN = (1, 0, 2)  # its own inverse


def read_cell(cell: Any, native: Any) -> Any:
    w_x, w_h = native["kernel"], native["recurrent_kernel"]
    b = native["bias"] if "bias" in native else 0 * w_h[0]
    b, b_h = (b[0], b[1]) if b.ndim == 2 else (b, None)
    parts = [w_x, w_h, b, b_h]
    if isinstance(cell, cells.GRU):
        parts = [part if part is None else in_order(part, ZRN) for part in parts]
    return CONTAINERS[type(cell)](*parts)


def write_cell(cell: Any, params: Any, biases: _biases.Biases) -> dict[str, Any]:
    is_gru = isinstance(cell, cells.GRU)
    two = is_gru and cell.reset == "after"
    parts = [params.w_x, params.w_h]
    parts += biases.two(cell, params) if two else [biases.one(cell, params)]
    if is_gru:
        parts = [part if part is None else in_order(part, ZRN) for part in parts]
    kernel, recurrent, *b = (np.asarray(part) if part is not None else None for part in parts)
    b: Any = b
    bias = {} if b[0] is None else {"bias": np.stack(b) if two else b[0]}
    return {"kernel": kernel, "recurrent_kernel": recurrent} | bias


def read_head(native: Any) -> HeadParams:
    return HeadParams(native["kernel"], native["bias"])


def write_head(head: HeadParams) -> dict[str, Any]:
    if head.w is None:
        raise InteropError("Keras' Dense has weights of its own: a tied head has no counterpart.")
    return {"kernel": head.w, "bias": head.b}


def from_keras(source: Any, *, verify: bool = False) -> Result:
    """``layer, params, *_ = from_keras(layer)``: of a SimpleRNN, GRU or LSTM, a Bidirectional
    (concat) of one, an ``RNN`` of a cell, a cell, a Sequential or list of these, or a language
    model: an Embedding or one-hot input, these, and a Dense of as many units as there are tokens.
    Layers must be built. Keras is batch-major, and `notes` say so. `verify` runs both sides on
    random input.

    Raises InteropError for another activation, a merge but concat, ``go_backwards`` alone (whose
    outputs are last first), a layer that is none of these, and for weights that are not finite.

    >>> import os
    >>> os.environ["KERAS_BACKEND"] = "jax"                  # before Keras is imported
    >>> import keras
    >>> module = keras.layers.GRU(5)
    >>> module.build((None, None, 3))
    >>> layer, params, *_ = jaxrnn.interop.from_keras(module)
    >>> layer, params.w_x.shape
    (Unroll(cell=GRU(hidden_size=5, recurrent_bias=True)), (3, 15))
    """
    keras = library()
    notes: set[str] = set()
    layers = _layers(keras, source)
    _note_dropout(keras, source, notes)
    table = _table(keras, layers, notes)
    head = _head(keras, layers, notes)
    alone = len(layers) == 1 and _kind(keras, layers[0]) is not None and _is_cell(keras, layers[0])
    levels = [_level(keras, layer, k == len(layers) - 1, notes) for k, layer in enumerate(layers)]
    if not levels:
        raise InteropError(f"{quote(source)} holds no recurrent layer.")
    if table is not None and head is None:
        raise InteropError(
            "the model embeds tokens, but no Dense of as many units ends it: convert its recurrent "
            "layers, `[layer for layer in model.layers if …]`."
        )
    natives = Natives(Form(tuple(levels), head=head, embedding=table, alone=alone))
    _check_head(natives, head, table)
    model = natives.model(read_cell, read_head)
    params = as_params(natives.read(natives.arrays, read_cell, read_head))
    has_bias = all("bias" in walk.params for walk in natives.form.walks)
    notes.update(_biases.notes_of_missing(has_bias))
    notes.update([BATCH_FIRST] * (not alone))
    differences = None
    if verify:
        differences = to_keras(model, params, bias=has_bias, verify=True).differences
    return Result(model, params, tuple(sorted(notes)), differences)


def _layers(keras: Any, source: Any) -> list[Any]:
    if isinstance(source, list | tuple):
        layers = list(source)
    elif isinstance(source, keras.Sequential):
        layers = list(source.layers)
    elif isinstance(source, keras.Model):
        raise InteropError(
            f"{source.name} is no Sequential, so its layers may branch: give those to convert as a "
            f"list, bottom first."
        )
    else:
        layers = [source]
    passed = keras.layers.InputLayer, keras.layers.Dropout
    return [layer for layer in layers if not isinstance(layer, passed)]


def _note_dropout(keras: Any, source: Any, notes: set[str]) -> None:
    inside = source if isinstance(source, list | tuple) else getattr(source, "layers", [])
    if any(isinstance(layer, keras.layers.Dropout) and layer.rate for layer in inside):
        notes.add(DROPPED)


def _table(keras: Any, layers: list[Any], notes: set[str]) -> Any:
    if not (layers and isinstance(layers[0], keras.layers.Embedding)):
        return None
    embedding = layers.pop(0)
    if embedding.mask_zero:
        notes.add("token 0 is masked there (mask_zero): here give `mask=tokens != 0`")
    name = embedding.name
    named = Named(name, _weights(embedding))
    return named.take("embeddings", embedding.input_dim, embedding.output_dim)


def _head(keras: Any, layers: list[Any], notes: set[str]) -> Any:
    last: Any = layers[-1] if layers else None
    if isinstance(last, keras.layers.TimeDistributed) and isinstance(
        last.layer, keras.layers.Dense
    ):
        layers[-1] = last.layer
    if not (len(layers) > 1 and isinstance(layers[-1], keras.layers.Dense)):
        return None
    dense = layers.pop()
    activation = _name(dense.activation)
    if activation not in ("linear", "softmax"):
        raise InteropError(f"{dense.name} has the activation {activation}: a head is linear.")
    if activation == "softmax":
        notes.add("the model gives logits here, and their softmax there")
    named = Named(dense.name, _weights(dense))
    kernel = named.take("kernel", None, dense.units)
    bias = named.take("bias", dense.units) if dense.use_bias else 0 * kernel[0]
    return {"kernel": kernel, "bias": bias}


def _check_head(natives: Natives, head: Any, table: Any) -> None:
    if head is None:
        return
    V = len(head["bias"])
    reads = len(table) if table is not None else len(natives.form.walks[0].params["kernel"])
    if reads != V:
        raise InteropError(
            f"the Dense has {V} units, but {reads} tokens are read: this is no language model, so "
            f"convert its recurrent layers alone, as a list."
        )


def _weights(layer: Any) -> dict[str, np.ndarray]:
    if not layer.built:
        raise InteropError(f"{layer.name} is not built yet, so it has no weights: call it once.")
    named = {weight.name: np.asarray(weight) for weight in layer.weights}
    return arrays(layer.name, {name: a for name, a in named.items() if "seed" not in name})


def _name(function: Any) -> str:
    return getattr(function, "__name__", quote(function))


def _level(keras: Any, layer: Any, last: bool, notes: set[str]) -> tuple[Walk, ...]:
    if isinstance(layer, keras.layers.Bidirectional):
        if layer.merge_mode != "concat":
            raise InteropError(
                f"{layer.name} has merge_mode={layer.merge_mode!r}: only 'concat' is converted."
            )
        there, back = layer.forward_layer, layer.backward_layer
        if there.go_backwards or not back.go_backwards:
            raise InteropError(
                f"{layer.name} has a forward layer that goes backwards, or a backward one that "
                f"does not: only the usual pair is converted."
            )
        _check_outputs(layer.forward_layer, last, notes, layer.name)
        if not layer.forward_layer.return_sequences:
            notes.add("of the backward half, the last output there is the one at time 0 here")
        return _walk(keras, there, False, notes), _walk(keras, back, True, notes)
    if getattr(layer, "go_backwards", False):
        raise InteropError(
            f"{layer.name} has go_backwards=True, so its outputs are last first, and jaxrnn's are "
            f"in the order of time. Make it without, and `unroll(cell, reverse=True)` of it here."
        )
    if not _is_cell(keras, layer):
        _check_outputs(layer, last, notes, getattr(layer, "name", ""))
    return (_walk(keras, layer, False, notes),)


def _check_outputs(layer: Any, last: bool, notes: set[str], name: str) -> None:
    if getattr(layer, "return_sequences", True):
        return
    if not last:
        raise InteropError(f"{name} has return_sequences=False, but another layer reads it.")
    notes.add("the layer gives its last output alone there, and all of them here")


def _is_cell(keras: Any, layer: Any) -> bool:
    kinds = keras.layers
    return isinstance(layer, kinds.SimpleRNNCell | kinds.GRUCell | kinds.LSTMCell)


def _kind(keras: Any, layer: Any) -> str | None:
    kinds = keras.layers
    for name in ("SimpleRNN", "GRU", "LSTM"):
        if isinstance(layer, (getattr(kinds, name), getattr(kinds, f"{name}Cell"))):
            return name
    return None


def _walk(keras: Any, layer: Any, reverse: bool, notes: set[str]) -> Walk:
    inner = layer.cell if isinstance(layer, keras.layers.RNN) else layer
    kind, H = _kind(keras, inner), getattr(inner, "units", 0)
    if kind is None:
        raise InteropError(
            f"{quote(getattr(layer, 'name', layer))} has no counterpart in jaxrnn: SimpleRNN, GRU, "
            f"LSTM, their cells, Bidirectional, Embedding and Dense have."
        )
    activation = _check_functions(inner, kind)
    if inner.dropout or inner.recurrent_dropout:
        notes.add("dropout within the layer is not carried over: see jaxrnn.Dropout")
    gates = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}[kind]
    wide, two = gates * H, kind == "GRU" and inner.reset_after
    named = Named(inner.name, _weights(inner))
    native = {
        "kernel": named.take("kernel", None, wide),
        "recurrent_kernel": named.take("recurrent_kernel", H, wide),
    }
    if inner.use_bias:
        native["bias"] = named.take("bias", *([2, wide] if two else [wide]))
    named.all_taken()
    if kind == "LSTM":
        return Walk(cells.lstm(H), native, reverse)
    if kind == "GRU":
        reset = "after" if two else "before"
        both = bool(two and inner.use_bias)
        return Walk(cells.gru(H, reset=reset, recurrent_bias=both), native, reverse)
    return Walk(vanilla(inner.name, H, activation), native, reverse)


def _check_functions(inner: Any, kind: str) -> str:
    name, gate = _name(inner.activation), _name(getattr(inner, "recurrent_activation", None))
    known = ("tanh", "relu") if kind == "SimpleRNN" else ("tanh",)
    if name not in known or (kind != "SimpleRNN" and gate != "sigmoid"):
        gates = "" if kind == "SimpleRNN" else f" and recurrent_activation {gate}"
        raise InteropError(
            f"{inner.name} has the activation {name}{gates}: jaxrnn's {kind} has "
            f"{' or '.join(known)}{' and sigmoid' if gates else ''}."
        )
    return name


def to_keras(
    model: Any, params: Any, *, bias: bool = True, equivalent: bool = False, verify: bool = False
) -> Result:
    """``layer, *_ = to_keras(layer, params)``: a SimpleRNN, GRU or LSTM that returns all outputs, a
    Bidirectional of one, a cell of a cell, and of a stack or a language model a Sequential of them;
    batch-major, (B, T, I) or tokens (B, T), as Keras is. With ``bias=False`` they have no bias.
    `verify` runs both sides on random input.

    Raises InteropError for what Keras cannot hold: a layer that walks backwards alone; two biases
    of another cell than a GRU that resets after, unless `equivalent` allows their sum.

    >>> layer = jaxrnn.unroll(jaxrnn.gru(5))
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> module, *_ = jaxrnn.interop.to_keras(layer, params)
    >>> module(np.ones((2, 6, 3), np.float32)).shape         # batch-major
    (2, 6, 5)
    """
    keras = library()
    form, biases = form_of(model, params), _biases.Biases("Keras", equivalent, bias)
    check_held(form, "Keras", tuple(CONTAINERS), head=True)
    if any(len(level) == 1 and level[0].reverse for level in form.levels):
        raise InteropError(
            "Keras' go_backwards gives outputs last first, so a layer that walks backwards alone "
            "has no counterpart: convert the cell, `layer.cell`."
        )
    natives = natives_of(form, biases.writing(write_cell), write_head)
    layers = [built(keras, natives.form, level, bias) for level in natives.form.levels]
    made = model_of(keras, natives.form, layers)
    differences = None
    if verify:
        theirs = answerer(keras, natives.form)
        differences = verified((model, params), natives, theirs, read_cell, read_head)
    return Result(made, None, tuple(sorted(biases.notes | dropped(form))), differences)


def library() -> Any:
    if "keras" not in sys.modules and find_spec("tensorflow") is None:
        os.environ.setdefault("KERAS_BACKEND", "jax")  # TensorFlow, its default, is not there
    try:
        import keras
    except ImportError as error:
        raise needs(error.name or "keras") from None
    return keras
