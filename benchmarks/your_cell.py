"""A cell of one's own: the minimal gated unit and an LSTM with peepholes, each given to jaxrnn as a
`step` alone, beside its plain scan and beside the same cell in Equinox and in Flax; forward, and
forward and backward, in one process, in turn.

    python benchmarks/your_cell.py              # some two minutes

Exit status: 0 done, 2 bad input, 4 the machine is not quiet.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import flax.linen as nn
import jax
import jax.numpy as jnp

import jaxrnn
from benchmarks import command, in_turn
from benchmarks.report import table

T, B, D, H = 35, 32, 256, 256
WITHIN = 3e-5  # of an array's greatest value
Params = dict[str, jax.Array]


class Hidden(NamedTuple):
    h: jax.Array


class Both(NamedTuple):
    h: jax.Array
    c: jax.Array


def drawn(key: jax.Array, dtype: Any, **shapes: tuple[int, ...]) -> Params:
    """Normal params of these shapes."""
    keys = jax.random.split(key, len(shapes))
    pairs = zip(keys, shapes.items(), strict=True)
    return {name: jax.random.normal(k, shape, dtype) / 16 for k, (name, shape) in pairs}


@dataclasses.dataclass(frozen=True)
class MGU:
    """Zhou et al. 2016, arXiv:1603.09420, as Flax has it: f σ, n tanh, h' = (1 - f) n + f h."""

    output_size: int

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> Params:
        w, u, b = (input_size, self.output_size), (self.output_size,) * 2, (self.output_size,)
        return drawn(key, dtype, w_f=w, u_f=u, b_f=b, w_n=w, u_n=u, b_n=b, b_h=b)

    def initial_carry(self, params: Params, batch_shape: tuple[int, ...] = ()) -> Hidden:
        return Hidden(jnp.zeros((*batch_shape, self.output_size), params["b_f"].dtype))

    def step(self, params: Params, carry: Hidden, x: jax.Array) -> tuple[Hidden, jax.Array]:
        p, h = params, carry.h
        f = jax.nn.sigmoid(x @ p["w_f"] + h @ p["u_f"] + p["b_f"])
        n = jnp.tanh(x @ p["w_n"] + p["b_n"] + f * (h @ p["u_n"] + p["b_h"]))
        h = (1 - f) * n + f * h
        return Hidden(h), h


@dataclasses.dataclass(frozen=True)
class Peephole:
    """Gers & Schmidhuber 2000: the gates i, f see c, and o sees the new c."""

    output_size: int

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> Params:
        H, wide = self.output_size, 4 * self.output_size
        w, u, b, p = (input_size, wide), (H, wide), (wide,), (H,)
        return drawn(key, dtype, w=w, u=u, b=b, i=p, f=p, o=p)

    def initial_carry(self, params: Params, batch_shape: tuple[int, ...] = ()) -> Both:
        zeros = jnp.zeros((*batch_shape, self.output_size), params["b"].dtype)
        return Both(zeros, zeros)

    def step(self, params: Params, carry: Both, x: jax.Array) -> tuple[Both, jax.Array]:
        p = params
        h, c = peephole(p, x @ p["w"] + carry.h @ p["u"] + p["b"], carry.c)
        return Both(h, c), h


def peephole(p: Any, sums: jax.Array, c: jax.Array) -> tuple[jax.Array, jax.Array]:
    """h and c of the four sums."""
    i, f, g, o = jnp.split(sums, 4, axis=-1)
    i, f = jax.nn.sigmoid(i + p["i"] * c), jax.nn.sigmoid(f + p["f"] * c)
    c = f * c + i * jnp.tanh(g)
    return jax.nn.sigmoid(o + p["o"] * c) * jnp.tanh(c), c


def flax_mgu(p: Params, xs: jax.Array) -> Any:
    dense = {
        "if": {"kernel": p["w_f"], "bias": p["b_f"]},
        "hf": {"kernel": p["u_f"]},
        "in": {"kernel": p["w_n"], "bias": p["b_n"]},
        "hn": {"kernel": p["u_n"], "bias": p["b_h"]},
    }
    return nn.RNN(nn.MGUCell(H), time_major=True).apply({"params": {"cell": dense}}, xs)


