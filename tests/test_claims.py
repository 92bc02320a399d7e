"""What the prose of recurrent networks claims, as laws. Each of them can fail."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import jaxrnn
from jaxrnn import reference, text, training
from jaxrnn._language_model import cross_entropy
from jaxrnn.cells import GRUCarry, GRUParams, LSTMCarry, LSTMParams, VanillaParams

I, H, B = 3, 4, 5
ALWAYS, NEVER = 50.0, -50.0  # a gate's bias that opens it, or shuts it, to the last digit

every_reset = pytest.mark.parametrize("reset", ["after", "before"])


def normal(getkey, *shape):
    return jax.random.normal(getkey(), shape)


def arrays(getkey, gates, scale=1.0):
    """w_x, w_h, b of `gates` gates, random."""
    wide = gates * H
    shapes = (I, wide), (H, wide), (wide,)
    return [scale * normal(getkey, *shape) for shape in shapes]


def with_bias(params, gate, value):
    """The same params, gate number `gate` with that bias and no weight: it is constant."""
    of_gate = slice(gate * H, (gate + 1) * H)
    b_h = None if params.b_h is None else params.b_h.at[of_gate].set(0)
    return type(params)(
        params.w_x.at[:, of_gate].set(0),
        params.w_h.at[:, of_gate].set(0),
        params.b.at[of_gate].set(value),
        b_h,
    )


def gru_params(getkey, scale=1.0):
    return GRUParams(*arrays(getkey, 3, scale))


def a_gru(reset):
    return jaxrnn.gru(H, reset=reset, recurrent_bias=False)


R, Z = 0, 1  # the GRU's gates, in the order r z n
INPUT, FORGET, CANDIDATE, OUTPUT = range(4)  # the LSTM's, i f g o


# Ranges


def instant(cell, params, carry, x):
    """One instant as a layer walks it."""
    carry, ys = jaxrnn.unroll(cell).apply(params, carry, x[None])
    return carry, ys[0]


def gru_gates(cell, params, h, x):
    """r, z and the candidate of one instant, told from outside by what the step does with them."""
    _, candidate = instant(cell, with_bias(params, Z, NEVER), GRUCarry(h), x)
    _, y = instant(cell, params, GRUCarry(h), x)
    z = (y - candidate) / (h - candidate)
    through_r = GRUParams(  # a candidate of tanh(r h)
        params.w_x.at[:, 2 * H :].set(0),
        params.w_h.at[:, 2 * H :].set(jnp.eye(H)),
        params.b.at[2 * H :].set(0),
    )
    _, of_r = instant(cell, with_bias(through_r, Z, NEVER), GRUCarry(h), x)
    return [jnp.arctanh(of_r) / h, z], [candidate]


def lstm_gates(cell, params, h, x):
    """i, f, o and the candidate of one instant, told from outside."""
    nothing, one = (LSTMCarry(h, jnp.full_like(h, c)) for c in (0, 1))
    after, y = instant(cell, params, one, x)
    f = after.c - instant(cell, params, nothing, x)[0].c
    i = instant(cell, with_bias(params, CANDIDATE, ALWAYS), nothing, x)[0].c
    candidate = instant(cell, with_bias(params, INPUT, ALWAYS), nothing, x)[0].c
    return [i, f, y / jnp.tanh(after.c)], [candidate]


@pytest.mark.parametrize(
    "gates_of, cell, gates",
    [
        (gru_gates, a_gru("after"), 3),
        (gru_gates, a_gru("before"), 3),
        (lstm_gates, jaxrnn.lstm(H), 4),
    ],
    ids=["gru-after", "gru-before", "lstm"],
)
def test_gates_lie_between_0_and_1_and_candidates_between_minus_1_and_1(
    getkey, gates_of, cell, gates
):
    """Strictly, and all of each range is used."""
    params = (GRUParams if gates == 3 else LSTMParams)(*arrays(getkey, gates))
    h, x = jnp.tanh(normal(getkey, 200, H)), normal(getkey, 200, I)
    sigmoids, tanhs = gates_of(cell, params, h, x)
    for gate in sigmoids:
        assert 0 < gate.min() < 0.2 and 0.8 < gate.max() < 1
    for gate in tanhs:
        assert -1 < gate.min() < -0.8 and 0.8 < gate.max() < 1


@pytest.mark.float32
def test_hidden_states_lie_between_minus_1_and_1_however_wild_the_input(getkey):
    """tanh's vanilla cell, and the LSTM's output (not its memory, which counts on)."""
    xs = 100 * normal(getkey, 30, B, I)
    layer = jaxrnn.unroll(jaxrnn.vanilla(H))
    _, ys = layer.apply(VanillaParams(*arrays(getkey, 1)), None, xs)
    assert 0.9 < np.abs(ys).max() <= 1
    layer, params = jaxrnn.unroll(jaxrnn.lstm(H)), LSTMParams(*arrays(getkey, 4))
    for gate in (INPUT, FORGET, OUTPUT):
        params = with_bias(params, gate, ALWAYS)
    carry, ys = layer.apply(params, None, jnp.abs(xs))
    assert 0.9 < np.abs(ys).max() <= 1
    assert np.abs(carry.c).max() > 5


@pytest.mark.float32
@every_reset
def test_the_whole_gru_state_stays_within_1_for_ever(getkey, reset):
    params = gru_params(getkey, scale=3.0)
    _, ys = jaxrnn.unroll(a_gru(reset)).apply(params, None, 3 * normal(getkey, 500, B, I))
    assert 0.9 < np.abs(ys).max() <= 1


# The GRU's two gates


@pytest.mark.float32
@every_reset
def test_the_gru_update_is_a_convex_combination(getkey, tolerance, reset):
    """h' lies between h and the candidate, feature by feature: at z of the way to h."""
    cell, params, x = a_gru(reset), gru_params(getkey), normal(getkey, B, I)
    h = normal(getkey, B, H)
    carry, y = instant(cell, params, GRUCarry(h), x)
    _, candidate = instant(cell, with_bias(params, Z, NEVER), GRUCarry(h), x)
    z = jax.nn.sigmoid((x @ params.w_x + h @ params.w_h)[:, H : 2 * H] + params.b[None, H : 2 * H])
    low, high = np.minimum(h, candidate), np.maximum(h, candidate)
    assert np.all((low - tolerance <= y) & (y <= high + tolerance))
    assert_allclose(y, z * h + (1 - z) * candidate, rtol=tolerance, atol=tolerance)
    assert_array_equal(carry.h, y)


