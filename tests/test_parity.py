"""Training parity: from the same weights and minibatches, the running perplexities of ten epochs
are those of a PyTorch loop written as the book writes it. The stored numbers stand in for PyTorch
where it is not installed; tests/golden/make_parity.py says how they were made."""

import json
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden import make_parity
from golden.make_parity import BATCH, EPOCHS, RUNS, SEED, STEPS
from numpy.testing import assert_allclose

import jaxrnn
from jaxrnn import text, training
from jaxrnn._language_model import HeadParams, LanguageModelParams

GOLDEN = json.loads(make_parity.PATH.read_text())
CELLS = {
    "vanilla": lambda size: jaxrnn.vanilla(size, recurrent_bias=True),
    "gru": jaxrnn.gru,
    "gru-before": lambda size: jaxrnn.gru(size, reset="before"),
    "lstm": lambda size: jaxrnn.lstm(size, recurrent_bias=True),
}
EIGHT_DIGITS = 0.5e-8

pytestmark = pytest.mark.standard_promotion


def layer_of(recipe):
    walk = jaxrnn.bidirectional if recipe.directions == 2 else jaxrnn.unroll
    layers = [walk(CELLS[recipe.cell](recipe.hidden))] * recipe.depth
    return layers[0] if recipe.depth == 1 else jaxrnn.stack(layers)


def params_like(model, weights, dtype):
    """The weights in the form of the model's own params."""
    rnn = iter(arrays for level in weights.rnn for way in level for arrays in way)
    own = jax.eval_shape(model.init, jax.random.key(0))

    def cell(params):
        w_x, w_h, b, b_h = (jnp.asarray(next(rnn), dtype) for _ in range(4))
        return type(params)(w_x, w_h, b, None if params.b_h is None else b_h)

    head = HeadParams(*(jnp.asarray(array, dtype) for array in weights.head))
    layer = jax.tree.map(cell, own.layer, is_leaf=lambda node: hasattr(node, "w_x"))
    return LanguageModelParams(layer, head)


@cache
def perplexities(name):
    """The same loop by jaxrnn, in JAX's default precision."""
    recipe, (ids, vocabulary_size) = RUNS[name], make_parity.ids_and_vocabulary_size()
    model = jaxrnn.language_model(layer_of(recipe), vocabulary_size)
    weights = make_parity.initial_weights(recipe, vocabulary_size)
    params = params_like(model, weights, jnp.zeros(()).dtype)
    rule = training.optimizer(recipe.optimizer, recipe.rate, recipe.clip)
    zeros = model.initial_carry(params, (BATCH,))
    state, printed = training.start(params, rule, zeros), []
    for epoch in range(EPOCHS):
        batches = text.batches("consecutive", ids, BATCH, STEPS, SEED, epoch)
        state, report = training.epoch(model.loss, rule, state, *batches, zeros, "epoch")
        printed.append(training.perplexity(report.loss))
    return np.array(printed)


def stored(name):
    return np.array(GOLDEN["runs"][name]["perplexities"])


def live(name):
    pytest.importorskip("torch", reason="no torch here: the stored numbers stand in for it")
    return np.array(make_parity.perplexities(RUNS[name]))


@pytest.mark.parametrize("pytorch", [pytest.param(stored, marks=pytest.mark.float32), live])
@pytest.mark.parametrize("name", RUNS)
def test_ten_epochs_are_those_of_pytorch(name, pytorch):
    """To eight digits; in single precision to four at first, and to 2 % in the fifth epoch."""
    theirs, ours = pytorch(name), perplexities(name)
    if jax.config.read("jax_enable_x64"):
        assert_allclose(ours, theirs, rtol=EIGHT_DIGITS)
    else:
        assert_allclose(ours[0], theirs[0], rtol=0.5e-4)
        assert_allclose(ours[4], theirs[4], rtol=0.02)


def test_the_stored_numbers_are_of_these_recipes_and_this_text():
    ids, vocabulary_size = make_parity.ids_and_vocabulary_size()
    common = GOLDEN["common"]
    assert common["sha1"] == text.load_corpus("analects").sha1
    assert (common["tokens"], common["vocabulary"]) == (len(ids), vocabulary_size)
    assert {name: run["recipe"] for name, run in GOLDEN["runs"].items()} == {
        name: recipe._asdict() for name, recipe in RUNS.items()
    }
    assert GOLDEN["versions"]["torch"] and GOLDEN["command"] == make_parity.COMMAND
