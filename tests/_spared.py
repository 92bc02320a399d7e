"""What the day spares: tests that take long, where another daily test would most likely tell too.

They are slow, as if marked so where they stand; here, so that the day's budget is one list. An id
without parameters spares them all.
"""

SPARED = {
    "test_around.py": """
        test_six_residual_layers_train
        test_a_key_reaches_the_dropout_within
    """,
    "test_data_parallel.py": """
        test_four_devices_train_as_one[lstm]
    """,
    "test_dropout.py": """
        test_fast_is_plain[gru-all]
    """,
    "test_engine.py": """
        test_a_cell_without_params
    """,
    "test_experiments.py": """
        test_a_text_of_ones_own_is_written_from_the_file_alone[word]
    """,
    "test_export.py": """
        test_a_layer_and_its_gradient_with_symbolic_sizes[deep]
    """,
    "test_generation.py": """
        test_generation_inside_other_programs
        test_many_beams_miss_nothing[one]
    """,
    "test_holes.py": """
        test_16_bit_gradients_add_up_in_float32[False-scan-chunks]
        test_16_bit_gradients_add_up_in_float32[False-scan-carries]
        test_a_document_can_begin_in_a_row_that_is_all_padding[bidirectional-scan]
    """,
    "test_holes_of_the_engine.py": """
        test_linear_is_plain[associative-True]
        test_linear_is_plain[chunked-False]
        test_linear_is_plain[sequential-False]
        test_what_is_added_outside_the_loop_adds_up_in_float32[time]
    """,
    "test_language_model.py": """
        test_an_unknown_target_is_told_forwards_and_in_batches
        test_any_number_of_batch_axes[(2, 3)]
        test_the_loss_of_a_target_that_is_no_token_is_nan[-1]
    """,
    "test_laws.py": """
        test_params_without_axes_keep_the_laws
    """,
    "test_random_shapes.py": """
        test_some_programs
    """,
    "test_runs.py": """
        test_from_any_program_a_run_goes_on_to_the_same_bits[random, offset]
    """,
    "test_sharding.py": """
        test_a_language_model_with_dropout[Explicit]
    """,
    "test_tasks.py": """
        test_a_few_updates_go_a_good_way[classification]
        test_a_few_updates_go_a_good_way[tagging]
    """,
}


def is_spared(nodeid: str) -> bool:
    """Of an id as pytest has it, tests/FILE::TEST[PARAMETERS]."""
    file, _, test = nodeid.partition("::")
    names = _names(file.rsplit("/", 1)[-1])
    return test in names or test.partition("[")[0] in names


def _names(file: str) -> set[str]:
    return {line.strip() for line in SPARED.get(file, "").splitlines()} - {""}
