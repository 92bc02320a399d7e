"""Training over several devices, and over several processes, is training on one.

`conftest.py` makes four devices of one CPU. For the processes this file is run as a program:
``python tests/test_data_parallel.py PORT PROCESS``, which prints the losses as JSON.
"""

import json
import os
import socket
import subprocess
import sys
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import jaxrnn
from jaxrnn import training

DEVICES, PROCESSES = 4, 2
N, T, B, V = 3, 6, 8, 11
DROPS = jaxrnn.Dropout(inputs=0.2, recurrent=0.3)
LSTM = jaxrnn.unroll(jaxrnn.lstm(4), dropout=DROPS)
LAYERS = {
    "lstm": LSTM,
    "deep": pytest.param(jaxrnn.stack([LSTM, LSTM], dropout=0.4), marks=pytest.mark.slow),
    "both-ways": pytest.param(jaxrnn.bidirectional(jaxrnn.gru(3)), marks=pytest.mark.slow),
}


def a_model(layer):
    """A model, its params, and a carry that differs from row to row."""
    model = jaxrnn.language_model(layer, V)
    params = model.init(jax.random.key(0))
    carry = model.initial_carry(params, (B,))
    rows = jnp.linspace(-1, 1, B)[:, None]
    return model, params, jax.tree.map(lambda leaf: leaf + rows.astype(leaf.dtype), carry)


def some_batches(epoch):
    ids = np.random.default_rng(epoch).integers(0, V, (N, T + 1, B)).astype(np.int32)
    return ids[:, :-1], ids[:, 1:]


def train(layer, parallel=None, place=None):
    """Two epochs of Adam behind a clip, with dropout, and an evaluation: every number that comes of
    it, and the state."""
    model, params, start_carry = a_model(layer)
    rule = training.optimizer("adam", training.schedule("cosine", 0.1, 2 * N), clip=0.1)
    state = training.start(params, rule, start_carry)
    if parallel is not None:
        state, start_carry = parallel.state(state), parallel.carry(start_carry)
    reports = []
    for epoch in range(2):
        batches = some_batches(epoch) if place is None else place(some_batches(epoch))
        key = jax.random.key(epoch)
        state, report = training.epoch(
            model.loss, rule, state, *batches, start_carry, "never", key=key
        )
        reports += [report.loss, report.gradient_norm]
    reports.append(training.evaluate(model.loss, state.params, *batches, start_carry))
    return np.concatenate(list(map(np.asarray, reports))), state


@cache
def alone(layer):
    return train(layer)


@pytest.mark.standard_promotion  # optax.adam mixes dtypes
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_four_devices_train_as_one(layer, tolerance):
    """Losses, norms, params and carries; and what was laid somewhere stays there, so that the
    second epoch is compiled no more."""
    parallel = training.data_parallel()
    want, ends = alone(layer)
    got, state = train(layer, parallel, parallel.split)
    assert_allclose(got, want, rtol=100 * tolerance)
    for ours, theirs in zip(jax.tree.leaves(state), jax.tree.leaves(ends), strict=True):
        assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e3 * tolerance, atol=tolerance)
    laid = parallel.state(ends)
    for leaf, there in zip(jax.tree.leaves(state), jax.tree.leaves(laid), strict=True):
        assert leaf.sharding.is_equivalent_to(there.sharding, leaf.ndim)


@pytest.mark.float32
def test_where_things_lie():
    """Each device has its own rows and all of the rest, in the order of the devices."""
    devices = jax.devices()[:2]
    parallel = training.data_parallel(devices)
    tree = {"ids": np.arange(2 * 3 * 4).reshape(2, 3, 4), "xs": np.ones((1, 1, 6, 5))}
    for laid in (parallel.split(tree), parallel.join(tree)):
        for name, whole in tree.items():
            assert_array_equal(laid[name], whole)
            rows = {s.device: np.asarray(s.data) for s in laid[name].addressable_shards}
            halves = np.split(whole, 2, axis=2)
            for device, half in zip(devices, halves, strict=True):
                assert_array_equal(rows[device], half)
    labels = parallel.split(np.arange(6).reshape(1, 6), axis=1)
    assert [s.data.shape for s in labels.addressable_shards] == [(1, 3)] * 2
    whole = parallel.copy(jax.random.key(3))
    assert len(whole.sharding.device_set) == 2 and whole.is_fully_replicated
    carry = parallel.carry(jaxrnn.LSTMCarry(jnp.zeros((4, 3)), jnp.zeros((4, 3))))
    assert {s.data.shape for s in carry.c.addressable_shards} == {(2, 3)}


def sentence_of(error, act, *args):
    with pytest.raises(error) as caught:
        act(*args)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    return str(caught.value)


def test_what_cannot_be_divided_is_quoted():
    parallel = training.data_parallel()
    rows, few = np.zeros((2, 3, 6), np.int32), np.zeros((2, 4), np.int32)
    for divide in (parallel.split, parallel.join):
        message = sentence_of(ValueError, divide, rows)
        assert message == (
            "a batch of 6 rows cannot be divided among 4 devices: take a multiple of 4."
        )
        message = sentence_of(ValueError, divide, (few, few))
        assert "along axis 2, but there is an array of shape (2, 4)" in message
        assert "must be an array" in sentence_of(TypeError, divide, "ids")
        assert "along axis -1" in sentence_of(ValueError, divide, rows, -1)
    assert "`training.start`" in sentence_of(TypeError, parallel.state, rows)
    assert "each once" in sentence_of(TypeError, training.data_parallel, jax.devices()[:1] * 2)
    for devices in ([], 4, "all", [0, 1]):
        message = sentence_of(TypeError, training.data_parallel, devices)
        assert message.endswith(f"got {devices!r}.") and "`jax.devices()`" in message


# Two processes


def own_rows(tree):
    """The columns that this process has read, of the two halves of a batch."""
    half = B // PROCESSES
    here = slice(jax.process_index() * half, (jax.process_index() + 1) * half)
    return jax.tree.map(lambda leaf: leaf[:, :, here], tree)


def job(port, process):
    """What one process of two does; each has two of the four devices."""
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_num_cpu_devices", DEVICES // PROCESSES)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"localhost:{port}", PROCESSES, process)
    assert jax.device_count() == DEVICES and jax.process_count() == PROCESSES
    parallel = training.data_parallel()
    split, _ = train(LSTM, parallel, parallel.split)
    joined, _ = train(LSTM, parallel, lambda batches: parallel.join(own_rows(batches)))
    print(json.dumps([split.tolist(), joined.tolist()]))


def free_port():
    with socket.socket() as door:
        door.bind(("localhost", 0))
        return door.getsockname()[1]


@pytest.mark.standard_promotion
def test_two_processes_train_as_one_device():
    """Whether each gives the whole batch or only its own rows; and both know all the losses."""
    port = str(free_port())
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    running = [
        subprocess.Popen(
            [sys.executable, __file__, port, str(process)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for process in range(PROCESSES)
    ]
    try:
        said = [process.communicate(timeout=120) for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0, 0], said
    want, _ = alone(LSTM)
    for out, _ in said:
        for got in json.loads(out.splitlines()[-1]):
            assert_allclose(got, want, rtol=1e-10)


if __name__ == "__main__":
    job(*map(int, sys.argv[1:]))
