"""Random lengths, masks, resets, padding and numbers, against the NumPy twin.

To compile takes seconds, to answer milliseconds: so cells, depth, sizes, dtypes and what is given
come from a fixed set of `PROGRAMS`, each compiled once, and everything else is hypothesis's.
"""

import random
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from _table import CELLS
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxrnn import bidirectional, stack, unroll
from jaxrnn.testing import draw, same
from jaxrnn.testing._twins import by_reference


class Program(NamedTuple):
    """What jit compiles for: all that is static in a call."""

    cell: str
    depth: str
    walk: tuple[str, str]  # engine, padding
    given: tuple[str, ...]
    steps: int
    batch: int
    input_size: int
    inputs: str  # a dtype, or "ids" into float64 params

    @property
    def layer(self) -> Any:
        engine, padding = self.walk
        return DEPTHS[self.depth](CELLS[self.cell], {"engine": engine, "padding": padding})

    @property
    def dtype(self) -> np.dtype:
        return np.dtype("float64" if self.inputs == "ids" else self.inputs)


DEPTHS = {
    "one": lambda cell, how: unroll(cell(3), **how),
    "reversed": lambda cell, how: unroll(cell(3), True, **how),
    "two": lambda cell, how: stack([unroll(cell(2), **how), unroll(cell(3), True, **how)]),
    "three": lambda cell, how: stack(
        [unroll(cell(3), **how), unroll(cell(1), **how), unroll(cell(2), True, **how)]
    ),
    "both": lambda cell, how: bidirectional(cell(2), cell(3), **how),
    "deep": lambda cell, how: stack(
        [bidirectional(cell(2), cell(1), **how), bidirectional(cell(2), **how)]
    ),
    "mixed": lambda cell, how: stack(
        [unroll(cell(2), True, **how), bidirectional(cell(1), cell(2), **how), unroll(cell(3))]
    ),
}
GIVEN = [
    ("lengths", "mask", "resets"),
    ("lengths", "resets"),
    ("mask", "resets"),
    ("lengths",),
    ("lengths", "mask"),
    ("mask",),
    ("resets",),
]


def programs(count):
    """`count` of them, in which every value of every column comes up about equally often."""
    shuffled = random.Random(0)

    def column(values):
        return shuffled.sample((list(values) * count)[:count], count)

    columns = [
        [name for name in CELLS if not name.startswith("own")],
        DEPTHS,
        [("auto", "zero"), ("auto", "held"), ("scan", "zero")],
        GIVEN,
        [5, 1, 7, 2, 4, 0, 3, 6],
        [3, 1, 5, 2, 4, 0],
        [2, 1, 4, 3],
        ["float64", "float32", "float64", "ids"],
    ]
    return [Program(*row) for row in zip(*map(column, columns), strict=True)]


PROGRAMS = programs(64)


def flags(program):
    """(T, B) booleans: none, all, every second, whole rows, whole times, or any."""
    T, B = program.steps, program.batch
    row, time = np.arange(B), np.arange(T)[:, None]
    patterns = [np.zeros((T, B), bool), np.ones((T, B), bool), (time + row) % 2 == 0]
    rows = st.integers(0, 2**B - 1).map(lambda bits: np.tile(bits >> row & 1 == 1, (T, 1)))
    times = st.integers(0, 2**T - 1).map(lambda bits: np.tile(bits >> time & 1 == 1, (1, B)))
    every = st.lists(st.booleans(), min_size=T * B, max_size=T * B)
    any_ = every.map(lambda bits: np.array(bits, bool).reshape(T, B))
    return st.one_of(st.sampled_from(patterns), rows, times, any_, any_)


def contents(program):
    """Lengths, mask and resets, as far as the program takes them."""
    T, B = program.steps, program.batch
    some = st.lists(st.integers(0, T), min_size=B, max_size=B)
    lengths = st.one_of(some, some, st.sampled_from([0, T]).map(lambda n: [n] * B))
    kinds = {
        "lengths": lengths.map(lambda values: np.array(values, np.int32)),
        "mask": flags(program),
        "resets": flags(program),
    }
    return st.fixed_dictionaries({name: kinds[name] for name in program.given})


def filled(program, seed):
    """A question of the program's form; every number in it is drawn from `seed`."""
    case = draw(program.layer, program.input_size, 0, program.steps, program.batch)
    rng, T, B, I = np.random.default_rng(seed), program.steps, program.batch, program.input_size

    def normal(tree, scale=1.0):
        return jax.tree.map(
            lambda a: (scale * rng.normal(size=a.shape)).astype(program.dtype), tree
        )

    fields = {name: normal(getattr(case, name)) for name in ("carry", "xs", "dcarry", "dys")}
    if program.inputs == "ids":
        fields["xs"] = rng.integers(-1, I + 1, (T, B)).astype(np.int32)
    return case.but(params=normal(case.params, 0.6), **fields)


def with_padding(case, valid, junk):
    """The same question with `junk` wherever it is not valid."""
    xs = case.xs
    if np.issubdtype(xs.dtype, np.integer):
        return case.but(xs=np.where(valid, xs, np.int32(7 if np.isfinite(junk) else -9)))
    return case.but(xs=np.where(valid[..., None], xs, xs.dtype.type(junk)))


def close(got, want, dtype):
    """float64 to 1e-12; float32 to 1e-5 of the largest number of the leaf, at least 1."""
    if dtype == np.float64:
        return same(got, want, within=1e-12)
    for (path, a), b in zip(
        jax.tree_util.tree_leaves_with_path(got), jax.tree.leaves(want), strict=True
    ):
        far = 1e-5 * np.abs(b).max(initial=1.0)
        name = jax.tree_util.keystr(path)
        np.testing.assert_allclose(a, b, rtol=0, atol=far, err_msg=name)


def check(program, when, junk, seed):
    case, shape = filled(program, seed), (program.steps, program.batch)
    valid = when.get("mask", np.ones(shape, bool))
    if "lengths" in when:
        valid = valid & (np.arange(program.steps)[:, None] < when["lengths"])
    with jax.default_matmul_precision("highest"):
        got = case.answer(**when)
        padded = with_padding(case, valid, junk).answer(**when)
    same(padded, got, within=0)
    want = by_reference(case, valid, when.get("resets"))
    close(got, want, program.dtype)
    assert all(leaf.dtype == program.dtype for leaf in jax.tree.leaves(got))


def cases(chosen):
    return given(
        question=st.sampled_from(chosen).flatmap(lambda p: st.tuples(st.just(p), contents(p))),
        junk=st.sampled_from([np.nan, np.inf, -np.inf, 1e30]),
        seed=st.integers(0, 2**32 - 1),
    )


@settings(max_examples=40)
@cases(PROGRAMS[:6])
def test_some_programs(question, junk, seed):
    """Outputs, final carry and all gradients are the twin's; padding is not read, bit for bit."""
    check(*question, junk, seed)


@pytest.mark.slow
@settings(max_examples=4000)
@cases(PROGRAMS)
def test_all_programs(question, junk, seed):
    check(*question, junk, seed)
