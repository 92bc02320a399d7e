"""d_t = J_t d_{t-1} + r_t for every unit at once, with J_t a k × k block of numbers, for k leaves.

Leaves that read each other are solved together, by one associative scan of their blocks; what they
are read by comes after them. So leaves of which each reads itself and those before it, as c, n and
m of an sLSTM, cost a scan of numbers each.
"""

from __future__ import annotations

from functools import reduce
from itertools import product

import jax
import jax.numpy as jnp

Pairs = set[tuple[int, int]]  # (i, j): leaf i reads leaf j
Blocks = dict[tuple[int, int], jax.Array]  # of (i, j): what leaf i takes of leaf j; absent is 0


def solve(reverse: bool, blocks: Blocks, rest: list) -> list:
    """d (T, …), leaf by leaf, with nothing before all."""
    found: dict[int, jax.Array] = {}
    for together in _in_order(set(blocks), len(rest)):
        own = {i: rest[i] for i in together}
        for (i, j), factor in blocks.items():
            if i in own and j not in own:
                own[i] = own[i] + factor * _shifted(reverse, found[j])
        inner = {at: a for at, a in blocks.items() if at[0] in own and at[1] in own}
        found |= _scanned(reverse, inner, own) if inner else own
    return [found[i] for i in range(len(rest))]


def _in_order(pairs: Pairs, k: int) -> list[list[int]]:
    """The leaves in groups that read each other, each after all that it reads."""
    far = pairs | {(i, i) for i in range(k)}
    while more := {(i, k) for (i, j), (m, k) in product(far, far) if j == m} - far:
        far = far | more
    reached = [{j for j in range(k) if (i, j) in far} for i in range(k)]
    groups = {tuple(j for j in reached[i] if i in reached[j]) for i in range(k)}
    return [sorted(group) for group in sorted(groups, key=lambda group: len(reached[group[0]]))]


def _scanned(reverse: bool, blocks: Blocks, rest: dict[int, jax.Array]) -> dict:
    """In few arrays, (T, k, k, …) and (T, k, 1, …): XLA compiles each level of the scan."""
    zero = jnp.zeros_like(next(iter(rest.values())))
    rows = [jnp.stack([blocks.get((i, j), zero) for j in rest], axis=1) for i in rest]
    whole = jnp.stack(rows, axis=1), jnp.stack([*rest.values()], axis=1)[:, :, None]

    def then(one, two):
        (a, r), (b, s) = one, two
        return _times(b, a), _times(b, r) + s

    _, found = jax.lax.associative_scan(then, whole, reverse=reverse)
    return {i: found[:, at, 0] for at, i in enumerate(rest)}


def _times(b: jax.Array, a: jax.Array) -> jax.Array:
    """Products of small matrices (T, k, ·, …), number by number behind these axes."""
    parts = [b[:, :, j : j + 1] * a[:, j : j + 1] for j in range(b.shape[2])]
    return reduce(jnp.add, parts)


def _shifted(reverse: bool, a: jax.Array) -> jax.Array:
    """What comes before each instant; nothing before the first."""
    return jnp.roll(a, -1 if reverse else 1, axis=0).at[-1 if reverse else 0].set(0)
