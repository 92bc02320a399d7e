"""The programs of jaxrnn, a plain scan and flax.nnx, compiled for an H100 and a TPU v5e that are
not here. Nothing is run: what is counted is what a step of each loop launches, and the memory.

    make accelerators                                   # sets up .venv-accelerators; minutes
    python benchmarks/accelerators.py --check           # no more launches than the page says?

A step of a loop costs a GPU two or three microseconds a launch, so launches are the proxy for time
there; for the TPU it is the cycles that its compiler expects.

Exit status: 0 done, 1 more than the page says, 2 bad input or packages that are not there.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

os.environ["JAX_PLATFORMS"] = "cpu"  # before jax is imported: else it looks for the device
os.environ["TPU_SKIP_MDS_QUERY"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec, SingleDeviceSharding

import jaxrnn
from benchmarks import kernels, machine
from benchmarks.report import table
from jaxrnn import training
from jaxrnn.engine import traced_for

T, B, H, V, N = 35, 32, 256, 1027, 8
LONG = 512
OURS, SCAN, NNX = "jaxrnn", "plain scan", "flax.nnx"
PACKAGES = ("jax", "jaxlib", "jax-cuda13-plugin", "jax-cuda13-pjrt", "libtpu", "flax")
FLAX = {"lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell, "vanilla": nnx.SimpleCell}
OUT = machine.RESULTS / "accelerators.json"


class Program(NamedTuple):
    """`lower` gives it for a sharding, as if its arrays lay there."""

    name: str
    library: str
    lower: Callable[[Any], Any]


def programs() -> Iterator[Program]:
    """Forwards, and with the gradient of params and inputs; an epoch of a language model."""
    for cell in ("vanilla", "lstm", "gru"):
        for way in ("forward", "training"):
            for library in (OURS, SCAN, NNX):
                yield layer(f"{cell}, {way}", library, cell, way)
    for cell in ("lstm", "gru"):
        for library in (OURS, SCAN, NNX):
            yield layer(f"{cell} bfloat16, training", library, cell, dtype="bfloat16")
        name = f"{cell} with bfloat16 products, training"
        yield layer(name, OURS, cell, matmul_dtype="bfloat16")
        for library in (OURS, SCAN, NNX):
            yield layer(f"{cell}, training, T = {LONG}", library, cell, steps=LONG)
    for cell in ("mingru", "lru"):
        yield layer(f"{cell}, training", OURS, cell)
        yield layer(f"{cell}, training", SCAN, cell)
    for cell in ("lstm", "gru"):
        for library in (OURS, SCAN, NNX):
            yield epoch(f"{cell}, an epoch", library, cell)


def layer(
    name: str,
    library: str,
    cell: str,
    way: str = "training",
    *,
    dtype: Any = "float32",
    steps: int = T,
    **how: Any,
) -> Program:
    apply, params = by_flax(cell, dtype) if library == NNX else by_us(library, cell, dtype, **how)
    xs = jax.ShapeDtypeStruct((steps, B, H), dtype)

    def train(params: Any, xs: Any, dys: Any) -> Any:
        ys, back = jax.vjp(apply, params, xs)
        return ys, back(dys)

    def lower(sharding: Any) -> Any:
        given = kernels.placed((params, xs, xs), sharding)
        return (
            jax.jit(train).lower(*given) if way == "training" else jax.jit(apply).lower(*given[:2])
        )

    return Program(name, library, lower)


def by_us(library: str, cell: str, dtype: Any, **how: Any) -> tuple[Callable, Any]:
    engine = "scan" if library == SCAN else "auto"
    unrolled = jaxrnn.unroll(getattr(jaxrnn, cell)(H), engine=engine, **how)
    params = jax.eval_shape(lambda: unrolled.init(jax.random.key(0), H, dtype))
    return lambda params, xs: unrolled.apply(params, None, xs)[1], params


def by_flax(cell: str, dtype: Any) -> tuple[Callable, Any]:
    made = FLAX[cell](H, H, dtype=jnp.dtype(dtype), rngs=nnx.Rngs(0))
    form, params, rest = nnx.split(nnx.RNN(made, time_major=True), nnx.Param, ...)
    params = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, dtype), params)
    zero = jnp.zeros((B, H), dtype)
    start = (zero, zero) if cell == "lstm" else zero
    return lambda params, xs: nnx.merge(form, params, rest)(xs, initial_carry=start), params


def epoch(name: str, library: str, cell: str) -> Program:
    """`training.epoch` with Adam and clipping, of a model of one-hot tokens."""
    loss, params, start = flax_model(cell) if library == NNX else our_model(library, cell)
    adam = training.optimizer("adam", 0.01, clip=1.0)
    state = jax.eval_shape(lambda p, c: training.start(p, adam, c), params, start)
    tokens = jax.ShapeDtypeStruct((N, T, B), jnp.int32)

    def run(state: Any, xs: Any, ys: Any, start: Any) -> Any:
        return training.epoch(loss, adam, state, xs, ys, start)

    def lower(sharding: Any) -> Any:
        return jax.jit(run).lower(*kernels.placed((state, tokens, tokens, start), sharding))

    return Program(name, library, lower)


def our_model(library: str, cell: str) -> tuple[Callable, Any, Any]:
    engine = "scan" if library == SCAN else "auto"
    lm = jaxrnn.language_model(jaxrnn.unroll(getattr(jaxrnn, cell)(H), engine=engine), V)
    params = jax.eval_shape(lambda: lm.init(jax.random.key(0)))
    return lm.loss, params, jax.eval_shape(lambda p: lm.initial_carry(p, (B,)), params)


def flax_model(cell: str) -> tuple[Callable, Any, Any]:
    class Model(nnx.Module):
        def __init__(self) -> None:
            rngs = nnx.Rngs(0)
            made = FLAX[cell](V, H, rngs=rngs)
            self.rnn = nnx.RNN(made, time_major=True, return_carry=True)
            self.head = nnx.Linear(H, V, rngs=rngs)

        def __call__(self, carry: Any, xs: Any) -> Any:
            ys: Any
            carry, ys = self.rnn(xs, initial_carry=carry)
            return carry, self.head(ys)

    form, params, rest = nnx.split(Model(), nnx.Param, ...)

    def loss(params: Any, carry: Any, xs: Any, ys: Any) -> Any:
        carry, logits = nnx.merge(form, params, rest)(carry, jax.nn.one_hot(xs, V))
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, ys)
        return losses.mean(), jax.lax.stop_gradient(carry)

    zero = jax.ShapeDtypeStruct((B, H), jnp.float32)
    params = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), params)
    return loss, params, (zero, zero) if cell == "lstm" else zero


def over_four() -> dict[str, dict[str, int]]:
    """The collectives in a gradient whose batch lies on four H100s, of each cell."""
    mesh = Mesh(kernels.devices("cuda", 4), ("data",))
    found = {}
    for cell in ("vanilla", "lstm", "gru"):
        apply, params = by_us(OURS, cell, "float32")
        params = kernels.placed(params, NamedSharding(mesh, PartitionSpec()))
        xs = jax.ShapeDtypeStruct((T, B, H), jnp.float32)
        xs = kernels.placed(xs, NamedSharding(mesh, PartitionSpec(None, "data")))
        gradient = jax.jit(jax.grad(lambda p, x, apply=apply: apply(p, x).sum()))
        found[cell] = kernels.collectives(gradient.lower(params, xs).compile())
    return found


def counted(platform: str, chosen: Callable[[Program], bool]) -> dict[str, dict[str, Any]]:
    """By program and library: what `kernels.compiled` says."""
    sharding = SingleDeviceSharding(kernels.devices(platform)[0])
    found: dict[str, dict[str, Any]] = {}
    with traced_for(platform):
        for program in filter(chosen, programs()):
            done = kernels.compiled(program.lower(sharding), platform)
            found.setdefault(program.name, {})[program.library] = dataclasses.asdict(done)
            print(f"{platform}: {program.name}, {program.library}: {done}", flush=True)
    return found


GRAPHS = (
    "--xla_gpu_enable_command_buffer=+WHILE",
    "--xla_gpu_enable_command_buffer=+WHILE --xla_gpu_command_buffer_unroll_loops=true",
)


def in_graphs() -> dict[str, dict[str, Any]]:
    """By flags of XLA, which a process must begin with: of the two loops of a training, how many
    are in no CUDA graph as a whole."""
    found = {}
    for flags in GRAPHS:
        words = [sys.executable, __file__, "--apart"]
        environment = os.environ | {"XLA_FLAGS": flags}
        run = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        found[flags] = json.loads(run.stdout.splitlines()[-1])
    return found


def apart() -> dict[str, dict[str, int]]:
    names = ("lstm, training", "gru, training")
    found = counted("cuda", lambda program: program.name in names)
    return {
        name: {library: one["apart"] for library, one in of.items()} for name, of in found.items()
    }


def versions() -> dict[str, str]:
    try:
        return {name: version(name) for name in PACKAGES}
    except PackageNotFoundError as missing:
        print(f"{missing.name} is not installed: `make accelerators` does.", file=sys.stderr)
        sys.exit(2)


def markdown(document: dict[str, Any]) -> str:
    pinned = ", ".join(f"{name} {number}" for name, number in document["versions"].items())
    parts = [
        "# Compiled for accelerators that are not here",
        "**Nothing was run: no time on this page.** `make accelerators` compiled each program for "
        f"an H100 and a TPU v5e with {pinned}, commit {document['commit']}, and counted. T {T}, B "
        f"{B}, {H} → {H}; an epoch is of a language model of {V} tokens, {N} minibatches, Adam.",
        "## H100",
        "Launches of a step of each loop, forwards + backwards, of them (products, fusions, "
        "copies, counters); launches beside the loops, an epoch's a minibatch; MiB of temporaries. "
        "A body of five launches or more is one CUDA graph. `training` is the forward pass and the "
        "gradient of params and inputs.",
        table(("program", OURS, SCAN, NNX), rows(document["cuda"], cuda_words)),
        "Over four H100s, a data-parallel gradient has these collectives: "
        + "; ".join(f"{cell}: {words(of)}" for cell, of in document["over_four"].items())
        + ".",
        "Whole loops in a CUDA graph, which JAX asks for by `XLA_FLAGS` alone: of the two of a "
        "training, these stay apart.",
        table(
            ("XLA_FLAGS", OURS, SCAN, NNX),
            [
                [f"`{flags}`", *(said(of, library) for library in (OURS, SCAN, NNX))]
                for flags, of in document["in_graphs"].items()
            ],
        ),
        "## TPU v5e",
        "Cycles that the compiler expects of a step of each loop; MiB of temporaries.",
        table(("program", OURS, SCAN, NNX), rows(document["tpu"], tpu_words)),
    ]
    return "\n\n".join(parts) + "\n"


def said(of: dict[str, Any], library: str) -> str:
    return ", ".join(f"{name.split(',')[0]} {by[library]}" for name, by in of.items())


def words(of: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in of.items()) or "none"


def rows(found: dict[str, Any], say: Callable[[str, Any], str]) -> list[list[str]]:
    return [
        [name, *(say(name, of[library]) if library in of else "" for library in (OURS, SCAN, NNX))]
        for name, of in found.items()
    ]


def cuda_words(name: str, of: dict[str, Any]) -> str:
    loops, outside = list(of["loops"]), of["outside"]
    if "epoch" in name:
        outside = loops.pop(0)["launches"]
    kinds = ("products", "fusions", "copies", "counters")
    steps = " + ".join(str(loop["launches"]) for loop in loops) or "no loop"
    inside = "; ".join(", ".join(str(loop[kind]) for kind in kinds) for loop in loops)
    inside = f" ({inside})" if inside else ""
    return f"{steps}{inside}; {outside} beside; {of['temporaries'] / 2**20:.1f}"


def tpu_words(name: str, of: dict[str, Any]) -> str:
    loops = of["loops"][:-1] if "epoch" in name else of["loops"]  # the epoch's own comes last
    cycles = " + ".join(f"{loop['cycles']:,}" for loop in loops) or "no loop"
    return f"{cycles}; {of['temporaries'] / 2**20:.1f}"


def check(path: Path) -> int:
    """Does a loop of ours launch more than the page says?"""
    committed = json.loads(path.read_text(encoding="utf-8"))
    if versions() != committed["versions"]:
        print(f"the page is of other versions: {committed['versions']}.", file=sys.stderr)
        return 2
    found = counted("cuda", lambda program: program.library == OURS)
    more = 0
    for name, of in found.items():
        if name not in committed["cuda"]:
            print(f"{name} is not on the page: write it anew.")
            more = 1
            continue
        now, then = (
            [l["launches"] for l in at[OURS]["loops"]] for at in (of, committed["cuda"][name])
        )
        if len(now) > len(then) or any(a > b for a, b in zip(now, then, strict=False)):
            print(f"{name}: launches {now} a step, and the page says {then}.")
            more = 1
    return more


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="against the page; writes nothing")
    parser.add_argument("--apart", action="store_true", help="loops that are in no CUDA graph")
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args(argv)
    pinned = versions()
    if chosen.check:
        return check(chosen.out)
    if chosen.apart:
        print(json.dumps(apart()))
        return 0
    document = {"versions": pinned, "commit": machine.describe()["commit"]}
    document["cuda"] = counted("cuda", lambda program: True)
    with traced_for("cuda"):
        document["over_four"] = over_four()
    document["in_graphs"] = in_graphs()
    document["tpu"] = counted("tpu", lambda program: "T =" not in program.name)
    machine.write_json(chosen.out, document)
    machine.write_whole(chosen.out.with_suffix(".md"), markdown(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
