"""What `accelerators` compiles: jaxrnn, its plain scan and flax.nnx, forwards, and with gradients of
params and inputs; and an epoch of a language model. Nothing is run: arrays have forms alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

import jaxrnn
from benchmarks import cases
from benchmarks.kernels import placed
from benchmarks.peers import PEERS
from benchmarks.workloads import Workload
from jaxrnn import training

T, B, H, V, N = 35, 32, 256, 1027, 8
LONG = 512
OURS, SCAN, NNX = LIBRARIES = ("jaxrnn", "plain scan", "flax.nnx")


class Program(NamedTuple):
    """`lower` gives it for a sharding, as if its arrays lay there."""

    name: str
    library: str
    lower: Callable[[Any], Any]


def programs() -> Iterator[Program]:
    for cell in ("vanilla", "lstm", "gru"):
        for way in ("forward", "training"):
            yield from (layer(f"{cell}, {way}", of, cell, way) for of in LIBRARIES)
    for cell in ("lstm", "gru"):
        name = f"{cell} bfloat16, training"
        yield from (layer(name, of, cell, dtype="bfloat16") for of in LIBRARIES)
        name = f"{cell} with bfloat16 products, training"
        yield layer(name, OURS, cell, matmul_dtype="bfloat16")
        name = f"{cell}, training, T = {LONG}"
        yield from (layer(name, of, cell, steps=LONG) for of in LIBRARIES)
    for cell in ("mingru", "lru"):
        yield from (layer(f"{cell}, training", of, cell) for of in (OURS, SCAN))
    for cell in ("lstm", "gru"):
        yield from (epoch(f"{cell}, an epoch", of, cell) for of in LIBRARIES)


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
    made = by_flax(cell, dtype) if library == NNX else by_us(library, cell, dtype, **how)
    apply, params = made
    xs = jax.ShapeDtypeStruct((steps, B, H), dtype)

    def train(params: Any, xs: Any, dys: Any) -> Any:
        ys, back = jax.vjp(apply, params, xs)
        return ys, back(dys)

    def lower(sharding: Any) -> Any:
        given = placed((params, xs, xs), sharding)
        forward = way == "forward"
        return jax.jit(apply).lower(*given[:2]) if forward else jax.jit(train).lower(*given)

    return Program(name, library, lower)


def by_us(library: str, cell: str, dtype: Any, **how: Any) -> tuple[Callable, Any]:
    engine = "scan" if library == SCAN else "auto"
    unrolled = jaxrnn.unroll(getattr(jaxrnn, cell)(H), engine=engine, **how)
    params = jax.eval_shape(lambda: unrolled.init(jax.random.key(0), H, dtype))
    return lambda params, xs: unrolled.apply(params, None, xs)[1], params


def flax_model(cell: str, dtype: Any = "float32", **sizes: int) -> Any:
    case = cases.case("flax_nnx", Workload("", "train", cell, **sizes))
    params = jax.tree.map(lambda a: a.astype(jnp.dtype(dtype)), case.params)
    return PEERS["flax_nnx"](case._replace(params=params))


def by_flax(cell: str, dtype: Any) -> tuple[Callable, Any]:
    model = flax_model(cell, dtype)
    return lambda params, xs: model.apply(params, model.carry, xs)[1], model.params


def epoch(name: str, library: str, cell: str) -> Program:
    """`training.epoch` with Adam and clipping, of a model of one-hot tokens."""
    loss, params, start = flax_loss(cell) if library == NNX else our_loss(library, cell)
    adam = training.optimizer("adam", 0.01, clip=1.0)
    state = jax.eval_shape(lambda p, c: training.start(p, adam, c), params, start)
    tokens = jax.ShapeDtypeStruct((N, T, B), jnp.int32)

    def run(state: Any, xs: Any, ys: Any, start: Any) -> Any:
        return training.epoch(loss, adam, state, xs, ys, start)

    given = (state, tokens, tokens, start)
    return Program(name, library, lambda sharding: jax.jit(run).lower(*placed(given, sharding)))


def our_loss(library: str, cell: str) -> tuple[Callable, Any, Any]:
    engine = "scan" if library == SCAN else "auto"
    lm = jaxrnn.language_model(jaxrnn.unroll(getattr(jaxrnn, cell)(H), engine=engine), V)
    params = jax.eval_shape(lambda: lm.init(jax.random.key(0)))
    return lm.loss, params, jax.eval_shape(lambda p: lm.initial_carry(p, (B,)), params)


def flax_loss(cell: str) -> tuple[Callable, Any, Any]:
    model = flax_model(cell, D=V, V=V)

    def loss(params: Any, carry: Any, xs: Any, ys: Any) -> Any:
        carry, logits = model.apply(params, carry, model.encode(xs))
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, ys)
        return losses.mean(), jax.lax.stop_gradient(carry)

    return loss, model.params, model.carry
