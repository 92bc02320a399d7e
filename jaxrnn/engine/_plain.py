"""The slow twin: one `lax.scan` of `cell.step`, differentiated by JAX."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn import _checks
from jaxrnn._types import Carry, Cell, When
from jaxrnn.engine import _sums, _when


def plain(
    cell: Cell,
    reverse: bool,
    inputs: tuple[Any, Any, Any],
    carry: Carry,
    start: Carry,
    when: When,
    *,
    lean: bool = False,
) -> tuple[Carry, jax.Array]:
    """Walk `cell` over `inputs` (params, xs, kept); xs (T, *batch, I), or ids (T, *batch).
    `lean` keeps the carries alone for the way back, and takes each step again there."""
    params, xs, kept = inputs
    wide = _sums.widened((params, start))
    dropping = {} if kept is None else {"kept": kept}

    def instant(params, carry, x):
        after, y = cell.step(params, carry, x, **dropping)
        _checks.same_form(f"the carry that {cell}'s step returns", after, carry, "keep its form.")
        shape = (*_checks.batch_shape_of(x, time_axes=0), cell.output_size)
        if jnp.shape(y) != shape:
            raise ValueError(f"{cell}'s step returns y {jnp.shape(y)}, but must return {shape}.")
        return after, y, None

    def body(carry, timed):
        params_here, start_here = _sums.like(wide, (params, start))
        return _when.forwards(partial(instant, params_here), start_here, reverse)(carry, timed)

    if lean:
        body = jax.checkpoint(body, prevent_cse=False)
    carry, (ys, _) = jax.lax.scan(body, carry, (xs, when), reverse=reverse)
    return carry, ys
