"""The language model: tokens -> layer -> logits is its NumPy twin; generation is a plain loop."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import jaxrnn
from jaxrnn import reference
from jaxrnn._language_model import cross_entropy

T, B, H, V = 7, 5, 4, 6
LAYERS = {
    "vanilla": jaxrnn.unroll(jaxrnn.vanilla(H)),
    "gru": jaxrnn.unroll(jaxrnn.gru(H)),
    "gru-before": jaxrnn.unroll(jaxrnn.gru(H, reset="before")),
    "lstm": jaxrnn.unroll(jaxrnn.lstm(H)),
    "deep": jaxrnn.stack([jaxrnn.unroll(jaxrnn.gru(H)), jaxrnn.unroll(jaxrnn.lstm(3))]),
    "both-ways": jaxrnn.bidirectional(jaxrnn.gru(H), jaxrnn.lstm(3)),
    "deep-both-ways": jaxrnn.stack(
        [jaxrnn.bidirectional(jaxrnn.lstm(3)), jaxrnn.unroll(jaxrnn.gru(H))]
    ),
}

every_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS.keys())


def random_like(key, tree):
    """Normal numbers in the form of `tree`: no bias is zero, no carry the initial one."""
    leaves, form = jax.tree.flatten(tree)
    keys = jax.random.split(key, len(leaves))
    draws = [jax.random.normal(k, x.shape, x.dtype) for k, x in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(form, draws)


def a_model(getkey, layer, batch_shape=(B,)):
    """A model, random params and a random carry."""
    model = jaxrnn.language_model(layer, V)
    params = random_like(getkey(), model.init(getkey()))
    return model, params, random_like(getkey(), model.initial_carry(params, batch_shape))


def tokens_like(getkey, *shape):
    return jax.random.randint(getkey(), shape, 0, V, jnp.int32)


def assert_equal_trees(ours, theirs, tolerance):
    chex.assert_trees_all_close(ours, theirs, rtol=tolerance, atol=tolerance)


# The model against its twin


@pytest.mark.float32
@every_layer
def test_logits_and_carry_are_the_twins(getkey, tolerance, layer):
    model, params, carry = a_model(getkey, layer)
    tokens = tokens_like(getkey, T, B)
    theirs, logits, _ = reference.twin(model).forward(params, carry, tokens)
    ours = jax.jit(model.apply)(params, carry, tokens)
    assert_equal_trees(ours, (theirs, logits), tolerance)


@pytest.mark.float32
@every_layer
def test_loss_and_every_gradient_are_the_twins(getkey, tolerance, layer):
    """The carry's too: as training uses it, ``value_and_grad(lm.loss, has_aux=True)``."""
    model, params, carry = a_model(getkey, layer)
    tokens, targets = tokens_like(getkey, T, B), tokens_like(getkey, T, B)
    rule = jax.jit(jax.value_and_grad(model.loss, argnums=(0, 1), has_aux=True))
    (loss, after), (dparams, dcarry) = rule(params, carry, tokens, targets)
    theirs = reference.twin(model).loss_and_grad(params, carry, tokens, targets)
    assert_equal_trees((loss, after, dparams, dcarry), theirs, tolerance)


@pytest.mark.float32
@pytest.mark.parametrize("batch_shape", [(), (2, 3)], ids=str)
def test_any_number_of_batch_axes(getkey, tolerance, batch_shape):
    model, params, carry = a_model(getkey, LAYERS["deep"], batch_shape)
    tokens, targets = tokens_like(getkey, T, *batch_shape), tokens_like(getkey, T, *batch_shape)
    theirs, logits, _ = reference.twin(model).forward(params, carry, tokens)
    ours = jax.jit(model.apply)(params, carry, tokens)
    assert_equal_trees(ours, (theirs, logits), tolerance)
    loss, _ = jax.jit(model.loss)(params, carry, tokens, targets)
    theirs, _ = reference.twin(model).loss(params, carry, tokens, targets)
    assert_allclose(loss, theirs, rtol=tolerance)


def test_a_carry_of_none_is_the_initial_one(getkey):
    model, params, _ = a_model(getkey, LAYERS["both-ways"])
    tokens, zeros = tokens_like(getkey, T, B), model.initial_carry(params, (B,))
    apply = jax.jit(model.apply)
    assert_equal_trees(apply(params, None, tokens), apply(params, zeros, tokens), 0)


