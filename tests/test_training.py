"""The training room: an epoch is a plain loop of updates."""

import math
from functools import cache

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import jaxrnn
from jaxrnn import reference, training

N, T, B, V = 3, 4, 5, 6
LAYERS = {
    "lstm": jaxrnn.unroll(jaxrnn.lstm(4)),
    "both-ways": jaxrnn.bidirectional(jaxrnn.gru(4)),
    "deep": jaxrnn.stack([jaxrnn.bidirectional(jaxrnn.lstm(2)), jaxrnn.unroll(jaxrnn.gru(3))]),
}
RATE, CLIP = 0.5, 0.1

# The epoch


def random_like(key, tree):
    leaves, form = jax.tree.flatten(tree)
    keys = jax.random.split(key, len(leaves))
    draws = [jax.random.normal(k, x.shape, x.dtype) for k, x in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(form, draws)


@cache
def model_of(layer):
    """One model a layer, so that its programs are compiled once; and its loss with the gradient."""
    model = jaxrnn.language_model(LAYERS[layer], V)
    return model, jax.jit(jax.value_and_grad(model.loss, has_aux=True))


def a_model(getkey, layer="lstm"):
    """A model, random params and a random carry."""
    model, _ = model_of(layer)
    params = random_like(getkey(), jax.eval_shape(model.init, getkey()))
    return model, params, random_like(getkey(), model.initial_carry(params, (B,)))


def some_batches(getkey):
    """Inputs and targets (N, T, B) of one epoch."""
    ids = jax.random.randint(getkey(), (N, T + 1, B), 0, V, jnp.int32)
    return ids[:, :-1], ids[:, 1:]


def clipped_sgd(params, gradient):
    """θ ← θ - η g, the clip rule before it, in NumPy; and ‖g‖."""
    leaves, form = jax.tree.flatten(params)
    clipped, norm = reference.clip_by_global_norm(jax.tree.leaves(gradient), CLIP)
    moved = [p - RATE * np.asarray(g, p.dtype) for p, g in zip(leaves, clipped, strict=True)]
    return jax.tree.unflatten(form, moved), norm


def by_hand(layer, params, carry, epochs, start_carry, restart):
    """The loop that `training.epoch` stands for, one update at a time, outside of any scan."""
    (_, gradient_of), losses, norms = model_of(layer), [], []
    for inputs, targets in epochs:
        carry = start_carry if restart == "epoch" else carry
        for x, y in zip(inputs, targets, strict=True):
            carry = start_carry if restart == "minibatch" else carry
            (loss, carry), gradient = gradient_of(params, carry, x, y)
            params, norm = clipped_sgd(params, gradient)
            losses.append(loss)
            norms.append(norm)
    return params, carry, losses, norms


def assert_equal_trees(ours, theirs, tolerance):
    chex.assert_trees_all_close(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("restart", training.RESTARTS)
@pytest.mark.parametrize(
    "layer", ["lstm", "both-ways", pytest.param("deep", marks=pytest.mark.slow)]
)
def test_two_epochs_are_a_plain_loop(getkey, tolerance, layer, restart):
    """Params, both directions' carries, losses, and norms before the clip. The state's own carry is
    not the one to restart from, so that each rule shows where it begins."""
    model, params, start_carry = a_model(getkey, layer)
    carry, epochs = random_like(getkey(), start_carry), [some_batches(getkey) for _ in range(2)]
    rule = training.optimizer("sgd", RATE, CLIP)
    state, reports = training.start(params, rule, carry), []
    for inputs, targets in epochs:
        state, report = training.epoch(
            model.loss, rule, state, inputs, targets, start_carry, restart
        )
        reports.append(report)
    want = by_hand(layer, params, carry, epochs, start_carry, restart)
    losses, norms = (np.concatenate(column) for column in zip(*reports, strict=True))
    assert_equal_trees((state.params, state.carry, list(losses), list(norms)), want, 4 * tolerance)


def test_the_three_restarts_differ(getkey):
    """Else the loop above could not tell them apart."""
    _, params, start_carry = a_model(getkey, "both-ways")
    carry, epochs = random_like(getkey(), start_carry), [some_batches(getkey)]
    ends = [
        by_hand("both-ways", params, carry, epochs, start_carry, r)[2] for r in training.RESTARTS
    ]
    first, second = np.array(ends).T[:2]
    assert_allclose(first[0], first[1], rtol=1e-12)
    assert abs(first[1] - first[2]) > 1e-6 and abs(second[0] - second[1]) > 1e-6


def test_the_carry_is_detached(getkey):
    """The second update follows the gradient of its own minibatch alone: the carry handed over is
    a number there, not a function of the params."""
    model, params, zeros = a_model(getkey)
    inputs, targets = some_batches(getkey)
    rule = training.optimizer("sgd", RATE, math.inf)

    def after(count):
        state = training.start(params, rule, zeros)
        return training.epoch(model.loss, rule, state, inputs[:count], targets[:count], zeros)[0]

    one, two = after(1), after(2)
    moved = jax.tree.map(lambda a, b: (a - b) / RATE, one.params, two.params)

    @jax.jit
    @jax.grad
    def detached(p):
        return model.loss(p, one.carry, inputs[1], targets[1])[0]

    @jax.jit
    @jax.grad
    def through(p):  # the same loss at `one.params`, its carry a function of them
        there, here = (model.apply(q, zeros, inputs[0])[0] for q in (one.params, p))
        carry = jax.tree.map(lambda c, a, b: c + b - a, one.carry, there, here)
        return model.loss(p, carry, inputs[1], targets[1])[0]

    assert_equal_trees(moved, detached(one.params), 1e-11)
    apart = jax.tree.map(lambda a, b: np.max(np.abs(a - b)), moved.layer, through(one.params).layer)
    assert min(jax.tree.leaves(apart)) > 1e-3, "nothing came through the carry, so no law"


def test_start_copies_and_epoch_consumes(getkey):
    """The state is donated, but what the caller gave to `start` lives on, unchanged."""
    model, params, zeros = a_model(getkey)
    before = jax.tree.map(np.array, (params, zeros))
    rule = training.optimizer("sgd", RATE, CLIP)
    state = training.start(params, rule, zeros)
    training.epoch(model.loss, rule, state, *some_batches(getkey), zeros)
    for mine, copy in zip(jax.tree.leaves((params, zeros)), jax.tree.leaves(before), strict=True):
        assert_array_equal(mine, copy)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.params))


