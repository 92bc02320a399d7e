"""The long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000)."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxrnn import _containers
from jaxrnn._types import brief
from jaxrnn.cells import _affine, _initializers
from jaxrnn.engine._activations import apart, each, tanh

GATES = 4  # in the order i f g o
ACTIVATIONS = ("sigmoid", "sigmoid", "tanh", "sigmoid")


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class LSTMParams:
    """w_x (I, 4H), w_h (H, 4H), b (4H), b_h (4H) or None; columns in the order i f g o."""

    w_x: jax.Array
    w_h: jax.Array
    b: jax.Array
    b_h: jax.Array | None = None


@_containers.carry
class LSTMCarry(NamedTuple):
    """h (*batch, H), the output; c (*batch, H), the memory."""

    h: jax.Array
    c: jax.Array


class Saved(NamedTuple):
    """What one instant leaves for its adjoint: its slopes, of c' by the gates i, f, g and of h' by
    the gate o, before activation (4H); of h' by c' (H); of c' by c, which is the gate f itself (H);
    h before it, as W_h saw it."""

    slopes: jax.Array
    h_by_c: jax.Array
    f: jax.Array
    h: jax.Array


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

    With `matmul_dtype` ``"bfloat16"`` (or ``"float16"``) the operands of every matrix product are
    rounded to it and summed in float32; params, carries, outputs and gradients keep their dtype.
    The smallest gradients vanish in float16: scale the loss.

    Recurrent dropout hands `step` a factor `kept` (*batch, H) for h as W_h sees it.
    """

    hidden_size: int
    recurrent_bias: bool = False
    initializer: _initializers.Name | _initializers.Scheme = "glorot_orthogonal"
    matmul_dtype: _affine.Narrow | None = None

    def __post_init__(self):
        _affine.check_fields(self)

    __repr__ = brief
    takes_tokens = True

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
        h, c = (_affine.zeros(self, LSTMParams, params, batch_shape) for _ in range(2))
        return LSTMCarry(h, c)  # two arrays, so that a carry can be donated

    def step(
        self, params: LSTMParams, carry: LSTMCarry, x: jax.Array, kept: jax.Array | None = None
    ) -> tuple[LSTMCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        _affine.check(self, LSTMParams, GATES, params, x)
        _affine.check_carry(self, LSTMCarry, carry, params, x)
        h, c = _affine.seen(carry.h, kept), carry.c
        past = _affine.dot(h, params.w_h, self.matmul_dtype)
        a = _affine.plus(_affine.inputs(params.w_x, x, self.matmul_dtype) + past, params.b)
        i, f, g, o = jnp.split(_affine.plus(a, params.b_h), GATES, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return LSTMCarry(h, c), h

    # How the work divides: see `jaxrnn._types.Divided`.

    def project(
        self, params: LSTMParams, xs: jax.Array, kept: jax.Array | None = None
    ) -> tuple[Any, jax.Array]:
        _affine.check(self, LSTMParams, GATES, params, xs)
        b = params.b if params.b_h is None else params.b + params.b_h
        return (params.w_h, b, kept), _affine.drives(params.w_x, xs, self.matmul_dtype)

    @property
    def overwrites(self) -> bool:
        return self.matmul_dtype is None

    def advance(self, w, carry, drive):
        w_h, b, kept = w
        h, c = _affine.seen(carry.h, kept), carry.c
        a = _affine.plus(drive + _affine.dot(h, w_h, self.matmul_dtype), b)
        i, f, g, o = jnp.split(apart(each(ACTIVATIONS, a)), GATES, axis=-1)
        c_next = apart(f * c + i * g)
        tanh_c = tanh(c_next)
        slopes = [g * i * (1 - i), c * f * (1 - f), i * (1 - g * g), tanh_c * o * (1 - o)]
        saved = Saved(jnp.concatenate(slopes, axis=-1), o * (1 - tanh_c * tanh_c), f, h)
        y = o * tanh_c
        return LSTMCarry(h=y, c=c_next), y, saved

    def linearize(self, w, saved):
        w_h, _, kept = w
        return (w_h.T, kept), saved

    def retreat(self, w, local, dcarry, dy):
        w_h_t, kept = w
        dh = dcarry.h + dy
        dc = dcarry.c + dh * local.h_by_c
        da = apart(local.slopes * apart(jnp.concatenate([dc, dc, dc, dh], axis=-1)))
        dh = _affine.seen(_affine.dot(da, w_h_t, self.matmul_dtype), kept)
        return LSTMCarry(h=dh, c=dc * local.f), da

    def collect(self, saved, locals_, ddrives):
        dw_h = _affine.outer(saved.h, ddrives, self.matmul_dtype)
        return (dw_h, _affine.total(ddrives), None), ddrives


lstm = LSTM