def test_padding_logits_are_those_of_a_zero_output(getkey):
    model, params, carry = a_model(getkey, LAYERS["deep"])
    lengths = jnp.arange(B)
    apply = jax.jit(model.apply)
    _, logits = apply(params, carry, tokens_like(getkey, T, B), lengths=lengths)
    for b in range(B):
        padding = logits[b:, b]
        assert_array_equal(padding, np.broadcast_to(params.head.b, padding.shape))


# The loss


@pytest.mark.float32
def test_cross_entropy_is_minus_log_softmax_at_the_target(getkey, tolerance):
    logits, targets = jax.random.normal(getkey(), (T, B, V)), tokens_like(getkey, T, B)
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    want = [[-np.log(p[t, b, targets[t, b]]) for b in range(B)] for t in range(T)]
    assert_allclose(cross_entropy(logits, targets), want, rtol=tolerance, atol=tolerance)


@pytest.mark.float32
def test_cross_entropy_overflows_nowhere():
    logits = jnp.array([[1e4, 0.0, -1e4]] * 3)
    assert_array_equal(cross_entropy(logits, jnp.arange(3)), [0.0, 1e4, 2e4])


@pytest.mark.float32
def test_a_target_that_is_no_token_gives_nan_and_no_other(getkey):
    targets = jnp.array([-1, 0, V - 1, V, 2**31 - 1, -(2**31)], jnp.int32)
    losses = cross_entropy(jax.random.normal(getkey(), (6, V)), targets)
    assert_array_equal(np.isnan(losses), [True, False, False, True, True, True])


@pytest.mark.float32
def test_the_loss_is_the_mean_cross_entropy_of_the_logits_however_large(getkey, tolerance):
    model, params, carry = a_model(getkey, LAYERS["deep"])
    tokens, targets = tokens_like(getkey, T, B), tokens_like(getkey, T, B)
    apply, loss = jax.jit(model.apply), jax.jit(model.loss)
    for scale in (1.0, 1e5):
        head = type(params.head)(scale * params.head.w, scale * params.head.b)
        loud = type(params)(params.layer, head)
        want = cross_entropy(apply(loud, carry, tokens)[1], targets).mean()
        assert np.isfinite(want)
        assert_allclose(loss(loud, carry, tokens, targets)[0], want, rtol=tolerance)


@pytest.mark.float32
@pytest.mark.parametrize("target", [-1, V])
def test_the_loss_of_a_target_that_is_no_token_is_nan(getkey, target):
    model, params, carry = a_model(getkey, LAYERS["gru"])
    targets = tokens_like(getkey, T, B).at[T - 1, 2].set(target)
    assert np.isnan(model.loss(params, carry, tokens_like(getkey, T, B), targets)[0])


@pytest.mark.parametrize("shape", [(B, T), (T,), (), (T, B, 1)], ids=str)
def test_targets_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError) as error:
        cross_entropy(jnp.zeros((T, B, V)), jnp.zeros(shape, jnp.int32))
    assert f"{shape}, but" in str(error.value) and str((T, B)) in str(error.value)


# Generation


def greedy(model, params, prefixes, count):
    """One id at a time from the zero carry; then the likeliest, fed back."""
    apply, continuations = jax.jit(model.apply), []
    for prefix in prefixes:
        carry, said = model.initial_carry(params), []
        for token in prefix:
            carry, logits = apply(params, carry, np.array([token], np.int32))
        while len(said) < count:
            said.append(int(np.argmax(logits[0])))
            carry, logits = apply(params, carry, np.array(said[-1:], np.int32))
        continuations.append(said)
    return continuations


def side_by_side(prefixes, padding):
    """Prefixes of unequal lengths as (T, P), and their lengths."""
    T = max(map(len, prefixes))
    rows = [prefix + [padding] * (T - len(prefix)) for prefix in prefixes]
    lengths = jnp.array([len(prefix) for prefix in prefixes], jnp.int32)
    return jnp.array(rows, jnp.int32).T, lengths


def a_talker(getkey, layer):
    """A model whose state, more than its biases, decides what comes next."""
    model, params, _ = a_model(getkey, layer)
    return model, jax.tree.map(lambda p: 2 * p if p.ndim == 2 else 0.1 * p, params)


PREFIXES = ([3], [1, 4, 4, 0], [2, 5], [0, 0, 0], [5, 4, 3, 2, 1, 0])


@pytest.mark.float32
@every_layer
def test_generation_is_a_plain_loop(getkey, layer):
    model, params = a_talker(getkey, layer)
    want = greedy(model, params, PREFIXES, 9)
    assert len(set(map(tuple, want))) > 1, "one continuation for every prefix proves nothing"
    for padding in (0, V - 1):
        said = model.generate(params, *side_by_side(PREFIXES, padding), 9)
        assert_array_equal(said, np.array(want).T)


