"""The gated recurrent unit (Cho et al. 2014), in its three variants."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxrnn import _checks
from jaxrnn._types import brief
from jaxrnn.cells import _affine, _initializers
from jaxrnn.cells._activations import apart, sigmoid, tanh

GATES = 3  # in the order r z n
RESETS = ("after", "before")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class GRUParams:
    """w_x (I, 3H), w_h (H, 3H), b (3H), b_h (3H) or None; columns in the order r z n."""

    w_x: jax.Array
    w_h: jax.Array
    b: jax.Array
    b_h: jax.Array | None = None


class GRUCarry(NamedTuple):
    """h (*batch, H)."""

    h: jax.Array


class Saved(NamedTuple):
    """What one instant leaves for its adjoint: h before it, and as the products saw it where that
    differs; the gates r and z (2H), the candidate n (H) and, for reset after, h W_hn + b_hn (H)."""

    h: jax.Array
    dropped: jax.Array | None
    rz: jax.Array
    n: jax.Array
    past_n: jax.Array | None

    @property
    def seen(self) -> jax.Array:
        return self.h if self.dropped is None else self.dropped


class Local(NamedTuple):
    """Slopes of an instant: ∂h'/∂ the three gates before activation (r: ∂(r ⊙ h)/∂r for reset
    before), the reset and update gates themselves."""

    r_slope: jax.Array
    z_slope: jax.Array
    n_slope: jax.Array
    r: jax.Array
    z: jax.Array


@dataclasses.dataclass(frozen=True)
class GRU:
    """One instant of a GRU: the same job as the vanilla cell, through two gates::

        r, z = σ(x W_x + h W_h + b)                     reset and update gate
        n    = tanh(x W_x + b + r ⊙ (h W_h + b_h))      candidate, reset="after"
        n    = tanh(x W_x + b + (r ⊙ h) W_h + b_h)      candidate, reset="before"
        h'   = z ⊙ h + (1 - z) ⊙ n

    each gate with its own columns of the weights. `recurrent_bias` (b_h, which joins b in r
    and z) defaults to True for reset after, else False: so the default is PyTorch's and
    cuDNN's cell. `initializer`, `matmul_dtype` and `kept` (on the h of every product, not on that
    of z ⊙ h) as in :class:`LSTM`.
    """

    hidden_size: int
    reset: str = "after"
    recurrent_bias: bool | None = None
    initializer: str | _initializers.Scheme = "glorot_orthogonal"
    matmul_dtype: str | None = None

    def __post_init__(self):
        _checks.one_of("reset", self.reset, RESETS)
        if self.recurrent_bias is None:
            object.__setattr__(self, "recurrent_bias", self.reset == "after")
        _affine.check_fields(self)

    __repr__ = brief
    takes_tokens = True

    @property
    def output_size(self) -> int:
        return self.hidden_size

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> GRUParams:
        return _initializers.draw(
            self.initializer,
            GRUParams,
            key,
            input_size=input_size,
            hidden_size=self.hidden_size,
            gates=GATES,
            recurrent_bias=bool(self.recurrent_bias),
            dtype=dtype,
        )

    def initial_carry(self, params: GRUParams, batch_shape: tuple[int, ...] = ()) -> GRUCarry:
        return GRUCarry(h=jnp.zeros((*batch_shape, self.hidden_size), params.w_h.dtype))

    def step(
        self, params: GRUParams, carry: GRUCarry, x: jax.Array, kept: jax.Array | None = None
    ) -> tuple[GRUCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        _affine.check(self, GRUParams, GATES, params, x)
        _affine.check_carry(self, GRUCarry, carry, params, x)
        h, past = carry.h, _affine.seen(carry.h, kept)
        dot = partial(_affine.dot, dtype=self.matmul_dtype)
        drive = _affine.inputs(params.w_x, x, self.matmul_dtype)
        x_r, x_z, x_n = _thirds(_affine.plus(drive, params.b))
        w_r, w_z, w_n = _thirds(params.w_h)
        b_r, b_z, b_n = (None,) * 3 if params.b_h is None else _thirds(params.b_h)
        r = jax.nn.sigmoid(x_r + _affine.plus(dot(past, w_r), b_r))
        z = jax.nn.sigmoid(x_z + _affine.plus(dot(past, w_z), b_z))
        if self.reset == "after":
            n = jnp.tanh(x_n + r * _affine.plus(dot(past, w_n), b_n))
        else:
            n = jnp.tanh(x_n + _affine.plus(dot(r * past, w_n), b_n))
        h = z * h + (1 - z) * n
        return GRUCarry(h), h

    # How the work divides: see `jaxrnn._types.Divided`.

    def project(
        self, params: GRUParams, xs: jax.Array, kept: jax.Array | None = None
    ) -> tuple[Any, jax.Array]:
        """w is (weights, b, b_hn, kept): W_h, for reset before parted in (W_hrz, W_hn); b with what
        b_h adds outside r ⊙ (…), and what it adds inside."""
        _affine.check(self, GRUParams, GATES, params, xs)
        H, b = self.hidden_size, params.b
        drives = _affine.drives(params.w_x, xs, self.matmul_dtype)
        if self.reset == "before":
            b = b if params.b_h is None else b + params.b_h
            return ((params.w_h[:, : 2 * H], params.w_h[:, 2 * H :]), b, None, kept), drives
        if params.b_h is None:
            return (params.w_h, b, None, kept), drives
        outside = b + jnp.where(jnp.arange(GATES * H) < 2 * H, params.b_h, 0)
        return (params.w_h, outside, params.b_h[2 * H :], kept), drives

    def advance(self, w, carry, drive):
        (w_h, b, b_n, kept), h, H = w, carry.h, self.hidden_size
        past, dot = _affine.seen(h, kept), partial(_affine.dot, dtype=self.matmul_dtype)
        drive = _affine.plus(drive, b)
        drive_rz, drive_n = drive[..., : 2 * H], drive[..., 2 * H :]
        if self.reset == "after":
            a = dot(past, w_h)
            rz = apart(sigmoid(drive_rz + a[..., : 2 * H]))
            past_n = _affine.plus(a[..., 2 * H :], b_n)
            n = tanh(drive_n + rz[..., :H] * past_n)
        else:
            w_rz, w_n = w_h
            rz, past_n = apart(sigmoid(drive_rz + dot(past, w_rz))), None
            n = tanh(drive_n + dot(rz[..., :H] * past, w_n))
        y = n + rz[..., H:] * (h - n)
        return GRUCarry(y), y, Saved(h, None if kept is None else past, rz, n, past_n)

    def linearize(self, w, saved):
        n, (r, z) = saved.n, jnp.split(saved.rz, 2, axis=-1)
        z_slope, n_slope = (saved.h - n) * z * (1 - z), (1 - z) * (1 - n * n)
        inner = saved.seen if self.reset == "before" else n_slope * saved.past_n
        local = Local(r * (1 - r) * inner, z_slope, n_slope, r, z)
        return (jax.tree.map(jnp.transpose, w[0]), w[-1]), local

    def retreat(self, w, local, dcarry, dy):
        (w_h_t, kept), dh = w, dcarry.h + dy
        dot = partial(_affine.dot, dtype=self.matmul_dtype)
        dz, dn = dh * local.z_slope, dh * local.n_slope
        if self.reset == "after":
            dr = dh * local.r_slope
            past = dot(jnp.concatenate([dr, dz, dn * local.r], axis=-1), w_h_t)
        else:
            w_rz_t, w_n_t = w_h_t
            du = dot(dn, w_n_t)  # of u = r ⊙ h
            dr = du * local.r_slope
            past = du * local.r + dot(jnp.concatenate([dr, dz], axis=-1), w_rz_t)
        dh = dh * local.z + _affine.seen(past, kept)
        return GRUCarry(dh), jnp.concatenate([dr, dz, dn], axis=-1)

    def collect(self, saved, locals_, ddrives):
        H, outer = self.hidden_size, partial(_affine.outer, dtype=self.matmul_dtype)
        drz, dn, db = ddrives[..., : 2 * H], ddrives[..., 2 * H :], _affine.total(ddrives)
        if self.reset == "before":
            dw_rz, dw_n = outer(saved.seen, drz), outer(locals_.r * saved.seen, dn)
            return (dw_rz, dw_n), db, None, None
        dpast = dn * locals_.r
        dw_h = outer(saved.seen, jnp.concatenate([drz, dpast], axis=-1))
        return dw_h, db, _affine.total(dpast) if self.recurrent_bias else None, None


def _thirds(x: jax.Array) -> list[jax.Array]:
    return jnp.split(x, GATES, axis=-1)


gru = GRU
