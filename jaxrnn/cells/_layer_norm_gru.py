"""The GRU with layer normalisation (Ba, Kiros & Hinton 2016)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from jaxrnn import _checks, _containers
from jaxrnn.cells import _declared
from jaxrnn.cells._affine import inputs, plus
from jaxrnn.cells._arithmetic import layer_norm, times
from jaxrnn.cells._gru import GRUCarry


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class LayerNormGRUParams:
    """w_x (I, 3H), w_h (H, 3H), scale_x (3H), scale_h (3H), b (3H), gates in the order r z n;
    b_n (H), the shift within the reset."""

    w_x: jax.Array
    w_h: jax.Array
    scale_x: jax.Array
    scale_h: jax.Array
    b: jax.Array
    b_n: jax.Array


@dataclasses.dataclass(frozen=True, repr=False)
class LayerNormGRU(_declared.Declared):
    """One instant of a layer-normalised GRU (eq. 23–25 of Ba et al. 2016)::

        r, z = σ(N(h W_h) ⊙ s_h + N(x W_x) ⊙ s_x + b)                   N over both, 2H
        n    = tanh(N(x W_x) ⊙ s_x + b + r ⊙ (N(h W_h) ⊙ s_h + b_n))    N over H
        h'   = (1 - z) ⊙ h + z ⊙ n

    with N as in :class:`LayerNormLSTM`. Here z is the share of the new, as in the paper: that of
    :class:`GRU` is 1 - z.

    The carry is :class:`GRUCarry`, h (*batch, H). Errors: see :class:`LayerNormLSTM`.

    >>> cell = jaxrnn.layer_norm_gru(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(3))
    >>> _, same = cell.step(params, cell.initial_carry(params), 10 * jnp.ones(3))
    >>> bool(jnp.allclose(y, same, atol=1e-3))   # the scale of x does not matter
    True
    """

    hidden_size: int
    epsilon: float = 1e-5

    Params = LayerNormGRUParams
    Carry = GRUCarry

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.above_zero("epsilon", self.epsilon)

    def declare(self, input_size: int) -> _declared.Begins:
        H = self.hidden_size
        return {
            "w_x": _declared.glorot(input_size, 3, H),
            "w_h": _declared.orthogonal(H, 3, H),
            "scale_x": _declared.ones(3 * H),
            "scale_h": _declared.ones(3 * H),
            "b": _declared.zeros(3 * H),
            "b_n": _declared.zeros(H),
        }

    def initial_carry(
        self, params: LayerNormGRUParams, batch_shape: tuple[int, ...] = ()
    ) -> GRUCarry:
        return GRUCarry(self.zeros(params, batch_shape, self.hidden_size))

    def step(
        self, params: LayerNormGRUParams, carry: GRUCarry, x: jax.Array
    ) -> tuple[GRUCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        self.check(params, carry, x)
        h = carry.h
        x_rz, x_n = self._normed(inputs(params.w_x, x), params.scale_x)
        h_rz, h_n = self._normed(h @ params.w_h, params.scale_h)
        b_rz, b_n = jnp.split(params.b, [2 * self.hidden_size])
        r, z = jnp.split(jax.nn.sigmoid(plus(h_rz + x_rz, b_rz)), 2, axis=-1)
        n = jnp.tanh(plus(x_n, b_n) + r * plus(h_n, params.b_n))
        h = (1 - z) * h + z * n
        return GRUCarry(h), h

    def _normed(self, a: jax.Array, scale: jax.Array) -> list[jax.Array]:
        """N over the gates, N over the candidate, each scaled."""
        parts = jnp.split(a, [2 * self.hidden_size], axis=-1)
        scales = jnp.split(scale, [2 * self.hidden_size])
        pairs = zip(parts, scales, strict=True)
        return [times(layer_norm(part, self.epsilon), s) for part, s in pairs]


layer_norm_gru = LayerNormGRU
