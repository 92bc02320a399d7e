"""Mutants of how arrays begin."""

from __future__ import annotations

from ._mutant import Group, Mutant, tests

FILE = "cells/_initializers.py"

INITIALIZERS = Group(
    "Initializers",
    tests(
        "test_claims.py",
        """test_three_arrays_a_gate_and_two_of_the_output_layer
        test_pytorchs_layers_have_a_second_bias""",
    )
    + tests("test_peers.py", "test_params_begin_in_16_bits")
    + tests(
        "test_holes.py",
        """test_no_gate_begins_as_another
        test_glorot_orthogonal_gate_by_gate
        test_small_normal_is_small_and_normal
        test_pytorch_uniform_is_within_the_root_of_the_hidden_size""",
    ),
    (
        Mutant(
            "forget-bias-on-i",
            "the bias of 1 is gate i's",
            "cells/_lstm.py",
            "forget_gate=1,",
            "forget_gate=0,",
        ),
        Mutant(
            "recurrent-glorot",
            "recurrent weights are Glorot's too",
            FILE,
            "gate_by_gate(orthogonal, key_h, hidden_size)",
            "gate_by_gate(glorot, key_h, hidden_size)",
        ),
        Mutant(
            "gates-alike",
            "all gates begin as one",
            FILE,
            "keys = jax.random.split(key, gates)",
            "keys = [key] * gates",
        ),
        Mutant(
            "normal-of-one-key",
            "small_normal draws both weights from one key",
            FILE,
            "key_x, key_h = jax.random.split(key)",
            "key_x = key_h = key",
            at=(2, 2),
        ),
        Mutant(
            "uniform-biases-alike",
            "pytorch_uniform draws both biases from one key",
            FILE,
            "for k, shape in zip(keys, shapes, strict=True)",
            "for k, shape in zip((*keys[:3], keys[2]), shapes, strict=True)",
        ),
        Mutant(
            "uniform-one-sided",
            "pytorch_uniform is U(0, 1/√H)",
            FILE,
            "shape, dtype, -bound, bound)",
            "shape, dtype, 0, bound)",
        ),
    ),
)
