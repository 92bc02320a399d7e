"""What a law is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax

from jaxrnn._types import Layer
from jaxrnn.testing._case import Case, draw


def everything(layer: Layer) -> bool:
    return True


@dataclasses.dataclass(frozen=True)
class Law:
    """One sentence that is true of every layer that it `fits`; calling it checks one layer.

    >>> from jaxrnn import testing
    >>> law, layer = testing.LAWS["two_parts_are_the_whole"], jaxrnn.unroll(jaxrnn.mingru(4))
    >>> law.fits(layer)
    True
    >>> law(layer, input_size=3, seed=0)                     # AssertionError where it is broken
    """

    name: str
    check: Callable[[Case], None]
    fits: Callable[[Any], bool] = everything

    def __call__(
        self, layer: Any, *, input_size: int = 3, seed: int = 0, steps: int = 7, batch: int = 6
    ) -> None:
        """Raise AssertionError where `layer` breaks the law, on random data of this `seed`: T =
        `steps`, B = `batch`."""
        try:
            with jax.default_matmul_precision("highest"):
                self.check(draw(layer, input_size, seed, steps, batch))
        except AssertionError as broken:
            raise AssertionError(f"law `{self.name}` broken by {layer}: {broken}") from broken
        except Exception as error:
            error.add_note(f"(from law `{self.name}` on {layer})")
            raise

    def __str__(self) -> str:
        return self.name


def law(fits: Callable[[Any], bool] = everything) -> Callable[[Callable[[Case], None]], Law]:
    """A check, `(case) -> None`, as a law of its own name."""
    return lambda check: Law(check.__name__, check, fits)


def laws_of(*pages: ModuleType) -> dict[str, Law]:
    """Those that these modules make, in their order."""
    return {v.name: v for page in pages for v in vars(page).values() if isinstance(v, Law)}
