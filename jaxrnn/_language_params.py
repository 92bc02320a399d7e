"""What a language model's params are, and how they begin."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import _containers
from jaxrnn._axes import automatic, vary_alike
from jaxrnn._checks import quote
from jaxrnn._types import Params


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class HeadParams:
    """w (F, V), b (V), with F the layer's output_size. Of a tied head, w is None."""

    w: jax.Array | None
    b: jax.Array


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class LanguageModelParams:
    """layer, its own params; head; embedding (V, E), the table of a model that embeds its ids, else
    None."""

    layer: Params
    head: HeadParams
    embedding: jax.Array | None = None


def _glorot(key, fan_in, fan_out, dtype):
    return HeadParams(
        jax.nn.initializers.glorot_uniform()(key, (fan_in, fan_out), dtype),
        jnp.zeros((fan_out,), dtype),
    )


def _small_normal(key, fan_in, fan_out, dtype):
    return HeadParams(
        0.01 * jax.random.normal(key, (fan_in, fan_out), dtype), jnp.zeros((fan_out,), dtype)
    )


def _pytorch_uniform(key, fan_in, fan_out, dtype):
    key_w, key_b = jax.random.split(key)
    draw = partial(jax.random.uniform, dtype=dtype, minval=-(fan_in**-0.5), maxval=fan_in**-0.5)
    return HeadParams(draw(key_w, (fan_in, fan_out)), draw(key_b, (fan_out,)))


HeadInitializer = Literal["glorot", "small_normal", "pytorch_uniform"]
HEAD_SCHEMES: dict[HeadInitializer, Any] = {
    "glorot": _glorot,
    "small_normal": _small_normal,
    "pytorch_uniform": _pytorch_uniform,
}


def table(key: jax.Array, vocab_size: int, size: int, dtype: Any) -> jax.Array:
    """(V, E) of N(0, 1/E), as Flax's ``Embed`` begins: rows of length about 1, so that a tied head
    begins with logits of about 1 too (N(0, 1), PyTorch's, would make them √E)."""
    return size**-0.5 * jax.random.normal(key, (vocab_size, size), dtype)


@jax.jit
def embedded(table: jax.Array, ids: jax.Array) -> jax.Array:
    """The rows (*shape, E) of `table` (V, E) that one-hot vectors of `ids` (*shape) would pick: an
    id outside 0…V-1 picks a row of zeros (negative ids do not wrap)."""

    def picked(table: jax.Array, ids: jax.Array) -> jax.Array:
        return table.at[ids].get(mode="fill", fill_value=0, wrap_negative_indices=False)

    table, ids = vary_alike((jnp.asarray(table), ids))
    return automatic(picked, ids, lambda split: split(slice(None)))(table, ids)


def of_type(model: Any, params: Any) -> LanguageModelParams:
    """`params`, which must be a language model's."""
    if not isinstance(params, LanguageModelParams):
        raise TypeError(
            f"{quote(model)} needs LanguageModelParams, got {type(params).__name__}: make them "
            f"with its `init`."
        )
    return params


def check(model: Any, params: Any) -> None:
    """`params` have the table and the head that `model` has, or one sentence says no."""
    of_type(model, params)
    want = None if model.embedding is None else (model.vocab_size, model.embedding)
    got = None if params.embedding is None else np.shape(params.embedding)
    advice = "take the params from its `init`."
    if got != want:
        raise ValueError(
            f"`embedding` of the params has shape {got}, but {quote(model)} needs {want}: {advice}"
        )
    if (params.head.w is None) != model.tied:
        form = "None" if params.head.w is None else "an array"
        raise ValueError(
            f"`head.w` of the params is {form}, but {quote(model)} has tied={model.tied}: {advice}"
        )
    shapes = {"w": (model.layer.output_size, model.vocab_size), "b": (model.vocab_size,)}
    for name, wanted in shapes.items():
        param = getattr(params.head, name)
        if param is not None and np.shape(param) != wanted:
            raise ValueError(
                f"`head.{name}` of the params has shape {np.shape(param)}, but {quote(model)} "
                f"needs {wanted}: {advice}"
            )
