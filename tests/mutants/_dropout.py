"""Mutants of dropout and zoneout: where masks are laid, their rates and scales, what shares one,
and which key draws it."""

from __future__ import annotations

from ._mutant import Group, Mutant, tests

FILE, INSTANT = "dropout.py", "engine/_instant.py"

MASKS = Group(
    "Masks on what is read",
    tests(
        "test_dropout.py",
        """test_it_is_the_loop[lstm-forward]
        test_it_is_the_loop[gru-forward]
        test_words_of_any_cell_are_dropped[index-auto]
        test_fast_is_plain[gru-weights]""",
    ),
    (
        Mutant(
            "mask-laid-twice",
            "a mask is laid on what it drops from twice",
            INSTANT,
            "values[at] = values[at] * of[[*place].index(name)]",
            "values[at] = values[at] * of[[*place].index(name)] ** 2",
        ),
        Mutant(
            "mask-on-the-other",
            "the masks of operands and of weights are laid on each other's",
            INSTANT,
            "self.at[id(e)] = i, 1 - i, ",
            "self.at[id(e)] = 1 - i, i, ",
        ),
        Mutant(
            "mask-of-the-first",
            "all weights are dropped by the mask of the first",
            INSTANT,
            "of[[*place].index(name)]",
            "of[0]",
        ),
        Mutant(
            "operand-unmasked",
            "what products see is not dropped",
            INSTANT,
            "(i, masks.operands, form, self.operands)",
            "(i, (), form, self.operands)",
        ),
        Mutant(
            "rows-not-scaled",
            "the rows of words that are kept are not scaled",
            INSTANT,
            "a * _of(masks.rows, x, a)",
            "a * jnp.sign(_of(masks.rows, x, a))",
        ),
    ),
)

DROPOUT = Group(
    "Dropout",
    tests(
        "test_dropout.py",
        """test_the_masks_are_what_they_say
        test_no_mask_repeats_itself[lstm]
        test_what_goes_between_layers_is_dropped_number_by_number
        test_without_a_key_nothing_is_dropped
        test_words_of_any_cell_are_dropped[index-auto]
        test_between_layers_and_both_ways""",
    )
    + tests("test_holes.py", "test_every_mask_is_its_own\ntest_h_and_c_are_held_apart"),
    (
        Mutant(
            "dropout-not-scaled",
            "what is kept is not scaled by 1 / (1 - rate)",
            FILE,
            "jnp.where(kept, 1 / (1 - rate), 0)",
            "jnp.where(kept, 1.0, 0)",
        ),
        Mutant(
            "dropout-each-step",
            "inputs are dropped by another mask at each step",
            FILE,
            "scaled_mask(key_inputs, self.inputs, xs.shape[1:], xs.dtype)[None]",
            "scaled_mask(key_inputs, self.inputs, xs.shape, xs.dtype)",
        ),
        Mutant(
            "dropout-of-all-gates",
            "weight drop's mask is repeated over the gates",
            FILE,
            "return xs, Masks(operands, weights, rows), zone",
            "weights = tuple(jnp.tile(m[:, : len(m)], m.shape[1] // len(m)) for m in weights)\n"
            "        return xs, Masks(operands, weights, rows), zone",
        ),
        Mutant(
            "dropout-of-all-rows",
            "one mask on h for the whole batch",
            FILE,
            "return xs, Masks(operands, weights, rows), zone",
            "operands = tuple(jnp.broadcast_to(m[:1], m.shape) for m in operands)\n"
            "        return xs, Masks(operands, weights, rows), zone",
        ),
        Mutant(
            "dropout-all-time",
            "between layers one mask for all of time",
            FILE,
            "xs * scaled_mask(key, rate, xs.shape, xs.dtype)",
            "xs * scaled_mask(key, rate, xs.shape[1:], xs.dtype)[None]",
        ),
        Mutant(
            "zones-of-all-units",
            "zoneout holds a whole row or nothing of it",
            FILE,
            "jax.random.bernoulli(key, rate, (steps, *a.shape)).astype(dtype)",
            "jnp.broadcast_to(jax.random.bernoulli(key, rate, (steps, *a.shape[:-1], 1)), "
            "(steps, *a.shape)).astype(dtype)",
        ),
        Mutant(
            "zones-whatever-the-key",
            "zoneout holds the same whatever the key",
            FILE,
            "self._zone(key_zone,",
            "self._zone(jax.random.key(0),",
        ),
        Mutant(
            "dropout-of-one-key",
            "inputs, h, weights and zones are drawn from one key",
            FILE,
            "key_inputs, key_recurrent, key_weights, key_zone = jax.random.split(key, 4)",
            "key_inputs = key_recurrent = key_weights = key_zone = key",
        ),
        Mutant(
            "zones-of-one-key",
            "zoneout holds the same units of h and of c",
            FILE,
            "keys = [None] * len(leaves) if key is None else jax.random.split(key, len(leaves))",
            "keys = [key] * len(leaves)",
        ),
        Mutant(
            "zoneout-expectation-inverted",
            "without a key zoneout holds by 1 - rate",
            FILE,
            "jnp.full((steps,), rate, dtype)",
            "jnp.full((steps,), 1 - rate, dtype)",
        ),
    ),
)
