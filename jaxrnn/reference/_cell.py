"""What every twin of a cell has, and how it reads one instant's input."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from ._arithmetic import Array, check_batch, rows


@dataclass(frozen=True)
class Cell(ABC):
    """One instant of a recurrence: `forward(params, carry, x) -> carry, y, tape`.

    All arithmetic is real or complex, as its input is: the complex step `f(θ + i h d)` with
    `h = 1e-20` gives the slope of f along d as `Im f / h`, without any cancellation. So what
    compares looks at real parts alone. The first three cells also have a `backward` by hand.
    """

    hidden_size: int

    @property
    def output_size(self) -> int:
        return self.hidden_size

    def input_size(self, params: Any) -> int:
        """The features of an input, as the params tell; also the number of tokens."""
        return len(params.w_x)

    @abstractmethod
    def initial_carry(self, params: Any, batch_shape: tuple[int, ...]) -> Any:
        """The carry before the first step."""

    @abstractmethod
    def forward(self, params: Any, carry: Any, x: Any) -> tuple[Any, Array, Any]:
        """One instant: `x (*batch, I)`, or token ids `(*batch,)`, to `y (*batch, output_size)`."""

    def gates(self, params: Any, carry: Any, x: Any) -> dict[str, Array]:
        """What one instant computes, by name, where a cell keeps it: the first three do."""
        return {}

    def instant(self, params: Any, carry: Any, x: Any) -> tuple[Array, bool]:
        """The `rows` of one instant's input, whose batch axes must be those of the carry."""
        x, tokens = rows(x, self.input_size(params))
        check_batch(carry, self.initial_carry(params, x.shape[:-1]), x.shape[:-1], tokens)
        return x, tokens
