"""Mutants of the walk: chunks, restarts, and the choice of a path."""

from __future__ import annotations

from ._mutant import Group, Mutant, laws, tests

CHUNKS_PY, WALK_PY = "engine/_chunks.py", "engine/__init__.py"
TURNED_PY = "engine/_turned.py"

CHUNKS = Group(
    "Chunks",
    laws("lstm-one gru-one", "what_is_kept_changes_nothing")
    + tests("test_memory.py", "test_one_carry_a_chunk_whatever_T"),
    (
        Mutant(
            "chunks-tail-first",
            "outputs of a reversed walk come in the order of walking",
            CHUNKS_PY,
            "[last, outs] if reverse else [outs, last]",
            "[outs, last]",
        ),
        Mutant(
            "chunks-carry-before-the-tail",
            "the final carry is that of before the last, shorter chunk",
            CHUNKS_PY,
            "state, last = part(",
            "_, last = part(",
        ),
        Mutant(
            "chunks-cut-one-way",
            "a reversed walk's chunks are cut off at the end of time",
            CHUNKS_PY,
            "whole = slice(rest, None) if reverse else slice(None, T - rest)",
            "whole = slice(None, T - rest)",
        ),
    ),
)

WALK = Group(
    "Choice and walk",
    tests("test_engine.py", "test_a_cell_without_products_of_its_carry[True-False]")
    + laws("own-one own-reversed", "unroll_is_the_loop packed_documents_never_meet")
    + laws("own-start-reversed", "packed_documents_never_meet")
    + tests("test_peers.py", "test_padding_does_not_poison_gradients[nan-one-lstm]")
    + tests(
        "test_holes.py",
        """test_an_idle_rows_carry_may_be_anything
        test_a_document_can_begin_in_a_row_that_is_all_padding[reversed-scan]
        test_the_plain_scan_keeps_what_is_asked_for""",
    ),
    (
        Mutant(
            "the-choice-ignores-what-is-asked",
            'engine="derived" is the first path that fits',
            "engine/_paths.py",
            'if question.engine not in ("auto", path.name):',
            "if False:",
        ),
        Mutant(
            "restart-from-the-carry-given",
            "a document begins with the carry passed in",
            WALK_PY,
            "start = cell.initial_carry(params, _checks.batch_shape_of(xs))",
            "start = carry",
        ),
        Mutant(
            "start-cut",
            "what restarts absorb does not reach a learnt start",
            WALK_PY,
            "start = cell.initial_carry(params, _checks.batch_shape_of(xs))",
            "start = cell.initial_carry(\n"
            "            jax.lax.stop_gradient(params), _checks.batch_shape_of(xs)\n"
            "        )",
        ),
        Mutant(
            "plain-of-one-direction",
            "the plain scan ignores `reverse`",
            "engine/_plain.py",
            "timed, reverse=reverse)",
            "timed)",
        ),
        Mutant(
            "plain-keeps-all",
            'the plain scan ignores keep="carries"',
            "engine/_plain.py",
            'if keep == "carries":',
            "if False:",
        ),
        Mutant(
            "idle-carry-walked",
            "an idle row's carry, NaN or not, goes into the walk",
            WALK_PY,
            "inside = select(reads(when, reverse), carry, jax.tree.map(jnp.zeros_like, carry))",
            "inside = carry",
        ),
    ),
)

TURNED = Group(
    "Products from the other side",
    tests(
        "test_turned.py",
        """test_a_law[lstm-fast_is_plain_with_gaps]
        test_which_are_turned
        test_two_axes_of_a_batch
        test_not_with_wide_vectors_nor_where_nobody_tells
        test_from_two_mebibytes_on
        test_which_are_turned_on_the_way_back
        test_what_is_no_plain_product_of_one_matrix_is_left_as_it_is[True]
        test_no_instant_turns_the_matrix""",
    ),
    (
        Mutant(
            "turned-once-a-step",
            "a loop of few steps lays the matrix out anew",
            TURNED_PY,
            "if long and pays",
            "if pays",
        ),
        Mutant(
            "turned-in-the-loop",
            "without a barrier, each instant reads the matrix across",
            TURNED_PY,
            "jax.lax.optimization_barrier(w.T)",
            "w.T",
        ),
        Mutant(
            "turned-rows-swapped",
            "two axes of a batch change places",
            TURNED_PY,
            "jnp.moveaxis(jax.lax.optimization_barrier(whole), 0, -1)",
            "jax.lax.optimization_barrier(whole).T",
        ),
        Mutant(
            "turned-everywhere",
            "a CPU with wide vectors turns its products",
            TURNED_PY,
            'return "avx2" in flags and "avx512f" not in flags',
            'return "avx2" in flags',
        ),
        Mutant(
            "turned-one-way",
            "on the way back, no product is turned",
            "engine/_loop.py",
            "_products.adjoint(*of, back=_turned.back)",
            "_products.adjoint(*of)",
        ),
        Mutant(
            "turned-in-training-once",
            "a walk that will go back counts as a loop of one step",
            "engine/_derived.py",
            "after, outs, points = instant(reading, w, carry, put(drives, spent, spent_here), T)",
            "after, outs, points = instant(reading, w, carry, put(drives, spent, spent_here))",
        ),
        Mutant(
            "turned-fast-weights",
            "a matrix that changes in the loop is laid out anew at each instant",
            "engine/_loop.py",
            "steps if stays else 1",
            "steps",
        ),
        Mutant(
            "turned-small",
            "matrices of any size are turned",
            TURNED_PY,
            ">= _BYTES",
            ">= 0",
        ),
        Mutant(
            "turned-for-a-vector",
            "a batch of one is turned",
            TURNED_PY,
            "range(4, 65)",
            "range(1, 65)",
        ),
    ),
)
