"""A loop's product from the other side: x w as (wᵀ xᵀ)ᵀ, for what a CPU is faster at.

XLA's product of few rows with a large matrix is far from a CPU's peak; with the rows on the other
side it is near. On an x86 of AVX2 and no AVX-512, whole layers of 1024 take 0.6 to 0.9 of the time
of their plain products alone (``python -m benchmarks cpu``, *÷ products*). With AVX-512 the plain
product is near the peak, and stays; so it does where the system does not tell.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn._platform import is_cpu
from jaxrnn.engine import _products

# Where it was measured to be faster: bytes of the matrix, rows of the batch, and steps of the loop,
# before which wᵀ is written to memory once.
_BYTES, _ROWS, _STEPS = 2**21, range(4, 65), 16


@cache
def _narrow_vectors() -> bool:
    """Whether this is an x86 of AVX2 and no AVX-512, as Linux tells; not known is no."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return "avx2" in flags and "avx512f" not in flags


def pays(equation: Any, narrow: Any, rows: tuple[Any, ...], w: Any) -> bool:
    """Whether a product of `w` and an operand of leading axes `rows` is faster turned."""
    known = all(isinstance(n, int) for n in (*rows, *w.shape))
    return (
        known
        and is_cpu()
        and _narrow_vectors()
        and narrow is None
        and w.dtype == jnp.float32
        and _products.is_plain(equation)
        and w.size * w.dtype.itemsize >= _BYTES
        and int(np.prod(rows)) in _ROWS
    )


def forwards(equation: Any, narrow: Any, steps: Any, x: Any, w: Any) -> Any:
    """x w at an instant of so many with one w; XLA takes the barrier's wᵀ out of their loop."""
    long = isinstance(steps, int) and steps >= _STEPS  # a symbolic T is not known
    if long and pays(equation, narrow, x.shape[:-1], w):
        return _turned(equation, jax.lax.optimization_barrier(w.T), x)
    return _products.multiply(equation, narrow, x, w)


def back(equation: Any, narrow: Any, w: Any, ct: Any) -> Any:
    """ct wᵀ at an instant of a loop; it is (w ctᵀ)ᵀ, which needs no wᵀ."""
    if not pays(equation, narrow, ct.shape[:-1], w):
        return _products.back(equation, narrow, w, ct)
    return _turned(equation, w, ct)


def _turned(equation: Any, w: Any, x: Any) -> Any:
    whole = _products.dot(equation, None, w, x, ((1,), (x.ndim - 1,)))
    return jnp.moveaxis(jax.lax.optimization_barrier(whole), 0, -1)
