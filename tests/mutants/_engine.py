"""Mutants of the walk: the hand-written adjoint, its leaner twin, chunks, and the choice."""

from __future__ import annotations

from ._mutant import Group, Mutant, laws, tests

RUN_PY, CHUNKS_PY, WALK_PY = "engine/_run.py", "engine/_chunks.py", "engine/__init__.py"
OVERWRITE_PY = "engine/_overwrite.py"

RUN = Group(
    "The hand-written adjoint",
    laws("lstm-one", "equals_its_twin fast_is_plain what_is_kept_changes_nothing")
    + laws("lstm-reversed", "equals_its_twin_with_gaps")
    + laws("own-start-reversed", "packed_documents_never_meet")
    + laws("lstm-one", "tokens_are_one_hot gradient_of_gradient")
    + tests("test_memory.py", "test_one_carry_a_chunk_whatever_T"),
    (
        Mutant(
            "adjoint-of-one-direction",
            "backwards every walk counts as a forward one",
            RUN_PY,
            "reverse=not reverse",
            "reverse=True",
        ),
        Mutant(
            "final-carry-cut",
            "the cotangent of the final carry is dropped",
            RUN_PY,
            "state = dcarry, jax.tree.map(_sums.nought, start)",
            "state = jax.tree.map(_sums.nought, (dcarry, start))",
        ),
        Mutant(
            "cotangents-shifted",
            "output t gets the cotangent of t - 1",
            RUN_PY,
            "locals_, (dys, when)",
            "locals_, (jnp.roll(dys, 1, 0), when)",
        ),
        Mutant(
            "start-cut",
            "what restarts absorb does not reach a learnt start",
            RUN_PY,
            "return dw, dcarry, ddrives, dstart",
            "return dw, dcarry, ddrives, jax.tree.map(jnp.zeros_like, dstart)",
        ),
        Mutant(
            "residuals-stopped",
            "a stop_gradient on what is saved: second derivatives lose their paths",
            RUN_PY,
            "return (carry, ys), (w, saved, start, when)",
            "return (carry, ys), (w, jax.lax.stop_gradient(saved), start, when)",
        ),
        Mutant(
            "lean-keeps-the-carry-after",
            'keep="carries": residual: the carry after each instant',
            RUN_PY,
            "return after, y, carry",
            "return after, y, after",
        ),
        Mutant(
            "lean-chunks-in-order",
            'keep="carries": a reversed walk takes its chunks from the first to the last',
            RUN_PY,
            "in_chunks(chunk, reverse, carry, (xs, when))",
            "in_chunks(chunk, False, carry, (xs, when))",
        ),
        Mutant(
            "lean-last-chunk-counts",
            'keep="carries": the params\' gradient is that of the last chunk',
            RUN_PY,
            "lambda a, b: a + b.astype(a.dtype), dparams, here",
            "lambda a, b: b.astype(a.dtype), dparams, here",
        ),
    ),
)

OVERWRITE = Group(
    "Overwriting",
    laws("lstm-one", "fast_is_plain")
    + tests("test_memory.py", "test_what_is_spent_is_overwritten"),
    (
        Mutant(
            "overwrites-the-next",
            "an output takes the place of what the next step forwards has not read yet",
            OVERWRITE_PY,
            "outs.pop(place), t, **at)",
            "outs.pop(place), jnp.minimum(t + 1, len(old) - 1), **at)",
        ),
        Mutant(
            "overwrites-out-of-order",
            "the output that was written over comes back in another's place",
            OVERWRITE_PY,
            "[*outs[:place], old, *outs[place:]]",
            "[old, *outs]",
        ),
        Mutant(
            "overwrites-nothing",
            "every output gets room of its own",
            OVERWRITE_PY,
            "place = alike.index(True) if True in alike else None",
            "pass",
        ),
    ),
)

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
    ),
)

WALK = Group(
    "Choice and walk",
    tests("test_engine.py", "test_the_choice_and_its_reason\ntest_a_step_of_its_own_is_walked")
    + laws("own-one own-reversed", "unroll_is_the_loop packed_documents_never_meet")
    + laws("lstm-one own-one", "what_is_kept_changes_nothing")
    + tests("test_peers.py", "test_padding_does_not_poison_gradients[nan-one-lstm]")
    + tests("test_memory.py", "test_the_formula[gru]")
    + tests(
        "test_holes.py",
        """test_an_idle_rows_carry_may_be_anything
        test_the_plain_scan_keeps_what_is_asked_for""",
    ),
    (
        Mutant(
            "choice-of-the-wrong-end",
            "a step of a subclass is passed over for its parent's division",
            WALK_PY,
            "advance is None or step < advance",
            "advance is None or step > advance",
        ),
        Mutant(
            "restart-from-the-carry-given",
            "a document begins with the carry passed in",
            WALK_PY,
            "start = cell.initial_carry(params, _checks.batch_shape_of(xs))",
            "start = carry",
        ),
        Mutant(
            "plain-of-one-direction",
            "the plain scan ignores `reverse`",
            "engine/_plain.py",
            "(xs, when), reverse=reverse)",
            "(xs, when))",
        ),
        Mutant(
            "plain-keeps-all",
            'the plain scan ignores keep="carries"',
            WALK_PY,
            'lean=keep == "carries"',
            "lean=False",
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
