"""A trained model as a program of its own: StableHLO, called where there is no jaxrnn.

Needs the package flatbuffers to write it (``pip install 'jaxrnn[export]'``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export as jax_export

from jaxrnn import _checks, _model_file
from jaxrnn._model_file import ModelFileError as ModelFileError
from jaxrnn._platform import PLATFORMS, Platform, platform, traced_for
from jaxrnn._types import Params


def export(
    path: str | os.PathLike[str],
    model: Any,
    params: Params,
    *,
    input_size: int | None = None,
    lengths: bool = False,
    platforms: Sequence[Platform] | None = None,
) -> jax_export.Exported:
    """Write a layer or language model with its params to one file, by `jax.export`::

        serving.export("model.stablehlo", layer, params, input_size=3)

    and, where there is JAX and no jaxrnn, ::

        call = jax.export.deserialize(open("model.stablehlo", "rb").read()).call
        ys, *carry = call(xs, *carry)              # xs (T, B, 3): T and B are free

    The program takes xs (T, B, `input_size`), or tokens (T, B) of int32 for a language model, then
    `lengths` (B) of int32 where asked for, then the leaves of the carry, in the order of
    ``jax.tree.leaves(model.initial_carry(params, (B,)))``; it gives ys, or logits, and the leaves
    after. `start` gives the first ones, mostly zeros. Features are of the params' dtype.
    `platforms` is a list of ``"cpu"``, ``"cuda"``, ``"rocm"``, ``"tpu"``; without it, that of this
    process. What was written is returned too.

    Raises TypeError where `model` is a cell, ValueError for a layer without `input_size`, and for
    an unknown platform; either for params of another model; and ModelFileError where the file
    cannot be written, or flatbuffers is not installed.

    >>> layer = jaxrnn.unroll(jaxrnn.gru(5))
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> exported = jaxrnn.serving.export("model.stablehlo", layer, params, input_size=3)
    >>> call = jax.export.deserialize(open("model.stablehlo", "rb").read()).call
    >>> ys, h = call(jnp.ones((6, 2, 3)), *jaxrnn.serving.start(layer, params, batch_size=2))
    >>> ys.shape, h.shape
    ((6, 2, 5), (2, 5))
    """
    if not hasattr(model, "apply"):
        raise TypeError(f"export needs a layer or a language model, got {_checks.quote(model)}.")
    is_lm = hasattr(model, "vocab_size")
    if not is_lm and input_size is None:
        raise ValueError(f"export needs the `input_size` of {_checks.quote(model)}.")
    _checks.flag("lengths", lengths)
    named = _named(platforms)
    T, B = jax_export.symbolic_shape("T, B")
    carry = jax.eval_shape(lambda: model.initial_carry(params, (B,)))
    dtype = next((a.dtype for a in jax.tree.leaves(params)), jnp.zeros(()).dtype)
    xs = jax.ShapeDtypeStruct((T, B), jnp.int32)
    if not is_lm:
        size = _checks.positive("input_size", input_size)
        xs = jax.ShapeDtypeStruct((T, B, size), dtype)
    leaves, tree = jax.tree.flatten(carry)
    more = [jax.ShapeDtypeStruct((B,), jnp.int32)] if lengths else []

    @jax.jit
    def program(xs: jax.Array, *rest: jax.Array) -> tuple[jax.Array, ...]:
        when = {"lengths": rest[0]} if lengths else {}
        start = jax.tree.unflatten(tree, rest[len(more) :])
        after, ys = model.apply(params, start, xs, **when)
        return (ys, *jax.tree.leaves(after))

    one = "cpu" if "cpu" in named else next(iter(named), None)
    with traced_for(one or platform()):  # what is fast on one platform is right on all
        exported = jax_export.export(program, platforms=platforms)(xs, *more, *leaves)
    _model_file.write_or_tell(path, _bytes(exported))
    return exported


def _named(platforms: Any) -> list[str]:
    if platforms is None:
        return []
    if isinstance(platforms, str):
        raise TypeError(f"`platforms` must be a list of names, say ['cpu'], got {platforms!r:.60}.")
    return [_checks.one_of("platforms", name, PLATFORMS) for name in platforms]


def _bytes(exported: jax_export.Exported) -> bytes:
    try:
        return bytes(exported.serialize())
    except ImportError:
        raise ModelFileError(
            "an exported program needs the package flatbuffers: pip install 'jaxrnn[export]'."
        ) from None


def start(model: Any, params: Params, batch_size: int) -> list[np.ndarray]:
    """The leaves of the initial carry of `batch_size` rows, each (B, …), in the order that the
    program takes. Raises ValueError for a size below 1.

    >>> layer = jaxrnn.unroll(jaxrnn.lstm(5))
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> [leaf.shape for leaf in jaxrnn.serving.start(layer, params, batch_size=2)]    # h, c
    [(2, 5), (2, 5)]
    """
    size = _checks.positive("batch_size", batch_size)
    return [np.asarray(leaf) for leaf in jax.tree.leaves(model.initial_carry(params, (size,)))]
