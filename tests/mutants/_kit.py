"""Mutants of the kit that holds cells to the laws: what a random question must not repeat."""

from __future__ import annotations

from ._mutant import Group, Mutant, tests

FILE = "testing/_case.py"

KIT = Group(
    "The kit",
    tests("test_laws.py", "test_a_question_repeats_nothing"),
    (
        Mutant(
            "kit-cotangent-is-the-carry",
            "the final carry's cotangent is the carry given",
            FILE,
            "dcarry=random_like(carry)",
            "dcarry=jax.tree.map(np.negative, carry)",
        ),
        Mutant(
            "kit-one-seed",
            "every seed asks with the same inputs",
            FILE,
            "rng = np.random.default_rng(seed)",
            "rng = np.random.default_rng(0)",
        ),
    ),
)
