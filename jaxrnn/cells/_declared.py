"""A cell that declares its params once: so they are made, and so they are checked."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import _checks, _containers
from jaxrnn._checks import quote
from jaxrnn._types import brief


class Begin(NamedTuple):
    """One param: its shape, and ``draw(key, shape, dtype)``, how it begins."""

    shape: tuple[int, ...]
    draw: Callable[[jax.Array, tuple[int, ...], Any], jax.Array]


Begins = dict[str, Begin | None]  # None for a param that is not there


class Declared(abc.ABC):
    """What the cells share that say their params by name: `init`, and a check of what is given to
    `step`. A cell of this kind has `Params` and `Carry`, its containers, and `declare`."""

    Params: ClassVar[type]
    Carry: ClassVar[type]
    takes_tokens: ClassVar[bool] = True
    hidden_size: int

    @abc.abstractmethod
    def declare(self, input_size: int) -> Begins:
        """Every param by name."""

    @abc.abstractmethod
    def initial_carry(self, params: Any, batch_shape: tuple[int, ...] = ()) -> Any:
        """The carry before the first step; every leaf leads with `batch_shape`."""

    @abc.abstractmethod
    def step(self, params: Any, carry: Any, x: jax.Array) -> tuple[Any, jax.Array]:
        """One instant, of what `check` let pass."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden_size", _checks.positive("hidden_size", self.hidden_size))

    __repr__ = brief

    @property
    def output_size(self) -> int:
        return self.hidden_size

    def input_size_of(self, params: Any) -> int:
        """The input size that params were made for."""
        return np.shape(params.w_x)[0]

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> Any:
        _containers.tell_flax()
        _checks.given_key(key)
        dtype = _checks.float_dtype(dtype)
        wide = _checks.at_least_float32(dtype)  # a QR decomposition needs it, and random numbers
        begins = self.declare(_checks.positive("input_size", input_size))
        keys = jax.random.split(key, len(begins))
        arrays = {
            name: begin and begin.draw(k, begin.shape, wide).astype(dtype)
            for (name, begin), k in zip(begins.items(), keys, strict=True)
        }
        return self.Params(**arrays)

    def zeros(self, params: Any, batch_shape: Any, *sizes: int) -> jax.Array:
        """(*batch, *sizes) in the dtype of `params`, which must be this cell's."""
        self._check_type(params)
        shape = (*_checks.batch_shape(batch_shape), *sizes)
        return jnp.zeros(shape, jax.tree.leaves(params)[0].dtype)

    def wide_zeros(self, params: Any, batch_shape: Any, *sizes: int) -> jax.Array:
        """In float32 at least: of what fades slowly, which 16 bits would hold still."""
        zeros = self.zeros(params, batch_shape, *sizes)
        return zeros.astype(_checks.at_least_float32(zeros.dtype))

    def check(self, params: Any, carry: Any, x: Any) -> None:
        """All are this cell's and fit each other, or one sentence says what does not."""
        self._check_type(params)
        dtype = _one_dtype(params)
        try:
            input_size = self.input_size_of(params)
        except IndexError:
            raise ValueError(f"{quote(params)} has no params of {quote(self)}.") from None
        for name, begin in self.declare(input_size).items():
            got, want = getattr(params, name), begin and begin.shape
            got = None if got is None else np.shape(got)
            if got != want:
                raise ValueError(f"`{name}` has shape {got}, but {quote(self)} needs {want}.")
        batch_shape = _checks.batch_shape_of(x, time_axes=0)
        if not _checks.reads_tokens(self, x):
            self._check_features(params, input_size, dtype, x)
        want = jax.eval_shape(lambda params: self.initial_carry(params, batch_shape), params)
        what = f"the carry given to {quote(self)}"
        _checks.same_form(what, carry, want, "take it from `initial_carry`.")

    def _check_type(self, params: Any) -> None:
        if not isinstance(params, self.Params):
            raise TypeError(
                f"{quote(self)} needs {self.Params.__name__}, got {type(params).__name__}: "
                f"make them with this cell's `init`."
            )

    def _check_features(self, params: Any, input_size: int, dtype: Any, x: Any) -> None:
        if np.shape(x)[-1] != input_size:
            raise ValueError(
                f"x {np.shape(x)} has {np.shape(x)[-1]} features, but {quote(self)}'s params were "
                f"made for input_size {input_size}."
            )
        if _checks.dtype_of("xs", x) != dtype:
            own, first = _checks.own_dtype, jax.tree.leaves(params)[0]
            raise TypeError(f"xs is {own(x)} but the params are {own(first)}: cast one of them.")


def _one_dtype(params: Any) -> jnp.dtype:
    """The one dtype that JAX reads all of a cell's params in."""
    arrays = {name: a for name, a in vars(params).items() if a is not None}
    dtypes = {_checks.dtype_of(f"`{name}`", a) for name, a in arrays.items()}
    if len(dtypes) > 1:
        listed = ", ".join(f"{name} {_checks.own_dtype(a)}" for name, a in arrays.items())
        raise TypeError(f"the params of one cell share one dtype, got {listed}.")
    return dtypes.pop()


# How params begin.


def glorot(rows: int, gates: int, width: int) -> Begin:
    """(rows, gates · width), Glorot-uniform gate by gate (Glorot & Bengio 2010)."""
    return Begin((rows, gates * width), _by_gate(jax.nn.initializers.glorot_uniform(), gates))


def orthogonal(rows: int, gates: int, width: int) -> Begin:
    """(rows, gates · width), orthogonal gate by gate (Saxe et al. 2014)."""
    return Begin((rows, gates * width), _by_gate(jax.nn.initializers.orthogonal(), gates))


def _by_gate(draw: Callable, gates: int) -> Callable:
    def drawn(key, shape, dtype):
        one = (*shape[:-1], shape[-1] // gates)
        return jnp.concatenate([draw(k, one, dtype) for k in jax.random.split(key, gates)], -1)

    return drawn


def zeros(*shape: int) -> Begin:
    return Begin(shape, lambda key, shape, dtype: jnp.zeros(shape, dtype))


def ones(*shape: int) -> Begin:
    return Begin(shape, lambda key, shape, dtype: jnp.ones(shape, dtype))


def bias(width: int, *values: float) -> Begin:
    """(gates · width), one of `values` for each gate."""
    return Begin(
        (len(values) * width,),
        lambda key, shape, dtype: jnp.repeat(jnp.array(values, dtype), width),
    )


def uniform(low: float, high: float, *shape: int) -> Begin:
    return Begin(shape, lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, low, high))


def normal(deviation: float, *shape: int) -> Begin:
    return Begin(shape, jax.nn.initializers.normal(deviation))
