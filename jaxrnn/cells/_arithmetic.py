"""What the equations are written with: arrays of one rank, as JAX's strict promotion asks."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxrnn import _checks


def spread(v: jax.Array, like: jax.Array) -> jax.Array:
    """v (H) for each row of the batch, as `like` (*batch, H) has them."""
    return jnp.broadcast_to(v, like.shape)


def times(x: jax.Array, v: jax.Array) -> jax.Array:
    """x ⊙ v along the features."""
    return x * spread(v, x)


def layer_norm(x: jax.Array, epsilon: float) -> jax.Array:
    """(x - mean) / √(variance + ε) over the features (Ba, Kiros & Hinton 2016); the statistics of
    16-bit features in float32."""
    wide = x.astype(_checks.at_least_float32(x.dtype))
    centred = wide - jnp.mean(wide, axis=-1, keepdims=True)
    variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
    return (centred * jax.lax.rsqrt(variance + epsilon)).astype(x.dtype)
