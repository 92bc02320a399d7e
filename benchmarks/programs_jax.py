"""The workloads in JAX: each framework's own cells and its own walk, the whole step under one jit,
optax, state donated. All but jaxrnn read tokens as one-hot vectors, as their users do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.cases import Case, Program, named
from benchmarks.peers import PEERS, Model
from jaxrnn import training

jax.block_until_ready(jax.jit(lambda x: x + 1)(0.0))  # the backend starts before anything is timed
Given = dict[str, jax.Array]


def build(framework: str, case: Case) -> Program:
    given = jax.tree.map(jnp.asarray, case.inputs)
    if case.w.kind == "gemm" and framework == "jaxrnn":
        return _stateless(jnp.matmul, given["a"], given["b"])
    model = _ours(case) if framework == "jaxrnn" else PEERS[framework](case)
    kinds: dict[str, Callable[[Case, Model, Given], Program]] = {
        "forward": _forward,
        "backward": _backward,
        "train": _train_ours if framework == "jaxrnn" else _train,
        "generate": _generate,
    }
    return kinds[case.w.kind](case, model, given)


def _ours(case: Case) -> Model:
    params = jax.tree.map(jnp.asarray, case.params)
    carry = case.model.initial_carry(params, (case.w.B,))
    return Model(case.model.apply, params, carry, lambda gradient: gradient)


def _stateless(function: Callable, *arguments: Any, **read: Any) -> Program:
    run = jax.jit(function)
    return Program(lambda: None, lambda _: (None, jax.block_until_ready(run(*arguments))), **read)


def _forward(case: Case, model: Model, given: Given) -> Program:
    read = lambda out: {"out": np.asarray(out[1])}  # noqa: E731
    return _stateless(model.apply, model.params, model.carry, given["xs"], read=read)


def _backward(case: Case, model: Model, given: Given) -> Program:
    def run(params, carry, xs, dys):
        ys, pullback = jax.vjp(lambda params, xs: model.apply(params, carry, xs)[1], params, xs)
        return ys, *pullback(dys)

    def read(out):
        ys, dparams, dxs = out
        return {"out": np.asarray(ys), "dxs": np.asarray(dxs), **named(model.back(dparams))}

    return _stateless(run, model.params, model.carry, given["xs"], given["dys"], read=read)


def _train(case: Case, model: Model, given: Given) -> Program:
    w = case.w
    update = {"adam": optax.adam, "sgd": optax.sgd}[w.optimizer](w.learning_rate)
    optimizer = optax.chain(optax.clip_by_global_norm(w.clip), update)

    def loss(params, carry, tokens, targets):
        logits = model.apply(params, carry, model.encode(tokens))[1]
        return optax.softmax_cross_entropy_with_integer_labels(logits, targets).mean()

    @partial(jax.jit, donate_argnums=(0, 1))
    def run(params, state, *batch):
        value, gradient = jax.value_and_grad(loss)(params, *batch)
        updates, state = optimizer.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), value

    def start():
        params = jax.tree.map(jnp.array, model.params)
        return params, optimizer.init(params)

    batch = model.carry, given["tokens"], given["targets"]
    return Program(
        start,
        lambda state: jax.block_until_ready(run(*state, *batch)),
        gradient=lambda: named(model.back(jax.jit(jax.grad(loss))(model.params, *batch))),
    )


def _train_ours(case: Case, model: Model, given: Given) -> Program:
    """One minibatch through `training.epoch`."""
    w, lm, batch = case.w, case.model, (given["tokens"], given["targets"])
    optimizer = training.optimizer(w.optimizer, w.learning_rate, w.clip)
    epoch = [a[None] for a in batch]

    def step(state):
        state, report = training.epoch(lm.loss, optimizer, state, *epoch, model.carry)
        return jax.block_until_ready((state, report.loss[0]))

    gradient = jax.jit(jax.grad(lm.loss, has_aux=True))
    return Program(
        lambda: training.start(model.params, optimizer, model.carry),
        step,
        gradient=lambda: named(gradient(model.params, model.carry, *batch)[0]),
    )


def _generate(case: Case, model: Model, given: Given) -> Program:
    @jax.jit
    def run(params, carry, token):
        carry, logits = model.apply(params, carry, model.encode(token))
        return (carry, jnp.argmax(logits, axis=-1).astype(token.dtype)), logits

    return Program(
        lambda: (model.carry, given["tokens"]),
        lambda state: jax.block_until_ready(run(model.params, *state)),
    )
