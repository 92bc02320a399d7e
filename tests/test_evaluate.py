"""What a training loop is made of beside its epochs: evaluation, schedules, when to stop."""

import dataclasses
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import jaxrnn
from jaxrnn import training

N, T, B, V = 3, 4, 5, 6


def a_model(getkey, layer):
    model = jaxrnn.language_model(layer, V)
    params = model.init(getkey())
    carry = model.initial_carry(params, (B,))
    rng = np.random.default_rng(0)
    return model, params, jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape)), carry)


def some_batches():
    ids = np.random.default_rng(1).integers(0, V, (N, T + 1, B)).astype(np.int32)
    return ids[:, :-1], ids[:, 1:]


def sentence_of(error, act, *args, **kwargs):
    with pytest.raises(error) as caught:
        act(*args, **kwargs)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    return str(caught.value)


# Evaluation


@pytest.mark.parametrize("layer", ["lstm", "both-ways"])
def test_an_evaluation_is_a_plain_loop(getkey, tolerance, layer):
    layer = {
        "lstm": jaxrnn.unroll(jaxrnn.lstm(4)),
        "both-ways": jaxrnn.bidirectional(jaxrnn.vanilla(3)),
    }[layer]
    model, params, start = a_model(getkey, layer)
    batches, loss = some_batches(), jax.jit(model.loss)
    wants = {}
    for restart in training.RESTARTS:
        carry, want = start, []
        for x, y in zip(*batches, strict=True):
            value, carry = loss(params, start if restart == "minibatch" else carry, x, y)
            want.append(value)
        got = training.evaluate(model.loss, params, *batches, start, restart)
        assert got.shape == (N,)
        assert_allclose(got, want, rtol=tolerance)
        wants[restart] = want
    assert abs(wants["minibatch"][1] - wants["epoch"][1]) > 1e-6, "the carry was not handed on"
    for leaf in jax.tree.leaves((params, start)):
        assert not leaf.is_deleted()


def test_nothing_is_dropped(getkey):
    """Whatever was traced before; and a training without a key is refused after it too."""
    dropping = jaxrnn.unroll(jaxrnn.vanilla(3), dropout=jaxrnn.Dropout(recurrent=0.5))
    model, params, carry = a_model(getkey, dropping)
    plain, batches = a_model(getkey, jaxrnn.unroll(jaxrnn.vanilla(3)))[0], some_batches()
    rule = training.optimizer("sgd", 0.1)

    def train(key):
        state = training.start(params, rule, carry)
        return training.epoch(model.loss, rule, state, *batches, carry, key=key)[1].loss

    dropped = train(getkey())
    got = training.evaluate(model.loss, params, *batches, carry)
    assert_allclose(got, training.evaluate(plain.loss, params, *batches, carry), rtol=1e-12)
    assert abs(got[0] - dropped[0]) > 1e-6
    assert "without a key" in sentence_of(ValueError, train, None)


def test_equal_models_are_evaluated_by_one_program(getkey):
    traced = []

    class Counting(jaxrnn.GRU):
        def step(self, params, carry, x):
            traced.append(x)
            return super().step(params, carry, x)

    batches, counts = some_batches(), []
    for _ in range(3):
        model, params, carry = a_model(getkey, jaxrnn.unroll(Counting(3)))
        training.evaluate(model.loss, params, *batches, carry)
        counts.append(len(traced))
    assert 0 < counts[0] == counts[-1]


def test_any_measure_of_trees(getkey):
    """A count, of a dict of inputs (N, …) and nothing else, with a carry that counts too."""
    xs = jnp.arange(12.0).reshape(3, 4)

    def largest(params, carry, inputs, targets):
        assert targets == ()
        return params * inputs["xs"].max(), carry + 1

    got = training.evaluate(largest, jnp.asarray(2.0), {"xs": xs}, (), jnp.zeros((), jnp.int32))
    assert_array_equal(got, [6.0, 14.0, 22.0])


def test_what_cannot_be_evaluated_is_quoted(getkey):
    model, params, carry = a_model(getkey, jaxrnn.unroll(jaxrnn.vanilla(2)))
    inputs, targets = some_batches()

    def evaluate(inputs=inputs, targets=targets, carry=carry, restart="epoch"):
        return training.evaluate(model.loss, params, inputs, targets, carry, restart)

    assert "got 'always'" in sentence_of(ValueError, evaluate, restart="always")
    assert "same number of minibatches" in sentence_of(ValueError, evaluate, targets=targets[1:])
    for loss in ("nats", lambda *_: 0.5):
        act = training.evaluate, loss, params, inputs, targets, carry
        assert "(loss, carry), got" in sentence_of(TypeError, *act)
    message = sentence_of(ValueError, evaluate, carry=None)
    assert "evaluation is None, but VanillaCarry(h=float" in message and "`initial_carry" in message


