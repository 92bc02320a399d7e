"""Random small cells: the derived walk is the plain scan, outputs and every gradient."""

import random

import jax
import jax.numpy as jnp
import pytest
from _agrees import agrees
from _random_cells import random_cell


def asked(seed):
    """Lengths and resets for a third of the seeds each, in all their combinations."""
    rng, when = random.Random(seed), {}
    if rng.random() < 0.4:
        when["lengths"] = jnp.array([rng.randint(0, 4) for _ in range(3)])
    if rng.random() < 0.4:
        when["resets"] = jnp.array([[rng.random() < 0.3 for _ in range(3)] for _ in range(4)])
    return when


@pytest.mark.parametrize(
    "seed", [s if s < 20 else pytest.param(s, marks=pytest.mark.slow) for s in range(320)]
)
def test_random_cells(seed):
    """Operation by operation, for a program each takes seconds to compile; every tenth of the
    slow ones is compiled."""
    rng = random.Random(seed)
    how = {"when": asked(seed), "asked": {"seed": seed, "steps": 4}}
    how |= {"ways": (rng.random() < 0.5,), "keep": rng.choice(["gates", "gates", "carries"])}
    with jax.disable_jit(seed < 20 or seed % 10 > 0):
        agrees(random_cell(seed), 1e-11, **how)
