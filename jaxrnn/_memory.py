"""How much memory training through a layer keeps."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn import _checks
from jaxrnn._types import Layer
from jaxrnn.engine._program import inlined


def estimate_bytes(
    layer: Layer,
    T: int,
    batch: int | tuple[int, ...],
    dtype: Any = jnp.float32,
    *,
    input_size: int | None = None,
) -> int:
    """Bytes that the forward pass of `layer` keeps for the backward one, beyond params, xs and ys:
    for xs (T, *batch, `input_size`) of `dtype`, `batch` being one size or a tuple of them.

    For one `unroll` of hidden size H over N = T · batch instants, in numbers of `dtype`:

    ===============  ===============  ===============  ===============  ===============
    keep             LSTM             GRU, reset       GRU, reset       vanilla
                                      after            before
    ===============  ===============  ===============  ===============  ===============
    ``"gates"``      5 N H            4 N H            3 N H            nothing
    ``"carries"``    N H              nothing          nothing          nothing
    ``"chunks"``     2 N H / √T       N H / √T         N H / √T         N H / √T
    ===============  ===============  ===============  ===============  ===============

    (``"chunks"``: at most about that.) Those are the sums that gates are taken of, x's share of n
    where the GRU resets after its product, and c; h is the output, and is not kept again, nor is
    the sum of a gate that is the output itself. Of a cell of your own: the sums of its products,
    its carries that are no outputs, and what else of the drives is read
    (`jaxrnn.engine.explain`).

    A stack keeps the sum, and the outputs of every layer but the last; a bidirectional layer the
    sum of both, and but for ``"chunks"`` the outputs of both, of which it makes one array. What
    goes around a layer keeps what it makes another array of: `residual`, `skip` and `project` the
    layer's outputs, `normalize` what the layer reads. Dropout keeps its masks, whatever `keep`
    says.

    Any layer and any cell is read off its own program; nothing is run. While it works, the compiled
    program needs up to some 3 G N H more for each layer (G gates: 4, 3, 1). `input_size` (H where
    it is None) only counts where inputs are dropped. 16-bit params are kept in float32 too by
    ``"chunks"`` and by the plain scan, for their gradients are added up in it.

    Raises TypeError for what is no layer, for a size that is no integer and a dtype that is no
    float; ValueError for a size below 1, and for an `input_size` that the layer refuses.

    >>> layer = jaxrnn.unroll(jaxrnn.lstm(256))
    >>> jaxrnn.estimate_bytes(layer, T=100, batch=32) // 10**6          # 4 bytes of 5 N H
    16
    >>> less = jaxrnn.unroll(jaxrnn.lstm(256), keep="carries")
    >>> jaxrnn.estimate_bytes(less, T=100, batch=32) // 10**6
    3
    """
    _checks.layer("estimate_bytes", layer)
    T = _checks.positive("T", T)
    sizes = tuple(batch) if isinstance(batch, tuple | list) else (batch,)
    sizes = tuple(_checks.positive("batch", size) for size in sizes)
    features = _checks.positive(
        "input_size",
        getattr(layer, "input_size", layer.output_size) if input_size is None else input_size,
    )
    dtype = _checks.float_dtype(dtype)
    key = jax.eval_shape(lambda: jax.random.key(0))
    params = jax.eval_shape(lambda key: layer.init(key, features, dtype), key)
    carry = jax.eval_shape(lambda params: layer.initial_carry(params, sizes), params)
    xs = jax.ShapeDtypeStruct((T, *sizes, features), dtype)

    def forwards(params, carry, xs):
        noise = {"key": jax.random.key(0)} if _checks.takes_key(layer) else {}
        outputs, back = jax.vjp(partial(layer.apply, **noise), params, carry, xs)
        return jax.tree.leaves(outputs), jax.tree.leaves(back)

    question = params, carry, xs
    traced, shapes = jax.make_jaxpr(forwards, return_shape=True)(*question)
    jaxpr = inlined(traced)
    known = {*jaxpr.jaxpr.constvars, *jaxpr.jaxpr.invars}
    known |= {*filter(_is_var, jaxpr.jaxpr.outvars[: len(shapes[0])])}
    for equation in jaxpr.jaxpr.eqns:
        if equation.primitive.name in ("reshape", "slice") and known.issuperset(equation.invars):
            known |= {*equation.outvars}  # another view of it
    kept = {var for var in jaxpr.jaxpr.outvars[len(shapes[0]) :] if _is_var(var)} - known
    return sum(math.prod(var.aval.shape) * var.aval.dtype.itemsize for var in kept)


def _is_var(var: Any) -> bool:
    return not hasattr(var, "val")
