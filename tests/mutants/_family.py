"""Mutants of the family: three of each cell's equation, and of what the cells share."""

from __future__ import annotations

from ._mutant import Group, Mutant, tests

PAIRS_PY, LINEAR_PY = "engine/_pairs.py", "engine/_linear.py"
MLSTM_CHUNKS = "engine/kernels/_mlstm.py"


def cell(name: str, ids: str, *mutants: tuple[str, str, str, str]) -> Group:
    """(name, what, old, new) of one cell's file, held by its twin."""
    laws = [
        id_ if "_gaps" in id_ else f"{id_}-slopes_are_its_twins_with_gaps" for id_ in ids.split()
    ]
    asked = "\n".join(f"test_law[{law}]" for law in laws)
    file = f"cells/_{name}.py"
    return Group(
        name,
        tests("test_family.py", asked),
        tuple(
            Mutant(f"{name.replace('_', '-')}-{short}", what, file, old, new)
            for short, what, old, new in mutants
        ),
    )


FAMILY = (
    cell(
        "projection_lstm",
        "projection_lstm",
        (
            "memory-for-output",
            "what is projected is o ⊙ c'",
            "jnp.tanh(c)) @ params.w_r",
            "c) @ params.w_r",
        ),
        ("one-bias", "b_h is not added", "params.b), params.b_h)", "params.b), None)"),
        ("order", "the gates' order is f i g o", "i, f, g, o = jnp", "f, i, g, o = jnp"),
    ),
    cell(
        "peephole_lstm",
        "peephole_lstm",
        ("old-memory", "o sees c, not c'", "o + times(c, p_o)", "o + times(carry.c, p_o)"),
        ("order", "the peepholes' order is f i o", "p_i, p_f, p_o =", "p_f, p_i, p_o ="),
        (
            "input-blind",
            "i does not see c",
            "jax.nn.sigmoid(i + times(carry.c, p_i))",
            "jax.nn.sigmoid(i)",
        ),
    ),
    cell(
        "coupled_lstm",
        "coupled_lstm",
        ("uncoupled", "f = i", "(1 - i) * carry.c", "i * carry.c"),
        ("order", "the gates' order is g i o", "i, g, o = jnp", "g, i, o = jnp"),
        ("unbounded", "h' = o ⊙ c'", "jax.nn.sigmoid(o) * jnp.tanh(c)", "jax.nn.sigmoid(o) * c"),
    ),
    cell(
        "layer_norm_lstm",
        "layer_norm_lstm",
        (
            "one-scale",
            "s_h is s_x",
            "self.epsilon), params.scale_h)",
            "self.epsilon), params.scale_x)",
        ),
        (
            "memory",
            "the carry's c is the normalised one",
            "LSTMCarry(h, c), h",
            "LSTMCarry(h, normed), h",
        ),
        (
            "unshifted",
            "the shift of c' is not added",
            "plus(times(layer_norm(c, self.epsilon), params.scale_c), params.shift_c)",
            "times(layer_norm(c, self.epsilon), params.scale_c)",
        ),
    ),
    cell(
        "layer_norm_gru",
        "layer_norm_gru",
        ("kept", "z is the share of the old", "(1 - z) * h + z * n", "z * h + (1 - z) * n"),
        (
            "shift-outside",
            "b_n is outside of the reset",
            "r * plus(h_n, params.b_n)",
            "plus(r * h_n, params.b_n)",
        ),
        (
            "one-scale",
            "s_x is s_h",
            "inputs(params.w_x, x), params.scale_x)",
            "inputs(params.w_x, x), params.scale_h)",
        ),
    ),
    cell(
        "mgu",
        "mgu",
        ("no-reset", "the candidate sees all of h", "(f * carry.h) @ w_n", "carry.h @ w_n"),
        (
            "kept",
            "f is the share of the old",
            "(1 - f) * carry.h + f * n",
            "f * carry.h + (1 - f) * n",
        ),
        ("blind", "f does not see h", "jax.nn.sigmoid(x_f + carry.h @ w_f)", "jax.nn.sigmoid(x_f)"),
    ),
    cell(
        "indrnn",
        "indrnn-tanh",
        ("all-alike", "u is not laid on", "times(carry.h, params.u)", "carry.h"),
        (
            "no-bias",
            "b is not added",
            "plus(inputs(params.w_x, x), params.b) +",
            "inputs(params.w_x, x) +",
        ),
        ("linear", "φ is not laid on", "ACTIVATIONS[self.activation](a)", "a"),
    ),
    cell(
        "conv_lstm",
        "conv_lstm-2d",
        ("not-same", "zeros stand beyond one edge alone", '"SAME"', '"SAME_LOWER"'),
        ("peepholes", "o has the peephole of f", "self._peep(params, 2,", "self._peep(params, 1,"),
        (
            "old-memory",
            "o sees c, not c'",
            "self._peep(params, 2, o, c))",
            "self._peep(params, 2, o, carry.c.reshape(o.shape)))",
        ),
    ),
    cell(
        "slstm",
        "slstm-heads",
        ("unnormalised", "h' = o ⊙ c'", "jax.nn.sigmoid(o) * c / n", "jax.nn.sigmoid(o) * c"),
        (
            "heads-mixed",
            "the gates of two heads change places",
            "jnp.swapaxes(gates, -3, -2)",
            "gates",
        ),
        ("unforgotten", "n is not faded by f", "n = f * carry.n + i", "n = carry.n + i"),
    ),
    cell(
        "paragru",
        "paragru",
        ("no-reset", "the candidate sees all of h", "times(r * h, a_n)", "times(h, a_n)"),
        ("kept", "z is the share of the old", "(1 - z) * h + z * n", "z * h + (1 - z) * n"),
        ("one-weight", "z reads h as r does", "times(h, a_z)", "times(h, a_r)"),
    ),
    cell(
        "mingru",
        "mingru",
        ("bounded", "n = tanh", "carry.h + z * n", "carry.h + z * jnp.tanh(n)"),
        (
            "kept",
            "z is the share of the old",
            "(1 - z) * carry.h + z * n",
            "z * carry.h + (1 - z) * n",
        ),
        ("order", "the candidate comes first", "z, n = jnp.split(plus", "n, z = jnp.split(plus"),
    ),
    cell(
        "minlstm",
        "minlstm",
        (
            "unshared",
            "f is no share",
            "jax.nn.sigmoid(ratio) * carry.h",
            "jax.nn.sigmoid(f) * carry.h",
        ),
        ("order", "the gates' order is i f", "f, i, n = jnp", "i, f, n = jnp"),
        ("unshared-input", "i is no share", "jax.nn.sigmoid(-ratio) * n", "jax.nn.sigmoid(i) * n"),
    ),
    cell(
        "sru",
        "sru-straight",
        ("no-highway", "x does not go past", "+ (1 - r) * straight", "+ 0 * straight"),
        ("unbounded", "y reads c', not tanh(c')", "r * jnp.tanh(c)", "r * c"),
        (
            "kept",
            "f is the share of the new",
            "f * carry.c + (1 - f) * n",
            "(1 - f) * carry.c + f * n",
        ),
    ),
    cell(
        "qrnn",
        "qrnn-three",
        ("oldest-first", "the window is read from its other end", "params.w_x[::-1]", "params.w_x"),
        (
            "kept",
            "f is the share of the new",
            "f * carry.c + (1 - f) * jnp.tanh(z)",
            "(1 - f) * carry.c + f * jnp.tanh(z)",
        ),
        ("bounded", "y reads tanh(c')", "jax.nn.sigmoid(o) * c", "jax.nn.sigmoid(o) * jnp.tanh(c)"),
    ),
    cell(
        "lru",
        "lru",
        ("conjugate", "y reads + Im(h') C_im", "- imag @ params.c_im", "+ imag @ params.c_im"),
        ("unscaled", "γ is not laid on", ".astype(wide), gamma)", ".astype(wide), gamma / gamma)"),
        ("growing", "|λ| is above 1", "jax.lax.complex(-nu, theta)", "jax.lax.complex(nu, theta)"),
    ),
    cell(
        "rg_lru",
        "rg_lru-straight",
        ("unscaled", "√(1 - α²) is 1 - α²", "jnp.sqrt(jnp.maximum", "(jnp.maximum"),
        ("ungated", "the input gate is not read", "scale * i * straight", "scale * straight"),
        ("half", "1 - α² is 1 - α", "jnp.expm1(2 * log_alpha)", "jnp.expm1(log_alpha)"),
    ),
    cell(
        "mlstm",
        "mlstm-heads mlstm-fast_is_plain_with_gaps",
        (
            "transposed",
            "c holds k vᵀ",
            "jnp.expand_dims(i * v, -1) * jnp.expand_dims(k, -2)",
            "jnp.expand_dims(i * k, -1) * jnp.expand_dims(v, -2)",
        ),
        ("keys-unscaled", "k is not divided by √D", "k * heads[-1] ** -0.5", "k"),
        ("no-floor", "the normaliser has no least", "jnp.maximum(weight, least)", "weight"),
    ),
)

