"""The Flax faces add nothing to a layer: same numbers, same params, in Flax's own containers."""

import dataclasses
import doctest
import itertools
import pickle
import subprocess
import sys
import textwrap
from functools import partial
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from flax import nnx
from jax.core import Tracer

import jaxrnn
from jaxrnn import linen
from jaxrnn.nnx import RNN

T, B, I, H = 6, 3, 4, 5

LSTM = jaxrnn.unroll(jaxrnn.lstm(H))
GRU = jaxrnn.unroll(jaxrnn.gru(H), reverse=True)
DEEP = jaxrnn.stack([jaxrnn.bidirectional(jaxrnn.gru(3)), LSTM])
PLAIN = jaxrnn.unroll(jaxrnn.vanilla(H))  # compiles fastest: for laws that no cell has a part in
NOISY = jaxrnn.unroll(jaxrnn.vanilla(H), dropout=jaxrnn.Dropout(recurrent=0.5))
LAYERS = {"lstm": LSTM, "gru": GRU, "deep": DEEP}
DEEP_PATHS = [
    *(("params", 0, half, name) for half in (0, 1) for name in ("b", "b_h", "w_h", "w_x")),
    *(("params", 1, name) for name in ("b", "w_h", "w_x")),  # the LSTM has no b_h
]


# The layer and its faces, as functions of one form.


def by_layer(layer, params, xs, carry=None, batch_major=False, **when):
    assert not batch_major  # a layer has no such thing
    return layer.apply(params, carry, xs, **when)


def by_nnx(layer, params, xs, carry=None, batch_major=False, **when):
    return RNN(layer, params=params, batch_major=batch_major)(xs, carry, **when)


def by_linen(layer, params, xs, carry=None, batch_major=False, **when):
    variables = {"params": {"layer": linen.to_dict(params)}}
    return linen.RNN(layer, I, batch_major).apply(variables, xs, carry, **when)


@partial(jax.jit, static_argnums=(0, 1), static_argnames="batch_major")
def outcome(call, layer, params, xs, carry=None, batch_major=False, **when):
    return call(layer, params, xs, carry, batch_major=batch_major, **when)


@partial(jax.jit, static_argnums=(0, 1))
def graded(call, layer, params, xs, carry):
    """Outcome, and its gradient by params and carry."""

    def loss(params, carry):
        both = call(layer, params, xs, carry)
        return loss_of(both), both

    return jax.value_and_grad(loss, (0, 1), has_aux=True)(params, carry)


@jax.jit
def called(rnn, xs):
    return rnn(xs)


@pytest.fixture(params=[by_nnx, by_linen])
def either(request):
    return request.param


some = optax.tree.random_like  # all of it random: no zero bias hides a bias that is not read


def some_params(key, layer):
    return some(key, jax.eval_shape(lambda: layer.init(key, I)))


def some_xs(key, kind, shape=(T, B)):
    if kind == "tokens":
        return jax.random.randint(key, shape, 0, I)
    return jax.random.normal(key, (*shape, I))


def some_when(key, shape=(T, B)):
    keys = jax.random.split(key, 3)
    return {
        "lengths": jax.random.randint(keys[0], shape[1:], 1, shape[0]),
        "mask": jax.random.bernoulli(keys[1], 0.7, shape),
        "resets": jax.random.bernoulli(keys[2], 0.3, shape),
    }


same = partial(chex.assert_trees_all_equal, strict=True)  # bit for bit, in the same containers


