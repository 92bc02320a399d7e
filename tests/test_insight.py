"""How far gradients reach, gates, and recurrent matrices: against other ways to come by them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxrnn
from jaxrnn import gru, insight, learnable_start, lstm, stack, unroll, vanilla

T, B, I = 7, 3, 2


def asked(layer, key=0):
    params = layer.init(jax.random.key(key), I)
    return params, jax.random.normal(jax.random.key(key + 1), (T, B, I))


@pytest.mark.parametrize(
    "layer",
    [unroll(lstm(4)), stack([unroll(gru(3)), unroll(learnable_start(vanilla(2)))])],
    ids=["lstm", "deep"],
)
def test_reach_is_the_gradient_in_each_carry(layer):
    """Of the rest of the sequence, taken lag by lag."""
    params, xs = asked(layer)

    def loss(y):
        return (y**2).sum()

    reach = insight.gradient_reach(layer, params, None, xs, loss)
    assert reach.norms.shape == (T,)
    for lag in (1, 4, T):
        before = layer.apply(params, None, xs[: T - lag])[0]
        end = jax.grad(lambda c, lag=lag: loss(layer.apply(params, c, xs[T - lag :])[1][-1]))(
            before
        )
        square = sum(float((a**2).sum()) for a in jax.tree.leaves(end)) / B
        np.testing.assert_allclose(reach.norms[lag - 1], np.sqrt(square), rtol=1e-10)
    total = np.sqrt(sum(of**2 for of in reach.leaves.values()))
    np.testing.assert_allclose(total, reach.norms, rtol=1e-12)


def test_a_linear_walk_reaches_as_its_eigenvalues_say():
    """h' = max(0, h W), all positive: after k steps the gradient is Wᵏ."""
    layer = unroll(vanilla(2, "relu"))
    params = layer.init(jax.random.key(0), I)
    half = jnp.diag(jnp.array([0.5, 0.25]))
    params = jaxrnn.VanillaParams(jnp.zeros((I, 2)), half, jnp.zeros(2))
    start = jaxrnn.VanillaCarry(jnp.ones((1, 2)))
    reach = insight.gradient_reach(layer, params, start, jnp.zeros((T, 1, I)))
    lags = np.arange(1, T + 1)
    np.testing.assert_allclose(reach.norms, np.hypot(0.5**lags, 0.25**lags))
    (radii,) = insight.spectral_radii(params).values()
    np.testing.assert_allclose(radii, [0.5])


def test_no_batch_is_a_batch_of_one():
    layer = unroll(lstm(4))
    params, xs = asked(layer)
    alone = insight.gradient_reach(layer, params, None, xs[:, 0])
    whole = insight.gradient_reach(layer, params, None, xs[:, :1])
    np.testing.assert_allclose(alone.norms, whole.norms, rtol=1e-12)
    twice = jnp.stack([xs[:, :1]] * 2, axis=1)  # two axes of a batch
    two = insight.gradient_reach(layer, params, None, twice)
    np.testing.assert_allclose(two.norms, whole.norms, rtol=1e-12)


@pytest.mark.float32(only=True)
@pytest.mark.parametrize("factor", [0.3, 2.0])
def test_what_fades_or_grows_beyond_squares(factor):
    """The gradient is there, and its square is not."""
    layer = unroll(vanilla(2, "relu"))
    params = jaxrnn.VanillaParams(jnp.zeros((I, 2)), factor * jnp.eye(2), jnp.zeros(2))
    start = jaxrnn.VanillaCarry(jnp.full((1, 2), 1e-20 if factor > 1 else 1e20))
    reach = insight.gradient_reach(layer, params, start, jnp.zeros((70, 1, I)))
    want = np.sqrt(2) * factor ** np.arange(1.0, 71)
    np.testing.assert_allclose(reach.norms, want, rtol=1e-5)


