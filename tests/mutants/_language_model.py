"""Mutants of the language model: its loss, the head's own adjoint, and generation."""

from __future__ import annotations

from ._mutant import Group, Mutant, tests

FILE, PARAMS, LOSSES = "_language_model.py", "_language_params.py", "_losses.py"

LANGUAGE_MODEL = Group(
    "Language model",
    tests(
        "test_language_model.py",
        """test_loss_and_every_gradient_are_the_twins[gru]
        test_generation_is_a_plain_loop[gru]
        test_the_loss_is_the_mean_cross_entropy_of_the_logits_however_large
        test_the_loss_of_a_target_that_is_no_token_is_nan
        test_head_and_layer_do_not_share_their_randomness""",
    )
    + tests("test_engine.py", "test_no_tokens_have_no_loss")
    + tests("test_dropout.py", "test_an_epoch_draws_for_each_minibatch")
    + tests(
        "test_holes.py",
        "test_the_loss_is_the_mean_over_what_is_valid\ntest_a_head_begins_by_its_key",
    ),
    (
        Mutant(
            "loss-mean-over-all",
            "the mean over valid positions divides by all of them",
            LOSSES,
            "count = jnp.maximum(valid.sum(), 1)",
            "count = jnp.maximum(valid.size, 1)",
        ),
        Mutant(
            "loss-of-padding",
            "padding counts in the loss",
            LOSSES,
            "return jnp.where(valid, losses, 0).sum() / count",
            "return losses.sum() / count",
        ),
        Mutant(
            "head-gradient",
            "the head's adjoint forgets to normalise",
            LOSSES,
            "(powers / total - hit",
            "(powers - hit",
        ),
        Mutant(
            "head-of-one-key",
            "pytorch_uniform draws the head's bias and weights from one key",
            PARAMS,
            "key_w, key_b = jax.random.split(key)",
            "key_w = key_b = key",
        ),
        Mutant(
            "model-drops-the-key",
            "`apply` keeps a dropout's key from the layer",
            FILE,
            "self._features(params, carry, tokens, when, key)\n        head",
            "self._features(params, carry, tokens, when, None)\n        head",
        ),
        Mutant(
            "generation-prefix-one-more",
            "generation reads an id past the prefix",
            "generation/_walk.py",
            "valid = instants < lengths[None] - 1",
            "valid = instants < lengths[None]",
        ),
    ),
)
