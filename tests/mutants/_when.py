"""Mutants of lengths, mask and resets: what they do to an instant."""

from __future__ import annotations

from ._mutant import Group, Mutant, laws, tests

FILE = "engine/_when.py"

WHEN = Group(
    "Lengths, mask, resets",
    laws("lstm-one own-one", "each_row_has_its_length packed_documents_never_meet")
    + laws("lstm-one lstm-reversed", "equals_its_twin_with_gaps")
    + laws("lstm-one", "fast_is_plain_with_gaps lengths_and_mask_are_anded padding_is_never_read")
    + laws("lstm-reversed own-start-reversed", "packed_documents_never_meet")
    + laws("lstm-bidirectional", "held_padding_repeats")
    + tests("test_dropout.py", "test_fast_is_plain[lstm-zoneout]")
    + tests("test_dropout.py", "test_it_is_the_loop[lstm-forward]")
    + tests("test_holes.py", "test_a_document_can_begin_in_a_row_that_is_all_padding"),
    (
        Mutant(
            "lengths-one-more",
            "a row of length n has n + 1 steps",
            FILE,
            "return steps < jnp.asarray(",
            "return steps <= jnp.asarray(",
        ),
        Mutant(
            "mask-inverted",
            "the mask says what is padding",
            FILE,
            'None if mask is None else _flags("mask"',
            'None if mask is None else ~_flags("mask"',
        ),
        Mutant(
            "mask-or-lengths",
            "lengths and mask are ORed",
            FILE,
            "valid & short",
            "valid | short",
        ),
        Mutant(
            "resets-late",
            "a document begins a step late",
            FILE,
            'None if resets is None else _flags("resets", resets, shape)',
            'None if resets is None else jnp.roll(_flags("resets", resets, shape), 1, 0)',
        ),
        Mutant(
            "reset-lost-in-padding",
            "a document that begins at an invalid step does not begin",
            FILE,
            "carry = select(fresh, start, carry)",
            "carry = select(fresh if valid is None else fresh & valid, start, carry)",
        ),
        Mutant(
            "carry-not-held",
            "the carry moves on through padding",
            FILE,
            "(after, y), (carry, jnp.zeros_like(y)))",
            "(after, y), (after, jnp.zeros_like(y)))",
        ),
        Mutant(
            "padding-read",
            "NaN in padding gets in",
            FILE,
            "return select(valid, xs, jnp.zeros_like(xs))",
            "return xs",
        ),
        Mutant(
            "idle-row-not-restarted",
            "a row without a valid step keeps its carry, though a document begins",
            FILE,
            "when.valid if when.fresh is None else when.valid | when.fresh",
            "when.valid",
        ),
        Mutant(
            "zoneout-swapped",
            "zoneout holds what it should renew",
            FILE,
            "z * a + (1 - z) * b",
            "z * b + (1 - z) * a",
        ),
        Mutant(
            "zoneout-not-in-the-output",
            "the output is the h of before zoneout",
            FILE,
            "y = jax.tree.leaves(after)[at[0]] if at else y",
            "del at",
        ),
    ),
)