@pytest.mark.float32
@every_reset
def test_reset_1_and_update_0_give_a_vanilla_rnn(getkey, tolerance, reset):
    params, xs = gru_params(getkey), normal(getkey, 7, B, I)
    open_ = with_bias(with_bias(params, R, ALWAYS), Z, NEVER)
    vanilla = VanillaParams(params.w_x[:, 2 * H :], params.w_h[:, 2 * H :], params.b[2 * H :])
    _, ys = jaxrnn.unroll(a_gru(reset)).apply(open_, None, xs)
    _, want = jaxrnn.unroll(jaxrnn.vanilla(H)).apply(vanilla, None, xs)
    assert_allclose(ys, want, rtol=tolerance, atol=tolerance)


@pytest.mark.float32
@every_reset
def test_update_1_copies_the_state(getkey, tolerance, reset):
    params, xs = with_bias(gru_params(getkey), Z, ALWAYS), normal(getkey, 7, B, I)
    h = normal(getkey, B, H)
    carry, ys = jaxrnn.unroll(a_gru(reset)).apply(params, GRUCarry(h), xs)
    assert_allclose(ys, np.broadcast_to(h, ys.shape), rtol=10 * tolerance)
    assert_allclose(carry.h, h, rtol=10 * tolerance)


@pytest.mark.float32
@every_reset
def test_reset_0_drops_the_past_from_the_candidate(getkey, tolerance, reset):
    """With update 0 too, what was before cannot be told; with reset 1 it can."""
    params, xs = with_bias(gru_params(getkey), Z, NEVER), normal(getkey, 7, B, I)
    pasts = [GRUCarry(normal(getkey, B, H)) for _ in range(2)]
    layer = jaxrnn.unroll(a_gru(reset))

    def outputs(r):
        return [layer.apply(with_bias(params, R, r), past, xs)[1] for past in pasts]

    one, other = outputs(NEVER)
    assert_allclose(one, other, rtol=tolerance, atol=tolerance)
    perceptron = jnp.tanh(xs @ params.w_x[:, 2 * H :] + params.b[None, None, 2 * H :])
    assert_allclose(one, perceptron, rtol=tolerance, atol=tolerance)
    one, other = outputs(ALWAYS)
    assert np.abs(one[0] - other[0]).max() > 0.01


