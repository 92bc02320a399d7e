"""The products-only bound: a JAX program with the same matrix products in the same scans as a
workload, and no pointwise work at all. What jaxrnn takes beyond it is its own.

A loop hands on what the next step's product reads, and writes what a later product reads; each
product reads something that the one before it made, so that none is elided, hoisted or run beside
another that it must follow. The recurrent matrices are orthogonal, so that nothing grows or fades
to denormals, however long the loop.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.workloads import GATES, Workload

barrier, update = jax.lax.optimization_barrier, jax.lax.dynamic_update_slice


def call(w: Workload) -> Callable[[], Any]:
    made, run = jax.tree.map(jnp.asarray, arguments(w)), jax.jit(partial(products, w))
    return lambda: jax.block_until_ready(run(made))


def arguments(w: Workload) -> dict[str, Any]:
    """Random operands of the workload's shapes."""
    rng, G = np.random.default_rng(3), GATES[w.cell]

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, np.float32) * shape[-1] ** -0.5

    made: dict[str, Any] = {"ddrive": draw(w.B, G * w.H) / w.T}
    made |= {} if w.tokens else {"xs": draw(w.T, w.B, w.D)}
    for way in w.directions:  # their own, or the compiler would make one walk of two equal ones
        made[f"h.{way}"] = draw(w.B, w.H)
        gates = [np.linalg.qr(draw(w.H, w.H))[0] for _ in range(G)]
        made[f"w_h.{way}"] = np.concatenate(gates, axis=1)
    made |= {f"w_x.{level}": draw(w.input_size(level), G * w.H) for level in range(w.depth)}
    return made | ({"head": draw(w.features, w.V)} if w.V else {})


def products(w: Workload, a: dict[str, Any]) -> list[jax.Array]:
    """Every product of the workload, in the order of its dependencies."""
    out: list[jax.Array] = []
    kept: list[tuple[Any, list[jax.Array]]] = []
    xs: Any = None if w.tokens else a["xs"]
    for level in range(w.depth):
        walked = [_forwards(w, a, level, way, xs, out) for way in w.directions]
        kept.append((xs, walked))
        xs = jnp.concatenate(walked, axis=-1) if w.both_ways else walked[0]
    out.append(xs)
    dys = xs
    if w.V:
        out.append(logits := xs @ a["head"])
    if w.kind == "train":
        out.append(_rows(xs).T @ _rows(logits))
        dys = logits @ a["head"].T
    for level in reversed(range(w.depth) if w.kind in ("train", "backward") else ()):
        dys = _backwards(w, a, level, dys, *kept[level], out)
    return out


def _forwards(w: Workload, a: dict, level: int, way: str, xs: Any, out: list) -> jax.Array:
    """The input product, then the walk: ys (T, B, H)."""
    h, w_h = a[f"h.{way}"], a[f"w_h.{way}"]
    if xs is not None:
        out.append(drives := xs @ a[f"w_x.{level}"])
        h = drives[-1, :, : w.H]

    def instant(h, _):
        h = barrier(h @ w_h)[:, : w.H]
        return h, h

    return jax.lax.scan(instant, h, None, length=w.T)[1]


def _backwards(w: Workload, a: dict, level: int, dys: Any, xs: Any, walked: list, out: list) -> Any:
    """The walk back with the transposed matrix; then, over all of time, the weights' gradients and
    (but for tokens) the inputs'. Returns the cotangent for the level below."""
    dxs = None
    out.append(dys)
    for place, (way, ys) in enumerate(zip(w.directions, walked, strict=True)):
        w_t = barrier(a[f"w_h.{way}"].T)

        def instant(ddrive, _, w_t=w_t):
            ddrive = update(ddrive, ddrive @ w_t, (0, 0))
            return ddrive, ddrive

        ddrive = update(a["ddrive"], dys[0, :, place * w.H : (place + 1) * w.H], (0, 0))
        ddrives = jax.lax.scan(instant, ddrive, None, length=w.T)[1]
        out.append(_rows(ys).T @ _rows(ddrives))
        if xs is not None:
            out.append(_rows(xs).T @ _rows(ddrives))
            out.append(dxs := ddrives @ a[f"w_x.{level}"].T)
    return dxs


def _rows(x: jax.Array) -> jax.Array:
    return x.reshape(-1, x.shape[-1])
