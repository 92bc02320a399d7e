"""Mutants of the cells: each equation, and the lookups that all of them share."""

from __future__ import annotations

from ._mutant import Group, Mutant, laws, tests

LSTM_PY, GRU_PY, VANILLA_PY = "cells/_lstm.py", "cells/_gru.py", "cells/_vanilla.py"
SHARED = "cells/_affine.py"

LSTM = Group(
    "LSTM",
    laws("lstm-one lstm-recurrent-bias-one", "equals_its_twin"),
    (
        Mutant(
            "lstm-gates-swapped",
            "`step` reads the gates in the order i g f o",
            LSTM_PY,
            "i, f, g, o = jnp.split(",
            "i, g, f, o = jnp.split(",
        ),
        Mutant(
            "lstm-tanh-of-c-dropped",
            "h' = o ⊙ c'",
            LSTM_PY,
            "h = jax.nn.sigmoid(o) * jnp.tanh(c)",
            "h = jax.nn.sigmoid(o) * c",
        ),
        Mutant(
            "lstm-c-not-threaded",
            "`step` hands on the c that it was given",
            LSTM_PY,
            "return LSTMCarry(h, c), h",
            "return LSTMCarry(h, carry.c), h",
        ),
        Mutant(
            "lstm-recurrent-bias-forgotten",
            "b_h is not added",
            LSTM_PY,
            "_affine.plus(a, params.b_h)",
            "a",
        ),
        Mutant(
            "lstm-slope-of-c-stopped",
            "nothing goes back along f ⊙ c",
            LSTM_PY,
            "* carry.c +",
            "* jax.lax.stop_gradient(carry.c) +",
        ),
    ),
)

GRU = Group(
    "GRU",
    laws("gru-one gru-before-one", "equals_its_twin")
    + laws("gru-before-recurrent-bias-one gru-no-recurrent-bias-one", "equals_its_twin")
    + tests("test_claims.py", "test_pytorchs_layers_have_a_second_bias"),
    (
        Mutant(
            "gru-before-is-after",
            "reset before: it resets after the product",
            GRU_PY,
            "plus((r * h) @ w_n, b_n)",
            "r * plus(h @ w_n, b_n)",
        ),
        Mutant(
            "gru-bias-not-reset",
            "reset after: b_hn joins b",
            GRU_PY,
            "x_n + r * plus(h @ w_n, b_n)",
            "plus(x_n + r * (h @ w_n), b_n)",
        ),
        Mutant(
            "gru-gates-swapped",
            "the gates lie in the order z r n",
            GRU_PY,
            "r, z = jnp.split(",
            "z, r = jnp.split(",
        ),
        Mutant(
            "gru-update-inverted",
            "h' = (1 - z) ⊙ h + z ⊙ n",
            GRU_PY,
            "z * h + (1 - z) * n",
            "(1 - z) * h + z * n",
        ),
        Mutant(
            "gru-bias-default-inverted",
            "`recurrent_bias` is by default that of the other reset",
            GRU_PY,
            'Follows(self.reset == "after")',
            'Follows(self.reset != "after")',
        ),
    ),
)

VANILLA = Group(
    "Vanilla",
    laws("tanh-one relu-recurrent-bias-one", "equals_its_twin"),
    (
        Mutant(
            "vanilla-all-tanh",
            "φ is tanh, whatever `activation` says",
            VANILLA_PY,
            "ACTIVATIONS[self.activation](",
            'ACTIVATIONS["tanh"](',
        ),
        Mutant(
            "vanilla-recurrent-bias-forgotten",
            "b_h is not added",
            VANILLA_PY,
            "_affine.plus(a, params.b_h)",
            "a",
        ),
    ),
)

AFFINE = Group(
    "Lookups",
    laws("lstm-one", "tokens_are_one_hot"),
    (
        Mutant(
            "ids-wrap",
            "negative ids count from the end",
            SHARED,
            'mode="fill", fill_value=0, wrap_negative_indices=False',
            'mode="fill", fill_value=0',
        ),
        Mutant(
            "ids-clipped",
            "an id out of range is the nearest in it",
            SHARED,
            'mode="fill", fill_value=0,',
            'mode="clip",',
        ),
    ),
)
