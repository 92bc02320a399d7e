"""Products of the loop that are done as one, and kept for the way back."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn.engine import _turned


class Joint:
    """Products of the loop that share their left operand, done as one, and what is added to each.

    operands: what the product reads: variables, and in place of several weights this joint itself,
    the name of all of them side by side. outs: the sums, one a product; terms: what was added.
    """

    def __init__(self, products: list[Any]):
        self.products = products
        self.equation: Any = products[0]
        self.operands: list[Any] = list(self.equation.invars)
        self.weights: list[Any] = [e.invars[1] for e in products] if len(products) > 1 else []
        if self.weights:
            self.operands[1] = self
        self.widths: list[int] = (
            [e.outvars[0].aval.shape[-1] for e in products] if self.weights else []
        )
        self.outs: list[Any] = [e.outvars[0] for e in products]
        self.terms: list[list[Any]] = [[] for _ in products]
        self.inside: set[int] = {id(e) for e in products}

    @property
    def aval(self) -> jax.ShapeDtypeStruct:
        """The form of the weights side by side."""
        one = self.weights[0].aval
        return jax.ShapeDtypeStruct((one.shape[0], sum(self.widths)), one.dtype)

    def __call__(self, narrow: Any, steps: Any, *operands: Any) -> list[Any]:
        """The sums at one of so many instants for which the weight stays the same."""
        whole = _turned.forwards(self.equation, narrow, steps, *operands)
        return self.split(whole) if self.weights else [whole]

    def split(self, whole: Any) -> list[Any]:
        ends = [sum(self.widths[: i + 1]) for i in range(len(self.widths) - 1)]
        return jnp.split(whole, ends, axis=-1)

    def merge(self, parts: list[Any]) -> Any:
        return jnp.concatenate(parts, axis=-1) if self.weights else parts[0]
