"""What the day spares: tests that take long, where another daily test would most likely tell too.

They are slow, as if marked so where they stand; here, so that the day's budget is one list. An id
without parameters spares them all.
"""

SPARED = {
    "test_around.py": """
        test_a_language_model_writes_with_them
        test_a_key_reaches_the_dropout_within
        test_both_ways_are_merged[concat-held]
        test_both_ways_are_merged[mean-zero]
        test_both_ways_are_merged[sum-held]
        test_gradients_reach_the_start_through_resets[False]
        test_held_both_ways_and_beside
        test_six_residual_layers_train
    """,
    "test_claims.py": """
        test_a_bidirectional_model_has_seen_the_answer
        test_random_sampling_ends_at_a_higher_perplexity
        test_the_number_of_parameters_does_not_grow_with_time[GRU(hidden_size=4)]
    """,
    "test_data_parallel.py": """
        test_four_devices_train_as_one[lstm]
    """,
    "test_derived.py": """
        test_closed_over[True]
        test_odd_steps[gates_of_unequal_parts]
        test_odd_steps[jit_of_it]
        test_odd_steps_with_gaps[many_terms]
        test_what_is_kept[integer-carries]
        test_what_is_kept[many_terms-carries]
        test_what_is_kept[one_value_in_two_leaves-carries]
        test_what_is_kept[one_value_in_two_leaves-chunks]
        test_zones[boolean]
        test_zones[integer]
    """,
    "test_dropout.py": """
        test_one_key_one_answer
        test_fast_is_plain[gru-all]
        test_fast_is_plain[gru-before-all]
        test_fast_is_plain[lstm-all]
        test_fast_is_plain[lstm-inputs]
        test_fast_is_plain[lstm-recurrent]
        test_fast_is_plain[tanh-all]
        test_token_dropout_drops_words[scan]
    """,
    "test_eager.py": """
        test_a_second_call_compiles_nothing[one]
        test_a_second_call_compiles_nothing[plain]
    """,
    "test_embedding.py": """
        test_a_batch_over_devices[AxisType.Explicit]
        test_a_model_is_one_hot_vectors_times_its_table[own]
        test_generation_is_a_plain_loop[embedded-both-ways]
    """,
    "test_engine.py": """
        test_a_cell_without_params
        test_a_cell_without_products_of_its_carry[False-False]
        test_a_cell_without_products_of_its_carry[False-True]
        test_a_cell_without_products_of_its_carry[True-True]
        test_a_small_dtype_has_a_whole_loss[float16]
    """,
    "test_experiments.py": """
        test_a_file_is_no_corpus_by_its_name_alone[analects]
        test_a_text_of_ones_own_is_written_from_the_file_alone[byte]
        test_a_text_of_ones_own_is_written_from_the_file_alone[word]
        test_an_epoch_in_many_programs_is_the_same[random-offset]
        test_without_a_reader_a_run_goes_on_until_its_interrupt_which_leaves_whole_epochs
    """,
    "test_export.py": """
        test_a_layer_and_its_gradient_with_symbolic_sizes[carries]
        test_a_layer_and_its_gradient_with_symbolic_sizes[deep]
        test_a_layer_and_its_gradient_with_symbolic_sizes[held]
    """,
    "test_flax.py": """
        test_an_ensemble_by_vmap
        test_outputs_and_gradients_are_the_layers_bit_for_bit[by_nnx-deep-tokens]
        test_outputs_and_gradients_are_the_layers_bit_for_bit[by_nnx-gru-tokens]
        test_outputs_and_gradients_are_the_layers_bit_for_bit[by_nnx-lstm-features]
    """,
    "test_forward_mode.py": """
        test_forward_mode[carries]
        test_forward_mode[chunks]
        test_linear_recurrences[chunked]
    """,
    "test_generation.py": """
        test_generation_inside_other_programs
        test_many_beams_miss_nothing[one]
    """,
    "test_holes.py": """
        test_16_bit_gradients_add_up_in_float32[False-scan-carries]
        test_16_bit_gradients_add_up_in_float32[False-scan-chunks]
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
    """,
    "test_laws.py": """
        test_law[around-residual-packed_documents_never_meet]
        test_law[around-start-packed_documents_never_meet]
        test_params_without_axes_keep_the_laws
    """,
    "test_matmul_dtype.py": """
        test_near_and_of_the_params_dtype[gru-auto]
        test_near_and_of_the_params_dtype[gru-before-auto]
        test_tokens_are_still_one_hot[scan]
    """,
    "test_memory.py": """
        test_the_formula[gru-before]
        test_what_xla_allocates[gru-before-1]
    """,
    "test_newton.py": """
        test_forward_mode_and_curvature
        test_laws[slstm_unmixed-fast_is_plain]
        test_narrow_dtypes[indrnn_tanh-float32]
        test_what_does_not_settle_has_the_gradients_of_the_scan
    """,
    "test_parity.py": """
        test_ten_epochs_are_those_of_pytorch[gru-scratch-stored]
        test_ten_epochs_are_those_of_pytorch[gru-scratch-live]
        test_ten_epochs_are_those_of_pytorch[gru-live]
        test_ten_epochs_are_those_of_pytorch[lstm-live]
        test_ten_epochs_are_those_of_pytorch[vanilla-live]
        test_ten_epochs_are_those_of_pytorch[bigru-live]
        test_ten_epochs_are_those_of_pytorch[bigru-stored]
        test_ten_epochs_are_those_of_pytorch[gru-stored]
        test_ten_epochs_are_those_of_pytorch[lstm-stored]
        test_ten_epochs_are_those_of_pytorch[vanilla-stored]
    """,
    "test_random_cells.py": """
        test_random_cells[1]
        test_random_cells[0]
        test_random_cells[10]
        test_random_cells[11]
        test_random_cells[12]
        test_random_cells[13]
        test_random_cells[14]
        test_random_cells[15]
        test_random_cells[16]
        test_random_cells[17]
        test_random_cells[18]
        test_random_cells[19]
        test_random_cells[20]
        test_random_cells[21]
        test_random_cells[22]
        test_random_cells[23]
        test_random_cells[24]
        test_random_cells[25]
        test_random_cells[26]
        test_random_cells[27]
        test_random_cells[28]
        test_random_cells[29]
        test_random_cells[6]
        test_random_cells[7]
        test_random_cells[8]
        test_random_cells[9]
    """,
    "test_random_shapes.py": """
        test_some_programs
    """,
    "test_runs.py": """
        test_from_any_program_a_run_goes_on_to_the_same_bits[random, offset]
        test_one_process_at_a_time
    """,
    "test_saving.py": """
        test_every_layer_comes_back_bit_for_bit[float16]
        test_every_layer_comes_back_bit_for_bit[float64]
    """,
    "test_sequences.py": """
        test_padded_is_alone[deep-left]
        test_padded_is_alone[deep-right]
        test_padded_is_alone[gru-right]
    """,
    "test_sharding.py": """
        test_a_gradient_gathers_nothing[chunks-tokens]
        test_a_gradient_gathers_nothing[gru-stack-features]
        test_a_gradient_gathers_nothing[own-deep-features]
        test_a_language_model_with_dropout
        test_named_sharding[Auto-gru-deep]
        test_shard_map[Auto-gru-deep]
        test_shard_map[Auto-lstm-reversed]
        test_shard_map[Explicit-gru-deep]
    """,
    "test_stability.py": """
        test_long_walks_stay_finite_and_near[minlstm-associative]
        test_long_walks_stay_finite_and_near[rg_lru-straight-associative]
    """,
    "test_tasks.py": """
        test_a_few_updates_go_a_good_way[classification]
        test_a_few_updates_go_a_good_way[forecasting]
        test_a_few_updates_go_a_good_way[tagging]
    """,
    "test_training.py": """
        test_sixteen_bits_are_moved_in_float32[float16]
        test_two_epochs_are_a_plain_loop[both-ways-minibatch]
        test_two_epochs_are_a_plain_loop[both-ways-never]
    """,
}


def is_spared(nodeid: str) -> bool:
    """Of an id as pytest has it, tests/FILE::TEST[PARAMETERS]."""
    file, _, test = nodeid.partition("::")
    names = _names(file.rsplit("/", 1)[-1])
    return test in names or test.partition("[")[0] in names


def _names(file: str) -> set[str]:
    return {line.strip() for line in SPARED.get(file, "").splitlines()} - {""}
