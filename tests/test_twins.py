"""What all twins have in common: slopes, masks, shapes, saturation; test_twin_equations.py has what
each computes."""

import zlib
from typing import Any

import numpy as np
import pytest
from _twins import TWINS, H, I, Twin, each, leaves, reachable

from jaxrnn import reference
from jaxrnn.reference import bidirectional, gru, lstm, stack, unroll, vanilla

T, B = 5, 2
ALL = pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)


@pytest.fixture
def rng(request):
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))


def random_like(rng, tree) -> Any:
    return each(lambda a: rng.normal(size=np.shape(a)), tree)


def complex_step(f, at, way, h=1e-20):
    """The slope of the outputs of f along `way`."""
    return each(lambda a: np.imag(a) / h, f(each(lambda a, d: a + 1j * h * d, at, way)))


def differences(f, at, way, epsilon=1e-4):
    """The same by four points."""
    near, back, far, far_back = (
        f(each(lambda a, d, s=s: a + s * epsilon * d, at, way)) for s in (1, -1, 2, -2)
    )
    return each(
        lambda a, b, c, d: (8 * (a - b) - (c - d)) / (12 * epsilon), near, back, far, far_back
    )


def assert_close(a, b, within=1e-13):
    assert len(leaves(a)) == len(leaves(b))
    for p, q in zip(leaves(a), leaves(b), strict=True):
        np.testing.assert_allclose(p, q, rtol=within, atol=within)


def some_gaps(rng, shape):
    return rng.random(shape) < 0.7, rng.random(shape) < 0.3


# Slopes.


@ALL
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_the_complex_step_is_the_slope(rng, twin, reverse):
    """Against differences, for params, carry and inputs at once, with gaps."""
    layer, params = unroll(twin.cell, reverse), twin.params(rng)
    carry, xs = reachable(rng, twin, params, (B,)), rng.normal(size=(T, B, twin.input_size))
    gaps = some_gaps(rng, (T, B))

    def f(at):
        return layer.forward(*at, *gaps)[:2]

    at = params, carry, xs
    way = each(lambda a: rng.normal(size=np.shape(a)) / 8, at)
    assert_close(complex_step(f, at, way), differences(f, at, way), 1e-6)


@ALL
def test_a_tiny_imaginary_part_changes_no_value(rng, twin):
    layer, params = unroll(twin.cell), twin.params(rng)
    at = params, reachable(rng, twin, params, (B,)), rng.normal(size=(T, B, twin.input_size))
    way = random_like(rng, at)
    moved = layer.forward(*each(lambda a, d: a + 1e-20j * d, at, way))[:2]
    assert_close(each(np.real, moved), layer.forward(*at)[:2], 1e-12)


OLD = {
    "tanh": (vanilla(H), 1),
    "relu": (vanilla(H, "relu"), 1),
    "gru-before": (gru(H, "before"), 3),
    "gru-after": (gru(H, "after"), 3),
    "lstm": (lstm(H), 4),
}


def old_params(rng, gates, input_size=I):
    shapes = {"w_x": (input_size, gates * H), "w_h": (H, gates * H)}
    return Twin(None, shapes | {"b": (gates * H,), "b_h": (gates * H,)}).params(rng)


@pytest.mark.parametrize("padding", ["zero", "held"])
@pytest.mark.parametrize(("cell", "gates"), OLD.values(), ids=OLD)
def test_the_gradients_by_hand_are_the_complex_step(rng, cell, gates, padding):
    """Two witnesses: of a stack of a bidirectional and a reversed layer, with gaps."""
    both = bidirectional(unroll(cell, padding=padding), unroll(cell, True, padding))
    layer = stack([both, unroll(cell, True, padding)])
    params = ((old_params(rng, gates), old_params(rng, gates)), old_params(rng, gates, 2 * H))
    xs, gaps = rng.normal(size=(T, B, I)), some_gaps(rng, (T, B))
    at = params, random_like(rng, layer.forward(params, None, xs)[0]), xs
    end, ys, tape = layer.forward(*at, *gaps)
    dend, dys, way = random_like(rng, end), rng.normal(size=ys.shape), random_like(rng, at)
    slope = complex_step(lambda at: layer.forward(*at, *gaps)[:2], at, way)
    gradient = layer.backward(params, tape, dend, dys)
    got = sum(np.sum(g * d) for g, d in zip(leaves(gradient), leaves(way), strict=True))
    pairs = zip(leaves(slope), leaves((dend, dys)), strict=True)
    np.testing.assert_allclose(got, sum(np.sum(a * b) for a, b in pairs), rtol=1e-12, atol=1e-12)


