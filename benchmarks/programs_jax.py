"""The workloads in JAX: each framework's own cells and its own walk, which `jaxrnn.interop` runs to
verify what it converts; the whole step under one jit, optax, state donated. All but jaxrnn read
tokens as one-hot vectors, as their users do."""

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.cases import Case, Program, named
from benchmarks.turns import NotOffered
from jaxrnn import training
from jaxrnn.interop._biases import Biases
from jaxrnn.interop._form import form_of, natives_of

jax.block_until_ready(jax.jit(lambda x: x + 1)(0.0))  # the backend starts before anything is timed
Given = dict[str, jax.Array]


class Model(NamedTuple):
    """apply: (params, carry, xs) -> carry, ys, or the logits where there is a head. back: from a
    gradient in the framework's form to ours. encode: how it reads tokens."""

    apply: Callable[[Any, Any, Any], tuple[Any, jax.Array]]
    params: Any
    carry: Any
    back: Callable[[Any], Any] = lambda gradient: gradient
    encode: Callable[[jax.Array], jax.Array] = lambda tokens: tokens


def ours(case: Case) -> Model:
    params = jax.tree.map(jnp.asarray, case.params)
    return Model(case.model.apply, params, case.model.initial_carry(params, (case.w.B,)))


def _walk(framework: str, library: Any, form: Any) -> Any:
    """nnx.RNN and nn.RNN, time-major, around OptimizedLSTMCell, GRUCell and SimpleCell; Equinox'
    cells under vmap in the lax.scan that its documentation shows; Haiku's cores under
    dynamic_unroll."""
    if framework.startswith("flax"):
        return library._theirs(form, [library._module(form, level) for level in form.levels])
    first = [library._equinox()] if framework == "equinox" else []
    return library._theirs(*first, form)


def peer(framework: str, case: Case) -> Model:
    """The head is one product and a bias, as it is in all of them."""
    if case.w.kind == "gemm":
        raise NotOffered("the peak is measured with jaxrnn and torch")
    if (framework, case.w.cell) == ("equinox", "vanilla"):
        raise NotOffered("Equinox has no vanilla cell")
    library: Any = importlib.import_module(f"jaxrnn.interop._{framework.removeprefix('flax_')}")
    biases = Biases(framework).writing(library.write_cell)
    natives = natives_of(form_of(case.model, case.params), biases)
    walk = _walk(framework, library, natives.form)

    def apply(params: Any, carry: Any, xs: jax.Array) -> tuple[Any, jax.Array]:
        carry, ys = walk(params, carry, xs)
        head = params["head"]
        return carry, ys if head is None else ys @ head.w + head.b

    def back(gradient: Any) -> Any:
        """Without what the map adds, as to the bias of Haiku's forget gate."""
        both = gradient, jax.tree.map(jnp.zeros_like, gradient)
        return jax.tree.map(jnp.subtract, *(natives.read(g, library.read_cell) for g in both))

    params, encode = natives.arrays, partial(jax.nn.one_hot, num_classes=case.w.V)
    return Model(apply, jax.tree.map(jnp.asarray, params), ours(case).carry, back, encode)


def build(framework: str, case: Case) -> Program:
    given = jax.tree.map(jnp.asarray, case.inputs)
    if case.w.kind == "gemm" and framework == "jaxrnn":
        return _stateless(jnp.matmul, given["a"], given["b"])
    model = ours(case) if framework == "jaxrnn" else peer(framework, case)
    train = _train_ours if framework == "jaxrnn" else _train
    kinds = {"forward": _forward, "backward": _backward, "train": train, "generate": _generate}
    return kinds[case.w.kind](case, model, given)


def _stateless(function: Callable, *arguments: Any, **read: Any) -> Program:
    run = jax.jit(function)
    return Program(lambda: None, lambda _: (None, jax.block_until_ready(run(*arguments))), **read)


def _forward(case: Case, model: Model, given: Given) -> Program:
    def read(out: Any) -> dict[str, np.ndarray]:
        return {"out": np.asarray(out[1])}

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
    gradient = jax.jit(jax.grad(loss))
    return Program(
        start,
        lambda state: jax.block_until_ready(run(*state, *batch)),
        gradient=lambda: named(model.back(gradient(model.params, *batch))),
    )


def _train_ours(case: Case, model: Model, given: Given) -> Program:
    """One minibatch through `training.epoch`."""
    w, lm, batch = case.w, case.model, (given["tokens"], given["targets"])
    optimizer = training.optimizer(w.optimizer, w.learning_rate, w.clip)
    xs, ys = (a[None] for a in batch)
    gradient = jax.jit(jax.grad(lm.loss, has_aux=True))

    def step(state):
        state, report = training.epoch(lm.loss, optimizer, state, xs, ys, model.carry)
        return jax.block_until_ready((state, report.loss[0]))

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

    start = model.carry, given["tokens"]
    return Program(lambda: start, lambda state: jax.block_until_ready(run(model.params, *state)))
