"""The walks of cells that are linear in their carry, over T from 64 to 16,384: the loop of the
derived adjoint, sequential, chunked and associative. Some ten minutes.

On a CPU one of the two loops is the fastest at every length: where the carry is complex the
sequential one, which `engine="auto"` takes then, else the derived one or nearly. The page says what
is taken here."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax

import jaxrnn
from benchmarks import page
from benchmarks.options import both_ways
from benchmarks.turns import Build

B, D, H = 4, 64, 128
LENGTHS = (64, 256, 1024, 4096, 16_384)
WALKS: tuple[Any, ...] = ("derived", "sequential", "chunked", "associative")
CELLS = {"mingru": jaxrnn.mingru(H), "qrnn": jaxrnn.qrnn(H), "lru": jaxrnn.lru(H)}


def facts(chosen: Any) -> dict[str, Any]:
    """What is taken here where nobody asks for a walk."""
    auto = {name: jaxrnn.engine.choose(cell, input_size=D).path for name, cell in CELLS.items()}
    return {"device": jax.devices()[0].device_kind, "auto": auto}


def rows(chosen: Any) -> Iterator[tuple[str, dict[str, Build]]]:
    for name, cell in CELLS.items():
        for T in (8, 16) if chosen.toy else LENGTHS:
            layers = {walk: jaxrnn.unroll(cell, engine=walk) for walk in WALKS}
            yield f"{name}, {T}", {k: partial(both_ways, of, T, B, D) for k, of in layers.items()}


def render(document: dict[str, Any]) -> str:
    facts, rows = document["facts"], document["rows"]
    taken = ", ".join(f"`{path}` of {name}" for name, path in facts["auto"].items())
    about = f"""Forward and backward pass, B {B}, {D} → {H}, float32. Milliseconds, the least of all
calls; the fastest is bold. Here, on {facts["device"]}, `engine="auto"` takes {taken}."""
    tables = []
    for cell in CELLS:
        of_cell = {int(k.split(", ")[1]): row for k, row in rows.items() if k.startswith(cell)}
        lines = [[f"{T:,}", *_bold(row)] for T, row in of_cell.items()]
        tables.append(f"## {cell}\n\n{page.table(('T', *WALKS), lines)}")
    return page.page("Walks of cells that are linear in their carry", document, about, *tables)


def _bold(row: dict[str, Any]) -> list[str]:
    best = min(row, key=lambda walk: page.least(row[walk]) or float("inf"))
    said = {walk: page.number(told, say="{:.2f}".format) for walk, told in row.items()}
    return [f"**{ms}**" if walk == best else ms for walk, ms in said.items()]
