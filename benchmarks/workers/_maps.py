"""One cell's arrays into a framework and back, by the library's own maps, `jaxrnn.interop`."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp

import jaxrnn
from benchmarks.weights import Variant, Weights
from benchmarks.workloads import Workload
from jaxrnn.interop._biases import Biases

PARAMS = {"lstm": jaxrnn.LSTMParams, "gru": jaxrnn.GRUParams, "vanilla": jaxrnn.VanillaParams}


def cell_of(w: Workload, variant: Variant) -> Any:
    """The member of the cell's family that a framework computes."""
    second = variant.bias != "one"
    if w.cell == "lstm":
        return jaxrnn.lstm(w.H, recurrent_bias=second)
    if w.cell == "gru":
        return jaxrnn.gru(w.H, reset=variant.reset, recurrent_bias=second)
    return jaxrnn.vanilla(w.H, variant.activation, recurrent_bias=second)


def native(library: ModuleType, w: Workload, variant: Variant, arrays: Weights) -> Any:
    """The arrays of a cell, by their short names, as the framework has them."""
    cell = cell_of(w, variant)
    return library.write_cell(cell, PARAMS[w.cell](**arrays), Biases(library.__name__))


def arrays(library: ModuleType, w: Workload, variant: Variant, gradient: Any) -> dict[str, Any]:
    """A gradient in the framework's form, by our short names: what is added on the way, as to
    Haiku's forget gate, is no part of it."""
    cell = cell_of(w, variant)

    def read(native: Any) -> Any:
        return library.read_cell(cell, native)

    zero = read(jax.tree.map(jnp.zeros_like, gradient))
    params = jax.tree.map(jnp.subtract, read(gradient), zero)
    return {name: a for name, a in vars(params).items() if a is not None}