def test_radii_are_of_each_gate():
    params = gru(3).init(jax.random.key(0), I)
    deep = {"below": params, "above": ({"w_h": params.w_h, "w_x": params.w_x},)}
    found = insight.spectral_radii(deep)
    assert len(found) == 2
    projected = jaxrnn.projection_lstm(8, 4).init(jax.random.key(0), I)
    assert insight.spectral_radii(projected) == {}
    (radii,) = insight.spectral_radii({"w_h": np.full((2, 4), np.nan)}).values()
    assert radii.shape == (2,) and np.isnan(radii).all()
    blocks = np.split(np.asarray(params.w_h), 3, axis=1)
    want = [np.abs(np.linalg.eigvals(block)).max() for block in blocks]
    for radii in found.values():
        np.testing.assert_allclose(radii, want, rtol=1e-6)


def test_gates_are_as_the_twin_says():
    """f, i and o of an LSTM, whose bias shuts one and opens another."""
    layer = unroll(lstm(4))
    params, xs = asked(layer)
    b = params.b + jnp.repeat(jnp.array([-9.0, 9.0, 0.0, 0.0]), 4)
    params = jaxrnn.LSTMParams(params.w_x, params.w_h, b)
    f, i, o = insight.gate_saturation(layer, params, None, xs)
    assert i.shut == 1 and i.open == 0 and f.open == 1 and f.shut == 0 and 0 < o.mean < 1
    sums = []
    h = c = np.zeros((B, 4))
    for x in np.asarray(xs):
        s = x @ np.asarray(params.w_x) + h @ np.asarray(params.w_h) + np.asarray(b)
        gates = [1 / (1 + np.exp(-a)) for a in np.split(s, 4, axis=-1)]
        c = gates[1] * c + gates[0] * np.tanh(np.split(s, 4, axis=-1)[2])
        h = gates[3] * np.tanh(c)
        sums.append(gates[3])
    np.testing.assert_allclose(o.mean, np.mean(sums), rtol=1e-6)
    np.testing.assert_allclose(o.shut, np.mean(np.array(sums) < 0.1), atol=1e-7)


def test_what_has_no_gate_has_none():
    layer = unroll(vanilla(3))
    assert insight.gate_saturation(layer, *asked(layer)[:1], None, asked(layer)[1]) == []


def test_clipped():
    assert insight.clipped_fraction([], 1.0) == 0
    assert insight.clipped_fraction([0.5, 1.0, 2.0, 3.0], 1.0) == 0.5


def test_bad_questions():
    layer = jaxrnn.bidirectional(gru(2))
    params, xs = asked(layer)
    with pytest.raises(ValueError, match="cannot go one step at a time"):
        insight.gradient_reach(layer, params, None, xs)
    with pytest.raises(TypeError, match="needs a layer with `step`"):
        insight.gradient_reach(gru(2), params, None, xs)
    layer = unroll(gru(2))
    params, xs = asked(layer)
    with pytest.raises(TypeError, match="call it outside"):
        jax.jit(lambda xs: insight.gradient_reach(layer, params, None, xs))(xs)
    with pytest.raises(TypeError, match="call it outside"):
        jax.jit(insight.spectral_radii)(params)
    with pytest.raises(ValueError, match="a time step at least"):
        insight.gate_saturation(layer, params, None, xs[:0])
    with pytest.raises(ValueError, match="`loss` must give one number, got shape"):
        insight.gradient_reach(layer, params, None, xs, lambda y: y)
    with pytest.raises(TypeError, match="`loss` must be a function of the last output, got 'mse'"):
        insight.gradient_reach(layer, params, None, xs, "mse")
    with pytest.raises(ValueError, match=r"xs must be an array, got \[\[1"):
        insight.gradient_reach(layer, params, None, [[1.0], [1.0, 2.0]])


def test_a_model_is_no_layer_but_has_one():
    model = jaxrnn.language_model(unroll(gru(2)), 5)
    params = model.init(jax.random.key(0))
    with pytest.raises(TypeError, match=r"take its `.layer`, and `params.layer`"):
        insight.gradient_reach(model, params, None, jnp.zeros((3, 2), int))
    with pytest.raises(TypeError, match=r"needs a layer, .* take its `.layer`"):
        jaxrnn.estimate_bytes(model, 3, 2)
