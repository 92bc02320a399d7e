"""The matrix LSTM of the xLSTM (Beck et al., 2024, equations 19 to 27): keys to values.

    (q k v o) = x W_x + b,   k divided by sqrt(D)
    (i f) = x W_g + b_g                       one number a head
    log_f = log σ(f), or f where `forget` is "exponential"
    m' = max(log_f + m, i),   i' = exp(i - m'),   f' = exp(log_f + m - m')
    C' = f' C + i' v kᵀ                       (D, D) a head, D = H / heads
    n' = f' n + i' k
    y = σ(o) ⊙ C' q / max(|n' · q|, exp(-m'))

Nothing but the three memories is carried. Head k owns the units k D to (k + 1) D of q, k, v and o.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ._arithmetic import Array, absolute, double, like_carry, maximum, sigmoid
from ._cell import Cell
from ._slstm import Forget, check_forget, exponential_gates, nothing


class MLSTMCarry(NamedTuple):
    c: Array
    n: Array
    m: Array


@dataclass(frozen=True)
class MLSTM(Cell):
    heads: int = 1
    forget: Forget = "sigmoid"

    def __post_init__(self) -> None:
        check_forget(self.forget)

    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> MLSTMCarry:
        D, shape = self.hidden_size // self.heads, (*batch_shape, self.heads)
        m = np.full(shape, nothing(params))
        return MLSTMCarry(np.zeros((*shape, D, D)), np.zeros((*shape, D)), m)

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        x, _ = self.instant(params, carry, x)
        q, k, v, o = np.split(x @ double(params.w_x) + double(params.b), 4, axis=-1)
        i, f = np.split(x @ double(params.w_g) + double(params.b_g), 2, axis=-1)
        of_heads = [np.split(a, self.heads, axis=-1) for a in (q, k, v, i, f)]
        c, n, m = map(double, carry)
        after = [
            self._head(q, k, v, i, f, c[..., at, :, :], n[..., at, :], m[..., at, None])
            for at, (q, k, v, i, f) in enumerate(zip(*of_heads, strict=True))
        ]
        read, c, n, m = zip(*after, strict=True)
        y = sigmoid(o) * np.concatenate(read, axis=-1)
        memory = np.stack(c, axis=-3), np.stack(n, axis=-2), np.concatenate(m, axis=-1)
        return like_carry(carry, memory), y, None

    def _head(
        self, q: Array, k: Array, v: Array, i: Array, f: Array, c: Array, n: Array, m: Array
    ) -> tuple[Array, Array, Array, Array]:
        """What one head reads, and its memory: `q k v n (*batch, D)`, `i f m (*batch, 1)`."""
        k = k / np.sqrt(k.shape[-1])
        i, f, m = exponential_gates(i, f, m, self.forget)
        c = f[..., None] * c + i[..., None] * v[..., :, None] * k[..., None, :]
        n = f * n + i * k
        shown = (c * q[..., None, :]).sum(axis=-1)
        size = absolute((n * q).sum(axis=-1, keepdims=True))
        return ratio(shown, size, m), c, n, m


def ratio(shown: Array, size: Array, m: Array) -> Array:
    """`shown / max(size, exp(-m))`; above and below times exp(m) where exp(-m) could overflow."""
    times, bound = np.exp(-maximum(0.0, -m)), np.exp(-maximum(0.0, m))
    return shown * times / maximum(size * times, bound)


def mlstm(hidden_size: int, heads: int = 1, forget: Forget = "sigmoid") -> MLSTM:
    """`w_x (I, 4H)`, `b (4H)`, `w_g (I, 2 heads)`, `b_g (2 heads)`."""
    return MLSTM(hidden_size, heads, forget)
