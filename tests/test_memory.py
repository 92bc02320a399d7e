"""What training keeps: the formula, XLA's own account of it, and the dial."""

import dataclasses
import re
from functools import cache

import jax
import jax.numpy as jnp
import pytest

import jaxrnn
from jaxrnn import bidirectional, estimate_bytes, gru, lstm, stack, unroll, vanilla
from jaxrnn.engine._chunks import in_chunks
from jaxrnn.testing._case import pull

T, B, H = 100, 32, 64
CELLS = {"lstm": lstm(H), "gru": gru(H), "gru-before": gru(H, "before"), "tanh": vanilla(H)}
# Numbers kept a unit and instant: sums that a gate is taken of, and carries that are no outputs; a
# gate that is the output itself is kept as that.
GATES = {"lstm": 5, "gru": 4, "gru-before": 3, "tanh": 0}
CARRIES = {"lstm": 1, "gru": 0, "gru-before": 0, "tanh": 0}
LEAVES = {"lstm": 2, "gru": 1, "gru-before": 1, "tanh": 1}  # of the carry, H wide each
WIDE = {"lstm": 4, "gru": 3, "gru-before": 3, "tanh": 1}


def forms(layer, dtype=jnp.float32):
    params = jax.eval_shape(lambda key: layer.init(key, H, dtype), jax.random.key(0))
    carry = jax.eval_shape(lambda params: layer.initial_carry(params, (B,)), params)
    xs = jax.ShapeDtypeStruct((T, B, H), dtype)
    dys = jax.ShapeDtypeStruct((T, B, layer.output_size), dtype)
    return params, carry, xs, (carry, dys)


@cache
def compiled(layer):
    """The forward and backward pass."""
    step = jax.jit(lambda *question: pull(layer.apply, *question, {}))
    return step.lower(*forms(layer)).compile()


def by_xla(layer):
    """Bytes that it takes beyond its arguments and outputs."""
    return compiled(layer).memory_analysis().temp_size_in_bytes


@pytest.mark.parametrize("name", CELLS)
def test_the_formula(name):
    one, number = unroll(CELLS[name]), 4 * H * B
    kept = {keep: dataclasses.replace(one, keep=keep) for keep in ("gates", "carries", "chunks")}
    bytes_ = {keep: estimate_bytes(layer, T, B) for keep, layer in kept.items()}
    small = 4 * 8 * H  # biases that were added up
    assert abs(bytes_["gates"] - GATES[name] * T * number) <= small + 8 * H * H * WIDE[name]
    assert abs(bytes_["carries"] - CARRIES[name] * T * number) <= small
    assert abs(bytes_["chunks"] - LEAVES[name] * T**0.5 * number) <= small
    for keep, layer in kept.items():
        deep = estimate_bytes(stack([layer] * 3), T, B)
        assert abs(deep - 3 * bytes_[keep] - 2 * T * number) <= small, keep
        outputs = 0 if keep == "chunks" else 2 * T * number  # of which it makes one array
        both = estimate_bytes(bidirectional(layer.cell, keep=keep), T, B)
        assert both == 2 * bytes_[keep] + outputs
        assert estimate_bytes(layer, T, (4, 8)) == bytes_[keep]
        wide = 4 * sum(a.size for a in jax.tree.leaves(one.init(jax.random.key(0), H)))
        halves = bytes_[keep] / 2 + (wide if keep == "chunks" else 0)
        assert abs(estimate_bytes(layer, T, B, jnp.bfloat16) - halves) <= small


