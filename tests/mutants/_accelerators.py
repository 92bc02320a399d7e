"""Mutants of the forms that a GPU and a TPU get."""

from __future__ import annotations

from ._mutant import Group, Mutant, tests

AWAITED, OVERWRITE = "engine/_awaited.py", "engine/_overwrite.py"

ACCELERATORS = Group(
    "accelerators",
    tests(
        "test_accelerators.py",
        """test_the_norm_is_the_same_without_a_branch[1e+25]
        test_a_layer_and_its_gradient_lower[gru-before-one]
        test_a_cell_that_is_linear_in_its_carry_has_no_loop[mingru]
        test_its_forms_are_right[cuda-fast_is_plain-lstm-one]
        test_its_forms_are_right[tpu-fast_is_plain-lstm-one]""",
    ),
    (
        Mutant(
            "end-of-outputs-forgotten",
            "what comes to the last carry does not go with the outputs",
            AWAITED,
            "douts[j][end] + self.dafter[i]",
            "douts[j][end]",
        ),
        Mutant(
            "end-at-the-beginning",
            "it goes with the first instant's outputs",
            "engine/_backwards.py",
            "awaited.with_outs(douts, 0 if reverse else -1)",
            "awaited.with_outs(douts, -1 if reverse else 0)",
        ),
        Mutant(
            "sums-not-awaited",
            "the sums' cotangents do not arrive at the carry before all",
            "engine/_backwards.py",
            "    dcarry = awaited.arrived(handed_on)\n    deltas",
            "    dcarry = awaited.arrived(awaited.start(points))\n    deltas",
        ),
        Mutant(
            "tpu-spent-for-instead",
            "on a TPU what was spent is given back, not what comes instead",
            OVERWRITE,
            "return state, instead, outs\n    at =",
            "return state, spent, outs\n    at =",
        ),
        Mutant(
            "gates-apart-everywhere",
            "a GPU lays out gates as a CPU does",
            "engine/_activations.py",
            "jax.lax.optimization_barrier(x) if is_cpu() else x",
            "jax.lax.optimization_barrier(x)",
        ),
        Mutant(
            "loops-everywhere",
            "linear cells walk a loop on a GPU too",
            "engine/_paths.py",
            'if why is None and question.engine == "auto" and question.platform == "cpu":',
            'if why is None and question.engine == "auto":',
        ),
        Mutant(
            "norm-overflows",
            "without a branch, a square that overflows is the norm",
            "training/_optimizer.py",
            "jnp.where(overflows, scaled(), plain)",
            "jnp.where(overflows, plain, plain)",
        ),
    ),
)
