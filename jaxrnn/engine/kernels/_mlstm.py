"""An mLSTM in chunks (after the parallel form of Beck et al. 2024, appendix A.3): within a chunk of
L instants, each reads what those before it wrote as attention does, by products of matrices (L, L);
from chunk to chunk goes the memory: no memory (D, D) is there for each instant.

With F_ts the sum of log f from s + 1 to t, and D_ts = F_ts + ĩ_s for s ≤ t::

    m_t = max(max_s D_ts, F_t + m)
    y_t = (Σ_s exp(D_ts - m_t) (q_t·k_s) v_s + exp(F_t + m - m_t) c q_t) / max(|…|, exp(-m_t))

where … is the same sum of k and n in the place of v and c. Where a document begins, nothing before
it is read.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxrnn import _checks
from jaxrnn._types import When
from jaxrnn.cells import MLSTM
from jaxrnn.cells._stabilised import least
from jaxrnn.engine._chunks import in_chunks
from jaxrnn.engine._when import select


def why_not(cell: Any, plain: bool) -> str | None:
    """None for an mLSTM, "" for another cell; `plain`: no zoneout, no masks of dropout, no 16-bit
    products."""
    if type(cell) is not MLSTM:
        return ""
    return None if plain else "zoneout, recurrent dropout and `matmul_dtype` change the step."


def walk(cell: MLSTM, reverse: bool, shared: Any, carry: Any, timed: Any) -> tuple[Any, jax.Array]:
    """`shared` is (params, the carry of a restart, no masks); `timed` is (xs, when)."""
    params, start, _ = shared
    at_first = jax.tree.map(lambda a: a[0], timed[0])
    cell.check(params, carry, at_first)

    def part(carry, timed):
        if reverse:
            timed = jax.tree.map(lambda a: jnp.flip(a, 0), timed)
        xs, when = timed
        fresh, last = when.fresh, None
        if reverse and fresh is not None:  # there a document ends behind its beginning
            fresh, last = jnp.roll(fresh, 1, axis=0).at[0].set(False), fresh[-1]
        carry, ys = _chunk(cell, params, start, carry, xs, When(when.valid, fresh))
        if last is not None:
            carry = select(last, start, carry)
        return carry, jnp.flip(ys, 0) if reverse else ys

    return in_chunks(part, reverse, carry, timed)


class _Weights(NamedTuple):
    """Over heads and L instants: within (L, L), of what each wrote for each that reads it; carried
    (L), of the memory before all, as each sees it; m (L), the logarithm that scales both."""

    within: jax.Array
    carried: jax.Array
    m: jax.Array


def _chunk(cell: MLSTM, params: Any, start: Any, carry: Any, xs: jax.Array, when: When) -> Any:
    """L instants: the carry after them, and ys (L, *batch, H)."""
    *units, i, f = (_wide(a) for a in cell.parts(params, xs))
    q, k, v, o = (jnp.moveaxis(a, 0, -2) for a in units)  # (*batch, heads, L, D)
    c, n, m = map(_wide, carry)
    w = _weights(i, f, m, _wide(start.m) if start is not None else None, when)
    seen = (q @ jnp.swapaxes(k, -1, -2)) * w.within
    read = seen @ v + w.carried[..., None] * (q @ jnp.swapaxes(c, -1, -2))
    weight = jnp.abs(seen.sum(-1) + w.carried * (q @ n[..., None])[..., 0])
    ys = jax.nn.sigmoid(o) * read / jnp.maximum(weight, least(w.m))[..., None]
    written, kept = w.within[..., -1, :, None], w.carried[..., -1, None]
    n = kept * n + (written * k).sum(-2)
    c = kept[..., None] * c + jnp.swapaxes(written * v, -1, -2) @ k
    after = (new.astype(old.dtype) for new, old in zip((c, n, w.m[..., -1]), carry, strict=True))
    ys = jnp.moveaxis(ys, -2, 0).reshape(*xs.shape[: o.ndim - 2], cell.hidden_size)
    return type(carry)(*after), select(when.valid, ys, jnp.zeros_like(ys)).astype(params.b.dtype)


def _weights(i: Any, f: Any, m: Any, start_m: Any, when: When) -> _Weights:
    """i, f (L, *batch, heads) are logarithms of the gates, m the carry's, start_m a restart's."""
    if when.valid is not None:
        valid = jnp.expand_dims(when.valid, -1)
        i, f = jnp.where(valid, i, -jnp.inf), jnp.where(valid, f, 0)
    i, f = (jnp.moveaxis(a, 0, -1) for a in (i, f))
    # Not as a difference of two sums from the first on, which loses what one shut gate outweighs.
    later = jnp.tri(f.shape[-1], k=-1, dtype=bool)
    after = jnp.where(jnp.broadcast_to(later, (*f.shape, f.shape[-1])), f[..., None], 0)
    logs = jnp.cumsum(after, axis=-2) + i[..., None, :]
    before = jnp.cumsum(f, axis=-1) + m[..., None]
    pairs, reads = (
        jnp.broadcast_to(jnp.tri(f.shape[-1], dtype=bool), logs.shape),
        jnp.ones(f.shape, bool),
    )
    if when.fresh is not None:
        document = jnp.moveaxis(jnp.cumsum(when.fresh.astype(jnp.int32), axis=0), 0, -1)
        document = jnp.broadcast_to(document[..., None, :], f.shape)  # of every head
        reads = document == 0
        before = jnp.where(reads, before, start_m[..., None])
        pairs = pairs & (document[..., :, None] == document[..., None, :])
    logs = jnp.where(pairs, logs, -jnp.inf)
    m = jnp.maximum(logs.max(axis=-1), before)
    carried = jnp.where(reads, jnp.exp(before - m), 0)
    return _Weights(jnp.exp(logs - m[..., None]), carried, m)


def _wide(a: jax.Array) -> jax.Array:
    return a.astype(_checks.at_least_float32(a.dtype))