@pytest.mark.standard_promotion
@pytest.mark.parametrize("name", training.OPTIMIZERS)
def test_epochs_of_one_shape_are_traced_once(getkey, name):
    model, params, zeros = a_model(getkey)
    traced = []

    def loss(*args):
        traced.append(args)
        return model.loss(*args)

    rule = training.optimizer(name, 0.01, CLIP)
    state, counts = training.start(params, rule, zeros), []
    for _ in range(3):
        state, _ = training.epoch(loss, rule, state, *some_batches(getkey), zeros)
        counts.append(len(traced))
    assert counts[0] >= 1 and counts == [counts[0]] * 3


def test_an_unknown_restart_is_quoted(getkey):
    model, params, zeros = a_model(getkey)
    rule = training.optimizer("sgd", RATE, CLIP)
    state = training.start(params, rule, zeros)
    with pytest.raises(ValueError, match=r"`restart` must be one of .*'never'.* got 'always'"):
        training.epoch(model.loss, rule, state, *some_batches(getkey), zeros, "always")


@pytest.mark.standard_promotion
def test_an_optimizer_may_read_the_params(getkey):
    """AdamW, of a loss without a slope, shrinks them alone: θ ← (1 - η λ) θ at every update."""
    params, carry = jax.random.normal(getkey(), (5,)), jnp.zeros(())

    def flat(params, carry, inputs, targets):
        return 0 * params.sum(), carry

    rule, batches = optax.adamw(0.1, weight_decay=0.5), jnp.zeros((N, T, B), jnp.int32)
    state, _ = training.epoch(
        flat, rule, training.start(params, rule, carry), batches, batches, carry
    )
    assert_allclose(state.params, (1 - 0.1 * 0.5) ** N * params, rtol=1e-12)


# What an epoch takes


def linear(params, carry, inputs, targets):
    """A loss whose gradient is the input, in the params' own dtype."""
    return (params * inputs).sum().astype(jnp.float32), carry


def one_epoch(rule, params, gradients, loss=linear):
    """Params after an epoch of these gradients (N, ...), and its report."""
    state = training.start(params, rule, None)
    state, report = training.epoch(loss, rule, state, gradients, gradients, None)
    return state.params, report


