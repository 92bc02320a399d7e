"""The scalar LSTM of xLSTM: exponential gates, a normaliser, heads (Beck et al. 2024)."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxrnn import _containers
from jaxrnn.cells import _declared, _stabilised
from jaxrnn.cells._affine import inputs, plus
from jaxrnn.cells._stabilised import Forget


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class SLSTMParams:
    """w_x (I, 4H), b (4H), gates in the order i f z o; w_h (heads, D, 4D), in each head the same,
    D = H / heads."""

    w_x: jax.Array
    w_h: jax.Array
    b: jax.Array


@_containers.carry
class SLSTMCarry(NamedTuple):
    """h, c, n and m (*batch, H): the output, the memory, its normaliser, and the logarithm by which
    both are scaled; c, n and m in float32 for 16-bit params."""

    h: jax.Array
    c: jax.Array
    n: jax.Array
    m: jax.Array


@dataclasses.dataclass(frozen=True, repr=False)
class SLSTM(_declared.Declared):
    """One instant of an sLSTM, stabilised (eq. 8–17 of Beck et al. 2024)::

        ĩ, f̃, z̃, õ = x W_x + h W_h + b            W_h in blocks, one for each of `heads`
        z, o = tanh(z̃), σ(õ)
        m'   = max(log f + m, ĩ)                  f = σ(f̃), or exp(f̃) (`forget`)
        i, f = exp(ĩ - m'), exp(log f + m - m')
        c'   = f ⊙ c + i ⊙ z
        n'   = f ⊙ n + i
        h'   = o ⊙ c' / n'

    `forget` is ``"sigmoid"`` or ``"exponential"``. Raises ValueError where `heads` does not divide
    `hidden_size`; other errors: see :class:`LSTM`.

    >>> cell = jaxrnn.slstm(4, heads=2, forget="exponential")
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> params.w_h.shape                         # a block for each head
    (2, 2, 8)
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(3))
    >>> y.shape
    (4,)
    """

    hidden_size: int
    heads: int = 1
    forget: Forget = "sigmoid"

    Params = SLSTMParams
    Carry = SLSTMCarry

    def __post_init__(self) -> None:
        super().__post_init__()
        _stabilised.check_fields(self)

    def declare(self, input_size: int) -> _declared.Begins:
        H, D = self.hidden_size, self.hidden_size // self.heads
        block, forget = _declared.orthogonal(D, 4, D), _stabilised.forget_bias(self.forget, H)

        def blocks(key, shape, dtype):
            keys = jax.random.split(key, self.heads)
            return jnp.stack([block.draw(k, block.shape, dtype) for k in keys])

        def bias(key, shape, dtype):
            return jnp.zeros(shape, dtype).at[H : 2 * H].set(forget.draw(key, (H,), dtype))

        return {
            "w_x": _declared.glorot(input_size, 4, H),
            "w_h": _declared.Begin((self.heads, D, 4 * D), blocks),
            "b": _declared.Begin((4 * H,), bias),
        }

    def initial_carry(self, params: SLSTMParams, batch_shape: tuple[int, ...] = ()) -> SLSTMCarry:
        H = self.hidden_size
        c, n, m = (self.wide_zeros(params, batch_shape, H) for _ in range(3))
        return SLSTMCarry(self.zeros(params, batch_shape, H), c, n, _stabilised.nothing(m))

    def step(
        self, params: SLSTMParams, carry: SLSTMCarry, x: jax.Array
    ) -> tuple[SLSTMCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        self.check(params, carry, x)
        a = plus(inputs(params.w_x, x), params.b) + self._mixed(params.w_h, carry.h)
        i, f, z, o = jnp.split(a.astype(carry.c.dtype), 4, axis=-1)
        i, f, m = _stabilised.gates(_stabilised.log_forget(self.forget, f), i, carry.m)
        c = f * carry.c + i * jnp.tanh(z)
        n = f * carry.n + i
        h = (jax.nn.sigmoid(o) * c / n).astype(a.dtype)
        return SLSTMCarry(h, c, n, m), h

    def _mixed(self, w_h: jax.Array, h: jax.Array) -> jax.Array:
        """h W_h, head by head: (*batch, H) -> (*batch, 4H)."""
        if self.heads == 1:
            return h @ w_h[0]
        parts = h.reshape(*h.shape[:-1], self.heads, -1)
        mixed = jnp.einsum("...kd,kde->...ke", parts, w_h)
        gates = mixed.reshape(*parts.shape[:-1], 4, parts.shape[-1])
        return jnp.swapaxes(gates, -3, -2).reshape(*h.shape[:-1], -1)


slstm = SLSTM