def test_what_is_no_checkpoint_is_refused(tmp_path):
    pytest.importorskip("orbax.checkpoint")
    checkpoints, state = training.Checkpoints(tmp_path / "kept"), {"w": np.ones(2)}
    for step, error in (("a", TypeError), (1.5, TypeError), (-1, ValueError)):
        assert "`step` must be" in sentence_of(error, checkpoints.save, step, state)
    assert "an array" in sentence_of(TypeError, checkpoints.save, 1, {"w": "b"})
    refused = training.CheckpointError, checkpoints.save, 1, state
    assert "`notes` must be values of JSON" in sentence_of(*refused, notes={1})
    assert not (tmp_path / "kept").exists()
    for step, score in enumerate((math.nan, 2.0, math.nan)):
        checkpoints.save(step, state, score=score)
    assert checkpoints.best == (1, 2.0)
    (tmp_path / "file").write_text("no folder")
    other = training.Checkpoints(tmp_path / "file")
    assert not other.steps
    assert "cannot take" in sentence_of(training.CheckpointError, other.save, 1, state)


def test_the_first_minibatch_that_is_not_finite():
    fine = jnp.array([1.0, 2.0, 3.0])
    assert training.Report(fine, fine).first_not_finite() is None
    for bad in (math.nan, math.inf, -math.inf):
        assert training.Report(fine.at[1].set(bad), fine.at[2].set(bad)).first_not_finite() == 1
        assert training.Report(fine, fine.at[2].set(bad)).first_not_finite() == 2


# When to stop


@pytest.mark.parametrize(
    ("scores", "least", "improved", "best"),
    [
        ((3.0, 2.0, 2.0, 1.5, 1.6, 1.5), 0.0, "yynynn", 1.5),
        ((3.0, 2.95, 2.8, 2.75, 2.71), 0.1, "ynynn", 2.8),
        ((math.nan, 5.0, math.nan, math.inf), 0.0, "nynn", 5.0),
        ((math.inf, math.nan), 0.0, "nn", math.inf),
    ],
)
def test_early_stopping(scores, least, improved, best):
    """Two scores in a row that are no improvement end it, and none before."""
    stopping, stops, better = training.EarlyStopping(patience=2, least=least), [], ""
    for score in scores:
        before = stopping
        stopping = before.update(jnp.asarray(score))
        again = training.EarlyStopping(**json.loads(json.dumps(dataclasses.asdict(before))))
        assert again == before and again.update(score) == stopping
        better += "y" if stopping.improved else "n"
        stops.append(stopping.should_stop)
    assert (better, stopping.best) == (improved, best)
    assert stops == [improved[: i + 1].endswith("nn") for i in range(len(scores))]


def test_patience_is_positive():
    for patience in (0, -1):
        message = sentence_of(ValueError, training.EarlyStopping, patience)
        assert f"`patience` must be positive, got {patience}." in message
    for least in (-0.1, math.nan):
        message = sentence_of(ValueError, training.EarlyStopping, 2, least)
        assert f"`least` must not be negative, got {least}." in message


# Rates

RATE, STEPS, WARMUP, END = 0.5, 20, 5, 0.1


def falls(name, part):
    """What is left of the rate when so much of the fall is over, by its definition."""
    return {
        "constant": np.ones_like(part),
        "cosine": END + (1 - END) * (1 + np.cos(np.pi * part)) / 2,
        "linear": 1 + (END - 1) * part,
        "exponential": END**part,
    }[name]


