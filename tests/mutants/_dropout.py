"""Mutants of dropout and zoneout: rates, scales, what shares a mask, and which key draws it."""

from __future__ import annotations

from ._mutant import Group, Mutant, tests

FILE = "dropout.py"

DROPOUT = Group(
    "Dropout",
    tests(
        "test_dropout.py",
        """test_the_masks_are_what_they_say
        test_no_mask_repeats_itself[lstm]
        test_what_goes_between_layers_is_dropped_number_by_number
        test_without_a_key_nothing_is_dropped
        test_token_dropout_drops_words[scan]
        test_between_layers_and_both_ways
        test_it_is_the_loop[lstm-forward]""",
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
            "xs.shape[1:], xs.dtype)\n        return params, xs * mask[None]",
            "xs.shape, xs.dtype)\n        return params, xs * mask",
        ),
        Mutant(
            "dropout-of-all-gates",
            "weight drop's mask is repeated over the gates",
            FILE,
            "w_h = w_h * scaled_mask(key_weights, self.weights, w_h.shape, w_h.dtype)",
            "square = scaled_mask(key_weights, self.weights, (len(w_h),) * 2, w_h.dtype)\n"
            "            w_h = w_h * jnp.tile(square, w_h.shape[1] // len(w_h))",
        ),
        Mutant(
            "dropout-of-all-rows",
            "one mask on h for the whole batch",
            FILE,
            "kept = scaled_mask(key_recurrent, self.recurrent, h.shape, h.dtype)",
            "kept = scaled_mask(key_recurrent, self.recurrent, h.shape[-1:], h.dtype)\n"
            "            kept = jnp.broadcast_to(kept, h.shape)",
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
            "jax.random.bernoulli(k, p, (steps, *a.shape)).astype(a.dtype)",
            "jnp.broadcast_to(jax.random.bernoulli(k, p, (steps, *a.shape[:-1], 1)), "
            "(steps, *a.shape)).astype(a.dtype)",
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
            "zip(jax.random.split(key, len(leaves)), rates",
            "zip([key] * len(leaves), rates",
        ),
        Mutant(
            "zoneout-expectation-inverted",
            "without a key zoneout holds by 1 - rate",
            FILE,
            "jnp.full((steps,), p, a.dtype)",
            "jnp.full((steps,), 1 - p, a.dtype)",
        ),
    ),
)