def differ(a, b):
    return any(np.any(x != y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def loss_of(outcome):
    """Of every number that comes out, so that each has a gradient of its own."""
    return sum(jnp.sum(jnp.sin(leaf + i)) for i, leaf in enumerate(jax.tree.leaves(outcome)))


# The numbers


@pytest.mark.parametrize(
    "name, kind",
    [("lstm", "features"), ("gru", "tokens"), ("deep", "features"), ("deep", "tokens")],
)
def test_outputs_and_gradients_are_the_layers_bit_for_bit(name, kind, either, getkey):
    layer, xs = LAYERS[name], some_xs(getkey(), kind)
    params = some_params(getkey(), layer)
    carry = some(getkey(), layer.initial_carry(params, (B,)))
    same(graded(either, layer, params, xs, carry), graded(by_layer, layer, params, xs, carry))


@pytest.mark.parametrize("which", ["lengths", "mask", "resets"])
def test_lengths_mask_and_resets_reach_the_layer(which, either, getkey):
    xs, params = some_xs(getkey(), "features"), some_params(getkey(), PLAIN)
    when = {which: some_when(getkey())[which]}
    got = outcome(either, PLAIN, params, xs, **when)
    same(got, outcome(by_layer, PLAIN, params, xs, **when))
    assert differ(got, outcome(by_layer, PLAIN, params, xs))


@pytest.mark.parametrize(
    "kind, batch", [("features", ()), ("features", (2, B)), ("tokens", (2, B))]
)
def test_batch_major_is_time_major_transposed(kind, batch, either, getkey):
    xs, params = some_xs(getkey(), kind, (T, *batch)), some_params(getkey(), PLAIN)
    when = some_when(getkey(), (T, *batch))
    carry = some(getkey(), PLAIN.initial_carry(params, batch))
    time = len(batch)  # where batch-major puts it
    moved = {k: v if k == "lengths" else jnp.moveaxis(v, 0, time) for k, v in when.items()}
    last, ys = outcome(by_layer, PLAIN, params, xs, carry, **when)
    xs = jnp.moveaxis(xs, 0, time)
    got = outcome(either, PLAIN, params, xs, carry, batch_major=True, **moved)
    same(got, (last, jnp.moveaxis(ys, 0, time)))


# The dropout


@pytest.mark.parametrize("batch_major", [False, True])
def test_a_key_reaches_the_layer(batch_major, either, getkey):
    xs, params, key = some_xs(getkey(), "features"), some_params(getkey(), NOISY), getkey()
    last, ys = outcome(by_layer, NOISY, params, xs, key=key)
    if batch_major:
        xs, ys = jnp.moveaxis(xs, 0, 1), jnp.moveaxis(ys, 0, 1)
    got = outcome(either, NOISY, params, xs, batch_major=batch_major, key=key)
    same(got, (last, ys))
    assert differ(got, outcome(either, NOISY, params, xs, batch_major=batch_major))


class Two(nn.Module):
    """One module called twice, and another."""

    @nn.compact
    def __call__(self, xs, **key):
        one, other = linen.RNN(NOISY), linen.RNN(NOISY)
        return one(xs, **key), one(xs, **key), other(xs, **key)


def test_linen_draws_from_its_rng(getkey):
    """At every call and in every module another mask; a key given to a call is stronger."""
    xs, params, key = some_xs(getkey(), "features"), some_params(getkey(), NOISY), getkey()
    variables = {"params": {f"RNN_{i}": {"layer": linen.to_dict(params)} for i in range(2)}}
    call = jax.jit(Two().apply)
    ends = [call(variables, xs, rngs={"dropout": k}) for k in (key, key, getkey())]
    same(ends[0], ends[1])
    plain = outcome(by_layer, NOISY, params, xs)
    apart = [*ends[0], *ends[2], plain]
    assert all(differ(a, b) for a, b in itertools.combinations(apart, 2))
    same(call(variables, xs), (plain,) * 3)
    want = outcome(by_layer, NOISY, params, xs, key=key)
    same(call(variables, xs, rngs={"dropout": getkey()}, key=key), (want,) * 3)


# The params


def test_every_module_begins_by_itself(getkey):
    """By the stream for params, of one Rngs or of two; of Linen, by key and by place."""

    def of(rngs):
        return RNN(PLAIN, I, rngs=rngs).layer_params()

    rngs, xs = nnx.Rngs(params=0, dropout=1), some_xs(getkey(), "features")
    begun = [of(rngs), of(rngs), of(nnx.Rngs(1))]
    same(of(nnx.Rngs(params=0, dropout=2)), begun[0])
    for key in (getkey(), getkey()):
        variables = Two().init({"params": key}, xs)
        begun += [linen.from_dict(PLAIN, I, each["layer"]) for each in variables["params"].values()]
    firsts = [float(params.w_h[0, 0]) for params in begun]
    assert len(set(firsts)) == len(firsts) == 7


@pytest.mark.parametrize("name", LAYERS)
def test_nnx_holds_what_init_gives(name):
    layer = LAYERS[name]
    params = RNN(layer, I, rngs=nnx.Rngs(7)).layer_params()
    same(params, layer.init(nnx.Rngs(7).params(), I))
    same(RNN(layer, params=params).layer_params(), params)
    same(RNN(layer, params=RNN(layer, params=params).params).layer_params(), params)


def test_nnx_paths_read_as_the_layer_does():
    state = nnx.state(RNN(DEEP, I, rngs=nnx.Rngs(0)), nnx.Param)
    assert [path for path, _ in nnx.to_flat_state(state)] == DEEP_PATHS
    assert state["params"][0][1]["w_x"].shape == (I, 9)


def test_nnx_keeps_no_rngs_and_nothing_but_params():
    rnn = RNN(DEEP, I, rngs=nnx.Rngs(0))
    assert not jax.tree.leaves(nnx.state(rnn, nnx.Not(nnx.Param)))
    assert not any(isinstance(node, nnx.Rngs) for _, node in nnx.iter_graph(rnn))


@pytest.mark.parametrize("name", LAYERS)
def test_linen_params_are_a_plain_dict_and_turn_back(name, getkey):
    layer, xs = LAYERS[name], some_xs(getkey(), "features")
    params = some_params(getkey(), layer)
    tree = linen.to_dict(params)
    variables = jax.eval_shape(linen.RNN(layer).init, getkey(), xs)
    assert jax.tree.structure(variables) == jax.tree.structure({"params": {"layer": tree}})
    for path, _ in jax.tree_util.tree_leaves_with_path(tree):
        assert all(isinstance(k, jax.tree_util.DictKey) and type(k.key) is str for k in path)
    same(linen.from_dict(layer, I, tree), params)


def test_linen_names():
    tree = linen.to_dict(some_params(jax.random.key(0), DEEP))
    assert list(tree) == ["0", "1"] and list(tree["0"]) == ["0", "1"]
    assert list(tree["0"]["1"]) == ["w_x", "w_h", "b", "b_h"]
    assert list(tree["1"]) == ["w_x", "w_h", "b"]


def test_linen_init_is_the_layers(getkey):
    """A scheme that counts: were it drawn leaf by leaf, or twice, the keys would show it."""
    keys = []

    @dataclasses.dataclass(frozen=True)
    class Watched:
        layer: Any
        output_size: int = H

        def init(self, key, input_size, dtype=None):
            if not isinstance(key, Tracer):
                keys.append(key)
            return self.layer.init(key, input_size, dtype)

        def initial_carry(self, params, batch_shape=()):
            return self.layer.initial_carry(params, batch_shape)

        def apply(self, params, carry, xs, **when):
            return self.layer.apply(params, carry, xs, **when)

    variables = linen.RNN(Watched(LSTM)).init(getkey(), some_xs(getkey(), "features"))
    (key,) = keys
    same(variables["params"]["layer"], linen.to_dict(LSTM.init(key, I)))


def test_one_face_reads_the_others_params(getkey):
    params = some_params(getkey(), DEEP)
    rnn = RNN(DEEP, params=params)
    same(linen.from_dict(DEEP, I, nnx.to_pure_dict(nnx.state(rnn))["params"]), params)


@pytest.mark.float32
def test_param_dtype_reaches_the_params(getkey):
    half, xs = jnp.bfloat16, jnp.ones((T, B, I), jnp.bfloat16)
    by_nnx = RNN(PLAIN, I, rngs=nnx.Rngs(0), param_dtype=half).layer_params()
    by_linen = jax.eval_shape(linen.RNN(PLAIN, param_dtype=half).init, getkey(), xs)
    assert {a.dtype for a in jax.tree.leaves((by_nnx, by_linen))} == {jnp.dtype(half)}


@dataclasses.dataclass(frozen=True)
class Decay:
    """A user's own cell, whose params are one bare array: h' = w ⊙ h + x, y = h'."""

    output_size: int = I

    def init(self, key, input_size, dtype=None):
        return jax.random.uniform(key, (input_size,), dtype or jnp.zeros(()).dtype)

    def initial_carry(self, params, batch_shape=()):
        return jnp.zeros((*batch_shape, self.output_size), params.dtype)

    def step(self, params, carry, x):
        h = carry * jnp.broadcast_to(params, carry.shape) + x
        return h, h


def test_a_users_own_cell(either, getkey):
    layer = jaxrnn.unroll(Decay())
    xs, params = some_xs(getkey(), "features"), some_params(getkey(), layer)
    same(outcome(either, layer, params, xs), outcome(by_layer, layer, params, xs))
    variables = linen.RNN(layer).init(getkey(), xs)
    tree: Any = variables["params"]["layer"]
    assert tree.shape == (I,)
    assert nnx.to_flat_state(nnx.state(RNN(layer, params=params)))[0][0] == ("params",)


# Life in Flax NNX


@pytest.fixture
def deep(getkey):
    """A module, inputs and the layer's answer."""
    params, xs = some_params(getkey(), DEEP), some_xs(getkey(), "features")
    return RNN(DEEP, params=params), xs, outcome(by_layer, DEEP, params, xs)


def test_split_and_merge_and_pickle(deep):
    rnn, xs, want = deep
    graphdef, state = nnx.split(rnn)
    again = pickle.loads(pickle.dumps(graphdef))
    assert again == graphdef and hash(again) == hash(graphdef)
    for definition in (graphdef, again):
        merged = nnx.merge(definition, state)
        assert merged.layer == DEEP
        same(merged.layer_params(), rnn.layer_params())
        same(called(merged, xs), want)


def test_jit_as_an_argument_and_closed_over(deep):
    rnn, xs, want = deep
    for jit in (nnx.jit, jax.jit):
        chex.clear_trace_counter()
        jitted = jit(chex.assert_max_traces(lambda rnn, xs: rnn(xs), n=1))
        same(jitted(rnn, xs), want)
        other = RNN(jaxrnn.stack(DEEP.layers), params=rnn.layer_params())
        same(jitted(other, xs), want)  # an equal layer costs no retrace
    same(jax.jit(lambda xs: rnn(xs))(xs), want)


def test_an_ensemble_by_vmap(getkey):
    xs = some_xs(getkey(), "features")

    @nnx.vmap
    def members(rngs):
        return RNN(PLAIN, I, rngs=rngs)

    ensemble = members(nnx.Rngs(params=jax.random.split(getkey(), 2)))
    _, ys = nnx.jit(nnx.vmap(lambda rnn, xs: rnn(xs), in_axes=(0, None)))(ensemble, xs)
    params = ensemble.layer_params()
    _, want = jax.jit(jax.vmap(lambda p: PLAIN.apply(p, None, xs)))(params)
    same(ys, want)
    assert differ(ys[0], ys[1])


def test_orbax_keeps_both(tmp_path, deep):
    ocp = pytest.importorskip("orbax.checkpoint")
    rnn, _, _ = deep
    params = rnn.layer_params()
    graphdef, empty = nnx.split(nnx.eval_shape(lambda: RNN(DEEP, I, rngs=nnx.Rngs(0))))
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "nnx", nnx.state(rnn))
        checkpointer.save(tmp_path / "linen", {"layer": linen.to_dict(params)})
        checkpointer.wait_until_finished()
        state = checkpointer.restore(tmp_path / "nnx", empty)
        tree = checkpointer.restore(tmp_path / "linen")
    same(nnx.merge(graphdef, state).layer_params(), params)
    same(linen.from_dict(DEEP, I, tree["layer"]), params)


# Life in Flax Linen


def test_linen_composes(getkey):
    tokens, last = some_xs(getkey(), "tokens"), lambda carry, ys: ys
    above = jaxrnn.unroll(jaxrnn.vanilla(3), reverse=True)
    model = nn.Sequential([linen.RNN(PLAIN, I), last, linen.RNN(above), last])
    variables = model.init(getkey(), tokens)
    params = (
        linen.from_dict(PLAIN, I, variables["params"]["layers_0"]["layer"]),
        linen.from_dict(above, H, variables["params"]["layers_2"]["layer"]),
    )
    _, want = outcome(by_layer, jaxrnn.stack([PLAIN, above]), params, tokens)
    same(jax.jit(model.apply)(variables, tokens), want)


def test_linen_under_jit(getkey):
    xs, module = some_xs(getkey(), "features"), linen.RNN(PLAIN)
    variables = jax.jit(module.init)(getkey(), xs)
    params = linen.from_dict(PLAIN, I, variables["params"]["layer"])
    same(jax.jit(module.apply)(variables, xs), outcome(by_layer, PLAIN, params, xs))


# Training

SGD = optax.sgd(0.1, momentum=0.9)


def three_steps(loss, params):
    state = SGD.init(params)

    @jax.jit
    def step(params, state):
        updates, state = SGD.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    for _ in range(3):
        params, state = step(params, state)
    return params


def three_steps_by_nnx(rnn, xs):
    optimizer = nnx.Optimizer(rnn, SGD, wrt=nnx.Param)

    @nnx.jit
    def step(rnn, optimizer):
        optimizer.update(rnn, nnx.grad(lambda rnn: loss_of(rnn(xs)))(rnn))

    for _ in range(3):
        step(rnn, optimizer)


def test_training_a_face_is_training_the_plain_params(getkey, tolerance):
    params, xs = some_params(getkey(), GRU), some_xs(getkey(), "features")
    want = three_steps(lambda params: loss_of(GRU.apply(params, None, xs)), params)
    assert differ(want, params)

    rnn = RNN(GRU, params=params)
    three_steps_by_nnx(rnn, xs)
    close = partial(chex.assert_trees_all_close, rtol=tolerance, atol=tolerance)
    close(rnn.layer_params(), want)

    start, module = {"params": {"layer": linen.to_dict(params)}}, linen.RNN(GRU)
    trained = three_steps(lambda variables: loss_of(module.apply(variables, xs)), start)
    close(linen.from_dict(GRU, I, trained["params"]["layer"]), want)


# What they refuse


def wrong(value: Any) -> Any:
    return value


@pytest.mark.parametrize("make", [lambda v: RNN(v, I, rngs=nnx.Rngs(0)), linen.RNN])
@pytest.mark.parametrize("value", [jaxrnn.lstm(H), jaxrnn.Unroll, "lstm", None])
def test_not_a_layer(make, value):
    with pytest.raises(TypeError) as caught:
        make(value)
    assert str(caught.value) == (
        f"RNN needs a layer, got {value!r}: `unroll` makes a cell a layer."
    )


@pytest.mark.parametrize(
    "given",
    [
        (),
        ("input_size",),
        ("rngs",),
        ("rngs", "params"),
        ("input_size", "params"),
        ("param_dtype", "params"),
        ("input_size", "rngs", "params"),
    ],
)
def test_params_come_from_one_place(given):
    every = {"input_size": I, "rngs": nnx.Rngs(0), "params": some_params(jax.random.key(0), LSTM)}
    every["param_dtype"] = jnp.float32
    with pytest.raises(TypeError) as caught:
        RNN(LSTM, **{name: every[name] for name in given})
    assert str(caught.value) == (
        "RNN needs either `input_size` and `rngs`, to draw its params, or `params`, "
        f"got {' and '.join(given) or 'none of them'}."
    )


def test_what_is_no_rngs_and_no_flag():
    with pytest.raises(TypeError, match=r"`rngs` must be flax\.nnx\.Rngs, got Array\(.*key<fry>"):
        RNN(LSTM, I, rngs=wrong(jax.random.key(0)))
    for make in (partial(RNN, LSTM, I, rngs=nnx.Rngs(0)), partial(linen.RNN, LSTM)):
        with pytest.raises(TypeError, match="`batch_major` must be True or False, got 'yes'"):
            make(batch_major=wrong("yes"))


def test_linen_cannot_count_tokens(getkey):
    with pytest.raises(ValueError, match=r"number of distinct tokens, got input_size=None\."):
        linen.RNN(LSTM).init(getkey(), some_xs(getkey(), "tokens"))


def test_params_of_another_layer(getkey):
    xs = some_xs(getkey(), "features")
    biased = jaxrnn.unroll(jaxrnn.lstm(H, recurrent_bias=True))
    variables = {"params": {"layer": linen.to_dict(some_params(getkey(), biased))}}
    message = r"are named b, w_h, w_x, got b, b_h, w_h, w_x: these belong to another layer\."
    with pytest.raises(ValueError, match=message):
        linen.RNN(LSTM).apply(variables, xs)


def test_batch_major_flags_are_judged_in_their_own_order(either, getkey):
    xs, params = jnp.ones((B, T, I)), some_params(getkey(), LSTM)
    for name in ("mask", "resets"):
        with pytest.raises(ValueError) as caught:
            flags = {name: jnp.ones((T, B), bool)}
            either(LSTM, params, xs, batch_major=True, **flags)
        assert str(caught.value) == f"`{name}` must be (*batch, T) = ({B}, {T}), got ({T}, {B})."


@pytest.mark.parametrize("batch_major", [False, True])
def test_the_layers_own_messages_come_through(batch_major, either, getkey):
    params = some_params(getkey(), LSTM)
    module = partial(either, LSTM, batch_major=batch_major)
    with pytest.raises(ValueError, match=r"has 5 features, but LSTM"):
        module(params, jnp.ones((T, B, I + 1)))
    with pytest.raises(ValueError, match=r"^xs must be \(T, \*batch\) of token ids"):
        module(params, jnp.ones((I,)))
    with pytest.raises(ValueError, match=r"^the carry given to LSTM"):
        module(params, jnp.ones((T, T, I)), LSTM.initial_carry(params, (T + 1,)))


def test_batch_major_errors_tell_the_shape_that_was_given(either, getkey):
    params = some_params(getkey(), LSTM)
    with pytest.raises(ValueError, match="has 5 features, but LSTM") as caught:
        either(LSTM, params, jnp.ones((B, T, I + 1)), batch_major=True)
    assert f"given batch-major, as ({B}, {T}, {I + 1})" in "".join(caught.value.__notes__)


# What they promise


@pytest.mark.parametrize("module", [RNN, linen.RNN])
def test_the_example_in_the_docstring_runs(module):
    scope = {"jax": jax, "jnp": jnp, "jaxrnn": jaxrnn}
    (example,) = doctest.DocTestFinder(recurse=False).find(module, "RNN", globs=scope)
    assert len(example.examples) > 4 and not doctest.DocTestRunner().run(example).failed


def test_importing_jaxrnn_leaves_flax_alone():
    program = """
        import sys, jaxrnn
        assert "flax" not in sys.modules
        jaxrnn.nnx.RNN, jaxrnn.linen.RNN
        assert "flax" in sys.modules
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
