"""d_t = J_t d_{t-1} + r_t for every unit at once, with J_t a k × k block of numbers: the associative
scan of `_linear` for units of several leaves."""

from __future__ import annotations

from itertools import product

import jax
import jax.numpy as jnp

Blocks = dict[tuple[int, int], jax.Array]  # of (i, j): what leaf i takes of leaf j; absent is 0


def solve(reverse: bool, blocks: Blocks, rest: list) -> list:
    """d (T, …), leaf by leaf, with nothing before all."""
    filled = closed(set(blocks))
    blocks = {at: blocks.get(at, jnp.zeros_like(rest[at[0]])) for at in filled}

    def then(one, two):
        (a, r), (b, s) = one, two
        after = [_sum(b, lambda j, i=i: r[j], i, own) for i, own in enumerate(s)]
        of = {(i, k): _sum(b, lambda j, k=k: a.get((j, k)), i, None) for i, k in filled}
        nothing = jnp.zeros_like(s[0])
        return {at: nothing if v is None else v for at, v in of.items()}, after

    return jax.lax.associative_scan(then, (blocks, rest), reverse=reverse)[1]


def closed(pairs: set) -> set:
    """The pairs that products of such blocks have."""
    while more := {(i, k) for (i, j), (m, k) in product(pairs, pairs) if j == m} - pairs:
        pairs = pairs | more
    return pairs


def _sum(b: Blocks, of, i: int, total):
    """Σ_j b_ij of(j) + total."""
    for (at, j), factor in b.items():
        if at == i and (a := of(j)) is not None:
            total = factor * a if total is None else total + factor * a
    return total