def test_inputs_and_targets_may_be_trees_and_each_minibatch_has_its_key(getkey):
    """A tuple of inputs, (N, T, B, I) and (N, B), beside one target (N, B)."""
    xs, sizes, targets = jnp.arange(30.0).reshape(3, 5, 2, 1), jnp.ones((3, 2)), jnp.ones((3, 2))

    def loss(params, carry, inputs, targets, key):
        xs, side = inputs
        assert xs.shape == (5, 2, 1) and side["sizes"].shape == targets.shape == (2,)
        noise = jax.random.uniform(key)
        return params * (xs.sum() + side["sizes"].sum() + targets.sum()) + noise, carry

    rule, key = training.optimizer("sgd", 1e-9), getkey()
    state, inputs = training.start(jnp.ones(()), rule, None), (xs, {"sizes": sizes})
    report = training.epoch(loss, rule, state, inputs, targets, None, key=key)[1]
    keys = jax.random.split(key, 3)
    want = xs.sum((1, 2, 3)) + 4 + jax.vmap(jax.random.uniform)(keys)
    assert_allclose(report.loss, want, rtol=1e-6)


@pytest.mark.parametrize("loss", ["method", "function"])
def test_equal_models_share_a_program(getkey, loss):
    traced = []

    class Counting(jaxrnn.GRU):
        def step(self, params, carry, x):
            traced.append(x)
            return super().step(params, carry, x)

    rule, batches = training.optimizer("sgd", RATE), some_batches(getkey)
    counts, params, key = [], None, getkey()
    for _ in range(3):
        model = jaxrnn.language_model(jaxrnn.unroll(Counting(3)), V)
        params, zeros = model.init(key), None
        zeros = model.initial_carry(params, (B,))
        state = training.start(params, rule, zeros)
        score = model.loss if loss == "method" else type(model).loss.__get__(model)
        training.epoch(score, rule, state, *batches, zeros)
        counts.append(len(traced))
    assert 0 < counts[0] == counts[-1]


LAYERS_THAT_DROP = {
    "inputs": jaxrnn.unroll(jaxrnn.lstm(2), dropout=jaxrnn.Dropout(inputs=0.5)),
    "recurrent": jaxrnn.unroll(jaxrnn.gru(2), dropout=jaxrnn.Dropout(recurrent=0.5)),
    "weights": jaxrnn.unroll(jaxrnn.gru(2), engine="scan", dropout=jaxrnn.Dropout(weights=0.5)),
    "zoneout": jaxrnn.bidirectional(jaxrnn.lstm(2), dropout=jaxrnn.Dropout(zoneout=(0.0, 0.5))),
    "between": jaxrnn.stack([jaxrnn.unroll(jaxrnn.vanilla(2))] * 2, dropout=0.5),
    "within": jaxrnn.stack([jaxrnn.unroll(jaxrnn.gru(2), dropout=jaxrnn.Dropout(0.5))]),
}


@pytest.mark.parametrize("name", LAYERS_THAT_DROP)
def test_a_layer_that_drops_is_not_trained_without_a_key(getkey, name):
    """Whatever the loss is made of, and though it was traced before. Elsewhere it drops nothing."""
    model = jaxrnn.language_model(LAYERS_THAT_DROP[name], V)
    params, batches = model.init(getkey()), some_batches(getkey)
    zeros = model.initial_carry(params, (B,))
    rule = training.optimizer("sgd", RATE)
    before = jax.jit(model.loss)
    before(params, zeros, batches[0][0], batches[1][0])
    for loss in (model.loss, before, lambda *args: model.loss(*args)):
        state = training.start(params, rule, zeros)
        with pytest.raises(ValueError, match=r"dropout \(.*0\.5.*without a key: give .*`key`"):
            training.epoch(loss, rule, state, *batches, zeros)


def test_rates_of_nothing_need_no_key(getkey):
    none = jaxrnn.Dropout(zoneout=(0.0,))
    model = jaxrnn.language_model(jaxrnn.unroll(jaxrnn.vanilla(2), dropout=none), V)
    params, rule = model.init(getkey()), training.optimizer("sgd", RATE)
    zeros = model.initial_carry(params, (B,))
    state = training.start(params, rule, zeros)
    training.epoch(model.loss, rule, state, *some_batches(getkey), zeros)


def sentence_of(error, act, *args, **kwargs):
    with pytest.raises(error) as caught:
        act(*args, **kwargs)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    return str(caught.value)


