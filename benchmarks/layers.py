"""A layer alone, forward and backward, by what it is asked for: its options (lengths, resets,
dropout, less memory, 16-bit products, the plain scan); a cell of one's own, of which jaxrnn is told
no more than a `step`, beside the same cell in Equinox and in Flax; the walks of cells that are
linear in their carry. In one process; some ten minutes."""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

import jaxrnn
import jaxrnn.linen
from benchmarks import page
from benchmarks.turns import Build, Contestant, contestant, offered

Walk = Callable[..., Any]  # (params, xs, **how) -> ys
DROPOUT = jaxrnn.Dropout(inputs=0.2, recurrent=0.2)
ZONEOUT = jaxrnn.Dropout(zoneout=0.1)
OWN: dict[str, Any] = {"MGU": jaxrnn.mgu, "LSTM with peepholes": jaxrnn.peephole_lstm}
LINEAR: dict[str, Any] = {"mingru": jaxrnn.mingru, "qrnn": jaxrnn.qrnn, "lru": jaxrnn.lru}
LENGTHS = (64, 256, 1024, 4096, 16_384)
WALKS: tuple[Any, ...] = ("derived", "sequential", "chunked", "associative")


def facts(chosen: Any) -> dict[str, Any]:
    """sizes: T, B, D, H; linear: B, D, H, and what is taken where nobody asks for a walk."""
    sizes, (_, D, H) = (5, 3, 6, 6) if chosen.toy else (35, 32, 256, 256), (4, 64, 128)
    auto = {k: jaxrnn.engine.choose(cell(H), input_size=D).path for k, cell in LINEAR.items()}
    return {"sizes": sizes, "linear": (4, D, H), "auto": auto}


def rows(chosen: Any) -> Iterator[tuple[str, dict[str, Build]]]:
    told = facts(chosen)
    (T, B, D, H), linear = told["sizes"], told["linear"]
    for cell in (jaxrnn.lstm(H), jaxrnn.gru(H)):
        timed = partial(partial, both_ways, cell, T, B, D)
        builds = {name: timed(*how) for name, how in options(cell, T, B).items()}
        yield f"{type(cell).__name__}, by its options", builds
    for name, make in OWN.items():
        own = partial(partial, both_ways, Own(*(getattr(make(H), k) for k in NAMES)), T, B, D)
        yield f"{name} of one's own", {by: own(walk) for by, walk in BY.items()}
    for name, make in LINEAR.items():
        for T in (8, 16) if chosen.toy else LENGTHS:
            timed = partial(partial, both_ways, make(linear[2]), T, *linear[:2])
            yield f"{name}, {T:,}", {walk: timed(in_jaxrnn(engine=walk)) for walk in WALKS}


def options(cell: Any, T: int, B: int) -> dict[str, tuple[Any, ...]]:
    """A layer with an option, or whose `apply` is given one; the plain one first."""
    rng, key = np.random.default_rng(0), jax.random.key(0)
    lengths = jnp.asarray(rng.integers(1, T + 1, B), jnp.int32)
    mask, resets = (jnp.asarray(rng.random((T, B)) < p) for p in (0.8, 0.05))
    return {
        "nothing": (in_jaxrnn(),),
        "lengths": (in_jaxrnn(), {"lengths": lengths}),
        "resets": (in_jaxrnn(), {"resets": resets}),
        "mask and resets": (in_jaxrnn(), {"mask": mask, "resets": resets}),
        "lengths, held": (in_jaxrnn(padding="held"), {"lengths": lengths}),
        "inputs, recurrent": (in_jaxrnn(dropout=DROPOUT), {"key": key}),
        "zoneout": (in_jaxrnn(dropout=ZONEOUT), {"key": key}),
        'keep="carries"': (in_jaxrnn(keep="carries"),),
        'keep="chunks"': (in_jaxrnn(keep="chunks"),),
        'matmul_dtype="bfloat16"': (in_jaxrnn(matmul_dtype="bfloat16"),),
        'engine="scan"': (in_jaxrnn(engine="scan"),),
    }


NAMES = ("init", "initial_carry", "step", "output_size")


