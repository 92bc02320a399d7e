"""What XLA makes of jaxrnn, a plain scan and flax.nnx for an H100 and a TPU v5e that are not here.

    make accelerators                        # sets up .venv-accelerators; minutes
    make accelerators ACCELERATORS=--check   # no more launches than the page says?

Nothing is run: what is counted is what a step of each loop launches, and the memory. A step costs a
GPU two or three microseconds a launch, so launches are the proxy for time there; for the TPU it is
the cycles that its compiler expects.
"""

import json
import operator
import os
import sys
from collections.abc import Callable
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"  # before jax is imported: else it looks for the device
os.environ["TPU_SKIP_MDS_QUERY"] = "1"

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from benchmarks import kernels, page
from benchmarks.accelerator_programs import LIBRARIES, OURS, B, H, N, Program, T, V, layer, programs
from benchmarks.worker import Worker
from jaxrnn.engine import traced_for

PACKAGES = "jax jaxlib jax-cuda13-plugin jax-cuda13-pjrt libtpu flax"
GRAPHS = (
    "--xla_gpu_enable_command_buffer=+WHILE",
    "--xla_gpu_enable_command_buffer=+WHILE --xla_gpu_command_buffer_unroll_loops=true",
)
# Of ours, loops that launch more than was hoped: the program, what of it, which of its loops.
SHOWN = (
    ("gru, training", "a step backwards", 1),
    ("lstm with bfloat16 products, training", "a step forwards", 0),
    ("lstm with bfloat16 products, training", "a step backwards", 1),
    ("lstm, an epoch", "a minibatch, beside its two loops", 0),
)
WORDS = {"--check": {"action": "store_true", "help": "against the page; writes nothing"}}


def run(chosen: Any) -> int:
    pinned = page.versions(PACKAGES)
    if absent := set(PACKAGES.split()) - set(pinned):
        raise ValueError(f"{', '.join(absent)} not installed: `make accelerators` does.")
    if chosen.check:
        return check(json.loads(chosen.out.read_text(encoding="utf-8")), pinned)
    document = {
        "versions": pinned,
        "commit": page.commit(),
        "cuda": counted("cuda", lambda program: True),
        "over_four": {cell: over_four(cell) for cell in ("vanilla", "lstm", "gru")},
        "one_by_one": one_by_one(),
        "in_graphs": {flags: in_graphs(flags) for flags in GRAPHS},
        "tpu": counted("tpu", lambda program: "T =" not in program.name),
    }
    page.save(sys.modules[__name__], chosen.out, document)
    return 0


def counted(platform: str, chosen: Callable[[Program], bool]) -> dict[str, dict[str, Any]]:
    """By program and library: what `kernels.compiled` says."""
    found: dict[str, dict[str, Any]] = {}
    for program in filter(chosen, programs()):
        done = kernels.compiled(program.lower(platform), platform)
        found.setdefault(program.name, {})[program.library] = done
        print(f"{platform}: {program.name}, {program.library}: {done}", flush=True)
    return found


def over_four(cell: str) -> dict[str, int]:
    """The collectives in a gradient whose batch lies on four H100s."""
    mesh, training = Mesh(kernels.devices("cuda", 4), ("data",)), layer("training", OURS, cell)
    whole, split = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ((), (None, "data")))
    params, *timed = training.given
    given = kernels.placed(params, whole), *kernels.placed(timed, split)
    with traced_for("cuda"):
        return kernels.collectives(jax.jit(training.run).lower(*given).compile())


def one_by_one() -> dict[str, list[str]]:
    ours = {program.name: program.lower for program in programs() if program.library == OURS}
    shown = {f"{name}: {what}": (ours[name]("cuda"), loop) for name, what, loop in SHOWN}
    return {what: kernels.each(*of) for what, of in shown.items()}


def in_graphs(flags: str) -> dict[str, dict[str, int]]:
    """With flags of XLA, which a process must begin with: of the two loops of a training, how many
    are in no CUDA graph as a whole."""
    with Worker(XLA_FLAGS=flags) as one:
        return one.ask(apart)


