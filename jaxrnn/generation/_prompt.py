"""Prompts, checked and padded to a bucket."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxrnn import _checks
from jaxrnn._losses import ids

LEAST = 16


class Prompts(NamedTuple):
    """ids (T, P), and lengths (P), how many of each column are meant."""

    ids: jax.Array
    lengths: jax.Array


def bucket(size: int) -> int:
    """The least power of two that holds `size`, and at least 16: so many programs, and no more."""
    return max(LEAST, 1 << (size - 1).bit_length())


def prompts(prefixes: Any, lengths: Any) -> Prompts:
    """Checked, as int32, and T a bucket. T itself may be a symbolic size of `jax.export`."""
    given = _checks.array("`lengths`", lengths)
    is_numpy = isinstance(prefixes, np.ndarray)
    prefixes, lengths = ids("prefixes", prefixes), ids("`lengths`", given)
    if prefixes.ndim != 2 or lengths.shape != prefixes.shape[1:]:
        raise ValueError(
            f"generate needs prefixes (T, P) and lengths (P), got {prefixes.shape} and "
            f"{lengths.shape}."
        )
    T = prefixes.shape[0]
    if isinstance(lengths, Tracer):
        lengths = jnp.clip(lengths, 1, T)
    elif isinstance(T, int):
        bad = [int(n) for n in np.asarray(given) if not 1 <= n <= T]
        if bad:
            raise ValueError(f"`lengths` must lie in 1…T = {T}, got {bad[0]}.")
    return Prompts(_padded(prefixes, is_numpy) if isinstance(T, int) else prefixes, lengths)


def prompt(name: str, tokens: Any) -> Prompts:
    """One prompt (T), as a column."""
    column = ids(name, tokens)
    if column.ndim != 1 or not column.size:
        raise ValueError(f"{name} must be (T) ids, at least one, got shape {column.shape}.")
    lengths = np.array([column.size], np.int32)
    return Prompts(_padded(column[:, None], isinstance(tokens, np.ndarray)), jnp.asarray(lengths))


def _padded(prefixes: jax.Array, is_numpy: bool) -> Any:
    """T made a bucket: of what came from NumPy without a program, for each T would be another."""
    more = bucket(prefixes.shape[0]) - prefixes.shape[0]
    if not more:
        return prefixes
    if is_numpy and not isinstance(prefixes, Tracer):
        return np.pad(np.asarray(prefixes), ((0, more), (0, 0)))
    return jnp.pad(prefixes, ((0, more), (0, 0)))
