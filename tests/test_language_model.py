"""The language model: tokens -> layer -> logits is its NumPy twin; generation is a plain loop."""

import inspect
import re
from typing import get_args, get_type_hints

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import jaxrnn
from jaxrnn import reference
from jaxrnn._language_model import HeadParams, cross_entropy
from jaxrnn._losses import mean_loss, targets_like

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


FAR = {
    "below": np.int32(-1),
    "above": np.uint8(V),
    "far": np.int64(2**32 + 1),
    "farther": np.uint64(2**64 - 1),
    "least": np.int64(-(2**63) + 1),
}


@pytest.mark.float32
@pytest.mark.parametrize("target", [-1, V])
def test_the_loss_of_a_target_that_is_no_token_is_nan(getkey, target):
    """And the gradients of all params."""
    model, params, carry = a_model(getkey, LAYERS["gru"])
    targets = tokens_like(getkey, T, B).at[T - 1, 2].set(target)
    rule = jax.jit(jax.value_and_grad(model.loss, has_aux=True))
    (loss, _), gradient = rule(params, carry, tokens_like(getkey, T, B), targets)
    assert np.isnan(loss) and all(np.isnan(leaf).any() for leaf in jax.tree.leaves(gradient))


@pytest.mark.float32
@pytest.mark.parametrize("target", FAR.values(), ids=FAR)
def test_a_target_that_is_no_token_is_told_by_what_depends_on_it_alone(getkey, target):
    """In whatever integers it is written; where a mask leaves it out, nothing does."""
    valid, head = np.ones((T, B), bool), HeadParams(*(jnp.ones((4, V)), jnp.ones((V,))))
    targets = np.asarray(tokens_like(getkey, T, B)).astype(target.dtype)
    clean, valid[T - 1, 2] = targets.copy(), False
    targets[T - 1, 2] = target
    ys = jax.random.normal(getkey(), (T, B, 4))

    def fused(head, ys, targets, valid=None):
        return mean_loss(head, ys, targets_like(ys, targets), valid)

    def plain(head, ys, targets, valid=None):
        logits = ys @ head.w
        losses = cross_entropy(logits + jnp.broadcast_to(head.b, logits.shape), targets)
        return losses.mean() if valid is None else jnp.where(valid, losses, 0).mean()

    for score in (fused, plain):
        rule = jax.value_and_grad(score, (0, 1))
        told, masked, want = jax.jit(
            lambda *x, rule=rule: (
                rule(*x, targets),
                rule(*x, targets, valid),
                rule(*x, clean, valid),
            )
        )(head, ys)
        loss, (dhead, dys) = told
        assert np.isnan(loss) and np.isnan(dhead.w).all() and np.isnan(dhead.b).all()
        assert np.isnan(dys[T - 1, 2]).all() and np.isnan(dys).sum() == 4
        assert_equal_trees(masked, want, 1e-6)


def test_an_unknown_target_is_told_forwards_and_in_batches(getkey):
    logits, targets = jax.random.normal(getkey(), (3, V)), jnp.array([0, V, -1], jnp.int32)
    tangent = jax.jvp(lambda z: cross_entropy(z, targets), (logits,), (logits,))[1]
    each = jax.vmap(jax.grad(cross_entropy))(logits, targets)
    assert_array_equal(np.isnan(tangent), [False, True, True])
    assert_array_equal(np.isnan(each), [[False] * V, [True] * V, [True] * V])


@pytest.mark.float32
def test_a_model_reads_ids_whole(getkey):
    """As its layer does: an id that is none is a row of zeros, however it is written."""
    model, params, carry = a_model(getkey, LAYERS["gru"])
    ids = np.array([[2**32 + 1, 2, 2**63 - 1, -(2**32), 0]])
    assert_equal_trees(
        model.apply(params, carry, ids),
        model.apply(params, carry, np.array([[-1, 2, -1, -1, 0]], np.int32)),
        0,
    )


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


def test_generation_reads_ids_and_lengths_whole(getkey):
    model, params = a_talker(getkey, LAYERS["gru"])
    prefixes, lengths = side_by_side(PREFIXES, 0)
    want = model.generate(params, prefixes.at[0, 0].set(-1), lengths, 2)
    wide = np.asarray(prefixes, np.int64)
    wide[0, 0] = 2**32 + 3
    assert_array_equal(model.generate(params, wide, [*map(int, lengths)], 2), want)
    for far in (2**32 + 1, 2**63 - 1, 0, 7):
        with pytest.raises(ValueError, match=rf"`lengths` must lie in 1…T = 6, got {far}\."):
            model.generate(params, prefixes, np.array([1, 4, far, 3, 6]), 2)


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


def test_what_is_no_array_of_ids_is_one_sentence(getkey):
    model, params, carry = a_model(getkey, LAYERS["gru"])
    ids, lengths = tokens_like(getkey, T, B), np.full(B, T)
    long = [0.5] * 100_000
    for bad in (
        long,
        [[1, 2]],
        "text",
        None,
        np.array(["a"]),
        np.zeros((T, B)),
        np.ones((T, B)) > 0,
    ):
        for act in (
            lambda bad: model.apply(params, carry, bad),
            lambda bad: model.loss(params, carry, bad, ids),
            lambda bad: model.loss(params, carry, ids, bad),
            lambda bad: model.generate(params, bad, lengths, 2),
            lambda bad: cross_entropy(jnp.zeros((T, B, V)), bad),
        ):
            with pytest.raises((TypeError, ValueError)) as caught:
                act(bad)
            sentence = str(caught.value)
            assert re.match("(tokens|targets|prefixes) must be ", sentence), sentence
            assert len(sentence) < 250 and "\n" not in sentence
    for bad in (long, "text", [[1], [1, 2]], np.ones(B)):
        with pytest.raises(
            (TypeError, ValueError), match=r"`?lengths`? must be|needs prefixes"
        ) as e:
            model.generate(params, ids, bad, 2)
        assert len(str(e.value)) < 250


def test_a_models_keywords_are_those_of_a_layer():
    asked = inspect.signature(LAYERS["gru"].apply).parameters.values()
    names = [p.name for p in asked if p.kind is p.KEYWORD_ONLY]
    for method in (jaxrnn.LanguageModel.apply, jaxrnn.LanguageModel.loss):
        told = inspect.signature(method).parameters.values()
        assert [p.name for p in told if p.kind is p.KEYWORD_ONLY] == names
        assert not [p for p in told if p.kind is p.VAR_KEYWORD]
    for maker in (jaxrnn.language_model, jaxrnn.LanguageModel.__init__):
        choices = get_args(get_type_hints(maker)["initializer"])
        assert choices == ("glorot", "small_normal", "pytorch_uniform")
