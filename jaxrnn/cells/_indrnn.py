"""The independently recurrent network (Li, Li, Cook, Zhu & Gao 2018)."""

from __future__ import annotations

import dataclasses
from typing import get_args

import jax

from jaxrnn import _checks, _containers
from jaxrnn.cells import _declared
from jaxrnn.cells._affine import inputs, plus
from jaxrnn.cells._arithmetic import times
from jaxrnn.cells._vanilla import ACTIVATIONS, Activation, VanillaCarry


@_containers.params
@dataclasses.dataclass(frozen=True, eq=False)
class IndRNNParams:
    """w_x (I, H), u (H), b (H)."""

    w_x: jax.Array
    u: jax.Array
    b: jax.Array


@dataclasses.dataclass(frozen=True, repr=False)
class IndRNN(_declared.Declared):
    """One instant of an independently recurrent network: each unit sees its own past alone (eq. 2
    of Li et al. 2018)::

        h' = φ(x W_x + u ⊙ h + b)

    with φ relu or tanh (`activation`). `|u|` above 1 grows with time: T steps bear `|u| ≤ 2^(1/T)`.

    The carry is :class:`VanillaCarry`, h (*batch, H). Errors: see :class:`LSTM`.

    >>> cell = jaxrnn.indrnn(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> params.u.shape                           # one weight for each unit
    (5,)
    >>> carry, y = cell.step(params, cell.initial_carry(params), jnp.ones(3))
    >>> y.shape
    (5,)
    """

    hidden_size: int
    activation: Activation = "relu"

    Params = IndRNNParams
    Carry = VanillaCarry

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.one_of("activation", self.activation, get_args(Activation))

    def declare(self, input_size: int) -> _declared.Begins:
        H = self.hidden_size
        return {
            "w_x": _declared.glorot(input_size, 1, H),
            "u": _declared.uniform(0, 1, H),
            "b": _declared.zeros(H),
        }

    def initial_carry(
        self, params: IndRNNParams, batch_shape: tuple[int, ...] = ()
    ) -> VanillaCarry:
        return VanillaCarry(self.zeros(params, batch_shape, self.hidden_size))

    def step(
        self, params: IndRNNParams, carry: VanillaCarry, x: jax.Array
    ) -> tuple[VanillaCarry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> y = h' (*batch, H)."""
        self.check(params, carry, x)
        a = plus(inputs(params.w_x, x), params.b) + times(carry.h, params.u)
        h = ACTIVATIONS[self.activation](a)
        return VanillaCarry(h), h


indrnn = IndRNN