class PeepholeCell(nn.RNNCellBase):
    @nn.compact
    def __call__(self, carry: Any, x: jax.Array) -> Any:
        h, c = carry
        sums = nn.Dense(4 * H, name="x")(x) + nn.Dense(4 * H, use_bias=False, name="h")(h)
        p = {name: self.param(name, nn.initializers.normal(), (H,)) for name in "ifo"}
        h, c = peephole(p, sums, c)
        return (h, c), h

    def initialize_carry(self, rng: jax.Array, input_shape: tuple[int, ...]) -> Any:
        return (jnp.zeros((B, H)), jnp.zeros((B, H)))

    @property
    def num_feature_axes(self) -> int:
        return 1


def flax_peephole(p: Params, xs: jax.Array) -> Any:
    cell = {"x": {"kernel": p["w"], "bias": p["b"]}, "h": {"kernel": p["u"]}}
    cell |= {name: p[name] for name in "ifo"}
    return nn.RNN(PeepholeCell(), time_major=True).apply({"params": {"cell": cell}}, xs)


def in_equinox(cell: MGU | Peephole) -> Callable[[Params, jax.Array], Any]:
    """A module that sees one row, under vmap in the lax.scan that Equinox's documentation shows."""
    import equinox as eqx

    class Module(eqx.Module):
        p: Params

        def __call__(self, x: jax.Array, carry: Any) -> Any:
            return cell.step(self.p, carry, x)

    def walk(p: Params, xs: jax.Array) -> Any:
        module = Module(p)
        start = cell.initial_carry(p, (B,))
        return jax.lax.scan(lambda carry, x: jax.vmap(module)(x, carry), start, xs)[1]

    return walk


def contestants(cell: MGU | Peephole) -> dict[str, Callable[[Params, jax.Array], Any]]:
    """By name, xs -> ys of params that are the same for all."""
    layers = {"jaxrnn": jaxrnn.unroll(cell), "plain scan": jaxrnn.unroll(cell, engine="scan")}
    walks: dict[str, Callable[[Params, jax.Array], Any]] = {
        name: lambda p, xs, layer=layer: layer.apply(p, None, xs)[1]
        for name, layer in layers.items()
    }
    if importlib.util.find_spec("equinox"):
        walks["Equinox"] = in_equinox(cell)
    return walks | {"Flax": flax_mgu if isinstance(cell, MGU) else flax_peephole}


def measure(cell: MGU | Peephole, rounds: int) -> dict[str, Any]:
    """Seconds of every call, by what is called and by contestant."""
    key_params, key_xs, key_dys = jax.random.split(jax.random.key(1), 3)
    params = cell.init(key_params, D)
    xs, dys = jax.random.normal(key_xs, (T, B, D)), jax.random.normal(key_dys, (T, B, H))
    forwards, both = {}, {}
    for name, walk in contestants(cell).items():

        def pulled(params, xs, walk=walk):
            ys, pull = jax.vjp(walk, params, xs)
            return ys, pull(dys)

        forwards[name], both[name] = jax.jit(walk), jax.jit(pulled)
    answers = {name: call(params, xs) for name, call in both.items()}
    for name, answer in answers.items():
        _same(name, answer, answers["plain scan"])

    def calls(of):
        return {
            name: lambda call=call: jax.block_until_ready(call(params, xs))
            for name, call in of.items()
        }

    return {
        "forward": in_turn.seconds(calls(forwards), rounds),
        "forward and backward": in_turn.seconds(calls(both), rounds),
    }


def _same(name: str, got: Any, want: Any) -> None:
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        off = float(jnp.abs(a - b).max() / jnp.abs(b).max())
        if off > WITHIN:
            raise ValueError(f"{name} computes something else: off by {off:.1e}.")


def markdown(document: dict[str, Any]) -> str:
    parts = [
        "# A cell of one's own",
        f"`{document['command']}`: T {T}, B {B}, {D} → {H}, float32; {in_turn.where(document)}. "
        f"Milliseconds, the least and the median of all calls; × is the least over jaxrnn's. All "
        f"compute the same, outputs and gradients.",
    ]
    for cell, of in document["results"].items():
        for what, taken in of.items():
            rows = [[name, *in_turn.words(t, taken["jaxrnn"])] for name, t in taken.items()]
            parts += [f"## {cell}, {what}", table(("by", *in_turn.COLUMNS), rows)]
    return "\n\n".join(parts) + "\n"


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__, "your_cell.json", 60, "calls of each")
    chosen = command.chosen_of(parser, argv)
    document = command.begin("your_cell.py", chosen, argv)
    cells = {"MGU": MGU(H), "LSTM with peepholes": Peephole(H)}
    document["results"] = {name: measure(cell, chosen.rounds) for name, cell in cells.items()}
    return command.end(chosen, document, markdown(document))


if __name__ == "__main__":
    command.run(main)
