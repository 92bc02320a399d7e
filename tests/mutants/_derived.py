"""Mutants of the derived walk and its adjoint, of its forward mode, and of the scan that overwrites
what it has read."""

from __future__ import annotations

from ._mutant import Group, Mutant, laws, tests

FILE, BACK, LOOP = "engine/_derived.py", "engine/_backwards.py", "engine/_loop.py"
SUMS, OVERWRITE_PY, READ_PY = "engine/_sums.py", "engine/_overwrite.py", "engine/_read.py"

DERIVED = Group(
    "The derived adjoint",
    laws("lstm-one gru-one tanh-one", "fast_is_plain")
    + laws("gru-reversed", "unroll_is_the_loop")
    + laws("gru-one", "what_is_kept_changes_nothing")
    + tests(
        "test_derived.py",
        """test_odd_steps[weight_used_elsewhere]
        test_odd_steps[weight_used_twice]
        test_odd_steps[integer]""",
    )
    + laws("lstm-one", "gradient_of_gradient")
    + tests(
        "test_holes.py",
        """test_16_bit_gradients_add_up_in_float32[False-auto-gates]
        test_16_bit_gradients_add_up_in_float32[False-auto-carries]
        test_16_bit_gradients_add_up_in_float32[False-auto-chunks]
        test_16_bit_gradients_add_up_in_float32[False-scan-gates]""",
    )
    + tests(
        "test_memory.py",
        """test_one_carry_a_chunk_whatever_T[11-True]
        test_no_step_copies_all_of_time[Unroll(cell=GRU(hidden_size=64))]""",
    ),
    (
        Mutant(
            "adjoint-of-one-direction",
            "backwards every walk counts as a forward one",
            BACK,
            "reverse=not reverse, late=False",
            "reverse=True, late=False",
        ),
        Mutant(
            "final-carry-cut",
            "the cotangent of the final carry is dropped",
            "engine/_awaited.py",
            "return pick(self.dafter, self.at_rest), self.of_sums(nothing)",
            "return [0 * a for a in pick(self.dafter, self.at_rest)], self.of_sums(nothing)",
        ),
        Mutant(
            "cotangents-shifted",
            "output t gets the cotangent of t - 1",
            BACK,
            "before, pick(douts, at_outs)\n",
            "before, [jax.numpy.roll(a, 1, 0) for a in pick(douts, at_outs)]\n",
        ),
        Mutant(
            "outputs-not-shifted",
            "the carry before an instant is the output of it",
            FILE,
            "return jnp.concatenate(parts)",
            "return outs",
        ),
        Mutant(
            "outputs-shifted-one-way",
            "a reversed walk's outputs are shifted as a forward one's",
            FILE,
            "[outs[1:], first[None]] if reverse else [first[None], outs[:-1]]",
            "[first[None], outs[:-1]]",
        ),
        Mutant(
            "first-carry-lost",
            "the carry before all is the first output",
            FILE,
            "else [first[None], outs[:-1]]",
            "else [outs[:1], outs[:-1]]",
        ),
        Mutant(
            "outputs-stopped",
            "a stop_gradient on the outputs of the pass that keeps: second derivatives lose them",
            FILE,
            "    after, outs = reached((after, outs), (shared, carry, xs))\n    points =",
            "    after, outs = reached((after, jax.lax.stop_gradient(outs)), (shared, carry, xs))\n"
            "    points =",
        ),
        Mutant(
            "shown-is-the-sum",
            "the slope of a gate that is an output is taken at the slope's own value",
            LOOP,
            "(ct * _activations.slopes(kinds, gate),)",
            "(ct * _activations.slopes(kinds, _activations.slopes(kinds, gate)),)",
        ),
        Mutant(
            "drives-cut",
            "what is added to a product, and comes from x, gets no gradient",
            BACK,
            "add(dread, source, delta[out])",
            "add(dread, source, 0 * delta[out])",
        ),
        Mutant(
            "terms-cut",
            "what is added to a product, and comes from params, gets no gradient",
            BACK,
            "if isinstance(source, Literal) or not inexact(source.aval):",
            "if isinstance(source, Literal) or reading.rank(source) != TIME:",
        ),
        Mutant(
            "gradient-of-one-place",
            "of what is read in several places, the last one's gradient counts",
            BACK,
            "to[v] = to[v] + a.astype(to[v].dtype) if v in to else a",
            "to[v] = a",
        ),
        Mutant(
            "merged-gradient-in-reverse",
            "the gradient of a merged product's weights comes in reverse order",
            BACK,
            "for part in parts]))",
            "for part in parts[::-1]]))",
        ),
        Mutant(
            "merged-deltas-in-reverse",
            "the deltas of a merged product go back through each other's weights",
            LOOP,
            "whole = joint.merge(cts)",
            "whole = joint.merge(cts[::-1])",
        ),
        Mutant(
            "own-slot-lost",
            "the drives that are read come back in the places of the sums",
            BACK,
            "instead[len(over_points) :])\n    dread =",
            "instead[: len(over_read)])\n    dread =",
        ),
        Mutant(
            "loop-adds-up-the-last",
            "what gradients are added up in the loop is that of the last instant",
            BACK,
            "[a + b.astype(a.dtype) for a, b in zip(sums, dfree, strict=True)]",
            "[b.astype(a.dtype) for a, b in zip(sums, dfree, strict=True)]",
        ),
        Mutant(
            "integers-are-floats",
            "an integer leaf of the carry is to have a cotangent",
            "_adjoint.py",
            "return [i for i, a in enumerate(values) if inexact(a)]",
            "return [i for i, a in enumerate(values)]",
        ),
        Mutant(
            "lean-chunks-in-order",
            'keep="carries": a reversed walk takes its chunks from the first to the last',
            FILE,
            "in_chunks(chunk, reverse, carry, xs)",
            "in_chunks(chunk, False, carry, xs)",
        ),
        Mutant(
            "lean-last-chunk-counts",
            'keep="carries": the params\' gradient is that of the last chunk',
            FILE,
            "dshared = [a + b.astype(a.dtype) for a, b in pairs]",
            "dshared = [b.astype(a.dtype) for a, b in pairs]",
        ),
        Mutant(
            "sums-in-16-bits",
            "gradients of 16 bits are added up in 16 bits",
            SUMS,
            "return jnp.zeros_like(a, dtype=_wide(a))",
            "return jnp.zeros_like(a)",
        ),
        Mutant(
            "sums-copied",
            "a sum is written over its drive at once, for which XLA copies all of time",
            FILE,
            "reverse=reverse, late=True",
            "reverse=reverse, late=False",
        ),
    ),
)

