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
@pytest.mark.parametrize("layer", LAYERS)
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


# The optimizer


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


def test_an_unknown_optimizer_is_quoted():
    with pytest.raises(ValueError, match="`optimizer` must be one of 'sgd', 'adam', got 'rmsprop'"):
        training.optimizer("rmsprop", 1.0, 1.0)
