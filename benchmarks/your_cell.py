"""A cell of one's own: a minimal gated unit and an LSTM with peepholes, of which jaxrnn is told no
more than a `step`, beside its plain scan and beside the same cell in Equinox and in Flax.
Forward, and forward and backward; in one process."""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

import jaxrnn
import jaxrnn.linen
from benchmarks import page
from benchmarks.options import drawn
from benchmarks.options import facts as facts
from benchmarks.turns import Build, Contestant, contestant, offered

WITHIN = 3e-5  # of an array's greatest value
PLAIN = "plain scan"
CELLS: dict[str, Any] = {"MGU": jaxrnn.mgu, "LSTM with peepholes": jaxrnn.peephole_lstm}
Walk = Callable[[Any, jax.Array], Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Own:
    """The four names of a cell, and nothing that says whose it is."""

    init: Callable
    initial_carry: Callable
    step: Callable
    output_size: int


def own(cell: Any) -> Own:
    return Own(cell.init, cell.initial_carry, cell.step, cell.output_size)


def in_jaxrnn(cell: Own, engine: Any) -> Walk:
    layer = jaxrnn.unroll(cell, engine=engine)
    return lambda params, xs: layer.apply(params, None, xs)[1]


def in_flax(cell: Own) -> Walk:
    def walk(params: Any, xs: jax.Array) -> Any:
        rnn = nn.RNN(jaxrnn.linen.Cell(cell, xs.shape[-1]), time_major=True)
        start = cell.initial_carry(params, xs.shape[1:-1])
        tree = {"params": {"cell": {"cell": jaxrnn.linen.to_dict(params)}}}
        return rnn.apply(tree, xs, initial_carry=start)

    return walk


def in_equinox(cell: Own) -> Walk:
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


BY: dict[str, Callable[[Own], Walk]] = {
    "jaxrnn": partial(in_jaxrnn, engine="auto"),
    PLAIN: partial(in_jaxrnn, engine="scan"),
    "Equinox": in_equinox,
    "Flax": in_flax,
}


def build(by: str, cell: Own, backward: bool, T: int, B: int, D: int) -> Contestant:
    """Refused where outputs or gradients are not those of the plain scan."""

    @partial(jax.jit, static_argnums=0)
    def pulled(walk: Walk, params: Any, xs: jax.Array, dys: jax.Array) -> Any:
        ys, pull = jax.vjp(walk, params, xs)
        return ys, pull(dys)

    walk, plain, given = BY[by](cell), BY[PLAIN](cell), drawn(cell, T, B, D)
    got, want = (jax.tree.leaves(pulled(each, *given)) for each in (walk, plain))
    off = [float(jnp.abs(a - b).max() / jnp.abs(b).max()) for a, b in zip(got, want, strict=True)]
    if not (error := max(off)) <= WITHIN:
        raise ValueError(f"{by} computes something else: off by {error:.1e}.")
    run = partial(pulled, walk, *given) if backward else partial(jax.jit(walk), *given[:2])
    return contestant(lambda: jax.block_until_ready(run()), error=error)


def rows(chosen: Any) -> Iterator[tuple[str, dict[str, Build]]]:
    T, B, D, H = facts(chosen)["sizes"]
    for name, cell in CELLS.items():
        for way in ("forward", "forward and backward"):
            made = own(cell(H)), "backward" in way, T, B, D
            yield f"{name}, {way}", {by: partial(build, by, *made) for by in BY}


def render(document: dict[str, Any]) -> str:
    T, B, D, H = document["facts"]["sizes"]
    about = f"""T {T}, B {B}, {D} → {H}, float32. Milliseconds, the least and the median of all
calls; × is the least over jaxrnn's. All compute the same, outputs and gradients."""
    tables = page.compared("by", document["rows"], "jaxrnn")
    return page.page("A cell of one's own", document, about, *tables)