@ALL
def test_there_is_no_backward(rng, twin):
    layer, params = unroll(twin.cell), twin.params(rng)
    end, ys, tape = layer.forward(params, None, rng.normal(size=(T, twin.input_size)))
    assert not layer.has_backward and not stack([unroll(lstm(H)), layer]).has_backward
    with pytest.raises(TypeError, match=rf"^{type(twin.cell).__name__} has no gradient by hand"):
        layer.backward(params, tape, end, ys)


# Time and the batch.


@ALL
def test_invalid_steps_are_as_if_absent_and_beginnings_begin(rng, twin):
    layer, params = unroll(twin.cell), twin.params(rng)
    xs = rng.normal(size=(T, twin.input_size))
    valid, fresh = np.arange(T) != 2, np.arange(T) == 3
    carry = reachable(rng, twin, params, ())
    end, ys, _ = layer.forward(params, carry, np.where(valid[:, None], xs, np.nan), valid, fresh)
    _, first, _ = layer.forward(params, carry, xs[:2])
    last, second, _ = layer.forward(params, None, xs[3:])
    nothing = np.zeros((1, twin.cell.output_size))
    assert_close((end, ys), (last, np.concatenate([first, nothing, second])), 1e-12)


@ALL
def test_rows_of_any_batch_are_apart(rng, twin):
    layer, params = unroll(twin.cell), twin.params(rng)
    xs, carry = rng.normal(size=(T, 2, 3, twin.input_size)), reachable(rng, twin, params, (2, 3))
    end, ys, _ = layer.forward(params, carry, xs)
    assert ys.shape == (T, 2, 3, twin.cell.output_size) and type(end) is type(carry)
    for at in np.ndindex(2, 3):
        alone = layer.forward(params, each(lambda a, at=at: a[at], carry), xs[:, *at])
        assert_close((each(lambda a, at=at: a[at], end), ys[:, *at]), alone[:2], 1e-12)


@ALL
def test_no_time_at_all(rng, twin):
    params = twin.params(rng)
    carry, xs = reachable(rng, twin, params, (B,)), np.zeros((0, B, twin.input_size))
    end, ys, _ = unroll(twin.cell).forward(params, carry, xs)
    assert ys.shape == (0, B, twin.cell.output_size)
    assert_close(end, carry, 0)


@ALL
def test_tokens_are_one_hot_rows(rng, twin):
    params, layer, tokens = twin.params(rng), unroll(twin.cell), np.array([[0], [2], [-1], [99]])
    one_hot = (tokens[..., None] == np.arange(twin.input_size)).astype(float)
    assert_close(*(layer.forward(params, None, xs)[:2] for xs in (tokens, one_hot)), 0)
    with pytest.raises(ValueError, match=r"batch shape is \(2,\), but the token ids .* \(2, 3\)"):
        start = layer.forward(params, None, np.zeros((0, 2, twin.input_size)))[0]
        layer.forward(params, start, np.zeros((T, 2, 3), int))


@ALL
@pytest.mark.parametrize("kind", [float, complex])
def test_huge_arguments_saturate_without_overflow(rng, twin, kind):
    params = twin.params(rng)
    xs = np.sign(rng.normal(size=(T, B, twin.input_size))) * 1e6
    xs = xs if kind is float else xs * (1 + 1e-20j)
    with np.errstate(all="raise", under="ignore"):
        end, ys, _ = unroll(twin.cell).forward(params, None, xs)
    assert all(np.isfinite(leaf).all() for leaf in leaves((end, ys)))


@ALL
def test_all_arithmetic_is_double(rng, twin):
    layer, params = unroll(twin.cell), twin.params(rng)
    low = each(lambda a: a.astype(np.float32), params)
    xs = rng.normal(size=(T, twin.input_size)).astype(np.float32)
    assert all(leaf.dtype == np.float64 for leaf in leaves(layer.forward(low, None, xs)[:2]))


# Twins by name, and what is complex.


def lookalike(class_name, **fields):
    return type(class_name, (), fields)()


def test_twins_are_known_by_name_and_fields():
    for twin in TWINS.values():
        fields = vars(twin.cell) | {"recurrent_bias": True, "kernel": 3, "peepholes": False}
        assert reference.twin(lookalike(type(twin.cell).__name__, **fields)) == twin.cell


def test_unknown_options_are_refused():
    for make in (
        lambda: reference.indrnn(H, "sigmoid"),
        lambda: reference.slstm(H, 1, "tanh"),
        lambda: reference.mlstm(H, 1, "tanh"),
    ):
        with pytest.raises(ValueError, match=r"must be"):
            make()


def test_pairs_and_whole(rng):
    tree = (rng.normal(size=3), (rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3)),), None)
    real = reference.pairs(tree)
    assert [leaf.shape for leaf in leaves(real)] == [(3,), (2, 3, 2)]
    assert not any(map(np.iscomplexobj, leaves(real)))
    assert_close(reference.whole(real, tree), tree, 0)
