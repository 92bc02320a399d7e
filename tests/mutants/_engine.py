"""Mutants of the walk: chunks, restarts, and the choice of a path."""

from __future__ import annotations

from ._mutant import Group, Mutant, laws, tests

CHUNKS_PY, WALK_PY = "engine/_chunks.py", "engine/__init__.py"

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