@dataclasses.dataclass(frozen=True, eq=False)
class Own:
    """The four names of a cell, and nothing that says whose it is."""

    init: Callable
    initial_carry: Callable
    step: Callable
    output_size: int


def in_jaxrnn(**options: Any) -> Callable[[Any], Walk]:
    def made(cell: Any) -> Walk:
        layer = jaxrnn.unroll(cell, **options)
        return lambda params, xs, **how: layer.apply(params, None, xs, **how)[1]

    return made


def in_flax(cell: Any) -> Walk:
    def walk(params: Any, xs: jax.Array) -> Any:
        rnn = nn.RNN(jaxrnn.linen.Cell(cell, xs.shape[-1]), time_major=True)
        start = cell.initial_carry(params, xs.shape[1:-1])
        tree = {"params": {"cell": {"cell": jaxrnn.linen.to_dict(params)}}}
        return rnn.apply(tree, xs, initial_carry=start)

    return walk


def in_equinox(cell: Any) -> Walk:
    """A module that sees one row, under vmap in the lax.scan that Equinox's documentation shows."""
    offered("equinox")
    import equinox as eqx

    class Module(eqx.Module):
        params: Any

        def __call__(self, x: jax.Array, carry: Any) -> Any:
            return cell.step(self.params, carry, x)

    def walk(params: Any, xs: jax.Array) -> Any:
        module, start = Module(params), cell.initial_carry(params, xs.shape[1:-1])
        return jax.lax.scan(lambda carry, x: jax.vmap(module)(x, carry), start, xs)[1]

    return walk


BY: dict[str, Callable[[Any], Walk]] = {
    "jaxrnn": in_jaxrnn(),
    'engine="scan"': in_jaxrnn(engine="scan"),
}
BY |= {"Equinox": in_equinox, "Flax": in_flax}


def both_ways(cell: Any, T: int, B: int, D: int, make: Any, how: Any = None) -> Contestant:
    """A compiled forward and backward pass; and its temporary bytes."""
    walk, keys = make(cell), jax.random.split(jax.random.key(1), 3)
    xs = jax.random.normal(keys[1], (T, B, D))
    dys = jax.random.normal(keys[2], (T, B, cell.output_size))

    def pulled(params: Any, xs: jax.Array, dys: jax.Array, how: Any) -> Any:
        ys, pull = jax.vjp(lambda params, xs: walk(params, xs, **how), params, xs)
        return ys, pull(dys)

    given = cell.init(keys[0], D), xs, dys, how or {}
    compiled: Any = jax.jit(pulled).lower(*given).compile()
    memory = compiled.memory_analysis().temp_size_in_bytes
    return contestant(lambda: jax.block_until_ready(compiled(*given)), memory=memory)


def render(document: dict[str, Any]) -> str:
    facts, rows = document["facts"], document["rows"]
    T, B, D, H = facts["sizes"]
    about = f"""Forward and backward pass, T {T}, B {B}, {D} → {H}, float32. Milliseconds, the least
and the median of all calls; × is the least over that of the first row; memory is what XLA takes for
temporaries."""

    def memory(told: dict[str, Any]) -> str:
        return f"{told['memory'] / 1e6:.1f} MB"

    parts, say = [], partial(page.number, say="{:.2f}".format)
    alone = {k: row for k, row in rows.items() if k.split(", ")[0] not in LINEAR}
    for cell in LINEAR:
        of_cell = {k.split(", ")[1]: row for k, row in rows.items() if k.startswith(f"{cell}, ")}
        parts.append(f"### {cell}\n\n{page.grid('T', of_cell, WALKS, say)}")
    B, D, H = facts["linear"]
    taken = ", ".join(f"`{path}` of {name}" for name, path in facts["auto"].items())
    walks = f"""## Walks of cells that are linear in their carry

Forward and backward pass, B {B}, {D} → {H}: milliseconds, the least of all calls. `engine="auto"`
takes {taken}."""
    tables = page.compared(alone, memory=memory)
    return page.page("A layer by what it is asked for", document, about, *tables, walks, *parts)
