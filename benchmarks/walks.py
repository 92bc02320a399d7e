"""The walks of cells that are linear in their carry, over T from 64 to 16,384: the loop of the
derived adjoint, sequential, chunked and associative; forward and backward pass, in turn.

    python benchmarks/walks.py                # some ten minutes

On a CPU one of the two loops is the fastest at every length: where the carry is complex the
sequential one, which `engine="auto"` takes then, else the derived one or nearly. The page says what
is taken here.

Exit status: 0 done, 2 bad input, 4 the machine is not quiet.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import jax

import jaxrnn
from benchmarks import command, in_turn
from benchmarks.report import table

B, D, H = 4, 64, 128
LENGTHS = (64, 256, 1024, 4096, 16_384)
WALKS = ("derived", "sequential", "chunked", "associative")
CELLS = {
    "mingru": jaxrnn.mingru(H),
    "qrnn": jaxrnn.qrnn(H),
    "lru": jaxrnn.lru(H),
}
LEAST = 5  # calls of the longest


def step(cell: jaxrnn.Cell, walk: Any, T: int) -> Callable[[], Any]:
    """A compiled forward and backward pass, ready to be called."""
    layer = jaxrnn.unroll(cell, engine=walk)
    key_params, key_xs, key_dys = jax.random.split(jax.random.key(1), 3)
    params = layer.init(key_params, D)
    xs, dys = jax.random.normal(key_xs, (T, B, D)), jax.random.normal(key_dys, (T, B, H))

    def loss(params, xs):
        return (layer.apply(params, None, xs)[1] * dys).sum()

    compiled = jax.jit(jax.grad(loss, (0, 1))).lower(params, xs).compile()
    return lambda: jax.block_until_ready(compiled(params, xs))


def measure(rounds: int) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Seconds of every call: cell, T, walk; fewer calls the longer they take."""
    results: dict[str, Any] = {}
    for name, cell in CELLS.items():
        results[name] = {}
        for T in LENGTHS:
            calls = {walk: step(cell, walk, T) for walk in WALKS}
            many = max(LEAST, rounds * LENGTHS[0] // T)
            results[name][str(T)] = in_turn.seconds(calls, many)
    return results


def auto() -> dict[str, str]:
    """What is taken here where nobody asks for a walk."""
    return {name: jaxrnn.engine.choose(cell, input_size=D).path for name, cell in CELLS.items()}


def markdown(document: dict[str, Any]) -> str:
    device = jax.devices()[0].device_kind
    taken_of = ", ".join(f"`{path}` of {name}" for name, path in document["auto"].items())
    parts = [
        "# Walks of cells that are linear in their carry",
        f"`{document['command']}`: forward and backward pass, B {B}, {D} → {H}, float32; "
        f"{in_turn.where(document)}. Milliseconds, the least of all calls; the fastest is bold. "
        f'Here, on {device}, `engine="auto"` takes {taken_of}.',
        "![time by length](walks.svg)",
    ]
    for name, by_length in document["results"].items():
        rows = []
        for T, taken in by_length.items():
            least = {walk: min(taken[walk]) * 1e3 for walk in WALKS}
            best = min(least.values())
            told = [f"**{ms:.2f}**" if ms == best else f"{ms:.2f}" for ms in least.values()]
            rows.append([f"{int(T):,}", *told])
        parts += [f"## {name}", table(("T", *WALKS), rows)]
    return "\n\n".join(parts) + "\n"


def draw(document: dict[str, Any], path: Path) -> None:
    """Milliseconds by T, a panel a cell: where two lines cross, the other walk is to be taken."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    size = (4 * len(CELLS), 3.2)
    figure, panels = plt.subplots(1, len(CELLS), figsize=size, squeeze=False, layout="constrained")
    for panel, (name, by_length) in zip(panels[0], document["results"].items(), strict=True):
        for walk in WALKS:
            least = [min(taken[walk]) * 1e3 for taken in by_length.values()]
            panel.loglog([int(T) for T in by_length], least, marker="o", ms=3, label=walk)
        panel.set_title(name)
        panel.set_xlabel("steps T")
    panels[0][0].set_ylabel("milliseconds, both ways (least)")
    panels[0][0].legend(frameon=False, fontsize="small")
    figure.savefig(path, bbox_inches="tight")
    plt.close(figure)


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__, "walks.json", 60, "calls of each at T = 64")
    chosen = command.chosen_of(parser, argv)
    document = command.begin("walks.py", chosen, argv)
    document["auto"] = auto()
    document["results"] = measure(chosen.rounds)
    draw(document, chosen.out.with_suffix(".svg"))
    return command.end(chosen, document, markdown(document))


if __name__ == "__main__":
    command.run(main)
