"""What `accelerators` compiles: jaxrnn, its plain scan and flax.nnx; forward, with the gradient of
params and inputs, and an epoch of a language model. Nothing is run: arrays have forms alone."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.sharding import SingleDeviceSharding

import jaxrnn
from benchmarks.kernels import devices, placed
from jaxrnn import training
from jaxrnn.engine import traced_for

T, B, H, V, N = 35, 32, 256, 1027, 8
LONG = 512
FLAX: Any = {"lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell, "vanilla": nnx.SimpleCell}
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
        yield from (layer(name, of, cell, dtype="bfloat16") for of in LIBRARIES)
        yield layer(products, OURS, cell, matmul_dtype="bfloat16")
        yield from (layer(f"{cell}, training, T = {LONG}", of, cell, LONG) for of in LIBRARIES)
    for cell in ("mingru", "lru"):
        yield from (layer(f"{cell}, training", of, cell) for of in (OURS, SCAN))
    for cell in ("lstm", "gru"):
        yield from (epoch(f"{cell}, an epoch", of, cell) for of in LIBRARIES)


def layer(
    name: str, library: str, cell: str, steps: int = T, dtype: Any = "float32", **how: Any
) -> Program:
    apply, _, params, start = made(library, cell, 0, dtype, **how)
    xs = jax.ShapeDtypeStruct((steps, B, H), dtype)

    def forward(params: Any, xs: Any) -> Any:
        return apply(params, start, xs)[1]

    def train(params: Any, xs: Any, dys: Any) -> Any:
        ys, back = jax.vjp(forward, params, xs)
        return ys, back(dys)

    run, given = (forward, (params, xs)) if "forward" in name else (train, (params, xs, xs))
    return Program(name, library, run, given)


def epoch(name: str, library: str, cell: str) -> Program:
    """`training.epoch` with Adam and clipping, of a model of one-hot tokens."""
    _, loss, params, start = made(library, cell, V)
    adam = training.optimizer("adam", 0.01, clip=1.0)
    state = jax.eval_shape(lambda p, c: training.start(p, adam, c), params, start)
    tokens = jax.ShapeDtypeStruct((N, T, B), jnp.int32)

    run = partial(training.epoch, loss, adam)
    return Program(name, library, run, (state, tokens, tokens, start))


def made(library: str, cell: str, vocabulary: int, dtype: Any = "float32", **how: Any) -> Any:
    """apply; the loss where there is a vocabulary; the forms of params, and the first carry."""
    if library == NNX:
        return of_flax(cell, vocabulary, dtype)
    engine, key = "scan" if library == SCAN else "auto", jax.random.key(0)
    layer: Any = jaxrnn.unroll(getattr(jaxrnn, cell)(H), engine=engine, **how)
    if not vocabulary:
        return layer.apply, None, jax.eval_shape(lambda: layer.init(key, H, dtype)), None
    lm = jaxrnn.language_model(layer, vocabulary)
    params = jax.eval_shape(lambda: lm.init(key))
    return lm.apply, lm.loss, params, jax.eval_shape(lambda p: lm.initial_carry(p, (B,)), params)


def of_flax(cell: str, vocabulary: int, dtype: Any) -> Any:
    rnn = FLAX[cell](vocabulary or H, H, dtype=jnp.dtype(dtype), rngs=nnx.Rngs(0))
    rnn = nnx.RNN(rnn, time_major=True, return_carry=True)
    head = [nnx.Linear(H, V, rngs=nnx.Rngs(0))] if vocabulary else []
    form, params, rest = nnx.split(nnx.List([rnn, *head]), nnx.Param, ...)

    def apply(params: Any, carry: Any, xs: Any) -> Any:
        modules: Any = nnx.merge(form, params, rest)
        rnn, *head = modules
        carry, ys = rnn(xs, initial_carry=carry)
        return carry, head[0](ys) if head else ys

    def loss(params: Any, carry: Any, xs: Any, ys: Any) -> Any:
        carry, logits = apply(params, carry, jax.nn.one_hot(xs, V))
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, ys)
        return losses.mean(), jax.lax.stop_gradient(carry)

    params = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, dtype), params)
    zero = jnp.zeros((B, H), dtype)
    return apply, loss, params, (zero, zero) if cell == "lstm" else zero
