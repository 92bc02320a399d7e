"""Keras' own layers with given weights in them, and what they answer."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import cells
from jaxrnn.interop._form import Form, InteropError, Walk
from jaxrnn.interop._result import by_jax, relaxed

LEAVES = ("kernel", "recurrent_kernel", "bias")


def built(keras: Any, form: Form, level: tuple[Walk, ...], bias: bool) -> Any:
    kernel = level[0].params["kernel"]
    how: dict[str, Any] = {"use_bias": bias, "dtype": kernel.dtype.name}
    made = [_one(keras, walk, how, form.alone, k == 1) for k, walk in enumerate(level)]
    layer = made[0]
    if len(made) == 2:
        if made[0].units != made[1].units:
            raise InteropError("Keras' Bidirectional has one cell for both directions.")
        layer = keras.layers.Bidirectional(made[0], backward_layer=made[1], dtype=how["dtype"])
    size = kernel.shape[0]
    with relaxed():
        layer.build((None, size) if form.alone else (None, None, size))
    inner = [layer.forward_layer, layer.backward_layer] if len(made) == 2 else [layer]
    for one, walk in zip(inner, level, strict=True):
        one.set_weights(list(walk.params.values()))
    return layer


def _one(keras: Any, walk: Walk, how: dict[str, Any], alone: bool, reverse: bool) -> Any:
    cell, how = walk.cell, dict(how)
    if walk.params["kernel"].dtype.itemsize < 4:  # orthogonal ones are not to be had on a CPU
        how["recurrent_initializer"] = "glorot_uniform"
    kind = {cells.Vanilla: "SimpleRNN", cells.GRU: "GRU", cells.LSTM: "LSTM"}[type(cell)]
    if isinstance(cell, cells.Vanilla):
        how["activation"] = cell.activation
    if isinstance(cell, cells.GRU):
        how["reset_after"] = cell.reset == "after"
    if alone:
        return getattr(keras.layers, f"{kind}Cell")(cell.hidden_size, **how)
    how |= {"return_sequences": True, "go_backwards": reverse}
    return getattr(keras.layers, kind)(cell.hidden_size, **how)


def model_of(keras: Any, form: Form, layers: list[Any]) -> Any:
    if form.head is None and len(layers) == 1:
        return layers[0]
    made, size = list(layers), form.walks[0].params["kernel"].shape[0]
    given: Any = keras.Input((None, size), dtype=layers[0].compute_dtype)
    if form.embedding is not None:
        V, E = form.embedding.shape
        embedding = keras.layers.Embedding(V, E, dtype=layers[0].compute_dtype)
        embedding.build()
        embedding.set_weights([form.embedding])
        made, given = [embedding, *made], keras.Input((None,), dtype="int32")
    if form.head is not None:
        dense = keras.layers.Dense(len(form.head["bias"]), dtype=layers[0].compute_dtype)
        dense.build((None, None, form.head["kernel"].shape[0]))
        dense.set_weights([form.head["kernel"], form.head["bias"]])
        made.append(dense)
    return keras.Sequential([given, *made])


def answerer(keras: Any, form: Form) -> Any:
    """By Keras' own layers, asked for their states too; gradients where its backend is JAX."""
    if keras.backend.backend() != "jax":
        raise InteropError(
            f"`verify` needs Keras' JAX backend, and it runs on {keras.backend.backend()}: set "
            f"KERAS_BACKEND=jax before Keras is imported."
        )
    if form.walks[0].params["kernel"].dtype == np.float64:
        raise InteropError(
            "Keras' JAX backend rounds to float32 in its tanh, so float64 cannot be verified: "
            "leave `verify` out, or convert params of float32."
        )
    bias = "bias" in form.walks[0].params
    layers = [built(keras, form, level, bias) for level in form.levels]
    for layer in layers:
        for one in [
            getattr(layer, "forward_layer", layer),
            getattr(layer, "backward_layer", layer),
        ]:
            one.return_state = True
        layer.return_state = True

    def call(weights: Any, carry: Any, xs: Any) -> tuple[Any, Any]:
        if jnp.issubdtype(xs.dtype, jnp.integer):
            table = weights["embedding"]
            V = len(weights["head"]["bias"])
            eye = jnp.eye(V, dtype=weights["head"]["bias"].dtype)
            xs = (eye if table is None else table)[xs]
        deep, after = len(form.levels) > 1, []
        xs = xs if form.alone else jnp.swapaxes(xs, 0, 1)
        for k, c in enumerate(carry if deep else [carry]):
            both = len(form.levels[k]) == 2
            states = [leaf for one in (c if both else [c]) for leaf in one]
            natives = weights["levels"][k]
            flat = [native[leaf] for native in natives for leaf in LEAVES if leaf in native]
            if form.alone:
                (ys, ends), _ = layers[k].stateless_call(flat, [], xs, states)
                ends = list(ends)
            else:
                (ys, *ends), _ = layers[k].stateless_call(
                    flat, _rest(layers[k]), xs, initial_state=states
                )
            size, kind = len(ends) // (1 + both), type(c[0] if both else c)
            parts = [kind(*ends[i : i + size]) for i in range(0, len(ends), size)]
            after.append(tuple(parts) if both else parts[0])
            xs = ys
        xs = xs if form.alone else jnp.swapaxes(xs, 0, 1)
        if weights["head"] is not None:
            xs = xs @ weights["head"]["kernel"] + weights["head"]["bias"]
        return (tuple(after) if deep else after[0]), xs

    answer = by_jax(call)

    def narrow(*question: Any) -> Any:
        with jax.enable_x64(False):  # in x64 mode Keras mixes in numbers of 64 bits
            return answer(*question)

    return narrow


def _rest(layer: Any) -> list[Any]:
    return [variable.value for variable in layer.non_trainable_variables]
