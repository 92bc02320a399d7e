"""Mutants of the layers: directions, depth, params, carries and keys."""

from __future__ import annotations

from ._mutant import Group, Mutant, laws, tests

BIDIRECTIONAL, STACK = "layers/_bidirectional.py", "layers/_stack.py"
UNROLL = "layers/_unroll.py"

LAYERS = Group(
    "Layers",
    laws("lstm-bidirectional", "equals_its_twin_with_gaps each_row_has_its_length")
    + laws("lstm-bidirectional", "bidirectional_is_two_unrolls held_padding_repeats")
    + laws("lstm-stack", "equals_its_twin_with_gaps stack_is_composition")
    + laws("own-start-deep", "no_carry_is_the_initial_one")
    + tests("test_engine.py", "test_token_ids_need_a_cell_that_takes_them")
    + tests("test_dropout.py", "test_between_layers_and_both_ways")
    + tests(
        "test_holes.py",
        """test_no_layer_begins_as_another
        test_what_is_dropped_between_layers_is_drawn_apart_from_what_they_drop""",
    ),
    (
        Mutant(
            "halves-swapped",
            "ys are [backward, forward]",
            BIDIRECTIONAL,
            "[ys_forward, ys_backward]",
            "[ys_backward, ys_forward]",
        ),
        Mutant(
            "directions-share-params",
            "both directions begin with the same numbers",
            BIDIRECTIONAL,
            "key_forward, key_backward = jax.random.split(key)",
            "key_forward = key_backward = key",
        ),
        Mutant(
            "directions-share-masks",
            "both directions draw their dropout from one key",
            BIDIRECTIONAL,
            "carry, split_key(key, 2), strict=True",
            "carry, [key, key], strict=True",
        ),
        Mutant(
            "bidirectional-lengths-ignored",
            "a bidirectional layer ignores `lengths`",
            BIDIRECTIONAL,
            "walk(self, params, carry, xs, (lengths, mask, resets), key)",
            "walk(self, params, carry, xs, (None, mask, resets), key)",
        ),
        Mutant(
            "stack-shares-params",
            "every layer of a stack begins from one key",
            STACK,
            "keys = jax.random.split(key, len(self.layers))",
            "keys = [key] * len(self.layers)",
        ),
        Mutant(
            "stack-keys-twice",
            "between layers, masks come from the keys that the layers get",
            STACK,
            "split_key(key, depth, salt=1)",
            "split_key(key, depth, salt=0)",
        ),
        Mutant(
            "gaps-share-a-mask",
            "every gap of a stack drops by the first one's key",
            STACK,
            "drop(keys_between[i], ",
            "drop(keys_between[1], ",
        ),
        Mutant(
            "layers-share-masks",
            "the layers of a stack, from the second on, draw from one key",
            STACK,
            'noise = {"key": keys[i]}',
            'noise = {"key": keys[min(i, 1)]}',
        ),
        Mutant(
            "held-one-way",
            "a reversed walk holds its padding forwards",
            UNROLL,
            "engine.hold(when.valid, ys, self.reverse)",
            "engine.hold(when.valid, ys, False)",
        ),
        Mutant(
            "ids-to-any-cell",
            "ids go to a cell that does not take them",
            "_checks.py",
            'getattr(cell, "takes_tokens", False)',
            'getattr(cell, "takes_tokens", True)',
        ),
    ),
)