# The LSTM's memory


@pytest.mark.float32
def test_forget_1_and_input_0_keep_the_memory(getkey, tolerance):
    params = with_bias(LSTMParams(*arrays(getkey, 4)), INPUT, NEVER)
    xs, carry = normal(getkey, 100, B, I), LSTMCarry(normal(getkey, B, H), normal(getkey, B, H))
    layer = jaxrnn.unroll(jaxrnn.lstm(H))
    kept, _ = layer.apply(with_bias(params, FORGET, ALWAYS), carry, xs)
    lost, _ = layer.apply(with_bias(params, FORGET, NEVER), carry, xs)
    assert_allclose(kept.c, carry.c, rtol=100 * tolerance)
    assert np.abs(lost.c).max() < 1e-6


@pytest.mark.float32
def test_forget_0_and_input_1_take_the_candidate(getkey, tolerance):
    params = with_bias(with_bias(LSTMParams(*arrays(getkey, 4)), INPUT, ALWAYS), FORGET, NEVER)
    x, carry = normal(getkey, B, I), LSTMCarry(normal(getkey, B, H), normal(getkey, B, H))
    after, _ = jaxrnn.lstm(H).step(params, carry, x)
    a = x @ params.w_x + carry.h @ params.w_h + params.b[None]
    candidate = jnp.tanh(a[:, CANDIDATE * H : (CANDIDATE + 1) * H])
    assert_allclose(after.c, candidate, rtol=tolerance, atol=tolerance)


@pytest.mark.float32
def test_an_output_gate_of_0_hides_the_memory_and_keeps_it(getkey):
    cell, params = jaxrnn.lstm(H), LSTMParams(*arrays(getkey, 4))
    carry, x = LSTMCarry(normal(getkey, B, H), normal(getkey, B, H)), normal(getkey, B, I)
    hidden, y = cell.step(with_bias(params, OUTPUT, NEVER), carry, x)
    shown, _ = cell.step(with_bias(params, OUTPUT, ALWAYS), carry, x)
    assert np.abs(y).max() < 1e-6 and np.abs(shown.h).min() > 1e-6
    assert_array_equal(hidden.c, shown.c)


# One product instead of two; no state at all


@pytest.mark.float32
def test_two_products_are_one_of_what_is_put_together(getkey, tolerance):
    """X W_xh + H W_hh = [X, H] [W_xh; W_hh], with (3, 1)(1, 4) and (3, 4)(4, 4)."""
    X, past = normal(getkey, 3, 1), normal(getkey, 3, 4)
    W_xh, W_hh = normal(getkey, 1, 4), normal(getkey, 4, 4)
    one = jnp.concatenate([X, past], axis=1) @ jnp.concatenate([W_xh, W_hh], axis=0)
    assert one.shape == (3, 4)
    cell, params = jaxrnn.vanilla(4), VanillaParams(W_xh, W_hh, jnp.zeros(4))
    _, y = cell.step(params, jaxrnn.VanillaCarry(past), X)
    assert_allclose(y, jnp.tanh(one), rtol=tolerance, atol=tolerance)


@pytest.mark.float32
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_without_a_past_a_vanilla_rnn_is_a_perceptron(getkey, tolerance, activation):
    """H = φ(X W_xh + b_h), O = H W_hq + b_q: at T = 1, from a zero carry."""
    phi = {"tanh": np.tanh, "relu": lambda a: np.maximum(a, 0)}[activation]
    model = jaxrnn.language_model(jaxrnn.unroll(jaxrnn.vanilla(H, activation)), 6)
    params = jax.tree.map(lambda p: normal(getkey, *p.shape), model.init(getkey()))
    tokens = jax.random.randint(getkey(), (1, B), 0, 6, jnp.int32)
    _, logits = model.apply(params, None, tokens)
    X = text.one_hot(tokens[0], 6, np.float64)
    (w_xh, b_h), (w_hq, b_q) = (
        map(np.asarray, pair)
        for pair in [(params.layer.w_x, params.layer.b), (params.head.w, params.head.b)]
    )
    want = phi(X @ w_xh + b_h) @ w_hq + b_q
    assert_allclose(logits[0], want, rtol=tolerance, atol=tolerance)


