"""The quasi-recurrent network (Bradbury, Merity, Xiong & Socher 2017)."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import _checks, _containers
from jaxrnn.cells import _declared
from jaxrnn.cells._affine import inputs, plus


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class QRNNParams:
    """w_x (k, I, 3H), the newest input's last, and b (3H); in the order z f o."""

    w_x: jax.Array
    b: jax.Array


@_containers.carry
class QRNNCarry(NamedTuple):
    """c (*batch, H), the memory; past, k - 1 arrays (*batch, 3H): what the inputs so far add to
    the next window, to the one after it, …"""

    c: jax.Array
    past: tuple[jax.Array, ...]


@dataclasses.dataclass(frozen=True, repr=False)
class QRNN(_declared.Declared):
    """One instant of a quasi-recurrent network with fo-pooling, linear in its carry (eq. 1–2 and 4
    of Bradbury et al. 2017), with a convolution over the last k = `window` inputs::

        a  = Σ_j x_{t-j} W_{k-1-j} + b           j = 0 … k-1
        z  = tanh(a),   f, o = σ(a)
        c' = f ⊙ c + (1 - f) ⊙ z
        y  = o ⊙ c'

    The window is carried as its partial sums, so that each input is multiplied once, when it comes.

    Errors: see :class:`LSTM`.

    >>> cell = jaxrnn.qrnn(5, window=3)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(3))
    >>> y.shape, [sums.shape for sums in carry.past]
    ((5,), [(15,), (15,)])
    """

    hidden_size: int
    window: int = 2

    Params = QRNNParams
    Carry = QRNNCarry

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "window", _checks.positive("window", self.window))

    def input_size_of(self, params: Any) -> int:
        return np.shape(params.w_x)[1]

    def declare(self, input_size: int) -> _declared.Begins:
        H, k = self.hidden_size, self.window
        flat = _declared.glorot(k * input_size, 3, H)

        def draw(key, shape, dtype):
            return flat.draw(key, flat.shape, dtype).reshape(shape)

        return {
            "w_x": _declared.Begin((k, input_size, 3 * H), draw),
            "b": _declared.zeros(3 * H),
        }

    def initial_carry(self, params: QRNNParams, batch_shape: tuple[int, ...] = ()) -> QRNNCarry:
        H = self.hidden_size
        past = [self.zeros(params, batch_shape, 3 * H) for _ in range(self.window - 1)]
        return QRNNCarry(self.zeros(params, batch_shape, H), tuple(past))

    def step(
        self, params: QRNNParams, carry: QRNNCarry, x: jax.Array
    ) -> tuple[QRNNCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y (*batch, H)."""
        self.check(params, carry, x)
        newest, *later = [inputs(w, x) for w in params.w_x[::-1]]
        sums = [*carry.past, jnp.zeros_like(newest)]  # of this window, of the next, …
        a = plus(sums[0] + newest, params.b)
        past = tuple(there + more for there, more in zip(sums[1:], later, strict=True))
        z, f, o = jnp.split(a, 3, axis=-1)
        f = jax.nn.sigmoid(f)
        c = f * carry.c + (1 - f) * jnp.tanh(z)
        return QRNNCarry(c, past), jax.nn.sigmoid(o) * c


qrnn = QRNN