@pytest.mark.parametrize("depth", [1, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CELLS)
def test_what_xla_allocates(name, depth):
    """No less than the estimate, in the room of the outputs too, and no more above it than the
    docstring says; and less with each turn of the dial."""
    took, number = [], 4 * T * B * H
    for keep in ("gates", "carries", "chunks"):
        one = unroll(CELLS[name], keep=keep)
        deep = stack([one] * depth) if depth > 1 else one
        estimate, allocated = estimate_bytes(deep, T, B), by_xla(deep)
        room = allocated + compiled(deep).memory_analysis().output_size_in_bytes
        assert estimate <= room, keep
        assert allocated <= estimate + (3 * T + 1) * WIDE[name] * number // T * depth, keep
        took.append(allocated)
    gates, carries, chunks = took
    assert chunks < 0.75 * carries
    assert carries < (1 if name == "tanh" else 0.75) * gates


@pytest.mark.parametrize(
    "layer",
    [
        *map(unroll, CELLS.values()),
        unroll(lstm(H), True),
        unroll(lstm(H), keep="carries"),
        unroll(lstm(H), matmul_dtype="bfloat16"),
        unroll(gru(H), matmul_dtype="bfloat16"),
        unroll(vanilla(H, "relu")),
        unroll(vanilla(H), matmul_dtype="bfloat16"),
    ],
    ids=str,
)
def test_no_step_copies_all_of_time(layer):
    """What a walk overwrites is read before it is written, so that XLA need not copy it."""
    text = compiled(layer).as_text()
    loops = [part for part in text.split("\n\n") if "ENTRY" not in part.partition("\n")[0]]
    assert len(loops) > 2
    assert not [loop for loop in loops if re.search(rf"= \w+\[{T},[^=]*copy\(", loop)]


@pytest.mark.parametrize("name", ["lstm", "gru", "tanh"])
def test_what_is_spent_is_overwritten(name):
    """A layer needs less than its drives and their gradients beside what it keeps."""
    layer, number = unroll(CELLS[name]), 4 * T * B * H
    both = 2 * WIDE[name] * number
    assert by_xla(layer) < estimate_bytes(layer, T, B) + both + number // T


def test_outputs_take_the_place_of_drives():
    """Where they are of one form: the forward pass alone holds no drives beside its outputs."""
    layer, number = unroll(vanilla(H)), 4 * T * B * H
    params, carry, xs, _ = forms(layer)
    allocated = jax.jit(layer.apply).lower(params, carry, xs).compile().memory_analysis()
    assert allocated.temp_size_in_bytes < 0.1 * number


@pytest.mark.parametrize(("steps", "reverse"), [(1, False), (4, False), (8, True), (11, True)])
def test_one_carry_a_chunk_whatever_T(getkey, steps, reverse):
    """T = 1, a square, what else divides, and a prime: the same as keeping all."""
    layer = unroll(gru(3), reverse)
    params, xs = layer.init(getkey(), 2), jax.random.normal(getkey(), (steps, 2, 2))

    def loss(params, xs, keep):
        carry, ys = dataclasses.replace(layer, keep=keep).apply(params, None, xs)
        return (ys**2).sum() + carry.h.sum()

    want = jax.jit(jax.grad(loss, (0, 1)), static_argnums=2)(params, xs, "gates")
    for keep in ("carries", "chunks"):
        got = jax.jit(jax.grad(loss, (0, 1)), static_argnums=2)(params, xs, keep)
        jaxrnn.testing.same(got, want)


def test_chunks_of_one_size_where_one_fits():
    def sizes(T):
        seen = set()

        def part(state, chunk):
            seen.add(len(chunk))
            return state, chunk

        in_chunks(part, False, (), jnp.arange(T))
        return seen

    found = {T: sizes(T) for T in (1, 35, 91, 100, 512, 37)}
    assert found == {1: {1}, 35: {7}, 91: {13}, 100: {10}, 512: {32}, 37: {7, 2}}


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"`keep` must be one of .*, got 'all'"):
        unroll(gru(3), keep="all")
    with pytest.raises(ValueError, match=r"`T` must be positive, got 0"):
        estimate_bytes(unroll(gru(3)), 0, 2)
    with pytest.raises(TypeError, match=r"`batch` must be a positive integer, got 2.5"):
        estimate_bytes(unroll(gru(3)), 3, (2.5,))  # pyright: ignore[reportArgumentType]


class Last:
    """A layer of one's own, which takes no key: the last of the xs, at each of them."""

    output_size = H

    def init(self, key, input_size, dtype=None):
        return ()

    def initial_carry(self, params, batch_shape=()):
        return ()

    def apply(self, params, carry, xs, *, lengths=None, mask=None, resets=None):
        return (), jnp.broadcast_to(xs[-1:], xs.shape)


def test_a_layer_that_takes_no_key():
    assert estimate_bytes(Last(), T, B) == 0
    deep, key = stack([Last(), unroll(gru(H))], dropout=0.5), jax.random.key(0)
    assert estimate_bytes(deep, T, B) > estimate_bytes(unroll(gru(H)), T, B)
    params, xs = deep.init(key, H), jnp.ones((T, B, H))
    assert deep.apply(params, None, xs, key=key)[1].shape == xs.shape
