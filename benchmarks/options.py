"""What each option of a layer costs beside the layer without it: lengths, resets, dropout, less
memory, 16-bit products, the plain scan. Forward and backward pass, in one process."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxrnn
from benchmarks import page
from benchmarks.turns import Build, Contestant, contestant

DROPOUT = jaxrnn.Dropout(inputs=0.2, recurrent=0.2)
ZONEOUT = jaxrnn.Dropout(zoneout=0.1)


def facts(chosen: Any) -> dict[str, Any]:
    """sizes: T, B, D, H."""
    return {"sizes": (5, 3, 6, 6) if chosen.toy else (35, 32, 256, 256)}


def variants(cell: Any, T: int, B: int, D: int) -> dict[str, Build]:
    """A layer with an option, or whose `apply` is given one; the plain one first."""
    rng, layer = np.random.default_rng(0), partial(jaxrnn.unroll, cell)
    lengths = jnp.asarray(rng.integers(1, T + 1, B), jnp.int32)
    mask, resets = (jnp.asarray(rng.random((T, B)) < p) for p in (0.8, 0.05))
    key, timed = jax.random.key(0), partial(partial, both_ways, T=T, B=B, D=D)
    return {
        "nothing": timed(layer()),
        "lengths": timed(layer(), lengths=lengths),
        "resets": timed(layer(), resets=resets),
        "mask and resets": timed(layer(), mask=mask, resets=resets),
        "lengths, held": timed(layer(padding="held"), lengths=lengths),
        "inputs, recurrent": timed(layer(dropout=DROPOUT), key=key),
        "zoneout": timed(layer(dropout=ZONEOUT), key=key),
        'keep="carries"': timed(layer(keep="carries")),
        'keep="chunks"': timed(layer(keep="chunks")),
        'matmul_dtype="bfloat16"': timed(layer(matmul_dtype="bfloat16")),
        'engine="scan"': timed(layer(engine="scan")),
    }


def drawn(of: Any, T: int, B: int, D: int) -> tuple[Any, jax.Array, jax.Array]:
    """Params of a cell or layer, xs, and the cotangent of ys."""
    key_params, key_xs, key_dys = jax.random.split(jax.random.key(1), 3)
    dys = jax.random.normal(key_dys, (T, B, of.output_size))
    return of.init(key_params, D), jax.random.normal(key_xs, (T, B, D)), dys


def both_ways(layer: jaxrnn.Layer, T: int, B: int, D: int, **how: Any) -> Contestant:
    """A compiled forward and backward pass; and its temporary bytes."""
    params, xs, dys = drawn(layer, T, B, D)

    def loss(params, xs, how):
        return (layer.apply(params, None, xs, **how)[1] * dys).sum()

    compiled: Any = jax.jit(jax.grad(loss, (0, 1))).lower(params, xs, how).compile()
    memory = compiled.memory_analysis().temp_size_in_bytes
    return contestant(lambda: jax.block_until_ready(compiled(params, xs, how)), memory=memory)


def rows(chosen: Any) -> Iterator[tuple[str, dict[str, Build]]]:
    T, B, D, H = facts(chosen)["sizes"]
    for name, cell in (("lstm", jaxrnn.lstm), ("gru", jaxrnn.gru)):
        yield name, variants(cell(H), T, B, D)


def render(document: dict[str, Any]) -> str:
    T, B, D, H = document["facts"]["sizes"]
    about = f"""Forward and backward pass, T {T}, B {B}, {D} → {H}, float32. Milliseconds, the least
and the median of all calls; × is the least over that of nothing; memory is what XLA takes for
temporaries."""

    def memory(told: dict[str, Any]) -> str:
        return f"{told['memory'] / 1e6:.1f} MB"

    tables = page.compared("with", document["rows"], "nothing", memory=memory)
    return page.page("What the options cost", document, about, *tables)
