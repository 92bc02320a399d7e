"""Mutants of the engine's own σ and tanh, and of linear recurrences."""

from __future__ import annotations

from ._mutant import Group, Mutant, laws, tests

SPELT_OUT, LINEAR_PY = "engine/_activations.py", "engine/_linear.py"
PAIRS_PY = "engine/_pairs.py"

FLOAT32 = Group(
    "Activations in float32",
    tests(
        "test_activations.py",
        """test_within_three_ulp_and_right_at_the_ends
        test_slopes_of_every_order
        test_saturated_units_have_no_slope[lstm-gates]""",
    )
    + laws("lstm-one", "fast_is_plain"),
    (
        Mutant(
            "sigmoid-steep",
            "σ(2 x) for σ(x)",
            SPELT_OUT,
            "jnp.clip(-x, -87, 88.3)",
            "jnp.clip(-2 * x, -87, 88.3)",
        ),
        Mutant(
            "tanh-unbounded",
            "the exponential in tanh is taken beyond where it holds",
            SPELT_OUT,
            "jnp.clip(2 * x, -40, 40)",
            "2 * x",
        ),
        Mutant(
            "gates-unbounded",
            "in one pass, the exponential is taken below where it holds",
            SPELT_OUT,
            "jnp.clip(factor * x, -87, most)",
            "jnp.minimum(factor * x, most)",
        ),
        Mutant(
            "gates-all-tanh",
            "in one pass, σ's numerator is tanh's",
            SPELT_OUT,
            "jnp.where(squashed, e, 1)",
            "e",
        ),
        Mutant(
            "slopes-swapped",
            "in one pass, tanh has the slope of σ, and σ that of tanh",
            SPELT_OUT,
            "jnp.where(_which(gates, y), 1 - y * y, y * (1 - y))",
            "jnp.where(_which(gates, y), y * (1 - y), 1 - y * y)",
        ),
        Mutant(
            "slope-of-tanh-alone",
            "the slope of tanh is 1 - y",
            SPELT_OUT,
            'if set(gates) == {"tanh"}:\n        return 1 - y * y\n',
            'if set(gates) == {"tanh"}:\n        return 1 - y\n',
        ),
        Mutant(
            "series-in-reverse",
            "the exponential's series has its powers in reverse order",
            SPELT_OUT,
            "for coefficient in _SERIES[1:]",
            "for coefficient in _SERIES[:0:-1]",
        ),
    ),
    ("--float32",),
)

LINEAR = Group(
    "Linear recurrences",
    tests(
        "test_holes_of_the_engine.py",
        """test_linear_is_plain[associative-False]
        test_linear_is_plain[sequential-True]
        test_linear_is_plain[chunked-True]
        test_what_only_looks_linear_is_refused[truncates-associative]
        test_a_carry_of_integers_is_halved_to_integers""",
    ),
    (
        Mutant(
            "linear-in-reverse",
            "two pairs are composed in reverse order",
            LINEAR_PY,
            "plus(times(two[0], one[1]), two[1])",
            "plus(times(one[0], two[1]), one[1])",
        ),
        Mutant(
            "linear-first-lost",
            "the carry before all is not read",
            LINEAR_PY,
            "return plus(times(kept, first[None]), new)",
            "return new",
        ),
        Mutant(
            "linear-not-shifted",
            "the carry before an instant is that of after it",
            LINEAR_PY,
            "else [first[None], of[:-1]]",
            "else [of]",
        ),
        Mutant(
            "linear-adjoint-of-one-direction",
            "the adjoint's recurrence goes the way of the walk",
            LINEAR_PY,
            "solve(solver, not reverse, _ahead(reverse, a), dc",
            "solve(solver, reverse, _ahead(reverse, a), dc",
        ),
        Mutant(
            "linear-adjoint-not-ahead",
            "the adjoint's recurrence has each instant's own factor",
            LINEAR_PY,
            "[a[1:], a[-1:]]",
            "[a]",
        ),
        Mutant(
            "linear-sub-is-add",
            "what is subtracted from the carry is added",
            PAIRS_PY,
            'sign = -1 if name == "sub" else 1',
            "sign = 1",
        ),
        Mutant(
            "linear-though-cut",
            "a conversion that cuts (floats to integers) counts as linear",
            PAIRS_PY,
            "return before <= after",
            "return True",
        ),
        Mutant(
            "linear-though-rounded",
            "a division of integers counts as linear",
            PAIRS_PY,
            "and inexact(e.outvars[0].aval):  # of integers",
            "and True:  # of integers",
        ),
        Mutant(
            "linear-chunks-of-the-first",
            "every chunk ends where its walk began",
            LINEAR_PY,
            "return c[0 if reverse else -1], c",
            "return c[-1 if reverse else 0], c",
        ),
    ),
)
