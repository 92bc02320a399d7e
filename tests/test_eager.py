"""A plain call, outside `jax.jit`: it costs a cached program, and reads its NumPy input whole."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import monitoring

import jaxrnn
from jaxrnn import bidirectional, gru, lstm, stack, unroll, vanilla

DEEP = stack([bidirectional(gru(3)), unroll(lstm(4), dropout=jaxrnn.Dropout(0.2))], dropout=0.3)


@pytest.fixture
def compiled():
    """The programs compiled since the test began, one entry each."""
    seen, active = [], [True]

    def listen(event, duration, **_):
        if active[0] and event == "/jax/core/compile/backend_compile_duration":
            seen.append(event)

    monitoring.register_event_duration_secs_listener(listen)
    yield seen
    active[0] = False


@pytest.mark.parametrize(
    "layer", [unroll(vanilla(4)), unroll(gru(3), engine="scan"), DEEP], ids=["one", "plain", "deep"]
)
def test_a_second_call_compiles_nothing(layer, compiled, getkey):
    params, xs, key = layer.init(getkey(), 3), jnp.ones((5, 2, 3)), getkey()
    lengths = np.array([5, 2])

    def call(layer, params):
        layer.apply(params, None, xs)
        carry, ys = layer.apply(params, None, xs, lengths=lengths, key=key)
        return ys.sum() + layer.apply(params, carry, xs)[1].sum()

    def everything():
        fresh = dataclasses.replace(layer)  # equal, and another object
        jax.block_until_ready((call(fresh, params), jax.grad(call, 1)(fresh, params)))

    everything()
    assert compiled
    del compiled[:]
    everything()
    assert not compiled


class Unhashable:
    """A cell of one's own that is no value."""

    __hash__ = None
    output_size = 2
    scale = 1.0

    def init(self, key, input_size, dtype=None):
        return jax.random.normal(key, (input_size, 2), dtype)

    def initial_carry(self, params, batch_shape=()):
        return jaxrnn.VanillaCarry(jnp.zeros((*batch_shape, 2), params.dtype))

    def step(self, params, carry, x):
        h = jnp.tanh(self.scale * carry.h + x @ params)
        return jaxrnn.VanillaCarry(h), h


def test_a_cell_that_is_no_value_is_read_anew(getkey):
    """It may change between two calls: what it is now counts."""
    cell = Unhashable()
    layer, xs = unroll(cell), jnp.ones((3, 2, 4))
    params = layer.init(getkey(), 4)
    before = layer.apply(params, None, xs)[1]
    cell.scale = -1.0
    assert abs(layer.apply(params, None, xs)[1] - before).max() > 0.1


IDS = {
    "int64": np.array([[2**32 + 1, -1, 2**31]]),
    "int64-far": np.array([[-(2**32) + 1, 2**63 - 1, -(2**63)]]),
    "uint64": np.array([[2**63 + 1, 2**64 - 1, 2**32 + 1]], np.uint64),
    "uint32": np.array([[2**32 - 1, 2**31, 2**31 + 1]], np.uint32),
    "uint8": np.array([[200, 255, 128]], np.uint8),
    "int8": np.array([[-128, -1, 100]], np.int8),
}


@pytest.mark.float32
@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("layer", [unroll(lstm(2)), unroll(gru(2), engine="scan")], ids=str)
def test_ids_of_every_width_are_read_whole(layer, kind, getkey):
    """An id out of range is a row of zeros, in whatever integers it is written; none wraps."""
    params, ids = layer.init(getkey(), 5), IDS[kind]
    nothing = layer.apply(params, None, np.full(ids.shape, -1))[1]
    np.testing.assert_array_equal(layer.apply(params, None, ids)[1], nothing)
    carry = layer.cell.initial_carry(params, ids.shape[1:])
    np.testing.assert_allclose(layer.cell.step(params, carry, ids[0])[1], nothing[0], rtol=1e-6)
    known = layer.apply(params, None, np.array([[1, 2, 3]]))[1]
    np.testing.assert_array_equal(
        layer.apply(params, None, np.array([[1, 2, 3]], ids.dtype))[1], known
    )


@pytest.mark.float32
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.uint32, np.int64, np.uint64])
def test_lengths_of_every_width_under_jit(dtype, getkey):
    """Beyond T means T; below 0 none."""
    layer = unroll(vanilla(2))
    params, xs = layer.init(getkey(), 3), jnp.ones((4, 3, 3))
    ends = np.iinfo(dtype)
    narrow = ends.max if dtype != np.int64 or jax.config.read("jax_enable_x64") else 2**31 - 1
    if dtype == np.uint64 and not jax.config.read("jax_enable_x64"):
        narrow = 2**32 - 1  # as JAX itself narrows what enters `jax.jit`
    lengths = np.array([narrow, 2, min(ends.min, 0)], np.int64 if narrow < 2**63 else np.uint64)
    lengths = lengths.astype(dtype)
    ys = jax.jit(lambda n: layer.apply(params, None, xs, lengths=n)[1])(lengths)
    np.testing.assert_array_equal((ys != 0).any(-1).sum(0), [4, 2, 0])
