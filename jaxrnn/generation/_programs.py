"""A program of a model: compiled once for each model, which is a value, and form of the rest."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax


def program(*static: str) -> Callable[[Callable], Callable]:
    """Of a function (model, params, ...), one that is jitted, with the model and `static` as static
    arguments; as it is for a model that cannot be hashed. Ids have no derivative, so params get
    none."""

    def jitted(function: Callable) -> Callable:
        @functools.wraps(function)
        def plain(model: Any, params: Any, *args: Any, **kwargs: Any) -> Any:
            return function(model, jax.lax.stop_gradient(params), *args, **kwargs)

        compiled = jax.jit(plain, static_argnums=0, static_argnames=static)

        @functools.wraps(function)
        def run(model: Any, *args: Any, **kwargs: Any) -> Any:
            return (compiled if _is_value(model) else plain)(model, *args, **kwargs)

        return run

    return jitted


def _is_value(model: Any) -> bool:
    try:
        hash(model)
    except TypeError:
        return False  # it has a cell of one's own that cannot be hashed
    return True