def test_a_perceptron_cannot_use_history_and_a_recurrent_network_does(getkey):
    """Two texts that differ only in the past: read id by id without a carry, they end alike."""
    texts = jnp.array([[0, 1], [3, 4], [2, 2]], jnp.int32)
    for cell in (jaxrnn.vanilla(H), jaxrnn.gru(H), jaxrnn.lstm(H)):
        model = jaxrnn.language_model(jaxrnn.unroll(cell), 6)
        params = model.init(getkey())
        _, recurrent = model.apply(params, None, texts)
        _, forgetful = model.apply(params, None, texts.reshape(1, -1))
        last, last_forgetful = recurrent[-1], forgetful[0].reshape(3, 2, 6)[-1]
        assert_array_equal(last_forgetful[0], last_forgetful[1])
        assert np.abs(last[0] - last[1]).max() > 1e-3


# How many parameters


def split_by_gate(params, gates):
    """The arrays of the book's listings: W_x·, W_h·, b_· for each gate."""
    return [part for a in jax.tree.leaves(params) for part in np.split(a, gates, axis=-1)]


@pytest.mark.parametrize(
    "cell, gates",
    [(jaxrnn.vanilla(H), 1), (a_gru("before"), 3), (a_gru("after"), 3), (jaxrnn.lstm(H), 4)],
    ids=["vanilla", "gru-before", "gru-after", "lstm"],
)
def test_three_arrays_a_gate_and_two_of_the_output_layer(getkey, cell, gates):
    """Vanilla 3 + 2, GRU 9 + 2, LSTM 12 + 2."""
    V = 7
    params = jaxrnn.language_model(jaxrnn.unroll(cell), V).init(getkey())
    listed = split_by_gate(params.layer, gates) + jax.tree.leaves(params.head)
    assert len(listed) == {1: 3, 3: 9, 4: 12}[gates] + 2
    shapes = sorted(array.shape for array in listed)
    assert shapes == sorted([(V, H), (H, H), (H,)] * gates + [(H, V), (V,)])
    size = sum(array.size for array in listed)
    assert size == gates * (V * H + H * H + H) + H * V + V


def test_pytorchs_layers_have_a_second_bias(getkey):
    for cell, gates in (
        (jaxrnn.vanilla(H, recurrent_bias=True), 1),
        (jaxrnn.gru(H), 3),
        (jaxrnn.lstm(H, recurrent_bias=True), 4),
    ):
        leaves = jax.tree.leaves(cell.init(getkey(), I))
        assert sum(leaf.size for leaf in leaves) == gates * (I * H + H * H + 2 * H)


@pytest.mark.parametrize("cell", [jaxrnn.vanilla(H), jaxrnn.gru(H), jaxrnn.lstm(H)], ids=str)
def test_the_number_of_parameters_does_not_grow_with_time(getkey, cell):
    """The same arrays read 2 instants and 200, and the gradient has their form."""
    layer = jaxrnn.unroll(cell)
    params = layer.init(getkey(), I)

    def total(params, xs):
        return layer.apply(params, None, xs)[1].sum()

    for T in (2, 200):
        gradient = jax.grad(total)(params, normal(getkey, T, B, I))
        assert jax.tree.structure(gradient) == jax.tree.structure(params)
        for got, want in zip(jax.tree.leaves(gradient), jax.tree.leaves(params), strict=True):
            assert got.shape == want.shape


# Perplexity


@pytest.mark.float32
@pytest.mark.parametrize("V", [2, 28, 1027])
def test_perplexity_is_1_at_best_and_v_for_a_uniform_guess(getkey, tolerance, V):
    targets = jax.random.randint(getkey(), (6, B), 0, V, jnp.int32)
    certain = 1000 * jax.nn.one_hot(targets, V)
    assert training.perplexity(cross_entropy(certain, targets)) == 1
    for level in (0.0, 17.0):
        uniform = training.perplexity(cross_entropy(jnp.full((6, B, V), level), targets))
        assert_allclose(uniform, V, rtol=10 * tolerance)
    guess = cross_entropy(normal(getkey, 6, B, V), targets)
    assert training.perplexity(guess) > 1


