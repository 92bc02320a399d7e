"""How a cell's arrays begin, by name.

A scheme is a function ``(key, input_size, hidden_size, gates, forget_gate, dtype)`` that returns
``(w_x (I, G·H), w_h (H, G·H), b (G·H), b_h (G·H))``; a cell without a recurrent bias drops the
last. ``forget_gate`` is the index of the gate that keeps the memory, or None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp

from jaxrnn import _checks, _containers

Name = Literal["glorot_orthogonal", "small_normal", "pytorch_uniform"]
Scheme = Callable[..., tuple[jax.Array, jax.Array, jax.Array, jax.Array]]
Initializer = Name | Scheme


def glorot_orthogonal(key, input_size, hidden_size, gates, forget_gate, dtype):
    """Glorot-uniform input weights and orthogonal recurrent weights, gate by gate; biases zero,
    but one for the forget gate (Glorot & Bengio 2010; Saxe et al. 2014; Gers et al. 2000)."""
    glorot, orthogonal = jax.nn.initializers.glorot_uniform(), jax.nn.initializers.orthogonal()
    key_x, key_h = jax.random.split(key)

    def gate_by_gate(draw, key, rows):
        keys = jax.random.split(key, gates)
        blocks = [draw(k, (rows, hidden_size), dtype) for k in keys]
        return jnp.concatenate(blocks, axis=1)

    zeros = jnp.zeros((gates * hidden_size,), dtype)
    b = zeros
    if forget_gate is not None:
        b = b.at[forget_gate * hidden_size : (forget_gate + 1) * hidden_size].set(1)
    return (
        gate_by_gate(glorot, key_x, input_size),
        gate_by_gate(orthogonal, key_h, hidden_size),
        b,
        zeros,
    )


def small_normal(key, input_size, hidden_size, gates, forget_gate, dtype):
    """N(0, 0.01²) for every weight, zero for every bias, the forget gate's too
    (*Dive into Deep Learning*, "from scratch")."""
    del forget_gate
    key_x, key_h = jax.random.split(key)
    wide, zeros = gates * hidden_size, jnp.zeros((gates * hidden_size,), dtype)
    draw = jax.nn.initializers.normal(0.01)
    return (
        draw(key_x, (input_size, wide), dtype),
        draw(key_h, (hidden_size, wide), dtype),
        zeros,
        zeros,
    )


def pytorch_uniform(key, input_size, hidden_size, gates, forget_gate, dtype):
    """U(-1/√H, 1/√H) for every weight and both biases (``torch.nn.RNN``, ``GRU``, ``LSTM``)."""
    del forget_gate
    wide, bound = gates * hidden_size, hidden_size**-0.5
    shapes = [(input_size, wide), (hidden_size, wide), (wide,), (wide,)]
    keys = jax.random.split(key, len(shapes))
    w_x, w_h, b, b_h = (
        jax.random.uniform(k, shape, dtype, -bound, bound)
        for k, shape in zip(keys, shapes, strict=True)
    )
    return w_x, w_h, b, b_h


schemes: dict[Name, Scheme] = {
    "glorot_orthogonal": glorot_orthogonal,
    "small_normal": small_normal,
    "pytorch_uniform": pytorch_uniform,
}


def scheme(initializer: Initializer) -> Scheme:
    """The scheme of that name, or the function itself."""
    if callable(initializer):
        return initializer
    return schemes[_checks.one_of("initializer", initializer, get_args(Name))]


def draw(
    initializer: Initializer,
    params_type: type,
    key: jax.Array,
    *,
    input_size: int,
    hidden_size: int,
    gates: int,
    forget_gate: int | None = None,
    recurrent_bias: bool,
    dtype: Any,
) -> Any:
    """Fresh params of `params_type` by a scheme."""
    _containers.tell_flax()
    _checks.given_key(key)
    _checks.positive("input_size", input_size)
    dtype = _checks.float_dtype(dtype)
    wide = _checks.at_least_float32(dtype)  # a QR decomposition needs it, and random numbers too
    arrays = scheme(initializer)(key, input_size, hidden_size, gates, forget_gate, wide)
    columns = gates * hidden_size
    want = [(input_size, columns), (hidden_size, columns), (columns,), (columns,)]
    if [getattr(a, "shape", None) for a in jax.tree.leaves(arrays)] != want:
        raise ValueError(
            f"`initializer` must give w_x, w_h, b, b_h of the shapes {want}, got "
            f"{_checks.spell(arrays)} of {_checks.quote(initializer)}."
        )
    w_x, w_h, b, b_h = (a.astype(dtype) for a in arrays)
    return params_type(w_x=w_x, w_h=w_h, b=b, b_h=b_h if recurrent_bias else None)
