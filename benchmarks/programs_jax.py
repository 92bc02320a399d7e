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

from benchmarks.cases import Arrays, Case, Program, case, named, trained
from benchmarks.turns import NotOffered
from benchmarks.workloads import Workload
from jaxrnn import training
from jaxrnn.interop._biases import Biases
from jaxrnn.interop._form import form_of, natives_of


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
    if case.w.kind == "gemm" and framework == "jaxrnn":
        return _stateless(jnp.matmul, *case.inputs.values())
    if case.w.kind == "gemm":
        raise NotOffered("the peak is measured with jaxrnn and torch")
    if framework != "jaxrnn":
        return _program(case, peer(framework, case), _train)
    return _program(case, ours(case), _train_ours)


def truth(framework: str, w: Workload) -> Arrays:
    """What a framework's program must compute: a plain `lax.scan` of the cell, which the tests hold
    to NumPy in float64, and its loss and updates by optax."""
    plain = case(framework, w, engine="scan")
    if w.kind == "gemm":
        return {"out": np.matmul(*plain.inputs.values())[None]}
    found = _program(plain, ours(plain), _train).probe(w)
    return {name: trained(framework, w, name, a) for name, a in found.items()}


def _program(case: Case, model: Model, train: Callable[..., Program]) -> Program:
    given = jax.tree.map(jnp.asarray, case.inputs)
    if case.w.kind == "forward":
        return _stateless(partial(forward, model), model.params, given["xs"], model.carry)
    if case.w.kind == "backward":
        return _backward(model, given)
    return (train if case.w.kind == "train" else _generate)(case, model, given)


def _stateless(function: Callable, *arguments: Any, **read: Any) -> Program:
    run, given = jax.jit(function), jax.tree.map(jnp.asarray, arguments)
    return Program(lambda: None, lambda _: (None, jax.block_until_ready(run(*given))), **read)


def forward(model: Model, params: Any, xs: jax.Array, carry: Any) -> jax.Array:
    return model.apply(params, carry, xs)[1]


def backward(model: Model, params: Any, xs: jax.Array, dys: jax.Array, carry: Any) -> Any:
    """ys, and the cotangents of params and xs."""
    ys, pullback = jax.vjp(partial(forward, model, carry=carry), params, xs)
    return ys, *pullback(dys)


def _backward(model: Model, given: Any) -> Program:
    def read(out: Any) -> Arrays:
        ys, dparams, dxs = out
        return {"out": np.asarray(ys), "dxs": np.asarray(dxs), **named(model.back(dparams))}

    arguments = model.params, given["xs"], given["dys"], model.carry
    return _stateless(partial(backward, model), *arguments, read=read)


def loss(model: Model, params: Any, carry: Any, tokens: jax.Array, targets: jax.Array) -> Any:
    """Of a language model: the mean, and the last carry."""
    carry, logits = model.apply(params, carry, model.encode(tokens))
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
    return losses.mean(), jax.lax.stop_gradient(carry)


def _train(case: Case, model: Model, given: Any) -> Program:
    w = case.w
    update = {"adam": optax.adam, "sgd": optax.sgd}[w.optimizer](w.learning_rate)
    optimizer = optax.chain(optax.clip_by_global_norm(w.clip), update)

    @partial(jax.jit, donate_argnums=(0, 1))
    def run(params, state, *batch):
        told, gradient = jax.value_and_grad(partial(loss, model), has_aux=True)(params, *batch)
        updates, state = optimizer.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), told[0]

    def start():
        params = jax.tree.map(jnp.array, model.params)
        return params, optimizer.init(params)

    batch = model.carry, given["tokens"], given["targets"]
    return Program(start, lambda state: jax.block_until_ready(run(*state, *batch)))


def _train_ours(case: Case, model: Model, given: Any) -> Program:
    """One minibatch through `training.epoch`."""
    optimizer = training.optimizer(case.w.optimizer, case.w.learning_rate, case.w.clip)
    xs, ys = given["tokens"][None], given["targets"][None]

    def step(state):
        state, report = training.epoch(case.model.loss, optimizer, state, xs, ys, model.carry)
        return jax.block_until_ready((state, report.loss[0]))

    return Program(lambda: training.start(model.params, optimizer, model.carry), step)


def _generate(case: Case, model: Model, given: Any) -> Program:
    @jax.jit
    def run(params, carry, token):
        carry, logits = model.apply(params, carry, model.encode(token))
        return (carry, jnp.argmax(logits, axis=-1).astype(token.dtype)), logits

    start = model.carry, given["tokens"]
    return Program(lambda: start, lambda state: jax.block_until_ready(run(model.params, *state)))
