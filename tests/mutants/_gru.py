"""Mutants of the GRU, reset after and before."""

from __future__ import annotations

from ._mutant import Group, Mutant, laws, tests

FILE = "cells/_gru.py"

GRU = Group(
    "GRU",
    laws("gru-one gru-before-one", "equals_its_twin fast_is_plain unroll_is_the_loop")
    + laws("gru-before-recurrent-bias-one gru-no-recurrent-bias-one", "equals_its_twin")
    + tests(
        "test_dropout.py",
        """test_fast_is_plain[gru-recurrent]
        test_fast_is_plain[gru-before-recurrent]
        test_it_is_the_loop[gru-forward]
        test_it_is_the_loop[gru-before-forward]""",
    )
    + tests("test_claims.py", "test_pytorchs_layers_have_a_second_bias"),
    (
        Mutant(
            "gru-update-sees-the-mask",
            "recurrent dropout also on the h of z ⊙ h",
            FILE,
            "y = n + z * (h - n)",
            "y = n + z * (past - n)",
        ),
        Mutant(
            "gru-bias-twice",
            "`project`: b_hn joins b too",
            FILE,
            "outside = b + jnp.where(jnp.arange(GATES * H) < 2 * H, params.b_h, 0)",
            "outside = b + params.b_h",
        ),
        Mutant(
            "gru-before-is-after",
            "reset before: `advance` resets after the product",
            FILE,
            "dot(r * past, w_n)))",
            "r * dot(past, w_n)))",
        ),
        Mutant(
            "gru-bias-default-inverted",
            "`recurrent_bias` is by default that of the other reset",
            FILE,
            'Follows(self.reset == "after")',
            'Follows(self.reset != "after")',
        ),
        Mutant(
            "gru-slope-of-z-by-masked-h",
            "residual: the slope of z has h as the products see it",
            FILE,
            "(h - n) * z * (1 - z)",
            "(past - n) * z * (1 - z)",
        ),
        Mutant(
            "gru-past-not-reset",
            "residual: the slope of h W_hn does not go through r",
            FILE,
            "z_slope, n_slope * r]",
            "z_slope, n_slope]",
        ),
        Mutant(
            "gru-direct-path-lost",
            "nothing goes back along z ⊙ h",
            FILE,
            "GRUCarry(dh * local.z + _affine.seen(past, kept))",
            "GRUCarry(_affine.seen(past, kept))",
        ),
        Mutant(
            "gru-mask-forgotten-in-retreat",
            "recurrent dropout's mask is not on the cotangent of h",
            FILE,
            "GRUCarry(dh * local.z + _affine.seen(past, kept))",
            "GRUCarry(dh * local.z + past)",
        ),
        Mutant(
            "gru-mask-forgotten-in-collect",
            "residual: h before recurrent dropout's mask",
            FILE,
            "n_slope, None, z, past)",
            "n_slope, None, z, h)",
        ),
        Mutant(
            "gru-bias-gradient",
            "the gradient of b_hn does not go through r",
            FILE,
            "db_n = _affine.total(da[..., 2 * self.hidden_size :])",
            "db_n = _affine.total(dn)",
        ),
    ),
)
