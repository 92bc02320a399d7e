"""What each option of a layer costs beside the layer without it: lengths, resets, dropout, less
memory, 16-bit products, the plain scan.

    python -m benchmarks options --wait 600     # forward and backward pass, in one process
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxrnn
from benchmarks import page
from benchmarks.turns import Build, Contestant, contestant

ROUNDS = 10
DROPOUT = jaxrnn.Dropout(inputs=0.2, recurrent=0.2)
ZONEOUT = jaxrnn.Dropout(zoneout=0.1)


def facts(chosen: Any) -> dict[str, Any]:
    """sizes: T, B, D, H."""
    return {"sizes": (5, 3, 6, 6) if chosen.toy else (35, 32, 256, 256)}


def variants(cell: Callable, T: int, B: int, H: int) -> dict[str, tuple[Any, dict[str, Any]]]:
    """What is timed: a layer, and what its `apply` is given; the plain one first."""
    rng, layer = np.random.default_rng(0), partial(jaxrnn.unroll, cell(H))
    lengths = jnp.asarray(rng.integers(1, T + 1, B), jnp.int32)
    mask, resets = (jnp.asarray(rng.random((T, B)) < p) for p in (0.8, 0.05))
    key = {"key": jax.random.key(0)}
    return {
        "nothing": (layer(), {}),
        "lengths": (layer(), {"lengths": lengths}),
        "resets": (layer(), {"resets": resets}),
        "mask and resets": (layer(), {"mask": mask, "resets": resets}),
        "lengths, held": (layer(padding="held"), {"lengths": lengths}),
        "inputs, recurrent": (layer(dropout=DROPOUT), key),
        "zoneout": (layer(dropout=ZONEOUT), key),
        'keep="carries"': (layer(keep="carries"), {}),
        'keep="chunks"': (layer(keep="chunks"), {}),
        'matmul_dtype="bfloat16"': (layer(matmul_dtype="bfloat16"), {}),
        'engine="scan"': (layer(engine="scan"), {}),
    }


def both_ways(layer: jaxrnn.Layer, how: dict[str, Any], T: int, B: int, D: int) -> Contestant:
    """A compiled forward and backward pass; and its temporary bytes."""
    key_params, key_xs, key_dys = jax.random.split(jax.random.key(1), 3)
    params, xs = layer.init(key_params, D), jax.random.normal(key_xs, (T, B, D))
    dys = jax.random.normal(key_dys, (T, B, layer.output_size))

    def loss(params, xs, how):
        return (layer.apply(params, None, xs, **how)[1] * dys).sum()

    compiled: Any = jax.jit(jax.grad(loss, (0, 1))).lower(params, xs, how).compile()
    memory = compiled.memory_analysis().temp_size_in_bytes
    return contestant(lambda: jax.block_until_ready(compiled(params, xs, how)), memory=memory)


def rows(chosen: Any) -> Iterator[tuple[str, dict[str, Build]]]:
    T, B, D, H = facts(chosen)["sizes"]
    for name, cell in (("lstm", jaxrnn.lstm), ("gru", jaxrnn.gru)):
        made = variants(cell, T, B, H).items()
        yield name, {what: partial(both_ways, *of, T, B, D) for what, of in made}


def render(document: dict[str, Any]) -> str:
    T, B, D, H = document["facts"]["sizes"]
    memory = {"memory": lambda told: f"{told['memory'] / 1e6:.1f} MB"}
    about = f"""Forward and backward pass, T {T}, B {B}, {D} → {H}, float32. Milliseconds, the least
and the median of all calls; × is the least over that of nothing; memory is what XLA takes for
temporaries."""
    rows = document["rows"].items()
    tables = [f"## {name}\n\n{page.compared('with', of, 'nothing', memory)}" for name, of in rows]
    return page.page("What the options cost", document, about, *tables)