def test_what_cannot_be_trained_on_is_quoted(getkey):
    model, params, zeros = a_model(getkey)
    rule, (inputs, targets) = training.optimizer("sgd", RATE), some_batches(getkey)

    def train(rule=rule, carry=zeros, inputs=inputs, targets=targets, started=rule, **options):
        state = training.start(params, started, carry)
        return training.epoch(model.loss, rule, state, inputs, targets, carry, **options)

    for restart in training.RESTARTS:
        message = sentence_of(ValueError, train, carry=None, restart=restart)
        assert "is None, but LSTMCarry(h=float" in message and "`initial_carry" in message
    assert "same number of minibatches" in sentence_of(ValueError, train, targets=targets[:2])
    assert "same number of minibatches" in sentence_of(ValueError, train, inputs=3, targets=3)
    adam = optax.adam(0.1)
    assert "take it from `training.start`" in sentence_of(ValueError, train, adam)
    assert "optax transformation" in sentence_of(TypeError, train, optax.adam)
    assert "optax transformation" in sentence_of(TypeError, train, started=[0.5] * 10_000)
    state = training.start(params, rule, zeros)

    def trained(loss=model.loss, state=state):
        return training.epoch(loss, rule, state, inputs, targets, zeros)

    for loss in (0.5, lambda params, *_: params.head.b[0]):
        assert "(loss, carry), got" in sentence_of(TypeError, trained, loss)
    for value in (jnp.ones(3), jnp.ones((), int)):
        message = sentence_of(TypeError, trained, lambda p, c, *_, value=value: (value, c))
        assert "`loss` must give one float to train on, got" in message
    assert "`training.start` makes it, got" in sentence_of(TypeError, trained, state=params)
    trained()
    assert "donated to an epoch before" in sentence_of(ValueError, trained)
    wide = np.full(inputs.shape, 2**32 + 1)
    with jax.enable_x64(False):
        for name in ("inputs", "targets"):
            message = sentence_of(ValueError, train, **{name: wide})
            assert f"{name} hold 4294967297, which 32 bits do not" in message


# The optimizer


@pytest.mark.standard_promotion
@pytest.mark.float32
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bits_are_moved_in_float32(getkey, dtype):
    """As the same params in float32 are, and then rounded: by Adam, whose ε is 0 in float16, and
    behind a norm whose squares are beyond its range."""
    params = jax.random.normal(getkey(), (40,)).astype(dtype)
    steps = (100 * jax.random.normal(getkey(), (N, 40))).astype(dtype)
    for rule in (training.optimizer("adam", 0.01, CLIP), optax.sgd(1e-3, 0.9)):
        moved, report = one_epoch(rule, params, steps)
        want = params
        memory = rule.init(want.astype(jnp.float32))
        for g in steps.astype(jnp.float32):
            updates, memory = rule.update(g, memory, want.astype(jnp.float32))
            want = optax.apply_updates(want, updates)
        assert moved.dtype == dtype and np.any(moved != params)
        assert_array_equal(moved.astype(jnp.float32), want.astype(jnp.float32))
        norms = np.linalg.norm(np.asarray(steps, np.float64), axis=1)
        assert_allclose(report.gradient_norm, norms, rtol=1e-5)
    by_hand = training.optimizer("adam", 0.01, CLIP)
    updates, memory = by_hand.update(steps[0], by_hand.init(params), params)
    assert {leaf.dtype.name for leaf in jax.tree.leaves((updates, memory))} == {"float32", "int32"}
    assert np.isfinite(updates).all() and np.all(updates != 0)


@pytest.mark.float32
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_a_gradient_whose_squares_overflow_is_clipped_and_not_lost(getkey, dtype):
    """Up to the greatest number of its dtype, in a tree; infinity itself is still told."""
    dtype = jax.dtypes.canonicalize_dtype(dtype)
    rule, most = training.optimizer("sgd", 1.0, 2.0), float(jnp.finfo(dtype).max)
    shape = jnp.array([3.0, -4.0, 12.0]) / 13
    update = jax.jit(rule.update)
    for size in (1e-3, 1.0, most / 100, most):
        gradient = {"a": (size * shape[:2]).astype(dtype), "b": (size * shape[2:]).astype(dtype)}
        updates, _ = update(gradient, rule.init(gradient))
        want = -min(size, 2.0) * shape
        assert_allclose(np.concatenate([*updates.values()]), want, rtol=1e-2)
    updates, _ = rule.update(dict(gradient, a=gradient["a"] * jnp.inf), rule.init(gradient))
    assert np.isnan(updates["a"]).all()
    norm = one_epoch(rule, gradient["b"], gradient["b"][None])[1].gradient_norm
    assert_allclose(norm, most * (12 / 13), rtol=1e-2)


def test_a_schedule_gives_each_update_its_rate():
    gradients = jnp.ones((4, 2))
    rule = training.optimizer("sgd", lambda count: jnp.asarray([4.0, 2.0, 1.0, 0.0])[count], None)
    params, _ = one_epoch(rule, jnp.zeros(2), gradients)
    assert_allclose(params, -7.0)


