"""Mutants of the vanilla cell, and of the products and lookups that all cells share."""

from __future__ import annotations

from ._mutant import Group, Mutant, laws, tests

FILE, SHARED = "cells/_vanilla.py", "cells/_affine.py"

VANILLA = Group(
    "Vanilla",
    laws("tanh-one relu-recurrent-bias-one", "equals_its_twin fast_is_plain")
    + tests("test_dropout.py", "test_fast_is_plain[tanh-recurrent]"),
    (
        Mutant(
            "vanilla-slope-at-zero",
            "relu's slope is 1 everywhere",
            FILE,
            "(y > 0)",
            "(y >= 0)",
        ),
        Mutant(
            "vanilla-not-transposed",
            "`linearize` hands on W_h for its transpose",
            FILE,
            "return (w_h.T, kept)",
            "return (w_h, kept)",
        ),
        Mutant(
            "vanilla-mask-forgotten-in-retreat",
            "recurrent dropout's mask is not on the cotangent of h",
            FILE,
            "VanillaCarry(_affine.seen(_affine.dot(da, w_h_t, self.matmul_dtype), kept))",
            "VanillaCarry(_affine.dot(da, w_h_t, self.matmul_dtype))",
        ),
        Mutant(
            "vanilla-mask-forgotten-in-collect",
            "residual: h before recurrent dropout's mask",
            FILE,
            "Saved(h, y)",
            "Saved(carry.h, y)",
        ),
    ),
)

AFFINE = Group(
    "Products and lookups",
    laws("lstm-one", "equals_its_twin tokens_are_one_hot"),
    (
        Mutant(
            "ids-wrap",
            "`step`: negative ids count from the end",
            SHARED,
            'mode="fill", fill_value=0, wrap_negative_indices=False',
            'mode="fill", fill_value=0',
        ),
        Mutant(
            "rows-of-unknown-ids",
            "all of time at once: an id out of range is the nearest in it",
            SHARED,
            "jnp.where(known[..., None], picked, 0)",
            "picked",
        ),
        Mutant(
            "rows-gradient-clipped",
            "the gradient of an id out of range goes to the nearest in it",
            SHARED,
            'rows.add(dy.astype(wide), mode="drop"',
            'rows.add(dy.astype(wide), mode="clip"',
        ),
        Mutant(
            "rows-gradient-set",
            "of an id that comes twice, one gradient counts",
            SHARED,
            "rows.add(dy",
            "rows.set(dy",
        ),
    ),
)

FLOAT32 = Group(
    "Activations in float32",
    laws("lstm-one", "equals_its_twin fast_is_plain")
    + laws("gru-one", "fast_is_plain")
    + tests(
        "test_claims.py",
        "test_hidden_states_lie_between_minus_1_and_1_however_wild_the_input",
    ),
    (
        Mutant(
            "sigmoid-steep",
            "σ(2 x) for σ(x)",
            "cells/_activations.py",
            "jnp.clip(-x, -87, 88.3)",
            "jnp.clip(-2 * x, -87, 88.3)",
        ),
        Mutant(
            "tanh-unbounded",
            "the exponential in tanh is taken beyond where it holds",
            "cells/_activations.py",
            "jnp.clip(2 * x, -40, 40)",
            "2 * x",
        ),
    ),
    ("--float32",),
)
