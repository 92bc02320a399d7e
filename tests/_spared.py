"""What the day spares: tests that take long, where another daily test would most likely tell too.

They are slow, as if marked so where they stand; here, so that the day's budget is one list. An id
without parameters spares them all; one that ends in * spares all that begin so.
"""

SPARED = {
    "test_accelerators.py": """
        test_its_forms_are_right[cuda-what_is_kept_changes_nothing-gru-one]
        test_its_forms_are_right[tpu-fast_is_plain-gru-one]
        test_its_forms_are_right[tpu-what_is_kept_changes_nothing-gru-one]
    """,
    "test_activations.py": """
        test_saturated_units_have_no_slope[gru-before-carries]
        test_saturated_units_have_no_slope[gru-before-chunks]
        test_saturated_units_have_no_slope[gru-chunks]
        test_saturated_units_have_no_slope[gru-gates]
        test_saturated_units_have_no_slope[lstm-chunks]
        test_saturated_units_have_no_slope[tanh-chunks]
        test_saturated_units_have_no_slope[tanh-gates]
    """,
    "test_around.py": """
        test_a_file_and_a_face[project]
        test_a_file_and_a_face[residual]
        test_a_file_and_a_face[residuals]
        test_a_file_and_a_face[skip]
        test_a_key_reaches_the_dropout_within
        test_a_language_model_writes_with_them
        test_both_ways_are_merged[concat-held]
        test_both_ways_are_merged[mean-held]
        test_both_ways_are_merged[mean-zero]
        test_both_ways_are_merged[sum-held]
        test_gradients_reach_the_start_through_resets[False]
        test_held_both_ways_and_beside
        test_held_outputs_are_projected_and_zeros_stay_zero
        test_six_residual_layers_train
    """,
    "test_claims.py": """
        test_a_bidirectional_model_has_seen_the_answer
        test_clipping_keeps_the_direction_and_sets_the_norm
        test_gates_lie_between_0_and_1_and_candidates_between_minus_1_and_1[gru-before]
        test_perplexity_is_1_at_best_and_v_for_a_uniform_guess[28]
        test_perplexity_is_1_at_best_and_v_for_a_uniform_guess[2]
        test_random_sampling_ends_at_a_higher_perplexity
        test_the_number_of_parameters_does_not_grow_with_time[GRU(hidden_size=4)]
        test_the_number_of_parameters_does_not_grow_with_time[Vanilla(hidden_size=4)]
    """,
    "test_complex_carries.py": """
        test_a_complex_carry_keeps_the_law[causality]
        test_a_complex_carry_keeps_the_law[each_row_has_its_length]
        test_a_complex_carry_keeps_the_law[held_padding_repeats]
        test_a_complex_carry_keeps_the_law[inference_is_training]
        test_a_complex_carry_keeps_the_law[jit_is_eager]
        test_a_complex_carry_keeps_the_law[layers_are_values]
        test_a_complex_carry_keeps_the_law[lengths_and_mask_are_anded]
        test_a_complex_carry_keeps_the_law[more_padding_changes_nothing]
        test_a_complex_carry_keeps_the_law[no_carry_is_the_initial_one]
        test_a_complex_carry_keeps_the_law[reversed_is_flipped]
        test_a_complex_carry_keeps_the_law[rows_are_independent]
        test_a_complex_carry_keeps_the_law[rows_of_no_length_keep_their_carry]
        test_a_complex_carry_keeps_the_law[two_batch_axes_are_one_flattened]
        test_a_complex_carry_keeps_the_law[vmap_is_an_ensemble]
        test_a_complex_carry_keeps_the_law[vmap_is_the_batch_axis]
        test_a_complex_carry_keeps_the_law[what_is_kept_changes_nothing]
    """,
    "test_data_parallel.py": """
        test_four_devices_train_as_one[lstm]
        test_two_processes_train_as_one_device
    """,
    "test_derived.py": """
        test_closed_over[True]
        test_odd_steps[cond_of_the_carry]
        test_odd_steps[convolutions]
        test_odd_steps[custom_vjp_of_a_product]
        test_odd_steps[gates_of_unequal_parts]
        test_odd_steps[jit_of_it]
        test_odd_steps[scan_inside]
        test_odd_steps[swapped]
        test_odd_steps[while_of_the_input]
        test_odd_steps[without_batch]
        test_odd_steps_with_gaps[integer]
        test_odd_steps_with_gaps[many_terms]
        test_odd_steps_with_gaps[one_value_in_two_leaves]
        test_one_instant
        test_transformations[gradients]
        test_transformations[over_params]
        test_transformations[split_rows]
        test_what_is_kept[integer-carries]
        test_what_is_kept[integer-chunks]
        test_what_is_kept[many_terms-carries]
        test_what_is_kept[many_terms-chunks]
        test_what_is_kept[one_value_in_two_leaves-carries]
        test_what_is_kept[one_value_in_two_leaves-chunks]
        test_zones[boolean]
        test_zones[integer]
        test_zones[swapped]
    """,
    "test_dropout.py": """
        test_fast_is_plain[gru-all]
        test_fast_is_plain[gru-before-all]
        test_fast_is_plain[lstm-all]
        test_fast_is_plain[lstm-inputs]
        test_fast_is_plain[lstm-recurrent]
        test_fast_is_plain[lstm-weights]
        test_fast_is_plain[own-all]
        test_fast_is_plain[tanh-all]
        test_it_is_the_loop[gru-before-forward]
        test_it_is_the_loop[tanh-forward]
        test_no_mask_repeats_itself[gru]
        test_one_key_one_answer
        test_token_dropout_drops_words[auto]
        test_token_dropout_drops_words[scan]
    """,
    "test_eager.py": """
        test_a_second_call_compiles_nothing[deep]
        test_a_second_call_compiles_nothing[one]
        test_ids_of_every_width_are_read_whole[Unroll(cell=LSTM(hidden_size=2))-int64]
    """,
    "test_embedding.py": """
        test_a_batch_over_devices[AxisType.Explicit]
        test_a_model_is_one_hot_vectors_times_its_table[own]
        test_an_unknown_target_and_small_floats[tied]
        test_generation_is_a_plain_loop[embedded-both-ways]
        test_loss_and_every_gradient_are_the_twins[tied-deep]
        test_the_rest_of_a_models_meaning[tied]
    """,
    "test_engine.py": """
        test_a_cell_without_params
        test_a_cell_without_products_of_its_carry[False-False]
        test_a_cell_without_products_of_its_carry[False-True]
        test_a_cell_without_products_of_its_carry[True-True]
        test_a_small_dtype_has_a_whole_loss[bfloat16]
        test_a_small_dtype_has_a_whole_loss[float16]
    """,
    "test_experiments.py": """
        test_a_file_is_no_corpus_by_its_name_alone[analects]
        test_a_text_of_ones_own_is_written_from_the_file_alone[byte]
        test_a_text_of_ones_own_is_written_from_the_file_alone[char]
        test_a_text_of_ones_own_is_written_from_the_file_alone[word]
        test_an_epoch_in_many_programs_is_the_same[consecutive]
        test_an_epoch_in_many_programs_is_the_same[random-offset]
        test_the_config_is_enough_to_prepare_the_run_again
        test_without_a_reader_a_run_goes_on_until_its_interrupt_which_leaves_whole_epochs
    """,
    "test_export.py": """
        test_a_layer_and_its_gradient_with_symbolic_sizes[around]
        test_a_layer_and_its_gradient_with_symbolic_sizes[carries]
        test_a_layer_and_its_gradient_with_symbolic_sizes[chunks]
        test_a_layer_and_its_gradient_with_symbolic_sizes[deep]
        test_a_layer_and_its_gradient_with_symbolic_sizes[held]
        test_a_layer_and_its_gradient_with_symbolic_sizes[lstm]
    """,
    "test_family.py": """
        test_a_gate_that_shuts_once_costs_no_digits
        test_an_empty_memory_weighs_nothing[mlstm]
        test_an_empty_memory_weighs_nothing[slstm]
        test_an_lru_begins_on_its_ring
        test_law[conv_lstm-fast_is_plain_with_gaps]
        test_law[peephole_lstm-fast_is_plain_with_gaps]
        test_the_door_and_the_file_know_it[conv_lstm]
        test_the_door_and_the_file_know_it[coupled_lstm]
        test_the_door_and_the_file_know_it[indrnn]
        test_the_door_and_the_file_know_it[layer_norm_gru]
        test_the_door_and_the_file_know_it[lru]
        test_the_door_and_the_file_know_it[mgu]
        test_the_door_and_the_file_know_it[minlstm]
        test_the_door_and_the_file_know_it[peephole_lstm]
        test_the_door_and_the_file_know_it[projection_lstm]
        test_what_fades_slowly_fades_with_16_bit_params_too[mlstm]
        test_what_fades_slowly_fades_with_16_bit_params_too[slstm]
    """,
    "test_flax.py": """
        test_an_ensemble_by_vmap
        test_outputs_and_gradients_are_the_layers_bit_for_bit[by_linen-deep-features]
        test_outputs_and_gradients_are_the_layers_bit_for_bit[by_linen-deep-tokens]
        test_outputs_and_gradients_are_the_layers_bit_for_bit[by_nnx-deep-features]
        test_outputs_and_gradients_are_the_layers_bit_for_bit[by_nnx-deep-tokens]
        test_outputs_and_gradients_are_the_layers_bit_for_bit[by_nnx-gru-tokens]
        test_outputs_and_gradients_are_the_layers_bit_for_bit[by_nnx-lstm-features]
    """,
    "test_flax_cells.py": """
        test_linen_walks_any_cell[gru]
        test_linen_walks_any_cell[slstm]
        test_nnx_walks_any_cell[mingru]
        test_nnx_walks_any_cell[slstm]
    """,
    "test_forward_mode.py": """
        test_forward_mode[carries]
        test_forward_mode[chunks]
        test_forward_mode_of_the_loss
        test_linear_recurrences[chunked]
    """,
    "test_generation.py": """
        test_generation_inside_other_programs
        test_many_beams_miss_nothing[one]
        test_one_id_to_draw_from_is_greedy[k-bfloat16]
        test_pairs_of_ids_come_as_often_as_they_should[one]
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
    "test_interop.py": """
        test_a_language_model_of_keras
        test_a_language_model_trained_in_torch_goes_on_here_and_back[embedded]
        test_cells_of_torch_are_cells[GRUCell]
        test_cells_of_torch_are_cells[RNNCell]
        test_published_models_are_recognised[CRNN]
        test_published_models_are_recognised[Demucs]
        test_published_models_are_recognised[GE2E]
        test_published_models_are_recognised[InferSent]
        test_published_models_are_recognised[Open-Unmix]
        test_published_models_are_recognised[PyanNet]
        test_there_and_back[equinox-lstm-1-both-float64]
        test_there_and_back[nnx-gru-1-there-float64]
        test_there_and_back[torch-gru-1-there-float64]
    """,
    "test_language_model.py": """
        test_an_unknown_target_is_told_forwards_and_in_batches
        test_any_number_of_batch_axes[(2, 3)]
        test_generation_is_a_plain_loop[deep-both-ways]
        test_generation_is_a_plain_loop[vanilla]
        test_loss_and_every_gradient_are_the_twins[deep-both-ways]
        test_loss_and_every_gradient_are_the_twins[vanilla]
    """,
    "test_laws.py": """
        test_ids_of_any_integer_dtype[auto-int64]
        test_ids_of_any_integer_dtype[auto-uint8]
        test_ids_of_any_integer_dtype[scan-int8]
        test_ids_of_any_integer_dtype[scan-uint32]
        test_law[around-mean-bidirectional_is_two_unrolls]
        test_law[around-mean-equals_its_twin_with_gaps]
        test_law[around-product-bidirectional_is_two_unrolls]
        test_law[around-product-mirror]
        test_law[around-project-padding_is_never_read]
        test_law[around-residual-fast_is_plain_with_gaps]
        test_law[around-residual-packed_documents_never_meet]
        test_law[around-residual-padding_is_never_read]
        test_law[around-residuals-stack_is_composition]
        test_law[around-skip-held_padding_repeats]
        test_law[around-start-no_carry_is_the_initial_one]
        test_law[around-start-packed_documents_never_meet]
        test_law[gru-deep-equals_its_twin_with_gaps]
        test_law[lstm-one-held_padding_repeats]
        test_law[lstm-one-more_padding_changes_nothing]
        test_law[lstm-one-vmap_is_an_ensemble]
        test_law[own-one-gradient_of_gradient]
        test_law[own-one-more_padding_changes_nothing]
        test_law[own-one-what_is_kept_changes_nothing]
        test_params_without_axes_keep_the_laws
    """,
    "test_matmul_dtype.py": """
        test_near_and_of_the_params_dtype[gru-auto]
        test_near_and_of_the_params_dtype[gru-before-auto]
        test_near_and_of_the_params_dtype[lstm-auto]
        test_near_and_of_the_params_dtype[tanh-auto]
        test_step_and_walk_round_alike[gru-before]
        test_step_and_walk_round_alike[gru]
        test_step_and_walk_round_alike[lstm]
        test_step_and_walk_round_alike[tanh]
        test_tokens_are_still_one_hot[scan]
    """,
    "test_memory.py": """
        test_no_step_copies_all_of_time[Unroll(cell=GRU(hidden_size=64), matmul_dtype='bfloat16')]
        test_no_step_copies_all_of_time[Unroll(cell=GRU(hidden_size=64, reset='before'))]
        test_no_step_copies_all_of_time[Unroll(cell=LSTM(hidden_size=64), reverse=True)]
        test_no_step_copies_all_of_time[Unroll(cell=Vanilla(hidden_size=64), matmul*
        test_no_step_copies_all_of_time[Unroll(cell=Vanilla(hidden_size=64, activation='relu'))]
        test_the_formula[gru-before]
        test_the_formula[gru]
        test_the_formula[lstm]
        test_the_formula[tanh]
        test_what_xla_allocates[gru-1]
        test_what_xla_allocates[gru-before-1]
        test_what_xla_allocates[lstm-1]
        test_what_xla_allocates[tanh-1]
    """,
    "test_newton.py": """
        test_few_instants_and_odd_batches[0-batch1]
        test_few_instants_and_odd_batches[1-batch0]
        test_few_instants_and_odd_batches[5-batch0]
        test_forward_mode_and_curvature
        test_laws[indrnn_tanh-gradient_of_gradient]
        test_laws[slstm_unmixed-fast_is_plain]
        test_narrow_dtypes[indrnn_tanh-float32]
        test_what_does_not_settle_has_the_gradients_of_the_scan
    """,
    "test_parity.py": """
        test_ten_epochs_are_those_of_pytorch[bigru-live]
        test_ten_epochs_are_those_of_pytorch[bigru-stored]
        test_ten_epochs_are_those_of_pytorch[gru-live]
        test_ten_epochs_are_those_of_pytorch[gru-scratch-live]
        test_ten_epochs_are_those_of_pytorch[gru-scratch-stored]
        test_ten_epochs_are_those_of_pytorch[gru-stored]
        test_ten_epochs_are_those_of_pytorch[lstm-2-layers-stored]
        test_ten_epochs_are_those_of_pytorch[lstm-live]
        test_ten_epochs_are_those_of_pytorch[lstm-stored]
        test_ten_epochs_are_those_of_pytorch[vanilla-live]
        test_ten_epochs_are_those_of_pytorch[vanilla-stored]
    """,
    "test_peers.py": """
        test_16_bits_stay_16_bits[bfloat16-auto-gru-before]
        test_16_bits_stay_16_bits[bfloat16-auto-gru]
        test_16_bits_stay_16_bits[bfloat16-scan-gru-before]
        test_16_bits_stay_16_bits[bfloat16-scan-gru]
        test_16_bits_stay_16_bits[bfloat16-scan-lstm]
        test_16_bits_stay_16_bits[float16-auto-gru]
        test_16_bits_stay_16_bits[float16-auto-lstm]
        test_a_row_of_no_length_keeps_the_carry_passed_in[bidirectional-gru-before]
        test_a_row_of_no_length_keeps_the_carry_passed_in[bidirectional-gru]
        test_a_row_of_no_length_keeps_the_carry_passed_in[bidirectional-vanilla]
        test_a_row_of_no_length_keeps_the_carry_passed_in[one-gru-before]
        test_a_row_of_no_length_keeps_the_carry_passed_in[one-vanilla]
        test_a_row_of_no_length_keeps_the_carry_passed_in[reversed-gru-before]
        test_a_row_of_no_length_keeps_the_carry_passed_in[reversed-gru]
        test_a_row_of_no_length_keeps_the_carry_passed_in[reversed-vanilla]
        test_a_row_of_no_length_keeps_the_carry_passed_in[stack-gru-before]
        test_a_row_of_no_length_keeps_the_carry_passed_in[stack-gru]
        test_a_row_of_no_length_keeps_the_carry_passed_in[stack-vanilla]
        test_padding_does_not_poison_gradients[-inf-*
        test_padding_does_not_poison_gradients[inf-*
    """,
    "test_random_cells.py": """
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
        test_random_cells[1]
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
        test_random_cells[2]
        test_random_cells[4]
        test_random_cells[5]
        test_random_cells[6]
        test_random_cells[7]
        test_random_cells[8]
        test_random_cells[9]
    """,
    "test_random_shapes.py": """
        test_some_programs
    """,
    "test_runs.py": """
        test_a_damaged_checkpoint_gives_way_to_the_one_before
        test_a_finished_run_goes_on_to_more_epochs_only_at_a_constant_rate
        test_early_stopping_keeps_the_best
        test_from_any_program_a_run_goes_on_to_the_same_bits[cosine, validation]
        test_from_any_program_a_run_goes_on_to_the_same_bits[random, offset]
    """,
    "test_saving.py": """
        test_every_layer_comes_back_bit_for_bit[bfloat16]
        test_every_layer_comes_back_bit_for_bit[float16]
        test_every_layer_comes_back_bit_for_bit[float32]
        test_every_layer_comes_back_bit_for_bit[float64]
    """,
    "test_sequences.py": """
        test_packed_is_alone[deep-full rows and empty ones]
        test_packed_is_alone[deep-one long row]
        test_padded_is_alone[deep-left]
        test_padded_is_alone[deep-right]
        test_padded_is_alone[gru-left]
        test_padded_is_alone[gru-right]
    """,
    "test_serving.py": """
        test_another_process_without_jaxrnn_says_the_same[deep-lengths]
        test_another_process_without_jaxrnn_says_the_same[deep-whole]
        test_another_process_without_jaxrnn_says_the_same[words-lengths]
        test_onnx_knows_lengths[both]
        test_onnx_knows_lengths[deep]
        test_onnx_knows_lengths[tied]
        test_onnx_knows_lengths[words]
    """,
    "test_sharding.py": """
        test_a_gradient_gathers_nothing[bfloat16-tokens]
        test_a_gradient_gathers_nothing[carries-tokens]
        test_a_gradient_gathers_nothing[chunks-features]
        test_a_gradient_gathers_nothing[chunks-tokens]
        test_a_gradient_gathers_nothing[gru-before-one-features]
        test_a_gradient_gathers_nothing[gru-before-one-tokens]
        test_a_gradient_gathers_nothing[gru-stack-features]
        test_a_gradient_gathers_nothing[gru-stack-tokens]
        test_a_gradient_gathers_nothing[lstm-deep-features]
        test_a_gradient_gathers_nothing[own-deep-features]
        test_a_gradient_gathers_nothing[relu-tokens]
        test_a_language_model_with_dropout
        test_named_sharding[Auto-gru-deep]
        test_named_sharding[Auto-own-one]
        test_named_sharding[Explicit-gru-deep]
        test_shard_map[Auto-gru-deep]
        test_shard_map[Auto-lstm-reversed]
        test_shard_map[Auto-own-one]
        test_shard_map[Explicit-gru-deep]
    """,
    "test_stability.py": """
        test_long_walks_stay_finite_and_near[minlstm-associative]
        test_long_walks_stay_finite_and_near[mlstm-heads-sequential]
        test_long_walks_stay_finite_and_near[rg_lru-straight-associative]
    """,
    "test_tasks.py": """
        test_a_few_updates_go_a_good_way[classification]
        test_a_few_updates_go_a_good_way[forecasting]
        test_a_few_updates_go_a_good_way[policy]
        test_a_few_updates_go_a_good_way[tagging]
    """,
    "test_text.py": """
        test_six_bytes_of_memory_a_byte_of_text_and_next_to_none_where_it_is_cut[time_machine-char]
        test_six_bytes_of_memory_a_byte_of_text_and_next_to_none_where_it_is_cut[time_machine-word]
    """,
    "test_training.py": """
        test_a_gradient_whose_squares_overflow_is_clipped_and_not_lost[float64]
        test_epochs_of_one_shape_are_traced_once[sgd]
        test_equal_models_share_a_program[method]
        test_sixteen_bits_are_moved_in_float32[float16]
        test_two_epochs_are_a_plain_loop[both-ways-epoch]
        test_two_epochs_are_a_plain_loop[both-ways-minibatch]
        test_two_epochs_are_a_plain_loop[both-ways-never]
        test_two_epochs_are_a_plain_loop[lstm-epoch]
        test_two_epochs_are_a_plain_loop[lstm-minibatch]
    """,
    "test_twin_peers.py": """
        test_conv_lstm_without_peepholes_is_flaxs[spatial0-kernel0]
        test_conv_lstm_without_peepholes_is_flaxs[spatial3-kernel3]
    """,
}


# Of the tests marked float32, those that float64 asks by day too, in the way that counts.
SPARED_IN_FLOAT32 = {
    "test_activations.py": """
        test_saturated_units_have_no_slope[gru-*
        test_saturated_units_have_no_slope[tanh-*
    """,
    "test_claims.py": """
        test_perplexity_is_1_at_best_and_v_for_a_uniform_guess[2]
        test_perplexity_is_1_at_best_and_v_for_a_uniform_guess[28]
        test_without_a_past_a_vanilla_rnn_is_a_perceptron[tanh]
    """,
    "test_embedding.py": """
        test_a_model_is_one_hot_vectors_times_its_table[tied]
    """,
    "test_generation.py": """
        test_pairs_of_ids_come_as_often_as_they_should[one]
        test_the_filter_is_its_twin[*
    """,
    "test_language_model.py": """
        test_a_target_that_is_no_token_is_told_by_what_depends_on_it_alone*
        test_generation_is_a_plain_loop*
        test_logits_and_carry_are_the_twins*
        test_loss_and_every_gradient_are_the_twins[both-ways]
        test_loss_and_every_gradient_are_the_twins[gru-before]
        test_loss_and_every_gradient_are_the_twins[lstm]
    """,
    "test_parity.py": """
        test_ten_epochs_are_those_of_pytorch*
    """,
    "test_laws.py": """
        test_law[lstm-one-each_row_has_its_length]
        test_law[lstm-one-jit_is_eager]
        test_law[lstm-one-padding_is_never_read]
        test_law[lstm-one-what_is_kept_changes_nothing]
        test_law[own-one-each_row_has_its_length]
        test_law[own-one-held_padding_repeats]
        test_law[own-one-inference_is_training]
        test_law[own-one-jit_is_eager]
        test_law[own-one-lengths_and_mask_are_anded]
        test_law[own-one-more_padding_changes_nothing]
        test_law[own-one-padding_is_never_read]
        test_law[own-one-vmap_is_an_ensemble]
        test_law[own-one-what_is_kept_changes_nothing]
    """,
}


def is_spared(nodeid: str, float32: bool = False) -> bool:
    """Of an id as pytest has it, tests/FILE::TEST[PARAMETERS]."""
    file, _, test = nodeid.partition("::")
    file = file.rsplit("/", 1)[-1]
    names = _names(SPARED, file) | (_names(SPARED_IN_FLOAT32, file) if float32 else set())
    begins = tuple(name[:-1] for name in names if name.endswith("*"))
    return test in names or test.partition("[")[0] in names or test.startswith(begins)


def _names(spared: dict[str, str], file: str) -> set[str]:
    return {line.strip() for line in spared.get(file, "").splitlines()} - {""}
