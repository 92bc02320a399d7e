"""Mutants of the reading: which equations are products, which of these are one, and what they come
to for all of time at once."""

from __future__ import annotations

from ._mutant import Group, Mutant, laws, tests

READ_PY, PROJECT_PY, PRODUCTS_PY = "engine/_read.py", "engine/_project.py", "engine/_products.py"

READ = Group(
    "The reading",
    laws("gru-one gru-before-one lstm-one", "fast_is_plain")
    + tests(
        "test_derived.py",
        """test_odd_steps[weight_used_elsewhere]
        test_odd_steps[one_value_in_two_leaves]
        test_odd_steps[a_gate_used_raw_too]
        test_odd_steps[side_by_side]""",
    )
    + tests(
        "test_holes_of_the_engine.py",
        """test_derived_is_plain[a_product_read_before_its_terms]
        test_derived_is_plain[gates_of_unequal_size]""",
    )
    + tests("test_memory.py", "test_no_step_copies_all_of_time[Unroll(cell=GRU(hidden_size=64))]"),
    (
        Mutant(
            "products-of-two-merged",
            "products of one height are done as one, whatever they multiply",
            READ_PY,
            "key = x, w.aval.shape[0], str(e.params)",
            "key = w.aval.shape[0], str(e.params)",
        ),
        Mutant(
            "rows-of-the-first",
            "each part of [x, h] is multiplied by the first rows of the weight",
            "engine/_program.py",
            "env[e.invars[1]], row, row + x.shape[-1]",
            "env[e.invars[1]], 0, x.shape[-1]",
        ),
        Mutant(
            "sum-hidden",
            "what else reads a product does not count: it is given the whole sum",
            READ_PY,
            "while len(readers := uses[out]) == 1 and",
            "while len(readers := uses[out]) >= 1 and",
        ),
        Mutant(
            "term-of-the-loop",
            "what is added to a product may wait for the carry",
            READ_PY,
            "if self.rank(other) == LOOP or not _alike(other, out):",
            "if not _alike(other, out):",
        ),
        Mutant(
            "gates-in-reverse",
            "the gates of a sum are taken in reverse order, in one pass",
            READ_PY,
            "tuple(e.primitive.name for e in parts)",
            "tuple(e.primitive.name for e in reversed(parts))",
        ),
        Mutant(
            "gates-of-any-size",
            "gates count as even, though one is wider",
            READ_PY,
            'even = len(set(first.params["sizes"])) == 1',
            "even = True",
        ),
        Mutant(
            "gates-read-before",
            "a gate may be read before its tanh or σ too",
            READ_PY,
            "all(len(e) == 1 for e in of)",
            "all(len(e) >= 1 for e in of)",
        ),
        Mutant(
            "weight-elsewhere-unread",
            "of a weight that more than products read, only theirs is a gradient",
            READ_PY,
            "self.free = [v for v in self.w if v in self.elsewhere and inexact(v.aval)]",
            "self.free = []",
        ),
        Mutant(
            "deltas-over-what-is-read",
            "a delta is written over what its own adjoint reads",
            READ_PY,
            "        if v in self.final or v in self.shown:\n            return False\n",
            "        return True\n",
        ),
    ),
)

PRODUCTS = Group(
    "Products",
    laws("gru-one", "fast_is_plain")
    + laws("lstm-one", "tokens_are_one_hot")
    + tests(
        "test_derived.py",
        """test_odd_steps[weight_first]""",
    )
    + tests(
        "test_matmul_dtype.py",
        "test_sums_are_in_float32[auto]\ntest_tokens_are_still_one_hot[auto]",
    )
    + tests("test_holes.py", "test_every_product_is_of_16_bits")
    + tests("test_engine.py", "test_a_frequent_id_does_not_saturate"),
    (
        Mutant(
            "merged-in-reverse",
            "the weights of a merged product lie in reverse order",
            PROJECT_PY,
            "joint.merge([env[v] for v in joint.weights])",
            "joint.merge([env[v] for v in joint.weights[::-1]])",
        ),
        Mutant(
            "rows-add-up-in-16-bits",
            "the gradients of a frequent id are added up in 16 bits",
            PROJECT_PY,
            "(_sums.widened(w), ids)",
            "(w, ids)",
        ),
        Mutant(
            "rows-in-full",
            "rows that ids pick are not rounded to `matmul_dtype`",
            PROJECT_PY,
            "return _products.rounded(rows, narrow)",
            "return rows",
        ),
        Mutant(
            "plain-any-way",
            "x wᵀ counts as x w",
            PRODUCTS_PY,
            "== ((x.aval.ndim - 1,), (0,))",
            "[:1] == ((x.aval.ndim - 1,),)",
        ),
        Mutant(
            "left-weight-right",
            "a weight on the left of its product is multiplied on the right, for its gradient",
            PRODUCTS_PY,
            "(weight, x) if at else (x, weight)",
            "(x, weight) if at else (weight, x)",
        ),
        Mutant(
            "adjoint-of-the-other",
            "the operands of a plain product get each other's cotangents",
            PRODUCTS_PY,
            "outer(equation, narrow, x, ct) if i else back(equation, narrow, w, ct)",
            "back(equation, narrow, w, ct) if i else outer(equation, narrow, x, ct)",
        ),
        Mutant(
            "adjoint-in-full",
            "the adjoint's products ignore `matmul_dtype`",
            PRODUCTS_PY,
            "a, b, preferred = a.astype(narrow), b.astype(narrow), jnp.float32",
            "preferred = jnp.float32",
        ),
        Mutant(
            "loop-in-full",
            "the loop's products ignore `matmul_dtype`",
            PRODUCTS_PY,
            "a.astype(narrow) for a in operands",
            "a for a in operands",
        ),
    ),
)