STAGES = Group(
    "Linear in stages",
    tests(
        "test_family.py",
        """test_linear_walks_are_the_loop[mlstm-associative-False]
        test_linear_walks_are_the_loop[qrnn-associative-False]
        test_which_are_linear_is_found_by_reading[slstm]""",
    ),
    (
        Mutant(
            "stages-any-order",
            "a leaf may read others before these are had",
            PAIRS_PY,
            "if read <= known | {i}",
            "if True",
        ),
        Mutant(
            "most-is-less",
            "of two maxima the pair is their sum",
            PAIRS_PY,
            "Pair(*map(jnp.maximum,",
            "Pair(*map(jnp.add,",
        ),
        Mutant(
            "most-slope-to-both",
            "the slope of a maximum goes to both sides",
            LINEAR_PY,
            "return through * slopes, (1 - through) * slopes,",
            "return through * slopes, slopes,",
        ),
    ),
)

CHUNKED_MLSTM = Group(
    "An mLSTM in chunks",
    tests(
        "test_family.py",
        """test_law[mlstm-fast_is_plain_with_gaps]
        test_law[mlstm-heads-slopes_are_its_twins_with_gaps]""",
    ),
    (
        Mutant(
            "chunk-sees-ahead",
            "an instant reads what comes after it",
            MLSTM_CHUNKS,
            "jnp.tri(f.shape[-1], dtype=bool)",
            "jnp.ones((f.shape[-1],) * 2, bool)",
        ),
        Mutant(
            "chunk-documents-meet",
            "documents of one chunk read each other",
            MLSTM_CHUNKS,
            "pairs & (document[..., :, None] == document[..., None, :])",
            "pairs",
        ),
        Mutant(
            "chunk-memory-beyond-restart",
            "the memory before a restart is still read",
            MLSTM_CHUNKS,
            "reads = document == 0",
            "reads = document >= 0",
        ),
        Mutant(
            "chunk-padding-forgets",
            "at an invalid step the memory fades",
            MLSTM_CHUNKS,
            "jnp.where(valid, f, 0)",
            "f",
        ),
        Mutant(
            "chunk-memory-transposed",
            "q reads the memory's columns",
            MLSTM_CHUNKS,
            "(q @ jnp.swapaxes(c, -1, -2))",
            "(q @ c)",
        ),
    ),
)