def apart() -> dict[str, dict[str, int]]:
    found = counted("cuda", lambda it: it.name in ("lstm, training", "gru, training"))
    return {name: {by: one["apart"] for by, one in of.items()} for name, of in found.items()}


def check(committed: dict[str, Any], pinned: dict[str, str]) -> int:
    """Does a loop of ours launch more than the page says?"""
    if pinned != committed["versions"]:
        raise ValueError(f"the page is of other versions: {committed['versions']}.")
    more = 0
    for name, of in counted("cuda", lambda program: program.library == OURS).items():
        if name not in committed["cuda"]:
            raise ValueError(f"{name} is not on the page: write it anew.")
        both = of, committed["cuda"][name]
        now, then = ([loop["launches"] for loop in each[OURS]["loops"]] for each in both)
        if len(now) > len(then) or any(map(operator.gt, now, then)):
            print(f"{name}: launches {now} a step, and the page says {then}.", file=sys.stderr)
            more = 1
    return more


def render(document: dict[str, Any]) -> str:
    pinned = ", ".join(f"{name} {number}" for name, number in document["versions"].items())
    collectives = "; ".join(
        f"{cell}: {', '.join(f'{count} {name}' for name, count in of.items()) or 'none'}"
        for cell, of in document["over_four"].items()
    )
    graphs = []
    for flags, by in document["in_graphs"].items():
        left = {k: [f"{name.split(',')[0]} {of[k]}" for name, of in by.items()] for k in LIBRARIES}
        graphs.append([f"`{flags}`", *map(", ".join, left.values())])
    one_by_one = "\n\n".join(
        f"{what}, {len(launches)} launches:\n\n```text\n" + "\n".join(launches) + "\n```"
        for what, launches in document["one_by_one"].items()
    )
    return f"""# Compiled for accelerators that are not here

**Nothing was run: no time on this page.** `make accelerators` compiled each program for an H100 and
a TPU v5e with {pinned}, commit {document["commit"]}, and counted. T {T}, B {B}, {H} → {H}, with
one bias, as flax.nnx has it; an epoch is of a language model of {V} tokens, {N} minibatches, Adam.

## H100

Launches of a step of each loop, forwards + backwards, of them (products, fusions, copies,
counters); launches beside the loops, an epoch's a minibatch; MiB of temporaries. A body of five
launches or more is one CUDA graph. `training` is the forward pass and the gradient of params and
inputs.

{page.grid("program", document["cuda"], LIBRARIES, cuda_words)}

Over four H100s, a data-parallel gradient has these collectives: {collectives}.

Whole loops in a CUDA graph, which JAX asks for by `XLA_FLAGS` alone: of the two of a training,
these stay apart.

{page.table(("XLA_FLAGS", *LIBRARIES), graphs)}

What stands in the way of fewer launches, one by one: each kernel of jaxrnn's program, what it
gives, and the operation that XLA named it for.

{one_by_one}

## TPU v5e

Cycles that the compiler expects of a step of each loop; MiB of temporaries.

{page.grid("program", document["tpu"], LIBRARIES, tpu_words)}
"""


def cuda_words(of: dict[str, Any] | None) -> str:
    if not of:
        return ""
    loops, outside = list(of["loops"]), of["outside"]
    if len(loops) > 2:  # an epoch's own comes first
        outside = loops.pop(0)["launches"]
    steps = " + ".join(str(loop["launches"]) for loop in loops) or "no loop"
    inside = "; ".join(", ".join(str(loop[kind]) for kind in kernels.KINDS) for loop in loops)
    inside = f" ({inside})" if inside else ""
    return f"{steps}{inside}; {outside} beside; {of['temporaries'] / 2**20:.1f}"


def tpu_words(of: dict[str, Any] | None) -> str:
    if not of:
        return ""
    cycles = [f"{loop['cycles']:,}" for loop in of["loops"][:2]]  # an epoch's own comes last
    return f"{' + '.join(cycles) or 'no loop'}; {of['temporaries'] / 2**20:.1f}"