@pytest.mark.standard_promotion
@pytest.mark.float32
@pytest.mark.parametrize("kind", ["ours", "of optax", "injected"])
def test_a_new_rate_each_epoch_compiles_once(kind):
    traced, gradients = [], jnp.ones((2, 3), jnp.float32)

    def loss(params, carry, inputs, targets):
        traced.append(inputs)
        return linear(params, carry, inputs, targets)

    injected = optax.inject_hyperparams(optax.sgd)(1.0)
    state = counts = None
    for rate in (1.0, 0.25, 3.0):
        make = {"ours": "sgd", "of optax": optax.sgd}.get(kind, injected)
        own = kind == "injected"
        rule = training.optimizer(make, None if own else rate, None if own else 10 * rate)
        state = state or training.start(jnp.zeros(3, jnp.float32), rule, None)
        if own and traced:  # a number of Python's, after an array of float32
            state.optimizer_state.hyperparams["learning_rate"] = rate
        state, _ = training.epoch(loss, rule, state, gradients, gradients, None)
        counts = counts or len(traced)
    assert_allclose(state.params, -2 * (1 + 0.25 + 3))
    assert len(traced) == counts


def minding(calls):
    """A transformation that asks for all that optax's own may ask for."""

    def update(updates, state, params=None, *, value, grad, value_fn):
        calls.append((value, grad, params))
        return jax.tree.map(lambda g: -g * value_fn(params) / value, updates), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


@pytest.mark.standard_promotion
def test_any_transformation_of_optax(getkey):
    """Those that read params, values or the loss itself, keep parts of them, or are no tuples."""
    p, steps = jax.random.normal(getkey(), (3,)), jax.random.normal(getkey(), (2, 3))
    calls = []
    total = -np.asarray(steps).sum(0)
    for rule, want in {
        training.optimizer(optax.sgd(1.0)): total,
        training.optimizer(minding(calls), clip=math.inf): total,
        minding(calls): total,
        optax.chain(optax.sgd(1.0), optax.contrib.reduce_on_plateau()): total,
        training.optimizer(optax.MultiSteps(optax.sgd(2.0), 2).gradient_transformation()): total,
    }.items():
        moved, _ = one_epoch(rule, p, steps)
        assert_allclose(moved - p, want, rtol=1e-6)
    assert len(calls) >= 2
    moved, _ = one_epoch(optax.MultiSteps(optax.sgd(2.0), 2), p, steps)
    assert_allclose(moved - p, total, rtol=1e-6)


def adam(gradients, rate):
    """Kingma & Ba 2015: what a sequence of gradients adds to the params."""
    m = v = total = 0.0
    for t, g in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        total -= rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return total


@pytest.mark.standard_promotion
def test_adam_is_the_papers_behind_the_clip(getkey):
    gradients = [10.0**k * jax.random.normal(getkey(), (7,)) for k in (-3, 0, 1, -2)]
    rule, p = training.optimizer("adam", 0.01, CLIP), jnp.zeros(7)
    memory = rule.init(p)
    for gradient in gradients:
        updates, memory = rule.update(gradient, memory, p)
        p = optax.apply_updates(p, updates)
    clipped = [reference.clip_by_global_norm([g], CLIP)[0][0] for g in gradients]
    assert_allclose(np.asarray(p), adam(clipped, 0.01), rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, -0.5, math.nan], ids=str)
@pytest.mark.parametrize("name", ["learning_rate", "clip"])
def test_rates_and_thresholds_are_positive(name, value):
    with pytest.raises(ValueError, match=rf"`{name}` must be positive, got {value}\."):
        training.optimizer("sgd", **{"learning_rate": 1.0, "clip": 1.0, name: value})


def test_what_is_no_rate_is_quoted():
    for name in ("learning_rate", "clip"):
        for value, quoted in (("fast", "'fast'"), ([0.1] * 10_000, "[0.1"), ((), "()")):
            options = {"learning_rate": 1.0, "clip": 1.0, name: value}
            message = sentence_of(TypeError, training.optimizer, "sgd", **options)
            assert message.startswith(f"`{name}` must be a positive number, got {quoted}")
    assert "`learning_rate` must be" in sentence_of(TypeError, training.optimizer, "adam")
    message = sentence_of(ValueError, training.optimizer, optax.sgd(0.1), 0.5)
    assert "a rate of its own: leave out `learning_rate`, got 0.5" in message
    assert "optax transformation" in sentence_of(TypeError, training.optimizer, None)
    assert "optax transformation" in sentence_of(TypeError, training.optimizer, 3, 0.5)


def test_an_unknown_optimizer_is_quoted():
    with pytest.raises(ValueError, match="`optimizer` must be one of 'sgd', 'adam', got 'rmsprop'"):
        training.optimizer("rmsprop", 1.0, 1.0)
