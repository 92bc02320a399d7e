"""Mutants of training: what an epoch hands to optimizer and loss, and which batches it is given."""

from __future__ import annotations

from ._mutant import Group, Mutant, tests

FILE, BATCHES = "training/_epoch.py", "text/_batches.py"

TRAINING = Group(
    "Training and batches",
    tests(
        "test_training.py",
        "test_an_optimizer_may_read_the_params\ntest_two_epochs_are_a_plain_loop[lstm-never]",
    )
    + tests("test_dropout.py", "test_an_epoch_draws_for_each_minibatch")
    + tests(
        "test_text.py",
        "test_batches_follow_from_seed_and_epoch",
    ),
    (
        Mutant(
            "optimizer-without-params",
            "the optimizer is not told the params",
            FILE,
            "            wide_params,\n            value=value",
            "            None,\n            value=value",
        ),
        Mutant(
            "minibatches-share-masks",
            "every minibatch of an epoch draws from one key",
            FILE,
            "jax.random.split(key, count)",
            "jnp.broadcast_to(key, (count,))",
        ),
        Mutant(
            "epochs-share-masks",
            "an epoch draws the same masks whatever its key",
            FILE,
            "jax.random.split(key, count)",
            "jax.random.split(jax.random.key(0), count)",
        ),
        Mutant(
            "norm-of-the-update",
            "the norm that is reported is that of the update",
            FILE,
            "norm(gradient)",
            "norm(updates)",
        ),
        Mutant(
            "seed-plus-epoch",
            "the next seed's epoch is the next epoch of this one",
            BATCHES,
            "default_rng([seed, epoch])",
            "default_rng(seed + epoch)",
        ),
        Mutant(
            "two-epochs-alike",
            "two epochs in turn have the same batches",
            BATCHES,
            "default_rng([seed, epoch])",
            "default_rng([seed, epoch // 2])",
        ),
    ),
)
