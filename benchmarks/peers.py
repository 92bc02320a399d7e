"""A model of ours as each JAX framework has it, its weights taken there by `jaxrnn.interop`, and
gradients back. The head is one product and a bias, as it is in all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import jaxrnn
from benchmarks.cases import Case
from benchmarks.turns import NotOffered
from jaxrnn import interop


class Model(NamedTuple):
    """apply: (params, carry, xs) -> carry, ys, or the logits where there is a head. back: from a
    gradient in the framework's form to ours. encode: how it reads tokens."""

    apply: Callable[[Any, Any, Any], tuple[Any, jax.Array]]
    params: Any
    carry: Any
    back: Callable[[Any], Any]
    encode: Callable[[jax.Array], jax.Array] = lambda tokens: tokens


def _with_head(of_layer: Callable[[Any, Any, Any, Any], Model], case: Case) -> Model:
    w = case.w
    if w.kind == "gemm":
        raise NotOffered("the peak is measured with jaxrnn and torch")
    zeros = jnp.zeros((w.B, w.H), jax.tree.leaves(case.params)[0].dtype)
    start: Any = (zeros, zeros) if w.cell == "lstm" else zeros
    if not w.V:
        return of_layer(w, case.model, case.params, start)
    net = of_layer(w, case.model.layer, case.params.layer, start)

    def apply(params: Any, carry: Any, xs: jax.Array) -> tuple[Any, jax.Array]:
        carry, ys = net.apply(params[0], carry, xs)
        return carry, ys @ params[1].w + params[1].b

    def back(gradient: Any) -> Any:
        return jaxrnn.LanguageModelParams(net.back(gradient[0]), gradient[1])

    params = net.params, jax.tree.map(jnp.asarray, case.params.head)
    return Model(apply, params, net.carry, back, partial(jax.nn.one_hot, num_classes=w.V))


def _flax_nnx(w: Any, layer: Any, params: Any, start: Any) -> Model:
    """nnx.RNN, time-major, around OptimizedLSTMCell, GRUCell and SimpleCell; split once, and merged
    under the jit."""
    from flax import nnx

    made = interop.to_nnx(layer, params).model
    form, weights, rest = nnx.split(made if w.depth > 1 else nnx.List([made]), nnx.Param, ...)

    def apply(weights: Any, carry: Any, xs: jax.Array) -> tuple[Any, jax.Array]:
        return _levels(nnx.merge(form, weights, rest), carry, xs)

    def back(gradient: Any) -> Any:
        return interop.from_nnx(list(nnx.merge(form, gradient, rest))).params

    return Model(apply, weights, [(start, start) if w.both_ways else start] * w.depth, back)


def _flax_linen(w: Any, layer: Any, params: Any, start: Any) -> Model:
    """nn.RNN, time-major, around OptimizedLSTMCell, GRUCell and SimpleCell."""
    modules, variables, *_ = interop.to_linen(layer, params)
    if w.depth == 1:
        modules, variables = [modules], [variables]

    def apply(variables: Any, carry: Any, xs: jax.Array) -> tuple[Any, jax.Array]:
        calls = [partial(m.apply, v) for m, v in zip(modules, variables, strict=True)]
        return _levels(calls, carry, xs)

    def back(gradient: Any) -> Any:
        return interop.from_linen(modules, gradient).params

    return Model(apply, variables, [(start, start) if w.both_ways else start] * w.depth, back)


def _levels(modules: Any, carry: Any, xs: Any) -> tuple[Any, Any]:
    new = []
    for module, start in zip(modules, carry, strict=True):
        after, xs = module(xs, initial_carry=start)
        new.append(after)
    return new, xs


def _equinox(w: Any, layer: Any, params: Any, start: Any) -> Model:
    """Its cells under vmap in the lax.scan that its documentation shows."""
    if w.cell == "vanilla":
        raise NotOffered("Equinox has no vanilla cell")
    import equinox as eqx

    cells = interop.to_equinox(layer, params).model
    weights, rest = eqx.partition(cells if isinstance(cells, list) else [cells], eqx.is_array)

    def walk(cell: Any, reverse: bool, start: Any, xs: jax.Array) -> tuple[Any, jax.Array]:
        def step(carry, x):
            carry = jax.vmap(cell)(x, carry)
            return carry, carry[0] if isinstance(carry, tuple) else carry

        return jax.lax.scan(step, start, xs, reverse=reverse)

    def apply(weights: Any, carry: Any, xs: jax.Array) -> tuple[Any, jax.Array]:
        levels = [_ways(level) for level in eqx.combine(weights, rest)]
        return _by_direction(walk, levels, carry, xs)

    def back(gradient: Any) -> Any:
        return interop.from_equinox(eqx.combine(gradient, rest)).params

    return Model(apply, weights, [[start] * len(w.directions)] * w.depth, back)


def _ways(level: Any) -> tuple[Any, ...]:
    return level if isinstance(level, tuple) else (level,)


def _by_direction(walk: Callable, levels: Any, carry: Any, xs: jax.Array) -> tuple[Any, jax.Array]:
    """Every level forward, and backward where it is a pair, side by side."""
    new = []
    for ways, starts in zip(levels, carry, strict=True):
        pairs = zip(ways, starts, strict=True)
        walks = [walk(way, k == 1, start, xs) for k, (way, start) in enumerate(pairs)]
        new.append([carry for carry, _ in walks])
        xs = jnp.concatenate([ys for _, ys in walks], -1) if len(walks) > 1 else walks[0][1]
    return new, xs


def _haiku(w: Any, layer: Any, params: Any, start: Any) -> Model:
    """Its cores under dynamic_unroll, one a layer and direction."""
    import haiku as hk

    names, weights, *_ = interop.to_haiku(layer, params)
    names = names if isinstance(names, list) else [names]
    core = {"lstm": hk.LSTM, "gru": hk.GRU, "vanilla": hk.VanillaRNN}[w.cell]

    def walk(_: Any, reverse: bool, start: Any, xs: jax.Array) -> tuple[Any, jax.Array]:
        ys, carry = hk.dynamic_unroll(core(w.H), xs, start, reverse=reverse)
        return carry, ys

    levels = [_ways(level) for level in names]
    network = hk.transform(lambda carry, xs: _by_direction(walk, levels, carry, xs))

    def back(gradient: Any) -> Any:
        """Without what the map adds, as to the forget gate's bias."""
        zeros = jax.tree.map(jnp.zeros_like, gradient)
        got, added = (interop.from_haiku(tree, names).params for tree in (gradient, zeros))
        return jax.tree.map(jnp.subtract, got, added)

    start = hk.LSTMState(*start) if w.cell == "lstm" else start
    carry = [[start] * len(w.directions)] * w.depth
    return Model(hk.without_apply_rng(network).apply, weights, carry, back)


_LAYERS = {"flax_nnx": _flax_nnx, "flax_linen": _flax_linen, "equinox": _equinox, "haiku": _haiku}
PEERS = {name: partial(_with_head, of_layer) for name, of_layer in _LAYERS.items()}
