"""tanh and σ for the engine's loop, in the form that the compiler makes fast.

On a CPU, XLA runs a loop's pointwise work on one thread unless it counts enough arithmetic in it,
and counts none in its own tanh and exp. Spelt out, the same functions are shared between threads.
In float32 they are within 3 ulp of the true values, also where these are small, and exactly 0 and
±1 where float32's are. `step` keeps the plain ones; a law holds both together.
"""

from __future__ import annotations

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn._platform import is_cpu

_LOG2_E = 1.4426950408889634
_LN_2 = (0.693359375, -2.12194440e-4)  # in two parts, so that k ln 2 is exact
# (eʳ - 1 - r) / r² on |r| ≤ ½ ln 2, to 2.5e-8; highest power first.
_SERIES = (1.393374006e-3, 8.363239950e-3, 4.166646411e-2, 0.1666657662, 0.5000000014)


def apart(x: jax.Array) -> jax.Array:
    """x, on a CPU computed and laid out as it is before anything that uses it: XLA would otherwise
    fuse a gate's slices or a concatenation into slow strided loops. Elsewhere one kernel for all
    that is pointwise is what one wants."""
    return jax.lax.optimization_barrier(x) if is_cpu() else x


def _on_cpu(spelt_out, plain):
    """`spelt_out` for float32 on a CPU, else `plain`."""

    @partial(jax.jit, inline=True)  # so that it is traced once
    def function(x: jax.Array) -> jax.Array:
        return spelt_out(x) if is_cpu() and x.dtype == jnp.float32 else plain(x)

    return jax.custom_jvp(function)


def _expm1(z: jax.Array) -> jax.Array:
    """eᶻ - 1 on -87 ≤ z ≤ 88.3 as 2ᵏ (eʳ - 1) + 2ᵏ - 1, with z = k ln 2 + r."""
    k = jax.lax.round(z * _LOG2_E, jax.lax.RoundingMethod.TO_NEAREST_EVEN)
    r = z - k * _LN_2[0] - k * _LN_2[1]
    series = jnp.full_like(r, _SERIES[0])
    for coefficient in _SERIES[1:]:
        series = series * r + coefficient
    scale = jax.lax.bitcast_convert_type((k.astype(jnp.int32) + 127) << 23, jnp.float32)
    return scale * (r + r * r * series) + (scale - 1)


def _tanh(x: jax.Array) -> jax.Array:
    e = _expm1(jnp.clip(2 * x, -40, 40))
    return e / (2 + e)


def _sigmoid(x: jax.Array) -> jax.Array:
    return 1 / (2 + _expm1(jnp.clip(-x, -87, 88.3)))


FORMS = {"tanh": (_tanh, jnp.tanh), "logistic": (_sigmoid, jax.nn.sigmoid)}


@cache
def one(gate: str, read: bool = True):
    """tanh or σ. Where it is `read` by more of the loop, XLA must not fuse it into all that reads
    it, once for each: it does not, where a sum follows."""
    spelt_out, plain = FORMS[gate]

    def alone(x):
        y = spelt_out(x)
        return y + 0 * y

    function = _on_cpu(alone if read else spelt_out, plain)
    function.defjvps(lambda dx, y, x: dx * slopes((gate,), y))
    return function


def each(gates: tuple[str, ...], x: jax.Array, read: bool = True) -> jax.Array:
    """The gates of x (..., G·H) in one pass; `gates` says of each: "tanh" or "logistic" (σ)."""
    return one(gates[0], read)(x) if len(set(gates)) == 1 else _each(gates)(x)


@cache
def _each(gates: tuple[str, ...]):
    def spelt_out(x):  # closes over nothing that was traced elsewhere
        squashed = _which(gates, x)
        factor, most = (
            jnp.where(squashed, *ends).astype(x.dtype) for ends in ((2, -1), (40, 88.3))
        )
        e = _expm1(jnp.clip(factor * x, -87, most))
        return jnp.where(squashed, e, 1) / (2 + e)

    def plain(x):
        parts = zip(gates, jnp.split(x, len(gates), axis=-1), strict=True)
        return jnp.concatenate([FORMS[gate][1](part) for gate, part in parts], axis=-1)

    function = _on_cpu(spelt_out, plain)
    function.defjvps(lambda dx, y, x: dx * slopes(gates, y))
    return function


def slopes(gates: tuple[str, ...], y: jax.Array) -> jax.Array:
    """The slopes of gates whose values are y (..., G·H)."""
    if set(gates) == {"tanh"}:
        return 1 - y * y
    if set(gates) == {"logistic"}:
        return y * (1 - y)
    return jnp.where(_which(gates, y), 1 - y * y, y * (1 - y))


def _which(gates: tuple[str, ...], x: jax.Array) -> jax.Array:
    """Where x (..., G·H) belongs to a tanh."""
    squashed = np.repeat(np.array([gate == "tanh" for gate in gates]), x.shape[-1] // len(gates))
    return jnp.broadcast_to(squashed, x.shape)
