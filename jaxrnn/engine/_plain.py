"""The slow twin: one `lax.scan` of `cell.step`, differentiated by JAX."""

from __future__ import annotations

from typing import Any

import jax

from jaxrnn._types import Carry, Cell, When
from jaxrnn.engine import _when


def plain(
    cell: Cell, reverse: bool, params: Any, carry: Carry, xs: jax.Array, start: Carry, when: When
) -> tuple[Carry, jax.Array]:
    """Walk `cell` over `xs` (T, *batch, I) or token ids (T, *batch)."""

    def instant(carry, x):
        return *cell.step(params, carry, x), None

    body = _when.forwards(instant, start, reverse)
    carry, (ys, _) = jax.lax.scan(body, carry, (xs, when), reverse=reverse)
    return carry, ys
