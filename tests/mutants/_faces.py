"""Mutants of the Flax faces: what they hand on to the layer."""

from __future__ import annotations

from ._mutant import Group, Mutant, tests

LINEN = "linen.py"

FACES = Group(
    "Flax faces",
    tests(
        "test_flax.py",
        """test_a_key_reaches_the_layer
        test_linen_draws_from_its_rng
        test_every_module_begins_by_itself
        test_batch_major_is_time_major_transposed
        test_param_dtype_reaches_the_params""",
    ),
    (
        Mutant(
            "nnx-drops-the-key",
            "NNX: the key of a call does not reach the layer",
            "nnx.py",
            "how = lengths, mask, resets, key\n",
            "how = lengths, mask, resets\n",
        ),
        Mutant(
            "linen-drops-the-key",
            "Linen: the key of a call does not reach the layer",
            LINEN,
            "(lengths, mask, resets, key)\n",
            "(lengths, mask, resets)\n",
        ),
        Mutant(
            "linen-rng-unread",
            'Linen: `rngs={"dropout": …}` is not read',
            LINEN,
            'if key is None and self.has_rng("dropout"):',
            'if key is None and self.has_rng("params"):',
        ),
        Mutant(
            "linen-rng-wins",
            "Linen: an rng is stronger than the key of a call",
            LINEN,
            'if key is None and self.has_rng("dropout"):',
            'if self.has_rng("dropout"):',
        ),
        Mutant(
            "batch-major-drops-the-key",
            "batch-major calls are without dropout",
            "_faces.py",
            "xs, **when, **noise)",
            "xs, **when)",
        ),
        Mutant(
            "nnx-one-stream",
            "NNX: params are drawn from the stream for dropout",
            "nnx.py",
            "rngs.params()",
            "rngs.dropout()",
        ),
    ),
)
