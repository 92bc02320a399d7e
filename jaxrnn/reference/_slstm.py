"""The scalar LSTM of the xLSTM (Beck et al., 2024, equations 8 to 17), with exponential gates.

    (i f z o) = x W_x + b + h W_h             W_h block-diagonal: a head sees only itself
    log_f = log σ(f), or f where `forget` is "exponential"
    m' = max(log_f + m, i)                    keeps what is under the exponentials at most 0
    i' = exp(i - m'),   f' = exp(log_f + m - m')
    c' = f' ⊙ c + i' ⊙ tanh(z)
    n' = f' ⊙ n + i'
    h' = σ(o) ⊙ c' / n',   y = h'

exp(m) c and exp(m) n are the paper's memory before it is made stable; an empty one has exp(m) = 0.
Columns of W_x and b are gate by gate, each of all H; W_h (heads, D, 4 D) is gate by gate in a head.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from ._arithmetic import Array, double, like_carry, log_sigmoid, maximum, sigmoid
from ._cell import Cell

Forget = Literal["sigmoid", "exponential"]


class SLSTMCarry(NamedTuple):
    h: Array
    c: Array
    n: Array
    m: Array


@dataclass(frozen=True)
class SLSTM(Cell):
    heads: int = 1
    forget: Forget = "sigmoid"

    def __post_init__(self) -> None:
        check_forget(self.forget)

    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> SLSTMCarry:
        zeros = np.zeros((*batch_shape, self.hidden_size))
        return SLSTMCarry(zeros, zeros, zeros, zeros + nothing(params))

    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, None]:
        x, _ = self.instant(params, carry, x)
        h, c, n, m = map(double, carry)
        a = x @ double(params.w_x) + double(params.b)
        i, f, z, o = np.split(a, 4, axis=-1) + self._recurrent(params, h)
        i, f, m = exponential_gates(i, f, m, self.forget)
        c = f * c + i * np.tanh(z)
        n = f * n + i
        h = sigmoid(o) * c / n
        return like_carry(carry, [h, c, n, m]), h, None

    def _recurrent(self, params: Any, h: Array) -> Array:
        """`h W_h` of each of the four gates: (4, *batch, H)."""
        heads = zip(np.split(h, self.heads, axis=-1), double(params.w_h), strict=True)
        products = [np.split(part @ w, 4, axis=-1) for part, w in heads]
        gates = [np.concatenate(gate, axis=-1) for gate in zip(*products, strict=True)]
        return np.stack(gates)


def exponential_gates(i: Array, f: Array, m: Array, forget: Forget) -> tuple[Array, Array, Array]:
    """The two gates and the logarithm of what both are divided by."""
    kept = m + (log_sigmoid(f) if forget == "sigmoid" else f)
    m = maximum(kept, i)
    return np.exp(i - m), np.exp(kept - m), m


def nothing(params: Any) -> float:
    """The m of an empty memory, exp(m) = 0, as far from 0 as the params' precision can add."""
    return -6e4 if np.asarray(params.b).dtype == np.float16 else -1e30


def check_forget(forget: Forget) -> None:
    if forget not in get_args(Forget):
        raise ValueError(f'`forget` must be "sigmoid" or "exponential", got {forget!r:.80}.')


def slstm(hidden_size: int, heads: int = 1, forget: Forget = "sigmoid") -> SLSTM:
    """`w_x (I, 4H)`, `w_h (heads, D, 4 D)` of D = H / heads, `b (4H)`."""
    return SLSTM(hidden_size, heads, forget)