@pytest.mark.parametrize("count", [1, 2])
def test_generation_of_few(getkey, count):
    model, params = a_talker(getkey, LAYERS["deep"])
    said = model.generate(params, *side_by_side(PREFIXES, 0), count)
    assert_array_equal(said.T, greedy(model, params, PREFIXES, count))


def test_generation_compiles_once_for_prefixes_of_one_shape(getkey):
    steps = []

    class Counting(jaxrnn.GRU):
        def step(self, params, carry, x):
            steps.append(x)
            return super().step(params, carry, x)

    model = jaxrnn.language_model(jaxrnn.unroll(Counting(H)), V)
    params, (prefixes, lengths) = model.init(getkey()), side_by_side(PREFIXES, 0)
    model.generate(params, prefixes, lengths, 9)
    traced = len(steps)
    model.generate(model.init(getkey()), prefixes[::-1], lengths[::-1], 9)
    jaxrnn.language_model(jaxrnn.unroll(Counting(H)), V).generate(params, prefixes, lengths, 9)
    assert traced and len(steps) == traced


# How the head begins


WIDE = {
    "one-way": (jaxrnn.unroll(jaxrnn.gru(64)), 64),
    "both-ways": (jaxrnn.bidirectional(jaxrnn.gru(64)), 128),
    "deep": (jaxrnn.stack([jaxrnn.unroll(jaxrnn.gru(8)), jaxrnn.unroll(jaxrnn.gru(64))]), 64),
}


@pytest.mark.parametrize("layer, fan_in", WIDE.values(), ids=WIDE.keys())
def test_pytorchs_head_is_uniform_within_the_root_of_its_inputs(getkey, layer, fan_in):
    """±1/√F for weight and bias alike, where both directions count as inputs."""
    model = jaxrnn.language_model(layer, 300, initializer="pytorch_uniform")
    head, bound = model.init(getkey()).head, fan_in**-0.5
    assert head.w.shape == (fan_in, 300) and head.b.shape == (300,)
    for array in (head.w, head.b):
        assert 0.97 * bound < np.max(array) < bound
        assert -bound <= np.min(array) < -0.97 * bound
        assert abs(np.mean(array)) < 0.15 * bound
    assert_allclose(np.std(head.w), bound / 3**0.5, rtol=0.03)


def test_the_scratch_head_is_normal_and_small(getkey):
    model = jaxrnn.language_model(WIDE["one-way"][0], 300, initializer="small_normal")
    head = model.init(getkey()).head
    assert_allclose(np.std(head.w), 0.01, rtol=0.03)
    assert np.max(np.abs(head.w)) > 0.03, "normal, not uniform"
    assert not np.any(head.b)


def test_the_default_head_is_glorots(getkey):
    head = jaxrnn.language_model(WIDE["one-way"][0], 300).init(getkey()).head
    bound = (6 / (64 + 300)) ** 0.5
    assert 0.99 * bound < np.max(np.abs(head.w)) <= bound
    assert_allclose(np.std(head.w), bound / 3**0.5, rtol=0.03)
    assert not np.any(head.b)


def test_head_and_layer_do_not_share_their_randomness(getkey):
    """A square head beside square weights by one scheme: equal keys would draw equal numbers."""
    layer = jaxrnn.unroll(jaxrnn.vanilla(V, recurrent_bias=True, initializer="pytorch_uniform"))
    params = jaxrnn.language_model(layer, V, initializer="pytorch_uniform").init(getkey())
    squares = [params.layer.w_x, params.layer.w_h, params.head.w]
    assert len({float(square[0, 0]) for square in squares}) == 3


# What is refused


@pytest.mark.parametrize("size, error", [(0, ValueError), (-3, ValueError), (2.5, TypeError)])
def test_a_vocabulary_has_a_positive_size(size, error):
    with pytest.raises(error, match=rf"`vocab_size` must be (a )?positive.*got {size}"):
        jaxrnn.language_model(LAYERS["gru"], size)


def test_a_cell_is_no_layer():
    with pytest.raises(TypeError, match=r"got GRU\(hidden_size=4.*`unroll` makes a cell a layer"):
        jaxrnn.language_model(jaxrnn.gru(H), V)  # pyright: ignore[reportArgumentType]


def test_an_unknown_initializer_is_quoted():
    with pytest.raises(ValueError, match=r"'pytorch_uniform'.*got 'pytorch'"):
        jaxrnn.language_model(LAYERS["gru"], V, initializer="pytorch")
