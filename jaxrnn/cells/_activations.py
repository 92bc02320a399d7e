"""tanh and σ for the engine's loop, in the form that the compiler makes fast.

On a CPU, XLA runs a loop's pointwise work on one thread unless it counts enough arithmetic in it,
and counts none in its own tanh. Spelt out, the same rational function of the same accuracy is
shared between threads. In float32 both are exact to some 1e-7 in absolute terms: a gate that is
all but shut, σ(x) below 1e-7, has no correct digits. `step` keeps the plain ones; a law holds both
together.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

# tanh x ≈ x P(x²) / Q(x²) on |x| ≤ 7.9, beyond which tanh is 1 in float32; highest power first.
_BOUND = 7.90531110763549805
_P = (
    -2.76076847742355e-16,
    2.00018790482477e-13,
    -8.60467152213735e-11,
    5.12229709037114e-08,
    1.48572235717979e-05,
    6.37261928875436e-04,
    4.89352455891786e-03,
)
_Q = (1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03)


def tanh(x: jax.Array) -> jax.Array:
    if x.dtype != jnp.float32:
        return jnp.tanh(x)
    return jax.lax.platform_dependent(x, cpu=_rational_tanh, default=jnp.tanh)


def sigmoid(x: jax.Array) -> jax.Array:
    """σ(x) = ½ tanh(½ x) + ½."""
    return 0.5 * tanh(0.5 * x) + 0.5


def apart(x: jax.Array) -> jax.Array:
    """x, computed and laid out as it is before anything that uses it: XLA would otherwise fuse
    a gate's slices or a concatenation into slow strided loops."""
    return jax.lax.optimization_barrier(x)


def _rational_tanh(x: jax.Array) -> jax.Array:
    x = jnp.clip(x, -_BOUND, _BOUND)
    return x * _horner(_P, x * x) / _horner(_Q, x * x)


def _horner(coefficients: tuple[float, ...], x: jax.Array) -> jax.Array:
    value = jnp.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value
