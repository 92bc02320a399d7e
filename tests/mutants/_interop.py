"""Mutants of the converters: what each library's map holds, and what verifies it."""

from __future__ import annotations

from ._mutant import Group, Mutant, tests

ASKED = """test_there_and_back[linen-lstm-1-both-float64]
test_there_and_back[linen-gru-1-there-float64]
test_there_and_back[nnx-lstm-1-both-float64]
test_there_and_back[equinox-gru-1-there-float64]
test_there_and_back[haiku-lstm-1-both-float64]
test_there_and_back[haiku-gru-before-1-there-float64]
test_there_and_back[cudnn-lstm-1-both-float64]
test_there_and_back[keras-lstm-1-both-float32]
test_there_and_back[keras-gru-1-there-float32]
test_there_and_back[onnx-lstm-1-both-float32]
test_there_and_back[onnx-gru-1-there-float32]"""

INTEROP = Group(
    "converters",
    (
        *tests("test_interop_refusals.py", "test_what_differs_is_told"),
        *tests("test_interop.py", ASKED),
    ),
    tuple(
        Mutant(name, what, f"interop/_{file}.py", old, new)
        for name, what, file, old, new in (
            (
                "keras-biases-swapped",
                "the two biases of a GRU change places",
                "keras",
                "(b[0], b[1]) if",
                "(b[1], b[0]) if",
            ),
            (
                "keras-gates-as-they-lie",
                "a GRU's gates are read as r z n",
                "keras",
                "ZRN = (1, 0, 2)  # its",
                "ZRN = (0, 1, 2)  # its",
            ),
            (
                "keras-directions-swapped",
                "the backward layer is read forwards",
                "keras",
                "_walk(keras, there, False, notes), _walk(keras, back, True, notes)",
                "_walk(keras, back, False, notes), _walk(keras, there, True, notes)",
            ),
            (
                "linen-gates-swapped",
                "an LSTM's gates are i g f o",
                "linen",
                '("i", "f", "g", "o")',
                '("i", "g", "f", "o")',
            ),
            (
                "linen-bias-of-another-gate",
                "the bias inside r ⊙ (…) is that of r",
                "linen",
                "[jnp.zeros(2 * H, inside.dtype), inside]",
                "[inside, jnp.zeros(2 * H, inside.dtype)]",
            ),
            (
                "nnx-directions-swapped",
                "the backward cell is read forwards",
                "nnx",
                "_walk(ways[0].cell, False), _walk(ways[1].cell, True)",
                "_walk(ways[1].cell, False), _walk(ways[0].cell, True)",
            ),
            (
                "flax-carry-swapped",
                "an LSTM's carry goes to Flax as (h, c)",
                "flax",
                "(carry.c, carry.h) if",
                "(carry.h, carry.c) if",
            ),
            (
                "haiku-forgets-one",
                "the 1 that Haiku adds in its step goes to another gate",
                "haiku",
                "np.array([0, 1, 0, 0], b.dtype)",
                "np.array([0, 0, 1, 0], b.dtype)",
            ),
            (
                "haiku-update-unturned",
                "z keeps its sign",
                "haiku",
                "concatenate([r, -z, n]",
                "concatenate([r, z, n]",
            ),
            (
                "haiku-gates-as-they-lie",
                "an LSTM's gates are read as i f g o",
                "haiku",
                "IGFO = (0, 2, 1, 3)",
                "IGFO = (0, 1, 2, 3)",
            ),
            (
                "equinox-bias-of-another-gate",
                "the bias inside r ⊙ (…) is that of r",
                "equinox",
                "[jnp.zeros(2 * H, inside.dtype), inside]",
                "[inside, jnp.zeros(2 * H, inside.dtype)]",
            ),
            (
                "candidate-bias-of-another-gate",
                "of two biases, r's is written as the candidate's",
                "biases",
                "return b, params.b_h[2 * H :]",
                "return b, params.b_h[:H]",
            ),
            (
                "onnx-gates-swapped",
                "an LSTM's gates are read as they lie",
                "onnx",
                "(0, 3, 1, 2), (0, 2, 3, 1), (1, 0, 2)",
                "(0, 3, 1, 2), (0, 1, 2, 3), (1, 0, 2)",
            ),
            (
                "onnx-reset-inverted",
                "linear_before_reset is 1 where the reset is before",
                "onnx_graph",
                'int(cell.reset == "after")',
                'int(cell.reset == "before")',
            ),
            (
                "cudnn-biases-first",
                "the vector is read as if its biases came first",
                "cudnn",
                "for kinds in (MATRICES, VECTORS):",
                "for kinds in (VECTORS, MATRICES):",
            ),
            (
                "verified-by-outputs-alone",
                "states that differ are not told",
                "result",
                "states=_largest(carry, got.carry)",
                "states=0.0 * _largest(carry, got.carry)",
            ),
            (
                "verified-without-gradients",
                "gradients that differ are not told",
                "result",
                "for pair in gradients), default=None)",
                "for pair in gradients[:0]), default=None)",
            ),
            (
                "the-least-difference",
                "the least difference is told, not the largest",
                "result",
                "return float(np.max(np.abs(a - b), initial=0.0)) / scale",
                "return float(np.min(np.abs(a - b), initial=0.0)) / scale",
            ),
        )
    ),
)
