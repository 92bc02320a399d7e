"""What an epoch or an evaluation is given, its loss and its minibatches; or a sentence that refuses
it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import _checks
from jaxrnn._types import Carry


def by_value(function: Callable) -> tuple:
    """What `partial` makes the function of: a bound method as its function and its owner, which
    may equal another's, while methods are equal only where their owners are identical."""
    if not callable(function):
        raise TypeError(
            f"`loss` must be a function (params, carry, inputs, targets) -> (loss, carry), got "
            f"{_checks.quote(function)}."
        )
    if inspect.ismethod(function):
        try:
            hash(function.__self__)
        except TypeError:
            return (function,)
        return function.__func__, function.__self__
    return (function,)


def answer(told: Any, to_train_on: bool = False) -> tuple[Any, Carry]:
    """What a loss gave, a pair; of the loss to train on, one float and the carry."""
    if not isinstance(told, tuple) or len(told) != 2:
        raise TypeError(f"`loss` must return (loss, carry), got {_checks.spell(told)}.")
    value = told[0]
    if to_train_on and (
        jnp.shape(value) or not jnp.issubdtype(jnp.result_type(value), jnp.floating)
    ):
        raise TypeError(f"`loss` must give one float to train on, got {_checks.spell(value)}.")
    return told


def minibatches(inputs: Any, targets: Any) -> tuple[Any, Any]:
    """Both as arrays that lead with one N, which JAX will not narrow."""
    both = tuple(
        jax.tree.map(partial(unchanged, name), tree)
        for name, tree in (("inputs", inputs), ("targets", targets))
    )
    counts = {leaf.shape[:1] for leaf in jax.tree.leaves(both)}
    if len(counts) != 1 or counts == {()}:
        raise ValueError(
            f"inputs and targets must lead with the same number of minibatches, (N, T, B), got "
            f"{_checks.spell(both)}."
        )
    return both


def unchanged(name: str, value: Any) -> Any:
    if isinstance(value, jax.Array):
        return value
    _checks.dtype_of(name, value)
    array = np.asarray(value)
    if array.dtype.kind in "iu":
        changed = array[array != array.astype(jax.dtypes.canonicalize_dtype(array.dtype))]
        if changed.size:
            raise ValueError(
                f"{name} hold {changed[0]}, which 32 bits do not: set JAX_ENABLE_X64=1, or give "
                f"integers that fit."
            )
    return array
