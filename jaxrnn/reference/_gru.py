"""The gated recurrent unit (Cho et al., 2014), which resets its state before or after the product.

    r = σ(x W_xr + b_r + h W_hr + b_hr)                     how much of the past the candidate sees
    z = σ(x W_xz + b_z + h W_hz + b_hz)                     how much of the past to keep
    n = tanh(x W_xn + b_n + (r ⊙ h) W_hn + b_hn)            the candidate, reset "before"
    n = tanh(x W_xn + b_n + r ⊙ (h W_hn + b_hn))            the candidate, reset "after"
    h' = z ⊙ h + (1 - z) ⊙ n,   y = h'

The three blocks lie side by side in the last axis of every parameter, in the order r z n.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from ._arithmetic import (
    Array,
    double,
    like_carry,
    like_params,
    outer,
    sigmoid,
    total,
    weights,
)
from ._cell import Cell

Reset = Literal["after", "before"]


class GRUCarry(NamedTuple):
    h: Array


class GRUTape(NamedTuple):
    x: Array
    tokens: bool
    h_before: Array
    r: Array
    z: Array
    n: Array
    h: Array


@dataclass(frozen=True)
class GRU(Cell):
    reset: Reset = "after"

    def __post_init__(self) -> None:
        if self.reset not in get_args(Reset):
            raise ValueError(f'`reset` must be "before" or "after", got {self.reset!r:.80}.')

    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> GRUCarry:
        return GRUCarry(np.zeros((*batch_shape, self.hidden_size)))

    def forward(self, params: Any, carry: tuple[Any, ...], x: Any) -> tuple[Any, Array, GRUTape]:
        """One instant: `x (*batch, I)`, or token ids `(*batch,)`, to `y (*batch, H)`."""
        w_x, w_h, b, b_h = weights(params)
        x, tokens = self.instant(params, carry, x)
        h_before = double(carry[0])
        x_r, x_z, x_n = np.split(x @ w_x + b, 3, axis=-1)
        w_hr, w_hz, w_hn = np.split(w_h, 3, axis=-1)
        b_hr, b_hz, b_hn = np.split(b_h, 3, axis=-1)

        r = sigmoid(x_r + h_before @ w_hr + b_hr)
        z = sigmoid(x_z + h_before @ w_hz + b_hz)
        if self.reset == "before":
            n = np.tanh(x_n + (r * h_before) @ w_hn + b_hn)
        else:
            n = np.tanh(x_n + r * (h_before @ w_hn + b_hn))
        h = z * h_before + (1.0 - z) * n
        return like_carry(carry, [h]), h, GRUTape(x, tokens, h_before, r, z, n, h)

    def backward(
        self, params: Any, tape: GRUTape, dcarry: tuple[Any, ...], dy: Array
    ) -> tuple[Any, Any, Array | None]:
        """From the last equation to the first, with σ' = σ (1 - σ) and tanh' = 1 - tanh².

        The old state is read by the convex combination, by the candidate and by both gates, so its
        cotangent is a sum of four.
        """
        w_x, w_h, _, _ = weights(params)
        x, tokens, h_before, r, z, n, _ = tape
        dh = double(dcarry[0]) + double(dy)
        da_z = dh * (h_before - n) * z * (1.0 - z)
        da_n = dh * (1.0 - z) * (1.0 - n**2)
        dr, dh_before, dw_hn, db_hn = self._through_candidate(params, tape, da_n)
        da_r = dr * r * (1.0 - r)

        da_gates = np.concatenate([da_r, da_z], axis=-1)
        da = np.concatenate([da_gates, da_n], axis=-1)
        dw_h = np.concatenate([outer(h_before, da_gates), dw_hn], axis=-1)
        db_h = np.concatenate([total(da_gates), db_hn], axis=-1)
        dh_before = dh_before + dh * z + da_gates @ w_h[:, : 2 * self.hidden_size].T
        dparams = like_params(params, outer(x, da), dw_h, total(da), db_h)
        return dparams, like_carry(dcarry, [dh_before]), None if tokens else da @ w_x.T

    def _through_candidate(
        self, params: Any, tape: GRUTape, da_n: Array
    ) -> tuple[Array, Array, Array, Array]:
        """The recurrent part of the candidate's argument backwards: dr, dh, dW_hn, db_hn.

        before:  (r ⊙ h) W_hn + b_hn;     after:  r ⊙ (h W_hn + b_hn)
        """
        _, w_h, _, b_h = weights(params)
        w_hn, b_hn = w_h[:, 2 * self.hidden_size :], b_h[2 * self.hidden_size :]
        r, h = tape.r, tape.h_before
        if self.reset == "before":
            dproduct = da_n @ w_hn.T
            return dproduct * h, dproduct * r, outer(r * h, da_n), total(da_n)
        dbracket = da_n * r
        return da_n * (h @ w_hn + b_hn), dbracket @ w_hn.T, outer(h, dbracket), total(dbracket)

    def gates(self, params: Any, carry: tuple[Any, ...], x: Any) -> dict[str, Array]:
        """What one instant computes, by name; h is the new one."""
        tape = self.forward(params, carry, x)[2]
        return {name: getattr(tape, name) for name in ("r", "z", "n", "h")}


def gru(hidden_size: int, reset: Reset = "after") -> GRU:
    """A GRU cell; its parameters are `w_x (I, 3H)`, `w_h (H, 3H)`, `b (3H)`, `b_h (3H)` or None."""
    return GRU(hidden_size, reset)
