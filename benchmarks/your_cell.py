"""A cell of one's own: a minimal gated unit and an LSTM with peepholes, of which jaxrnn is told no
more than a `step`, beside its plain scan and beside the same cell in Equinox and in Flax.

    python -m benchmarks your_cell --wait 600    # forward, and forward and backward; in one process
"""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

import jaxrnn
from benchmarks import page
from benchmarks.options import facts as facts
from benchmarks.turns import Build, Contestant, NotOffered, contestant

ROUNDS = 10
WITHIN = 3e-5  # of an array's greatest value
PLAIN = "plain scan"
CELLS: dict[str, Any] = {"MGU": jaxrnn.mgu, "LSTM with peepholes": jaxrnn.peephole_lstm}
Walk = Callable[[Any, jax.Array], Any]


@dataclasses.dataclass(frozen=True)
class Own:
    """The four names of a cell, and nothing that says whose it is."""

    cell: Any
    output_size: int

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> Any:
        return self.cell.init(key, input_size, dtype)

    def initial_carry(self, params: Any, batch_shape: tuple[int, ...] = ()) -> Any:
        return self.cell.initial_carry(params, batch_shape)

    def step(self, params: Any, carry: Any, x: jax.Array) -> Any:
        return self.cell.step(params, carry, x)


def in_jaxrnn(cell: Own, engine: Any) -> Walk:
    layer = jaxrnn.unroll(cell, engine=engine)
    return lambda params, xs: layer.apply(params, None, xs)[1]


class FlaxCell(nn.RNNCellBase):
    cell: Own
    num_feature_axes: Any = 1

    @nn.compact
    def __call__(self, carry: Any, x: jax.Array) -> Any:
        return self.cell.step(self.param("own", self.cell.init, x.shape[-1]), carry, x)


def in_flax(cell: Own) -> Walk:
    rnn: Any = nn.RNN(FlaxCell(cell), time_major=True)

    def walk(params: Any, xs: jax.Array) -> Any:
        start = cell.initial_carry(params, xs.shape[1:-1])
        return rnn.apply({"params": {"cell": {"own": params}}}, xs, initial_carry=start)

    return walk


def in_equinox(cell: Own) -> Walk:
    """A module that sees one row, under vmap in the lax.scan that Equinox's documentation shows."""
    try:
        import equinox as eqx
    except ImportError:
        raise NotOffered("not installed") from None

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


def build(cell: Own, by: str, backward: bool, T: int, B: int, D: int) -> Contestant:
    """Refused where outputs or gradients are not those of the plain scan."""

    @partial(jax.jit, static_argnums=0)
    def pulled(walk: Walk, params: Any, xs: jax.Array, dys: jax.Array) -> Any:
        ys, pull = jax.vjp(walk, params, xs)
        return ys, pull(dys)

    key_params, key_xs, key_dys = jax.random.split(jax.random.key(1), 3)
    params, xs = cell.init(key_params, D), jax.random.normal(key_xs, (T, B, D))
    dys = jax.random.normal(key_dys, (T, B, cell.output_size))
    walk, plain, given = BY[by](cell), BY[PLAIN](cell), (params, xs, dys)
    got, want = (jax.tree.leaves(pulled(each, *given)) for each in (walk, plain))
    off = [float(jnp.abs(a - b).max() / jnp.abs(b).max()) for a, b in zip(got, want, strict=True)]
    if not (error := max(off)) <= WITHIN:
        raise ValueError(f"{by} computes something else: off by {error:.1e}.")
    run = partial(pulled, walk, *given) if backward else partial(jax.jit(walk), params, xs)
    return contestant(lambda: jax.block_until_ready(run()), error=error)


def rows(chosen: Any) -> Iterator[tuple[str, dict[str, Build]]]:
    T, B, D, H = facts(chosen)["sizes"]
    for name, cell in CELLS.items():
        for way in ("forward", "forward and backward"):
            own, backward = Own(cell(H), H), "backward" in way
            yield f"{name}, {way}", {by: partial(build, own, by, backward, T, B, D) for by in BY}


def render(document: dict[str, Any]) -> str:
    T, B, D, H = document["facts"]["sizes"]
    about = f"""T {T}, B {B}, {D} → {H}, float32. Milliseconds, the least and the median of all
calls; × is the least over jaxrnn's. All compute the same, outputs and gradients."""
    tables = [
        f"## {k}\n\n{page.compared('by', of, 'jaxrnn')}" for k, of in document["rows"].items()
    ]
    return page.page("A cell of one's own", document, about, *tables)