@pytest.mark.float32
@pytest.mark.parametrize("warmup", [0, WARMUP])
@pytest.mark.parametrize("name", training.SCHEDULES)
def test_a_schedule_by_its_definition(name, warmup):
    """At every update and after the last; and an optimizer tells the same."""
    steps = np.arange(STEPS + 5)
    part = np.clip((steps - warmup) / (STEPS - warmup), 0, 1)
    want = RATE * np.where(steps < warmup, steps / max(warmup, 1), falls(name, part))
    rate = training.schedule(name, RATE, STEPS, warmup, end=END)
    rule = training.optimizer("adam", rate, 1.0)
    for of in (rate, rule):
        assert_allclose([training.learning_rate(of, i) for i in (4, 14)], want[[4, 14]], rtol=1e-6)
    rates = jax.jit(rate)(jnp.asarray(steps, jnp.int32))
    assert_allclose(np.broadcast_to(rates, len(steps)), want, rtol=1e-6)
    if name == "cosine" and warmup:
        theirs = optax.warmup_cosine_decay_schedule(0.0, RATE, warmup, STEPS, RATE * END)
        assert_allclose(rates, jax.jit(theirs)(jnp.asarray(steps, float)), rtol=1e-6)


def test_the_rate_of_an_update():
    """A number's own, any function's; of an optimizer, what it steps by."""
    assert training.learning_rate(0.25, 7) == 0.25
    assert training.learning_rate(training.optimizer("sgd", 0.25), 7) == 0.25
    rates = jnp.array([4.0, 2.0, 1.0])
    assert training.learning_rate(training.optimizer("sgd", lambda i: rates[i]), 1) == 2.0
    for hidden in (optax.sgd(0.1), training.optimizer(optax.sgd(0.1))):
        message = sentence_of(ValueError, training.learning_rate, hidden, 0)
        assert "keeps its rate to itself: ask `learning_rate` of its schedule" in message
    message = sentence_of(TypeError, training.learning_rate, "fast", 0)
    assert message == "`learning_rate` must be a positive number, got 'fast'."
    rate = training.schedule("linear", 1.0, STEPS)
    assert "`step` must be" in sentence_of(TypeError, training.learning_rate, rate, 1.5)
    assert "`step` must be" in sentence_of(ValueError, training.learning_rate, rate, -1)


@pytest.mark.standard_promotion
@pytest.mark.float32
def test_equal_schedules_share_a_program_and_so_do_other_rates():
    """Each update moves by the rate of its number, also in the next epoch; only another course of
    the rates is compiled anew."""
    traced, ones = [], jnp.ones((4, 3), jnp.float32)

    def loss(params, carry, inputs, targets):
        traced.append(inputs)
        return (params * inputs).sum(), carry

    def train(name, rate):
        made = [training.schedule(name, rate, 6, 2) for _ in range(2)]
        assert made[0] == made[1] and hash(made[0]) == hash(made[1])
        rules = [training.optimizer("sgd", each) for each in made]
        state = training.start(jnp.zeros(3, jnp.float32), rules[0], None)
        for rule in rules:
            state, _ = training.epoch(loss, rule, state, ones, ones, None)
        want = sum(training.learning_rate(made[0], i) for i in range(8))
        assert_allclose(state.params, np.full(3, -want), rtol=1e-6)
        return len(traced)

    once = train("cosine", 1.0)
    assert train("cosine", 3.0) == once and train("linear", 1.0) > once


def test_a_schedule_that_cannot_be_is_quoted():
    def refused(*args, error=ValueError, **options):
        return sentence_of(error, training.schedule, *args, **options)

    message = refused("cosin", 0.1, 10)
    assert message.startswith("`schedule` must be one of 'constant', 'cosine', 'linear', 'expo")
    assert message.endswith("got 'cosin': did you mean 'cosine'?")
    assert refused("triangular waves", 0.1, 10).endswith("got 'triangular waves'.")
    assert "got ['cosine']" in refused(["cosine"], 0.1, 10)
    assert "`rate` must be positive, got -0.1." in refused("linear", -0.1, 10)
    assert "`rate` must be a positive number, got 'fast'" in refused(
        "linear", "fast", 10, error=TypeError
    )
    assert "`steps` must be positive, got 0." in refused("linear", 0.1, 0)
    assert "`steps` must be a positive integer, got 1.5" in refused(
        "linear", 0.1, 1.5, error=TypeError
    )
    assert "`warmup` must be positive, got -1." in refused("linear", 0.1, 10, -1)
    assert "`warmup` must be less than all 10 updates, got 10." in refused("linear", 0.1, 10, 10)
    for end in (-0.1, 1.5, math.nan, "0"):
        assert f"in [0, 1], got {end!r}." in refused("linear", 0.1, 10, end=end)
    assert "in (0, 1], got 0" in refused("exponential", 0.1, 10, end=0)
    training.schedule("cosine", 0.1, 10, end=0)