FORWARD = Group(
    "Forward mode, and maps of it",
    tests(
        "test_derived.py",
        """test_mapped_over_inputs[swapped]
        test_mapped_over_inputs[custom_vjp_of_a_product]
        test_closed_over[False]""",
    )
    + tests(
        "test_forward_mode.py",
        """test_a_step_with_a_rule_of_its_own_goes_backwards_alone
        test_forward_mode[gates]
        test_hessian_vector_products[gates]
        test_linear_recurrences[sequential]""",
    ),
    (
        Mutant(
            "not-reached",
            "an output that no mapped input reaches is not mapped, though its tangent is",
            FILE,
            "    after, outs = reached((after, outs), (shared, carry, xs))\n    points =",
            "    points =",
        ),
        Mutant(
            "unlinked-parts",
            "the parts of the tangents' equation are not linked: some are linear, some are not",
            "_adjoint.py",
            "one = 1 + _link(primals)",
            "one = 1 + _link([])",
        ),
        Mutant(
            "tangent-halved",
            "the tangents' equation is solved by half its tangent",
            "_adjoint.py",
            "[a + b for a, b in zip(outs, tangent(some), strict=True)]",
            "[a + b / 2 for a, b in zip(outs, tangent(some), strict=True)]",
        ),
        Mutant(
            "rule-goes-forwards",
            "a step with a jax.custom_vjp counts as one that has a derivative forwards",
            READ_PY,
            'self.one_way = holds(jaxpr, "custom_vjp_call")',
            "self.one_way = False",
        ),
        Mutant(
            "closed-over-is-constant",
            "forwards, what a step closes over has no tangent",
            "engine/_instant.py",
            "eval_jaxpr(reading.jaxpr, flat[:n], *flat[n:])",
            "eval_jaxpr(reading.jaxpr, reading.consts, *flat[n:])",
        ),
    ),
)

ROOM = Group(
    "Room for what is walked",
    tests("test_memory.py", "test_outputs_take_the_place_of_drives")
    + tests("test_peers.py", "test_lengths_keep_no_history_of_carries[auto-one]"),
    (
        Mutant(
            "outputs-beside-drives",
            "the forward pass holds its drives beside its outputs",
            READ_PY,
            "        return {i: j for j, i in places.items()}",
            "        return {}",
        ),
        Mutant(
            "flags-of-all-time",
            "flags are broadcast over the units for all of time at once",
            READ_PY,
            "parts[LOOP][:0] = flags = self._flags_of_the_loop(*parts[TIME:])",
            "parts[LOOP][:0] = flags = []",
        ),
    ),
)

OVERWRITE = Group(
    "Overwriting",
    laws("lstm-one lstm-reversed gru-one", "equals_its_twin_with_gaps"),
    (
        Mutant(
            "overwrites-the-next",
            "what comes late is written over what the next instant has not read yet",
            OVERWRITE_PY,
            "t + (1 if reverse else -1)",
            "t + (-1 if reverse else 1)",
        ),
        Mutant(
            "overwrites-itself",
            "what comes late is written over the instant that is read next",
            OVERWRITE_PY,
            "jnp.clip(t + (1 if reverse else -1), 0, T - 1)",
            "t",
        ),
        Mutant(
            "overwrites-the-other-end",
            "the last of what comes late goes to the other end",
            OVERWRITE_PY,
            "write(spent, last, end)",
            "write(spent, last, T - 1 - end)",
        ),
        Mutant(
            "overwrites-out-of-order",
            "of several, what comes instead of one is written over another",
            OVERWRITE_PY,
            "pairs = zip(buffers, values, strict=True)",
            "pairs = zip(buffers, values[::-1], strict=True)",
        ),
    ),
)
