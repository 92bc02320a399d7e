"""What `accelerators` compiles: jaxrnn, its plain scan and flax.nnx; forward, with the gradient of
params and inputs, and an epoch of a language model. Nothing is run: arrays have forms alone."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import SingleDeviceSharding

from benchmarks import programs_jax
from benchmarks.cases import case
from benchmarks.kernels import devices, placed
from benchmarks.workloads import Workload
from jaxrnn import training
from jaxrnn.engine import traced_for

T, B, H, V, N = 35, 32, 256, 1027, 8
LONG = 512
OURS, SCAN, NNX = LIBRARIES = ("jaxrnn", "plain scan", "flax.nnx")


class Program(NamedTuple):
    name: str
    library: str
    run: Callable
    given: tuple

    def lower(self, platform: str) -> Any:
        """For a device of that platform, as if its arrays lay there."""
        there = SingleDeviceSharding(devices(platform)[0])
        with traced_for(platform):
            return jax.jit(self.run).lower(*placed(self.given, there))


def programs() -> Iterator[Program]:
    for cell in ("vanilla", "lstm", "gru"):
        for way in ("forward", "training"):
            yield from (layer(f"{cell}, {way}", of, cell) for of in LIBRARIES)
    for cell in ("lstm", "gru"):
        name, products = f"{cell} bfloat16, training", f"{cell} with bfloat16 products, training"
        yield from (layer(name, of, cell, dtype=jnp.bfloat16) for of in LIBRARIES)
        yield layer(products, OURS, cell, matmul_dtype="bfloat16")
        yield from (layer(f"{cell}, training, T = {LONG}", of, cell, LONG) for of in LIBRARIES)
    for cell in ("mingru", "lru"):
        yield from (layer(f"{cell}, training", of, cell) for of in (OURS, SCAN))
    for cell in ("lstm", "gru"):
        yield from (epoch(f"{cell}, an epoch", of, cell) for of in LIBRARIES)


def made(library: str, w: Workload, **how: Any) -> tuple[Any, programs_jax.Model]:
    """The case, which is one and the same for all, and the library's model of it."""
    asked = case("flax_nnx", w, engine="scan" if library == SCAN else "auto", **how)
    return asked, programs_jax.peer("flax_nnx", asked) if library == NNX else programs_jax.ours(
        asked
    )


def layer(name: str, library: str, cell: str, steps: int = T, **how: Any) -> Program:
    asked, model = made(library, Workload(name, "backward", cell, steps, B, H, H), **how)
    xs = jax.ShapeDtypeStruct(asked.inputs["xs"].shape, how.get("dtype", "float32"))
    if "forward" in name:
        run = partial(programs_jax.forward, model, carry=model.carry)
        return Program(name, library, run, (model.params, xs))
    run = partial(programs_jax.backward, model, carry=model.carry)
    return Program(name, library, run, (model.params, xs, xs))


def epoch(name: str, library: str, cell: str) -> Program:
    """`training.epoch` with Adam and clipping, of a model of one-hot tokens."""
    asked, model = made(library, Workload(name, "train", cell, T, B, V, H, V=V))
    loss = partial(programs_jax.loss, model) if library == NNX else asked.model.loss
    adam = training.optimizer("adam", 0.01, clip=1.0)
    state = jax.eval_shape(lambda p, c: training.start(p, adam, c), model.params, model.carry)
    tokens = jax.ShapeDtypeStruct((N, T, B), jnp.int32)
    given = state, tokens, tokens, model.carry
    return Program(name, library, partial(training.epoch, loss, adam), given)
