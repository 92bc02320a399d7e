"""Products as equations: which they are, what they give with 16-bit operands, their adjoints."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Literal

PRODUCTS = ("dot_general", "conv_general_dilated")


def is_product(equation: Any) -> bool:
    return equation.primitive.name in PRODUCTS


def is_plain(equation: Any) -> bool:
    """x (..., M) times w (M, N)."""
    if equation.primitive.name != "dot_general" or any(
        isinstance(v, Literal) for v in equation.invars
    ):
        return False
    (x, w), (contracted, batch) = equation.invars, equation.params["dimension_numbers"]
    return (
        w.aval.ndim == 2
        and x.aval.dtype == w.aval.dtype == equation.outvars[0].aval.dtype
        and x.aval.ndim > 0
        and not any(batch)
        and (tuple(contracted[0]), tuple(contracted[1])) == ((x.aval.ndim - 1,), (0,))
    )


def multiply(equation: Any, narrow: Any, *operands: Any) -> Any:
    """What the product gives; with `narrow`, of operands rounded to it, summed in float32."""
    out, params = equation.outvars[0].aval.dtype, equation.params
    if not _narrows(narrow, out):
        return equation.primitive.bind(*operands, **params)
    params = params | {"preferred_element_type": jnp.dtype(jnp.float32)}
    return equation.primitive.bind(*(a.astype(narrow) for a in operands), **params).astype(out)


def rounded(x: Any, narrow: Any) -> Any:
    return operand(x, narrow).astype(x.dtype)


def operand(x: Any, narrow: Any) -> Any:
    """As the products read it."""
    return x.astype(narrow) if _narrows(narrow, x.dtype) else x


def _narrows(narrow: Any, dtype: Any) -> bool:
    return narrow is not None and jnp.issubdtype(dtype, jnp.floating) and dtype.itemsize >= 4


def back(equation: Any, narrow: Any, w: Any, ct: Any) -> Any:
    return dot(equation, narrow, ct, w, ((ct.ndim - 1,), (1,)))


def adjoint(
    equation: Any,
    narrow: Any,
    operands: tuple,
    at: tuple[int, ...],
    ct: Any,
    back: Callable = back,
) -> list:
    """The cotangents of the operands of these indices."""
    if is_plain(equation):
        x, w = operands
        return [outer(equation, narrow, x, ct) if i else back(equation, narrow, w, ct) for i in at]

    def product(*some):
        given = dict(zip(at, some, strict=True))
        return multiply(equation, narrow, *(given.get(i, a) for i, a in enumerate(operands)))

    return list(jax.vjp(product, *(operands[i] for i in at))[1](ct))


def dot(equation: Any, narrow: Any, a: Any, b: Any, axes: Any) -> Any:
    dtype, precision = a.dtype, equation.params["precision"]
    preferred = equation.params["preferred_element_type"]
    if _narrows(narrow, dtype):
        a, b, preferred = a.astype(narrow), b.astype(narrow), jnp.float32
    dimensions = axes, ((), ())
    product = partial(jax.lax.dot_general, precision=precision, preferred_element_type=preferred)
    return product(a, b, dimensions).astype(dtype)


def outer(equation: Any, narrow: Any, x: Any, ct: Any) -> Any:
    """Σ xᵀ ct over all leading axes, time and batch alike: (..., M), (..., N) -> (M, N). They are
    not merged first: a batch that is split over devices would be gathered for that."""
    leading = tuple(range(x.ndim - 1))
    return dot(equation, narrow, x, ct, (leading, leading))


def over_all_time(equation: Any, narrow: Any, at: int, x: Any, cts: Any, weight: Any) -> Any:
    """The gradient of the weight of a product whose operand `at` was x (T, …), of cotangents `cts`
    (T, …): one product."""
    if is_plain(equation) and at == 0:
        return outer(equation, narrow, x, cts)

    def product(weight):
        one = partial(multiply, equation, narrow)
        return jax.vmap(lambda x: one(*((weight, x) if at else (x, weight))))(x)

    return jax.vjp(product, weight)[1](cts)[0]


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def over_time(equation: Any, narrow: Any, x: Any, w: Any) -> Any:
    """A plain product for all of time. JAX's own rule for the gradient of w contracts in an order
    for which XLA first transposes the cotangent, the largest array here; `outer` does not."""
    return _forwards(equation, narrow, x, w)


def _forwards(equation: Any, narrow: Any, x: Any, w: Any) -> Any:
    return dot(equation, narrow, x, w, ((x.ndim - 1,), (0,)))


over_time.defvjp(
    lambda equation, narrow, x, w: (_forwards(equation, narrow, x, w), (x, w)),
    lambda equation, narrow, operands, ct: tuple(adjoint(equation, narrow, operands, (0, 1), ct)),
)
