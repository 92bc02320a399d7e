"""The long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000)."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxrnn import _checks
from jaxrnn.cells import _affine, _initializers

GATES = 4  # in the order i f g o


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LSTMParams:
    """w_x (I, 4H), w_h (H, 4H), b (4H), b_h (4H) or None; columns in the order i f g o."""

    w_x: jax.Array
    w_h: jax.Array
    b: jax.Array
    b_h: jax.Array | None = None


class LSTMCarry(NamedTuple):
    """h (*batch, H), the output; c (*batch, H), the memory."""

    h: jax.Array
    c: jax.Array


class Saved(NamedTuple):
    """What one instant leaves for its adjoint: h and c before it, the activated gates (4H)."""

    h: jax.Array
    c: jax.Array
    gates: jax.Array


class Local(NamedTuple):
    """∂gates/∂(c, c, c, h) before activation (4H), ∂c/∂h (H), ∂c/∂c before it: f (H)."""

    gates: jax.Array
    c_of_h: jax.Array
    f: jax.Array


@dataclasses.dataclass(frozen=True)
class LSTM:
    """One instant of an LSTM::

        i, f, o = σ(x W_x + h W_h + b)        input, forget and output gate
        g       = tanh(x W_x + h W_h + b)     candidate
        c'      = f ⊙ c + i ⊙ g
        h'      = o ⊙ tanh(c')

    each gate with its own columns of the weights. With `recurrent_bias`, a second bias b_h
    is added to the first (PyTorch's parameterisation: both are trained).

    `initializer` is ``"glorot_orthogonal"`` (forget bias 1), ``"small_normal"`` (N(0, 0.01²),
    biases zero), ``"pytorch_uniform"`` (U(±1/√H) throughout), or a scheme of your own
    (`jaxrnn.cells._initializers` tells its form).
    """

    hidden_size: int
    recurrent_bias: bool = False
    initializer: str | _initializers.Scheme = "glorot_orthogonal"

    def __post_init__(self):
        object.__setattr__(self, "hidden_size", _checks.positive("hidden_size", self.hidden_size))
        _initializers.scheme(self.initializer)

    @property
    def output_size(self) -> int:
        return self.hidden_size

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> LSTMParams:
        return _initializers.draw(
            self.initializer,
            LSTMParams,
            key,
            input_size=input_size,
            hidden_size=self.hidden_size,
            gates=GATES,
            forget_gate=1,
            recurrent_bias=self.recurrent_bias,
            dtype=dtype,
        )

    def initial_carry(self, params: LSTMParams, batch_shape: tuple[int, ...] = ()) -> LSTMCarry:
        zeros = jnp.zeros((*batch_shape, self.hidden_size), params.w_h.dtype)
        return LSTMCarry(h=zeros, c=zeros)

    def step(
        self, params: LSTMParams, carry: LSTMCarry, x: jax.Array
    ) -> tuple[LSTMCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        _affine.check(self, LSTMParams, GATES, params, x)
        h, c = carry
        a = _affine.plus(_affine.inputs(params.w_x, x) + h @ params.w_h, params.b)
        i, f, g, o = jnp.split(_affine.plus(a, params.b_h), GATES, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return LSTMCarry(h, c), h

    # How the work divides: see `jaxrnn._types.Divided`.

    def project(self, params: LSTMParams, xs: jax.Array) -> tuple[jax.Array, jax.Array]:
        _affine.check(self, LSTMParams, GATES, params, xs)
        drives = _affine.plus(_affine.inputs(params.w_x, xs), params.b)
        return params.w_h, _affine.plus(drives, params.b_h)

    def advance(self, w_h, carry, drive):
        h, c = carry
        i, f, g, o = jnp.split(drive + h @ w_h, GATES, axis=-1)
        i, f, g, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jnp.tanh(g), jax.nn.sigmoid(o)
        saved = Saved(h, c, jnp.concatenate([i, f, g, o], axis=-1))
        c = f * c + i * g
        h = o * jnp.tanh(c)
        return LSTMCarry(h, c), h, saved

    def linearize(self, w_h, saved):
        i, f, g, o = jnp.split(saved.gates, GATES, axis=-1)
        tanh_c = jnp.tanh(f * saved.c + i * g)
        gates = [g * i * (1 - i), saved.c * f * (1 - f), i * (1 - g * g), tanh_c * o * (1 - o)]
        return w_h.T, Local(jnp.concatenate(gates, axis=-1), o * (1 - tanh_c * tanh_c), f)

    def retreat(self, w_h_t, local, dcarry, dy):
        dh = dcarry.h + dy
        dc = dcarry.c + dh * local.c_of_h
        da = local.gates * jnp.concatenate([dc, dc, dc, dh], axis=-1)
        return LSTMCarry(h=da @ w_h_t, c=dc * local.f), da

    def collect(self, saved, locals_, ddrives):
        return _affine.outer(saved.h, ddrives)


lstm = LSTM
