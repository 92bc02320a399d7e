"""Mutants of the LSTM: the equation, its division, and each residual of its adjoint."""

from __future__ import annotations

from ._mutant import Group, Mutant, laws, tests

FILE = "cells/_lstm.py"

LSTM = Group(
    "LSTM",
    laws("lstm-one", "equals_its_twin fast_is_plain fast_is_plain_with_gaps unroll_is_the_loop")
    + laws("lstm-recurrent-bias-one", "equals_its_twin fast_is_plain")
    + laws("lstm-one", "gradient_of_gradient")
    + tests(
        "test_dropout.py",
        """test_fast_is_plain[lstm-recurrent]
        test_it_is_the_loop[lstm-forward]""",
    )
    + tests("test_holes.py", "test_every_product_is_of_16_bits"),
    (
        Mutant(
            "lstm-gates-swapped",
            "`step` reads the gates in the order i g f o",
            FILE,
            "i, f, g, o = jnp.split(_affine.plus(a, params.b_h)",
            "i, g, f, o = jnp.split(_affine.plus(a, params.b_h)",
        ),
        Mutant(
            "lstm-tanh-of-c-dropped",
            "h' = o ⊙ c' in `step`",
            FILE,
            "h = jax.nn.sigmoid(o) * jnp.tanh(c)",
            "h = jax.nn.sigmoid(o) * c",
        ),
        Mutant(
            "lstm-c-not-threaded",
            "`advance` hands on the c it was given",
            FILE,
            "return LSTMCarry(h=y, c=c_next), y, saved",
            "return LSTMCarry(h=y, c=c), y, saved",
        ),
        Mutant(
            "lstm-recurrent-bias-forgotten",
            "b_h is left out of all time at once",
            FILE,
            "b = params.b if params.b_h is None else params.b + params.b_h",
            "b = params.b",
        ),
        Mutant(
            "lstm-c-stopped",
            "a stop_gradient on c in `advance`: only second derivatives go through it",
            FILE,
            "h, c = _affine.seen(carry.h, kept), carry.c",
            "h, c = _affine.seen(carry.h, kept), jax.lax.stop_gradient(carry.c)",
            at=(2, 2),
        ),
        Mutant(
            "lstm-slope-of-f-by-new-c",
            "residual: the slope of gate f has c' for c",
            FILE,
            "c * f * (1 - f)",
            "c_next * f * (1 - f)",
        ),
        Mutant(
            "lstm-slope-of-h-by-c",
            "residual: ∂h'/∂c' without the gate o",
            FILE,
            "o * (1 - tanh_c * tanh_c)",
            "(1 - tanh_c * tanh_c)",
        ),
        Mutant(
            "lstm-dy-dropped",
            "`retreat` forgets the cotangent of y",
            FILE,
            "dh = dcarry.h + dy",
            "dh = dcarry.h",
        ),
        Mutant(
            "lstm-mask-forgotten-in-retreat",
            "recurrent dropout's mask is not on the cotangent of h",
            FILE,
            "_affine.seen(_affine.dot(da, w_h_t, self.matmul_dtype), kept)",
            "_affine.dot(da, w_h_t, self.matmul_dtype)",
        ),
        Mutant(
            "lstm-mask-forgotten-in-collect",
            "residual: h before recurrent dropout's mask",
            FILE,
            "(1 - tanh_c * tanh_c), f, h)",
            "(1 - tanh_c * tanh_c), f, carry.h)",
        ),
        Mutant(
            "lstm-collect-in-full",
            "the gradient of W_h ignores `matmul_dtype`",
            FILE,
            "_affine.outer(saved.h, ddrives, self.matmul_dtype)",
            "_affine.outer(saved.h, ddrives)",
        ),
    ),
)
