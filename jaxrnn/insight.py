"""What goes on inside a network: how far its gradients reach, which of its gates are shut or open,
how large its recurrent matrices are.

All is measured on any layer that has `step`, a cell of your own in it or not: from its equations,
not from its name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxrnn import _checks
from jaxrnn._adjoint import floats, pick, put
from jaxrnn._types import Carry, Params
from jaxrnn.engine._program import bind, inlined, look

SHUT, OPEN = 0.1, 0.9


class Reach(NamedTuple):
    """How far back a loss at the last step is felt. norms (T), float64: at k - 1 the norm of its
    gradient in the carry k steps before the last one is done, the root of its mean square over the
    batch; leaves: the same of each leaf of the carry, by its path."""

    norms: np.ndarray
    leaves: dict[str, np.ndarray]


class Gate(NamedTuple):
    """A σ of the step, over all of time, batch and units: its mean, and the parts of it that are
    shut (below 0.1) and open (above 0.9), after Karpathy, Johnson & Li (2015)."""

    mean: float
    shut: float
    open: float


def gradient_reach(
    layer: Any,
    params: Params,
    carry: Carry | None,
    xs: jax.Array,
    loss: Callable[[jax.Array], jax.Array] | None = None,
) -> Reach:
    """‖∂loss(y_T)/∂h_t‖ for every t, in one backward pass: where it falls as the lag grows the
    gradient vanishes, where it rises it explodes (Hochreiter 1991; Pascanu et al. 2013).

    >>> layer = jaxrnn.unroll(jaxrnn.vanilla(4))
    >>> params = layer.init(jax.random.key(0), 3)
    >>> reach = jaxrnn.insight.gradient_reach(layer, params, None, jnp.ones((9, 2, 3)))
    >>> reach.norms.shape
    (9,)

    xs (T, *batch, I), or token ids (T, *batch); `carry` as in ``layer.apply``. `loss` takes the
    last output (*batch, F) and gives one number; without it, it is the sum of all its numbers.
    Raises TypeError for what is no layer, and under `jax.jit`; ValueError for a layer that walks
    backwards too, for no time step, for a loss of more numbers, and as ``layer.apply`` does.
    """
    xs, carry = _begin("gradient_reach", layer, params, carry, xs)
    if loss is not None and not callable(loss):
        raise TypeError(f"`loss` must be a function of the last output, got {_checks.quote(loss)}.")
    norms = _reach(layer, loss or jnp.sum, params, carry, xs)
    paths = jax.tree_util.tree_leaves_with_path(carry)
    names = [jax.tree_util.keystr(paths[i][0]) for i in floats(jax.tree.leaves(carry))]
    norms = np.asarray(norms, np.float64)[:, ::-1]
    return Reach(np.hypot.reduce(norms), dict(zip(names, norms, strict=True)))


@partial(jax.jit, static_argnums=(0, 1))
def _reach(layer: Any, loss: Callable, params: Any, carry: Any, xs: Any) -> jax.Array:
    """Norms (leaves, T), the root mean squares over the batch."""
    leaves, tree = jax.tree.flatten(carry)
    batch = math.prod(_checks.batch_shape_of(xs))
    at = floats(leaves)

    def step(some: list, rest: list, x: Any) -> tuple[list, jax.Array]:
        after, y = layer.step(params, jax.tree.unflatten(tree, put(rest, at, some)), x)
        return jax.tree.leaves(after), y

    def forwards(carry: list, x: Any) -> tuple[list, list]:
        return step(pick(carry, at), carry, x)[0], carry

    def norms(cotangent: list) -> jax.Array:
        return jnp.stack([_root_mean_square(a, batch) for a in cotangent])

    def backwards(cotangent: list, given: Any) -> tuple[list, jax.Array]:
        before, x = given
        back = jax.vjp(lambda some: pick(step(some, before, x)[0], at), pick(before, at))[1]
        (cotangent,) = back(cotangent)
        return cotangent, norms(cotangent)

    def loss_of_last(some: list) -> jax.Array:
        value = loss(step(some, last, xs[-1])[1])
        if np.shape(value):
            raise ValueError(f"`loss` must give one number, got shape {np.shape(value)}.")
        return value

    before = jax.lax.scan(forwards, leaves, xs)[1]
    last = [a[-1] for a in before]
    end = jax.grad(loss_of_last)(pick(last, at))
    rest = [a[:-1] for a in before], xs[:-1]
    found = jax.lax.scan(backwards, end, rest, reverse=True)[1]
    return jnp.concatenate([found, norms(end)[None]]).T


def _root_mean_square(a: jax.Array, batch: int) -> jax.Array:
    """In units of its largest number: of what fades or grows, squares would be 0 or infinite."""
    size = jnp.abs(a)
    size = size.astype(jnp.float32) if size.dtype.itemsize < 4 else size
    most = jnp.max(size, initial=0)
    safe = jnp.where(most > 0, most, 1)
    return most * jnp.sqrt(jnp.sum((size / safe) ** 2) / batch)


def gate_saturation(layer: Any, params: Params, carry: Carry | None, xs: jax.Array) -> list[Gate]:
    """Of every σ in the step of a layer (not within a loop or branch of its own), in the order of
    its equations, how far it is shut or open along xs (T, *batch, I), or token ids (T, *batch).
    A gate that is always shut or open has no gradient; of an LSTM they are f, i, o of the first
    level, then of the next; of a GRU r and z are one σ; of a cell without σ there are none.

    Raises as `gradient_reach` does.

    >>> layer = jaxrnn.unroll(jaxrnn.lstm(4))
    >>> params = layer.init(jax.random.key(0), 3)
    >>> gates = jaxrnn.insight.gate_saturation(layer, params, None, jnp.ones((9, 2, 3)))
    >>> len(gates), all(0 < gate.mean < 1 for gate in gates)
    (3, True)
    """
    xs, carry = _begin("gate_saturation", layer, params, carry, xs)
    return [Gate(*map(float, of)) for of in np.asarray(_saturation(layer, params, carry, xs))]


@partial(jax.jit, static_argnums=0)
def _saturation(layer: Any, params: Any, carry: Any, xs: Any) -> jax.Array:
    """mean, shut, open (gates, 3)."""
    given, tree = jax.tree.flatten((params, carry, xs[0]))
    n_params, n_carry = len(jax.tree.leaves(params)), len(jax.tree.leaves(carry))

    def flat(*given: Any) -> list[Any]:
        return jax.tree.leaves(layer.step(*jax.tree.unflatten(tree, given))[0])

    program = inlined(jax.make_jaxpr(flat)(*given))
    names = [*program.jaxpr.constvars, *program.jaxpr.invars]

    def step(carry: list, x: Any) -> tuple[list, jax.Array]:
        env = dict(zip(names, [*program.consts, *given[:n_params], *carry, x], strict=True))
        gates = []
        for e in program.jaxpr.eqns:
            env |= dict(zip(e.outvars, bind(e, *(look(env, v) for v in e.invars)), strict=True))
            if e.primitive.name == "logistic":
                gates.append(env[e.outvars[0]])
        of = [jnp.mean(a, dtype=jnp.float32) for g in gates for a in (g, g < SHUT, g > OPEN)]
        told = jnp.array(of, jnp.float32).reshape(-1, 3)
        return [look(env, v) for v in program.jaxpr.outvars], told

    return jax.lax.scan(step, given[n_params : n_params + n_carry], xs)[1].mean(0)


def spectral_radii(params: Any) -> dict[str, np.ndarray]:
    """Of every recurrent matrix, `w_h` (H, G·H) wherever it lies in `params`, the spectral radius
    of each of its G gates' blocks (H, H), as an array (G): the largest magnitude of an eigenvalue,
    or NaN of what is not finite. A linear walk grows where it is above 1 and fades below; σ and
    tanh only make that less. Where `w_r` projects what it reads, the two are no such matrix, and
    left out. Raises TypeError under `jax.jit`.

    >>> params = jaxrnn.gru(4).init(jax.random.key(0), 3)
    >>> {name: radii.shape for name, radii in jaxrnn.insight.spectral_radii(params).items()}
    {'.w_h': (3,)}
    """
    _refuse_tracers("spectral_radii", params)
    found, leaves = {}, jax.tree_util.tree_leaves_with_path(params)
    names = {tuple(map(_key, path)) for path, _ in leaves}
    for path, leaf in leaves:
        w, name = np.asarray(leaf), _key(path[-1]) if path else ""
        if name != "w_h" or w.ndim != 2 or not w.shape[0] or w.shape[1] % w.shape[0]:
            continue
        if (*map(_key, path[:-1]), "w_r") in names:
            continue
        H, wide = w.shape
        blocks = w.astype(np.result_type(w, np.float64)).reshape(H, wide // H, H).swapaxes(0, 1)
        radii = np.full(len(blocks), np.nan)
        finite = np.isfinite(blocks).all((1, 2))
        radii[finite] = np.abs(np.linalg.eigvals(blocks[finite])).max(-1)
        found[jax.tree_util.keystr(path)] = radii
    return found


def _key(entry: Any) -> str:
    return str(next(getattr(entry, of) for of in ("name", "key", "idx") if hasattr(entry, of)))


def clipped_fraction(norms: Any, clip: float) -> float:
    """The part of the updates whose gradient was longer than `clip`: of the norms (N) that
    `training.epoch` reports; 0 of none. A norm of NaN is not longer.

    >>> jaxrnn.insight.clipped_fraction([0.5, 2.0, 3.0, 0.1], clip=1.0)
    0.5
    """
    return float(np.mean(np.asarray(norms) > clip)) if np.size(norms) else 0.0


def _begin(name: str, layer: Any, params: Any, carry: Any, xs: Any) -> tuple[jax.Array, Any]:
    """xs and the carry to begin with."""
    if not hasattr(layer, "step") or not hasattr(layer, "apply"):
        how = _checks.instead_of(layer) or "take `unroll(cell)`"
        raise TypeError(f"{name} needs a layer with `step`, got {_checks.quote(layer)}: {how}.")
    _refuse_tracers(name, (params, carry, xs))
    xs = _checks.array("xs", xs)
    _checks.is_tokens(xs)  # or floats
    if np.ndim(xs) == 0 or np.shape(xs)[0] == 0:
        raise ValueError(f"{name} needs a time step at least, got xs {np.shape(xs)}.")
    if carry is None:
        carry = layer.initial_carry(params, _checks.batch_shape_of(xs))
    return jnp.asarray(xs), carry


def _refuse_tracers(name: str, given: Any) -> None:
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(given)):
        raise TypeError(f"{name} gives NumPy arrays: call it outside jax.jit and jax.grad.")
