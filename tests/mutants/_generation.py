"""Mutants of generation and of the table before a language model's layer."""

from __future__ import annotations

from ._mutant import Group, Mutant, tests

SAMPLING, WALK = "generation/_sampling.py", "generation/_walk.py"
BEAMS, STREAM = "generation/_beams.py", "generation/_stream.py"
MODEL, PARAMS = "_language_model.py", "_language_params.py"

GENERATION = Group(
    "Generation",
    tests(
        "test_generation.py",
        """test_of_equal_logits_the_lowest_ids_are_kept
        test_the_filter_is_its_twin[0.6-3-0.3]
        test_no_temperature_overflows_and_all_is_all
        test_sampling_is_a_plain_loop[most-one]
        test_a_stream_is_what_generate_says[True-tied]
        test_beam_search_is_a_plain_search[3]""",
    )
    + tests("test_language_model.py", "test_generation_is_a_plain_loop[both-ways]"),
    (
        Mutant(
            "filter-one-more",
            "top-k keeps k + 1",
            SAMPLING,
            "jax.lax.top_k(logits, top_k or logits.shape[-1])",
            "jax.lax.top_k(logits, min((top_k or 0) + 1, logits.shape[-1]))",
        ),
        Mutant(
            "nucleus-short",
            "the id with which p is reached is left out",
            SAMPLING,
            "jnp.cumsum(probabilities, axis=-1) - probabilities",
            "jnp.cumsum(probabilities, axis=-1)",
        ),
        Mutant(
            "nucleus-of-all-falls-short",
            "p = 1 leaves out what rounding has reached it without",
            SAMPLING,
            "(before < p) | (p >= 1)",
            "before < p",
        ),
        Mutant(
            "temperature-overflows",
            "the greatest logit is not taken off",
            SAMPLING,
            "logits = logits - logits.max(axis=-1, keepdims=True)",
            "logits = logits - 0",
        ),
        Mutant(
            "rows-share-a-key",
            "every row of a batch draws by one key",
            SAMPLING,
            "jnp.arange(rows, dtype=jnp.int32)",
            "jnp.zeros(rows, jnp.int32)",
        ),
        Mutant(
            "instants-share-a-key",
            "every instant draws by one key",
            SAMPLING,
            "(keys, instant)",
            "(keys, 0)",
        ),
        Mutant(
            "prompt-at-once-both-ways",
            "a bidirectional layer reads a prompt in one walk",
            WALK,
            "_at_once if _walks_forwards(model.layer) else _one_by_one",
            "_at_once",
        ),
        Mutant(
            "stream-begins-again",
            "every chunk of a stream draws by the first one's keys",
            STREAM,
            "first += CHUNK",
            "first += 0",
        ),
        Mutant(
            "beams-keep-their-carry",
            "a beam goes on from the carry of another",
            BEAMS,
            "carry, said = jax.tree.map(lambda a: a[parent], (carry, said))",
            "said = said[parent]",
        ),
        Mutant(
            "beams-begin-alike",
            "all beams begin alive, and stay copies of the best",
            BEAMS,
            "nothing.at[0].set(0)",
            "nothing.at[:].set(0)",
        ),
    ),
)

EMBEDDING = Group(
    "Embedding",
    tests(
        "test_embedding.py",
        """test_a_table_begins_with_rows_of_length_one
        test_dropout_is_on_inputs_and_outputs_anew_at_each_instant
        test_table_layer_and_head_do_not_share_their_randomness
        test_a_model_is_one_hot_vectors_times_its_table[tied]
        test_params_of_another_model""",
    ),
    (
        Mutant(
            "table-wraps",
            "a negative id picks a row from the end of the table",
            PARAMS,
            "wrap_negative_indices=False",
            "wrap_negative_indices=True",
        ),
        Mutant(
            "table-of-unit-normals",
            "the table begins as N(0, 1)",
            PARAMS,
            "size**-0.5 * jax.random",
            "jax.random",
        ),
        Mutant(
            "table-of-the-heads-key",
            "table and head are drawn by one key",
            MODEL,
            "table(more[0], self",
            "table(key_head, self",
        ),
        Mutant(
            "outputs-not-dropped",
            "dropout leaves out what the head reads",
            MODEL,
            "return carry, self._dropped(key_outputs, ys)",
            "return carry, ys",
        ),
        Mutant(
            "model-drops-by-one-mask",
            "inputs and outputs are dropped by one mask",
            MODEL,
            "self._dropped(key_outputs, ys)",
            "self._dropped(key_inputs, ys)",
        ),
        Mutant(
            "untied",
            "params of a model that is not tied are not refused",
            PARAMS,
            "if (params.head.w is None) != model.tied:",
            "if (params.head.w is None) > model.tied:",
        ),
    ),
)
