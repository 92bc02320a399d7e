"""The minimal GRU, without its past in its gates (Feng et al. 2024)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from jaxrnn import _containers
from jaxrnn.cells import _declared
from jaxrnn.cells._affine import inputs, plus
from jaxrnn.cells._gru import GRUCarry


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class MinGRUParams:
    """w_x (I, 2H), b (2H); in the order z n."""

    w_x: jax.Array
    b: jax.Array


@dataclasses.dataclass(frozen=True, repr=False)
class MinGRU(_declared.Declared):
    """One instant of a minGRU, linear in its carry (section 3.1 of Feng et al. 2024)::

        z  = σ(x W_x + b)
        n  = x W_x + b
        h' = (1 - z) ⊙ h + z ⊙ n

    The carry is :class:`GRUCarry`, h (*batch, H). Errors: see :class:`LSTM`.

    >>> layer = jaxrnn.unroll(jaxrnn.mingru(5), engine="associative")     # no loop of T steps
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> carry, ys = layer.apply(params, None, jnp.ones((6, 2, 3)))
    >>> ys.shape
    (6, 2, 5)
    """

    hidden_size: int

    Params = MinGRUParams
    Carry = GRUCarry

    def declare(self, input_size: int) -> _declared.Begins:
        H = self.hidden_size
        return {"w_x": _declared.glorot(input_size, 2, H), "b": _declared.zeros(2 * H)}

    def initial_carry(self, params: MinGRUParams, batch_shape: tuple[int, ...] = ()) -> GRUCarry:
        return GRUCarry(self.zeros(params, batch_shape, self.hidden_size))

    def step(
        self, params: MinGRUParams, carry: GRUCarry, x: jax.Array
    ) -> tuple[GRUCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        self.check(params, carry, x)
        z, n = jnp.split(plus(inputs(params.w_x, x), params.b), 2, axis=-1)
        z = jax.nn.sigmoid(z)
        h = (1 - z) * carry.h + z * n
        return GRUCarry(h), h


mingru = MinGRU
