"""What every JAX framework shares: from a model to one jitted call of a workload."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.protocol import Built, NotOffered
from benchmarks.weights import Weights
from benchmarks.workloads import Workload

jax.block_until_ready(jax.jit(lambda x: x + 1)(0.0))  # the backend starts before anything is timed


class Model(NamedTuple):
    """A framework's own module as a pure function, its params and its way of reading tokens.

    apply: (params, carry, xs) -> carry, ys, or the logits where there is a head. canonical: from a
    gradient in the framework's form to the common one.
    """

    apply: Callable[[Any, Any, Any], tuple[Any, jax.Array]]
    params: Any
    carry: Any
    canonical: Callable[[Any], dict[str, Any]]
    encode: Callable[[jax.Array, int], jax.Array] = jax.nn.one_hot


def versions(*packages: str) -> dict[str, str]:
    return {name: version(name) for name in (*packages, "jax", "jaxlib")}


def build(w: Workload, model: Model, inputs: Weights) -> Built:
    """The call for this workload, under one jit."""
    if w.kind not in BUILDERS:
        raise NotOffered(f"{w.kind} is measured with jaxrnn and torch")
    model = model._replace(params=jax.tree.map(jnp.asarray, model.params))
    return BUILDERS[w.kind](w, model, jax.tree.map(jnp.asarray, inputs))


def gradients(model: Model, gradient: Any) -> Weights:
    return {f"d.{k}": np.asarray(g) for k, g in model.canonical(gradient).items()}


def _forward(w: Workload, model: Model, inputs: dict[str, jax.Array]) -> Built:
    run = jax.jit(model.apply)
    call = partial(_wait, run, model.params, model.carry, inputs["xs"])
    return Built(call, lambda: {"ys": call()[1]})


def _wait(run: Callable, *arguments: Any) -> Any:
    return jax.block_until_ready(run(*arguments))


def _backward(w: Workload, model: Model, inputs: dict[str, jax.Array]) -> Built:
    @jax.jit
    def run(params, carry, xs, dys):
        ys, pullback = jax.vjp(lambda params, xs: model.apply(params, carry, xs)[1], params, xs)
        return ys, pullback(dys)

    call = partial(_wait, run, model.params, model.carry, inputs["xs"], inputs["dys"])

    def probe() -> Weights:
        ys, (dparams, dxs) = call()
        return {"ys": ys, "dxs": dxs, **gradients(model, dparams)}

    return Built(call, probe)


def _train(w: Workload, model: Model, inputs: dict[str, jax.Array]) -> Built:
    update = {"adam": optax.adam, "sgd": optax.sgd}[w.optimizer](w.learning_rate)
    optimizer = optax.chain(optax.clip_by_global_norm(w.clip), update)

    def loss(params, carry, tokens, targets):
        logits = model.apply(params, carry, model.encode(tokens, w.V))[1]
        return optax.softmax_cross_entropy_with_integer_labels(logits, targets).mean()

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params, state, carry, tokens, targets):
        value, gradient = jax.value_and_grad(loss)(params, carry, tokens, targets)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, value

    def fresh():
        params = jax.tree.map(jnp.array, model.params)
        return params, optimizer.init(params)

    batch = model.carry, inputs["tokens"], inputs["targets"]
    return training(step, fresh, batch, partial(jax.grad(loss), model.params, *batch), model)


def training(step: Callable, fresh: Callable, batch: tuple, gradient: Callable, model: Model):
    """A call that goes on from its own last state (which it donates), and its probe."""
    states = [fresh()]

    def call():
        *state, _ = jax.block_until_ready(step(*states.pop(), *batch))
        states.append(tuple(state))

    def probe() -> Weights:
        state, losses = fresh(), []
        for _ in range(2):
            *state, value = step(*state, *batch)
            losses.append(float(jnp.squeeze(value)))
        return {"losses": np.array(losses), **gradients(model, jax.jit(gradient)())}

    return Built(call, probe)


def _generate(w: Workload, model: Model, inputs: dict[str, jax.Array]) -> Built:
    @jax.jit
    def step(params, carry, token):
        carry, logits = model.apply(params, carry, model.encode(token, w.V))
        return carry, jnp.argmax(logits, axis=-1).astype(token.dtype), logits

    states = [(model.carry, inputs["tokens"][:1])]

    def call():
        carry, token, _ = jax.block_until_ready(step(model.params, *states.pop()))
        states.append((carry, token))

    def probe() -> Weights:
        carry, said = model.carry, []
        for t in range(len(inputs["tokens"])):
            carry, _, logits = step(model.params, carry, inputs["tokens"][t : t + 1])
            said.append(logits)
        return {"logits": np.concatenate(said)}

    return Built(call, probe)


def _gemm(w: Workload, model: Model, inputs: dict[str, jax.Array]) -> Built:
    call = partial(_wait, jax.jit(jnp.matmul), inputs["a"], inputs["b"])
    return Built(call, lambda: {"product": call()})


BUILDERS = {
    "forward": _forward,
    "backward": _backward,
    "train": _train,
    "generate": _generate,
}


def build_gemm(w: Workload, inputs: Weights) -> Built:
    nothing = Model(lambda *_: (None, jnp.zeros(())), {}, None, lambda _: {})
    return _gemm(w, nothing, jax.tree.map(jnp.asarray, inputs))