@pytest.mark.float32
def test_perplexity_is_infinite_at_worst_and_raises_nothing():
    targets = jnp.zeros(3, jnp.int32)
    surely_wrong = jnp.array([[0.0, 1e4]] * 3)
    assert training.perplexity(cross_entropy(surely_wrong, targets)) == math.inf
    assert training.perplexity([math.inf, 0.0]) == math.inf
    assert training.perplexity(np.array([710.0], np.float32)) == math.inf
    assert math.isfinite(training.perplexity(np.array([100.0, 700.0], np.float32)))
    assert math.isnan(training.perplexity([math.nan, 1.0]))


def test_perplexity_is_the_geometric_mean_of_the_minibatches():
    assert_allclose(training.perplexity(np.log([2.0, 8.0])), 4.0, rtol=1e-15)


@pytest.mark.float32
def test_a_million_small_losses_add_up_in_double_precision():
    losses = np.full(1_000_000, 0.1, np.float32)
    assert_allclose(training.perplexity(losses), math.exp(np.float32(0.1)), rtol=1e-12)


# Clipping


def some_gradients(getkey):
    """Gradients of a language model: the head's beside the layer's."""
    model = jaxrnn.language_model(jaxrnn.bidirectional(jaxrnn.gru(H)), 6)
    return jax.tree.map(lambda p: normal(getkey, *p.shape), model.init(getkey()))


def clipped(gradient, clip):
    """What the clip rule makes of a gradient: SGD at rate 1 steps by it, backwards."""
    rule = training.optimizer("sgd", 1.0, clip)
    updates, _ = rule.update(gradient, rule.init(gradient), gradient)
    return jax.tree.map(jnp.negative, updates)


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


@pytest.mark.float32
def test_clipping_keeps_the_direction_and_sets_the_norm(getkey, tolerance):
    """θ to the last digits, without an epsilon: one norm over all, the head included."""
    gradient = some_gradients(getkey)
    g = flat(gradient)
    for clip in (1e-6, 0.01, 0.5 * np.linalg.norm(g)):
        c = flat(clipped(gradient, float(clip)))
        assert_allclose(np.linalg.norm(c), clip, rtol=tolerance)
        assert_allclose(c / np.linalg.norm(c), g / np.linalg.norm(g), rtol=tolerance, atol=1e-30)


@pytest.mark.float32
def test_a_tiny_gradient_over_a_tiny_threshold_is_cut_to_it_exactly(getkey, tolerance):
    """Where an epsilon would show."""
    gradient = jax.tree.map(lambda g: 1e-9 * g, some_gradients(getkey))
    assert_allclose(np.linalg.norm(flat(clipped(gradient, 1e-10))), 1e-10, rtol=tolerance)


@pytest.mark.float32
def test_below_the_threshold_nothing_is_touched(getkey):
    gradient = some_gradients(getkey)
    norm = float(np.linalg.norm(flat(gradient)))
    for clip in (1.001 * norm, 1e6, math.inf):
        assert_array_equal(flat(clipped(gradient, clip)), flat(gradient))


def test_the_clip_rule_is_the_twins(getkey):
    gradient = some_gradients(getkey)
    for clip in (0.01, 1.0, 1e3):
        theirs, _ = reference.clip_by_global_norm(jax.tree.leaves(gradient), clip)
        assert_allclose(flat(clipped(gradient, clip)), flat(theirs), rtol=1e-12)


def test_a_large_gradient_of_the_head_alone_shrinks_all_others(getkey):
    """So the norm is one over all parameters, and not one a part."""
    gradient = some_gradients(getkey)
    head = jax.tree.map(lambda g: 1e3 * g, gradient.head)
    loud = type(gradient)(gradient.layer, head)
    quiet, louder = (np.linalg.norm(flat(clipped(g, 0.01).layer)) for g in (gradient, loud))
    assert louder < quiet / 100


# Explosion and vanishing


class Linear(jaxrnn.Vanilla):
    """h' = x W_x + h W_h: nothing in it saturates."""

    def step(self, params, carry, x):
        h = x @ params.w_x + carry.h @ params.w_h
        return jaxrnn.VanillaCarry(h), h


