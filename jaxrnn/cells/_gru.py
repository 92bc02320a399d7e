"""The gated recurrent unit (Cho et al. 2014), in its three variants."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from jaxrnn import _checks, _containers
from jaxrnn._types import Follows, brief
from jaxrnn.cells import _affine, _initializers
from jaxrnn.engine._activations import apart, sigmoid, tanh

GATES = 3  # in the order r z n
Reset = Literal["after", "before"]


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class GRUParams:
    """w_x (I, 3H), w_h (H, 3H), b (3H), b_h (3H) or None; columns in the order r z n."""

    w_x: jax.Array
    w_h: jax.Array
    b: jax.Array
    b_h: jax.Array | None = None


@_containers.carry
class GRUCarry(NamedTuple):
    """h (*batch, H)."""

    h: jax.Array


class Saved(NamedTuple):
    """What one instant leaves for its adjoint. Reset after: its slopes, of h' by h W_h + b_h (3H)
    and by the drive of n (H). Reset before: of r ⊙ h by r and of h' by z and n, before activation
    (3H); r. Both: z; h before it, as the products saw it."""

    slopes: jax.Array
    n_slope: jax.Array | None
    r: jax.Array | None
    z: jax.Array
    h: jax.Array


@dataclasses.dataclass(frozen=True)
class GRU:
    """One instant of a GRU: the same job as the vanilla cell, through two gates::

        r, z = σ(x W_x + h W_h + b)                     reset and update gate
        n    = tanh(x W_x + b + r ⊙ (h W_h + b_h))      candidate, reset="after"
        n    = tanh(x W_x + b + (r ⊙ h) W_h + b_h)      candidate, reset="before"
        h'   = z ⊙ h + (1 - z) ⊙ n

    each gate with its own columns of the weights. `recurrent_bias` (b_h, which joins b in r
    and z) defaults to True for reset after, else False: so the default is PyTorch's and
    cuDNN's cell. `dataclasses.replace` with another reset keeps a recurrent bias that was given,
    and one that was not follows. `initializer`, `matmul_dtype` and `kept` (on the h of every
    product, not on that of z ⊙ h) as in :class:`LSTM`.
    """

    hidden_size: int
    reset: Reset = "after"
    recurrent_bias: bool | None = None
    initializer: _initializers.Name | _initializers.Scheme = "glorot_orthogonal"
    matmul_dtype: _affine.Narrow | None = None

    def __post_init__(self):
        _checks.one_of("reset", self.reset, get_args(Reset))
        if self.recurrent_bias is None or isinstance(self.recurrent_bias, Follows):
            object.__setattr__(self, "recurrent_bias", Follows(self.reset == "after"))
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
        return GRUCarry(h=_affine.zeros(self, GRUParams, params, batch_shape))

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

    @property
    def overwrites(self) -> bool:
        return self.matmul_dtype is None

    def advance(self, w, carry, drive):
        (w_h, b, b_n, kept), h, H = w, carry.h, self.hidden_size
        past, dot = _affine.seen(h, kept), partial(_affine.dot, dtype=self.matmul_dtype)
        drive = _affine.plus(drive, b)
        drive_rz, drive_n = drive[..., : 2 * H], drive[..., 2 * H :]
        if self.reset == "after":
            a = dot(past, w_h)
            r, z = jnp.split(apart(sigmoid(drive_rz + a[..., : 2 * H])), 2, axis=-1)
            past_n = _affine.plus(a[..., 2 * H :], b_n)
            n = apart(tanh(drive_n + r * past_n))
        else:
            w_rz, w_n = w_h
            r, z = jnp.split(apart(sigmoid(drive_rz + dot(past, w_rz))), 2, axis=-1)
            n = apart(tanh(drive_n + dot(r * past, w_n)))
        y = n + z * (h - n)
        r_slope, z_slope, n_slope = r * (1 - r), (h - n) * z * (1 - z), (1 - z) * (1 - n * n)
        if self.reset == "after":
            slopes = [r_slope * n_slope * past_n, z_slope, n_slope * r]
            saved = Saved(jnp.concatenate(slopes, axis=-1), n_slope, None, z, past)
        else:
            slopes = [r_slope * past, z_slope, n_slope]
            saved = Saved(jnp.concatenate(slopes, axis=-1), None, r, z, past)
        return GRUCarry(y), y, saved

    def linearize(self, w, saved):
        return (jax.tree.map(jnp.transpose, w[0]), w[-1]), saved

    def retreat(self, w, local, dcarry, dy):
        """The deltas: of what W_h gives (3H), or of r and z alone (2H); and of n's drive."""
        (w_h_t, kept), dh = w, dcarry.h + dy
        dot = partial(_affine.dot, dtype=self.matmul_dtype)
        if self.reset == "after":
            da = apart(local.slopes * apart(jnp.concatenate([dh, dh, dh], axis=-1)))
            dn, past = dh * local.n_slope, dot(da, w_h_t)
        else:
            w_rz_t, w_n_t = w_h_t
            r_slope, z_slope, n_slope = _thirds(local.slopes)
            dn = dh * n_slope
            du = dot(dn, w_n_t)  # of u = r ⊙ h
            da = jnp.concatenate([du * r_slope, dh * z_slope], axis=-1)
            past = du * local.r + dot(da, w_rz_t)
        return GRUCarry(dh * local.z + _affine.seen(past, kept)), (da, dn)

    def collect(self, saved, locals_, deltas):
        (da, dn), outer = deltas, partial(_affine.outer, dtype=self.matmul_dtype)
        drives = jnp.concatenate([da[..., : 2 * self.hidden_size], dn], axis=-1)
        db, db_n = _affine.total(drives), None
        if self.reset == "before":
            dw_h = outer(saved.h, da), outer(saved.r * saved.h, dn)
        else:
            dw_h = outer(saved.h, da)
            if self.recurrent_bias:
                db_n = _affine.total(da[..., 2 * self.hidden_size :])
        return (dw_h, db, db_n, None), drives


def _thirds(x: jax.Array) -> list[jax.Array]:
    return jnp.split(x, GATES, axis=-1)


gru = GRU
