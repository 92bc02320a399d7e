"""The vanilla recurrent network (Elman, 1990).

    h' = φ(x W_x + b + h W_h + b_h),   y = h',   φ = tanh or relu

The new state is an ordinary layer of neurons that reads the input and the old state.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from ._arithmetic import Array, double, like_carry, like_params, outer, relu, total, weights
from ._cell import Cell

Activation = Literal["tanh", "relu"]


class VanillaCarry(NamedTuple):
    h: Array


class VanillaTape(NamedTuple):
    x: Array
    tokens: bool
    h_before: Array
    h: Array


@dataclass(frozen=True)
class Vanilla(Cell):
    activation: Activation = "tanh"

    def __post_init__(self) -> None:
        if self.activation not in get_args(Activation):
            raise ValueError(f'`activation` must be "tanh" or "relu", got {self.activation!r:.80}.')

    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> VanillaCarry:
        return VanillaCarry(np.zeros((*batch_shape, self.hidden_size)))

    def forward(
        self, params: Any, carry: tuple[Any, ...], x: Any
    ) -> tuple[Any, Array, VanillaTape]:
        """One instant: `x (*batch, I)`, or token ids `(*batch,)`, to `y (*batch, H)`."""
        w_x, w_h, b, b_h = weights(params)
        x, tokens = self.instant(params, carry, x)
        h_before = double(carry[0])
        a = x @ w_x + b + h_before @ w_h + b_h
        h = np.tanh(a) if self.activation == "tanh" else relu(a)
        return like_carry(carry, [h]), h, VanillaTape(x, tokens, h_before, h)

    def backward(
        self, params: Any, tape: VanillaTape, dcarry: tuple[Any, ...], dy: Array
    ) -> tuple[Any, Any, Array | None]:
        """Through `h' = φ(a)`: `da = dh' ⊙ φ'(a)`, and φ' is told by h' itself.

        tanh' = 1 - h'²;  relu' = 1 where h' > 0, else 0 (also at the kink).
        """
        w_x, w_h, _, _ = weights(params)
        dh = double(dcarry[0]) + double(dy)
        da = dh * (1.0 - tape.h**2 if self.activation == "tanh" else tape.h > 0.0)

        db = total(da)
        dparams = like_params(params, outer(tape.x, da), outer(tape.h_before, da), db, db)
        dx = None if tape.tokens else da @ w_x.T
        return dparams, like_carry(dcarry, [da @ w_h.T]), dx

    def gates(self, params: Any, carry: tuple[Any, ...], x: Any) -> dict[str, Array]:
        """What one instant computes, by name."""
        return {"h": self.forward(params, carry, x)[2].h}


def vanilla(hidden_size: int, activation: Activation = "tanh") -> Vanilla:
    """A vanilla cell; its parameters are `w_x (I, H)`, `w_h (H, H)`, `b (H)`, `b_h (H)` or None."""
    return Vanilla(hidden_size, activation)