def exploding_task(getkey, T=20):
    """Recurrent weights that stretch by 1.5 an instant, and outputs asked to end at 1."""
    layer, xs = jaxrnn.unroll(Linear(H)), jnp.abs(normal(getkey, T, B, I))
    params = VanillaParams(jnp.abs(normal(getkey, I, H)), 1.5 * jnp.eye(H), jnp.zeros(H))

    def loss(params, carry, xs, _):
        carry, ys = layer.apply(params, carry, xs)
        return jnp.mean((ys[-1] - 1) ** 2), carry

    return loss, params, layer.initial_carry(params, (B,)), xs


def losses_of_training(task, clip, updates=500):
    loss, params, zeros, xs = task
    rule = training.optimizer("sgd", 0.01, clip)
    inputs = jnp.broadcast_to(xs, (updates, *xs.shape))
    state = training.start(params, rule, zeros)
    _, report = training.epoch(loss, rule, state, inputs, inputs, zeros, "minibatch")
    return np.asarray(report.loss), np.asarray(report.gradient_norm)


def test_clipping_cures_explosion(getkey):
    task = exploding_task(getkey)
    free, norms = losses_of_training(task, math.inf)
    assert norms[0] > 1e6 and not np.isfinite(free[-1])
    tamed, _ = losses_of_training(task, 0.5)
    assert np.all(np.isfinite(tamed)) and tamed[-1] < tamed[0] / 1e3


def test_clipping_does_not_cure_vanishing(getkey):
    """What the first input has to say about the last output is lost on the way, clipped or not."""
    layer = jaxrnn.unroll(jaxrnn.vanilla(H))
    params = VanillaParams(0.1 * normal(getkey, I, H), 0.3 * jnp.eye(H), jnp.zeros(H))

    @partial(jax.grad, argnums=1)
    def of_inputs(params, xs):
        return layer.apply(params, None, xs)[1][-1].sum()

    by_age = np.abs(of_inputs(params, normal(getkey, 30, B, I))).max(axis=(1, 2))[::-1]
    assert np.all(by_age[10:] < 1e-4 * by_age[0]) and by_age[29] < 1e-12 * by_age[0]
    vanishing = jax.tree.map(lambda p: by_age[29] * p, params)
    assert_array_equal(flat(clipped(vanishing, 0.01)), flat(vanishing))


# Language models in miniature


def train(layer, ids, V, epochs, sampling: Any = "consecutive", restart="epoch", batch=4, steps=4):
    """Running perplexities of a small model by Adam, weights as PyTorch draws them."""
    model = jaxrnn.language_model(layer, V, initializer="pytorch_uniform")
    params = model.init(jax.random.key(0))
    rule, zeros = training.optimizer("adam", 0.01, 1.0), model.initial_carry(params, (batch,))
    state, perplexities = training.start(params, rule, zeros), []
    for epoch in range(epochs):
        batches = text.batches(sampling, ids, batch, steps, 0, epoch)
        state, report = training.epoch(model.loss, rule, state, *batches, zeros, restart)
        perplexities.append(training.perplexity(report.loss))
    return perplexities


def analects(characters):
    ids, vocabulary = text.encode(text.load_corpus("analects"), cut=characters)
    return ids, len(vocabulary)


@pytest.mark.standard_promotion
def test_random_sampling_ends_at_a_higher_perplexity():
    """A state that never carries over must guess each chunk's beginning."""
    ids, V = analects(800)
    layer = jaxrnn.unroll(jaxrnn.gru(32, initializer="pytorch_uniform"))
    consecutive = train(layer, ids, V, 30)
    random = train(layer, ids, V, 30, "random", "minibatch")
    assert random[-1] > 1.1 * consecutive[-1]


@pytest.mark.standard_promotion
def test_a_bidirectional_model_has_seen_the_answer():
    """On a text that nobody can foretell, it comes near 1 (the leak); one way, nobody can."""
    V = 6
    ids = np.random.default_rng(0).integers(0, V, 20_000).astype(np.int32)
    cell = jaxrnn.gru(24, initializer="pytorch_uniform")
    learn = partial(train, ids=ids, V=V, epochs=3, batch=8, steps=20)
    assert learn(jaxrnn.unroll(cell))[-1] > 0.95 * V
    assert learn(jaxrnn.bidirectional(cell))[-1] < 1.4
