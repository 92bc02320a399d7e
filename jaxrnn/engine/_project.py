"""What waits for no carry: done once, or for all of time at once, under JAX's differentiation."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
from jax.extend.core import Literal

from jaxrnn._adjoint import inexact
from jaxrnn.engine import _products, _sums
from jaxrnn.engine._program import bind, look
from jaxrnn.engine._read import ONCE, SPREAD, TIME, Reading


def project(reading: Reading, shared: list, xs: list) -> tuple[list, list]:
    """What the loop reads: of `shared` alone, and of every instant (time leads)."""
    env = dict(zip(reading.shared_in, shared, strict=True))
    for e in reading.once:
        values = [look(env, v) for v in e.invars]
        env |= dict(zip(e.outvars, do(e, reading.narrow, *values), strict=True))
    for joint in reading.joints:
        if joint.weights:
            env[joint] = joint.merge([env[v] for v in joint.weights])
    env |= dict(zip(reading.x_in, xs, strict=True))
    ranks = {v: reading.rank(v) for v in env}
    for e in reading.time:
        values = [look(env, v) for v in e.invars]
        at = [ONCE if isinstance(v, Literal) else ranks[v] for v in e.invars]
        outs, rank = _all_of_time(e, reading.narrow, values, at, xs[0].shape[0])
        env |= dict(zip(e.outvars, outs, strict=True))
        ranks |= dict.fromkeys(e.outvars, rank)
    return [env[v] for v in reading.w], [env[v] for v in reading.drives]


def is_rows(e: Any, ranks: list) -> bool:
    """Does it pick rows of a param by ids that x gives?"""
    return e.primitive.name == "gather" and ranks == [ONCE, TIME] and inexact(e.outvars[0].aval)


def do(e: Any, narrow: Any, *values: Any, picked: bool = False) -> list[Any]:
    """What one equation gives for one instant, where products are rounded to `narrow`, and so is
    what is `picked` as a product with one-hot vectors would."""
    if narrow is not None and _products.is_product(e):
        return [_products.multiply(e, narrow, *values)]
    outs = bind(e, *values)
    return [_products.rounded(a, narrow) for a in outs] if picked else outs


def _all_of_time(e: Any, narrow: Any, values: list, ranks: list, T: Any) -> tuple[list, int]:
    if _products.is_plain(e) and ranks == [TIME, ONCE]:
        return [_products.over_time(e, narrow, *values)], TIME
    if is_rows(e, ranks):
        return [_rows(e, narrow, *values)], TIME
    if e.primitive.name == SPREAD and TIME not in ranks:
        if not _sums.is_narrow(values[0]):
            return bind(e, *values), ONCE
        shape, axes = e.params["shape"], e.params["broadcast_dimensions"]
        return [_sums.spread(values[0], T, shape, axes)], TIME
    if not _products.is_product(e):
        for i, a in enumerate(values):
            if ranks[i] == ONCE and _sums.is_narrow(a):
                values[i], ranks[i] = _sums.spread(a, T, a.shape, tuple(range(a.ndim))), TIME
    axes = [0 if rank == TIME else None for rank in ranks]
    return jax.vmap(partial(do, e, narrow), axes)(*values), TIME


def _rows(e: Any, narrow: Any, w: Any, ids: Any) -> Any:
    """Rows of w (V, N), as a product with one-hot vectors would give them."""
    (wide,) = jax.vmap(partial(bind, e), (None, 0))(_sums.widened(w), ids)
    rows = wide.astype(w.dtype)
    return _products.rounded(rows, narrow)
