"""The gated recurrent unit (Cho et al. 2014), in its three variants."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from jaxrnn import _checks, _containers
from jaxrnn._types import Follows, brief
from jaxrnn.cells import _affine, _initializers
from jaxrnn.cells._initializers import Initializer

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


@dataclasses.dataclass(frozen=True)
class GRU:
    """One instant of a GRU (Cho et al. 2014): the same job as the vanilla cell, through two gates::

        r, z = σ(x W_x + h W_h + b)                     reset and update gate
        n    = tanh(x W_x + b + r ⊙ (h W_h + b_h))      candidate, reset="after"
        n    = tanh(x W_x + b + (r ⊙ h) W_h + b_h)      candidate, reset="before"
        h'   = z ⊙ h + (1 - z) ⊙ n

    each gate with its own columns of the weights; `reset` before is the paper's. `recurrent_bias`
    (b_h, which joins b in r and z) defaults to True for reset after, else False: so the default is
    PyTorch's and cuDNN's cell. `dataclasses.replace` with another reset keeps a recurrent bias that
    was given, and one that was not follows. `initializer` and errors as in :class:`LSTM`.

    >>> cell = jaxrnn.gru(5, reset="before")
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> params.w_x.shape, params.w_h.shape, params.b_h
    ((3, 15), (5, 15), None)
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(3))
    >>> y.shape
    (5,)
    """

    hidden_size: int
    reset: Reset = "after"
    recurrent_bias: bool | None = None
    initializer: Initializer = "glorot_orthogonal"

    def __post_init__(self) -> None:
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

    def step(self, params: GRUParams, carry: GRUCarry, x: jax.Array) -> tuple[GRUCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        _affine.check(self, GRUParams, GATES, params, x)
        _affine.check_carry(self, GRUCarry, carry, params, x)
        h, plus, gates = carry.h, _affine.plus, 2 * self.hidden_size
        x_rz, x_n = _parted(plus(_affine.inputs(params.w_x, x), params.b), gates)
        w_rz, w_n = _parted(params.w_h, gates)
        b_rz, b_n = (None, None) if params.b_h is None else _parted(params.b_h, gates)
        r, z = jnp.split(jax.nn.sigmoid(x_rz + plus(h @ w_rz, b_rz)), 2, axis=-1)
        if self.reset == "after":
            n = jnp.tanh(x_n + r * plus(h @ w_n, b_n))
        else:
            n = jnp.tanh(x_n + plus((r * h) @ w_n, b_n))
        h = z * h + (1 - z) * n
        return GRUCarry(h), h


def _parted(a: jax.Array, at: int) -> tuple[jax.Array, jax.Array]:
    return a[..., :at], a[..., at:]


gru = GRU
