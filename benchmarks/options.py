"""What each option of a layer costs beside the layer without it: lengths, resets, dropout, less
memory, 16-bit products, the plain scan; forward and backward pass, in one process, in turn.

    python benchmarks/options.py                # some two minutes

Exit status: 0 done, 2 bad input, 4 the machine is not quiet.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import jax
import jax.numpy as jnp
import numpy as np

import jaxrnn
from benchmarks import command, in_turn
from benchmarks.report import table

T, B, D, H = 35, 32, 256, 256
DROPOUT = jaxrnn.Dropout(inputs=0.2, recurrent=0.2)
ZONEOUT = jaxrnn.Dropout(zoneout=0.1)


def variants(cell: Callable) -> dict[str, tuple[jaxrnn.Layer, dict[str, Any]]]:
    """What is timed: a layer, and what its `apply` is given; the plain one first."""
    rng, layer = np.random.default_rng(0), jaxrnn.unroll
    lengths = jnp.asarray(rng.integers(1, T + 1, B), jnp.int32)
    mask, resets = (jnp.asarray(rng.random((T, B)) < p) for p in (0.8, 0.05))
    key = {"key": jax.random.key(0)}
    return {
        "nothing": (layer(cell(H)), {}),
        "lengths": (layer(cell(H)), {"lengths": lengths}),
        "resets": (layer(cell(H)), {"resets": resets}),
        "mask and resets": (layer(cell(H)), {"mask": mask, "resets": resets}),
        "lengths, held": (layer(cell(H), padding="held"), {"lengths": lengths}),
        "inputs, recurrent": (layer(cell(H), dropout=DROPOUT), key),
        "zoneout": (layer(cell(H), dropout=ZONEOUT), key),
        'keep="carries"': (layer(cell(H), keep="carries"), {}),
        'keep="chunks"': (layer(cell(H), keep="chunks"), {}),
        'matmul_dtype="bfloat16"': (layer(cell(H), matmul_dtype="bfloat16"), {}),
        'engine="scan"': (layer(cell(H), engine="scan"), {}),
    }


def step(layer: jaxrnn.Layer, how: dict[str, Any]) -> tuple[Callable[[], Any], int]:
    """A compiled forward and backward pass, ready to be called; and its temporary bytes."""
    key_params, key_xs, key_dys = jax.random.split(jax.random.key(1), 3)
    params = layer.init(key_params, D)
    xs, dys = jax.random.normal(key_xs, (T, B, D)), jax.random.normal(key_dys, (T, B, H))

    def loss(params, xs, how):
        return (layer.apply(params, None, xs, **how)[1] * dys).sum()

    compiled = jax.jit(jax.grad(loss, (0, 1))).lower(params, xs, how).compile()
    return lambda: jax.block_until_ready(compiled(params, xs, how)), _temporary(compiled)


def _temporary(compiled: Any) -> int:
    return compiled.memory_analysis().temp_size_in_bytes


def measure(rounds: int) -> dict[str, dict[str, Any]]:
    """Seconds of every call, of all variants of a cell in turn."""
    results = {}
    for name, cell in (("lstm", jaxrnn.lstm), ("gru", jaxrnn.gru)):
        steps = {what: step(*variant) for what, variant in variants(cell).items()}
        seconds = in_turn.seconds({what: call for what, (call, _) in steps.items()}, rounds)
        results[name] = {
            what: {"seconds": seconds[what], "temporary_bytes": steps[what][1]} for what in steps
        }
    return results


def markdown(document: dict[str, Any]) -> str:
    parts = [
        "# What the options cost",
        f"`{document['command']}`: forward and backward pass, T {T}, B {B}, {D} → {H}, float32; "
        f"{in_turn.where(document)}. Milliseconds, the least and the median of all calls; × is the "
        f"least over that of nothing; memory is what XLA takes for temporaries.",
    ]
    for name, results in document["results"].items():
        one = results["nothing"]["seconds"]
        rows = [
            [what, *in_turn.words(r["seconds"], one), f"{r['temporary_bytes'] / 1e6:.1f} MB"]
            for what, r in results.items()
        ]
        parts += [f"## {name}", table(("with", *in_turn.COLUMNS, "memory"), rows)]
    return "\n\n".join(parts) + "\n"


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__, "options.json", 60, "calls of each")
    chosen = command.chosen_of(parser, argv)
    document = command.begin("options.py", chosen, argv)
    document["results"] = measure(chosen.rounds)
    return command.end(chosen, document, markdown(document))


if __name__ == "__main__":
    command.run(main)
