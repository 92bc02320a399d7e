"""How each task begins and ends: with a seed, with a bar that is reached or not, with a status.

Exit status: 0 reached, 3 not reached; 2 and 130 as of every command here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import jax
import numpy as np
import tyro

sys.path.append(str(Path(__file__).resolve().parents[1]))

import command


def chance(seed: int) -> tuple[np.random.Generator, jax.Array]:
    """NumPy's random numbers, for data, and a key of JAX's, for weights."""
    if not 0 <= seed < 2**32:
        raise ValueError(f"`seed` must lie in 0…{2**32 - 1}, got {seed}.")
    return np.random.default_rng(seed), jax.random.key(seed)


def judge(what: str, got: float, bar: float) -> int:
    """Say whether `got` is at least the bar; the status that tells it too."""
    reached = got >= bar
    print(f"{'reached' if reached else 'NOT REACHED'}: {what} {got:.3g}, at least {bar:.3g} needed")
    return 0 if reached else 3


def run(main: Callable[..., int]) -> NoReturn:
    """`main`, its options read from the command line."""
    command.run(lambda: tyro.cli(main))
