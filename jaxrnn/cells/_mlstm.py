"""The matrix LSTM of xLSTM: a memory of keys and values (Beck et al. 2024)."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxrnn import _checks, _containers
from jaxrnn.cells import _declared, _stabilised
from jaxrnn.cells._affine import inputs, plus
from jaxrnn.cells._stabilised import Forget


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class MLSTMParams:
    """w_x (I, 4H), b (4H) in the order q k v o; w_g (I, 2 heads), b_g (2 heads), the gates i f."""

    w_x: jax.Array
    b: jax.Array
    w_g: jax.Array
    b_g: jax.Array


@_containers.carry
class MLSTMCarry(NamedTuple):
    """c (*batch, heads, D, D), the memory; n (*batch, heads, D), its normaliser; m (*batch, heads),
    the logarithm by which both are scaled; D = H / heads. All in float32 for 16-bit params."""

    c: jax.Array
    n: jax.Array
    m: jax.Array


@dataclasses.dataclass(frozen=True, repr=False)
class MLSTM(_declared.Declared):
    """One instant of an mLSTM, stabilised, linear in its carry (eq. 19–27 of Beck et al. 2024; in
    each of `heads`, D = H / heads)::

        q, v = x W_x + b,   k = (x W_x + b) / √D,   o = σ(x W_x + b)
        m'   = max(log f + m, ĩ)                     f = σ(f̃), or exp(f̃) (`forget`)
        i, f = exp(ĩ - m'), exp(log f + m - m')      one number a head: ĩ, f̃ = x W_g + b_g
        c'   = f c + i v kᵀ
        n'   = f n + i k
        y    = o ⊙ c' q / max(|n' · q|, exp(-m'))

    (The bias of k is scaled too, as in the authors' code; eq. 25 adds it behind.)

    `forget` is ``"sigmoid"`` or ``"exponential"``. Raises ValueError where `heads` does not divide
    `hidden_size`; other errors: see :class:`LSTM`.

    >>> cell = jaxrnn.mlstm(4, heads=2)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(3))
    >>> carry.c.shape, y.shape                   # a matrix for each head
    ((2, 2, 2), (4,))
    """

    hidden_size: int
    heads: int = 1
    forget: Forget = "sigmoid"

    Params = MLSTMParams
    Carry = MLSTMCarry

    def __post_init__(self) -> None:
        super().__post_init__()
        _stabilised.check_fields(self)

    def declare(self, input_size: int) -> _declared.Begins:
        H, heads = self.hidden_size, self.heads
        forget = _stabilised.forget_bias(self.forget, heads)

        def gates(key, shape, dtype):
            return jnp.zeros(shape, dtype).at[heads:].set(forget.draw(key, (heads,), dtype))

        return {
            "w_x": _declared.glorot(input_size, 4, H),
            "b": _declared.zeros(4 * H),
            "w_g": _declared.glorot(input_size, 2, heads),
            "b_g": _declared.Begin((2 * heads,), gates),
        }

    def initial_carry(self, params: MLSTMParams, batch_shape: tuple[int, ...] = ()) -> MLSTMCarry:
        sizes = (self.heads, self.hidden_size // self.heads)
        c = self.wide_zeros(params, batch_shape, *sizes, sizes[1])
        n = self.wide_zeros(params, batch_shape, *sizes)
        m = _stabilised.nothing(self.wide_zeros(params, batch_shape, self.heads))
        return MLSTMCarry(c, n, m)

    def step(
        self, params: MLSTMParams, carry: MLSTMCarry, x: jax.Array
    ) -> tuple[MLSTMCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y (*batch, H)."""
        self.check(params, carry, x)
        q, k, v, o, log_i, log_f = self.parts(params, x)
        i, f, m = _stabilised.gates(log_f, log_i, carry.m)
        i, f, least = (jnp.expand_dims(gate, -1) for gate in (i, f, _stabilised.least(m)))
        c = jnp.expand_dims(f, -1) * carry.c + jnp.expand_dims(i * v, -1) * jnp.expand_dims(k, -2)
        n = f * carry.n + i * k
        read = jnp.squeeze(c @ jnp.expand_dims(q, -1), -1)
        weight = jnp.abs(jnp.sum(n * q, axis=-1, keepdims=True))
        y = jax.nn.sigmoid(o) * read / jnp.maximum(weight, least)
        y = y.reshape(*y.shape[:-2], self.hidden_size).astype(params.b.dtype)
        return MLSTMCarry(c, n, m), y

    def parts(self, params: MLSTMParams, x: jax.Array) -> tuple[jax.Array, ...]:
        """What waits for x alone, in float32 at least: q, k, v and the output gate's sum (…, heads,
        D); log i and log f (…, heads)."""
        a, g = plus(inputs(params.w_x, x), params.b), plus(inputs(params.w_g, x), params.b_g)
        a, g = (of.astype(_checks.at_least_float32(of.dtype)) for of in (a, g))
        heads = (*a.shape[:-1], self.heads, self.hidden_size // self.heads)
        q, k, v, o = (part.reshape(heads) for part in jnp.split(a, 4, axis=-1))
        i, f = jnp.split(g, 2, axis=-1)
        return q, k * heads[-1] ** -0.5, v, o, i, _stabilised.log_forget(self.forget, f)


mlstm = MLSTM
