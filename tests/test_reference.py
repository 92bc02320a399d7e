"""The reference is the ground truth of all other tests, so it is checked against things outside it:

finite differences, answers worked out by hand, the meaning of masks told in other words, PyTorch.
"""

import dataclasses
import zlib
from math import exp, tanh
from typing import Any

import numpy as np
import pytest

from jaxrnn import reference
from jaxrnn.reference import bidirectional, gru, language_model, lstm, stack, unroll, vanilla

T, B, I, H, V = 6, 2, 3, 4, 5
GATES = {"Vanilla": 1, "GRU": 3, "LSTM": 4}

CELLS = {
    "tanh": vanilla(H),
    "relu": vanilla(H, "relu"),
    "gru-before": gru(H, "before"),
    "gru-after": gru(H, "after"),
    "lstm": lstm(H),
}
LAYERS = {
    "forward": lambda cell, padding: unroll(cell, padding=padding),
    "reverse": lambda cell, padding: unroll(cell, reverse=True, padding=padding),
    "bidirectional": lambda cell, padding: both_ways(cell, padding),
    "stack": lambda cell, padding: stack([unroll(cell, True, padding), both_ways(gru(3), padding)]),
}


@dataclasses.dataclass(frozen=True)
class Params:
    w_x: Any
    w_h: Any
    b: Any
    b_h: Any = None


@dataclasses.dataclass(frozen=True)
class Head:
    w: Any
    b: Any


@dataclasses.dataclass(frozen=True)
class ModelParams:
    layer: Any
    head: Any


def both_ways(cell, padding="zero"):
    return bidirectional(unroll(cell, padding=padding), unroll(cell, True, padding))


@pytest.fixture
def rng(request):
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))


def some_params(rng, layer, input_size, bias=True):
    """Random parameters of a cell or a layer, none of them zero."""
    if isinstance(layer, reference.Stack):
        sizes = [input_size, *(below.output_size for below in layer.layers)]
        pairs = zip(layer.layers, sizes, strict=False)
        return tuple(some_params(rng, part, size, bias) for part, size in pairs)
    if isinstance(layer, reference.Bidirectional):
        halves = (layer.forward_layer, layer.backward_layer)
        return tuple(some_params(rng, half, input_size, bias) for half in halves)
    cell = layer.cell if isinstance(layer, reference.Unroll) else layer
    h, g = cell.hidden_size, GATES[type(cell).__name__]
    b_h = rng.normal(size=g * h) if bias else None
    w_x, w_h = rng.normal(size=(input_size, g * h)), rng.normal(size=(h, g * h))
    return Params(w_x, w_h, rng.normal(size=g * h), b_h)


def some_masks(rng, shape):
    """Invalid steps at both ends and within; beginnings at valid and at invalid ones, and at 0."""
    valid, fresh = rng.random(shape) < 0.6, rng.random(shape) < 0.3
    first = (0,) * (len(shape) - 1)
    valid[(0, *first)], valid[(-1, *first)], valid[(2, *first)] = False, False, True
    fresh[(0, *first)] = True
    return valid, fresh


# Trees: tuples and dataclasses of arrays, as parameters and carries are.


def children(tree: Any):
    if isinstance(tree, tuple):
        return tree
    return [getattr(tree, field.name) for field in dataclasses.fields(tree)]


def leaves(tree):
    if tree is None:
        return []
    if isinstance(tree, tuple) or dataclasses.is_dataclass(tree):
        return [leaf for child in children(tree) for leaf in leaves(child)]
    return [np.asarray(tree)]


def with_leaves(tree: Any, new) -> Any:
    """The same tree with its leaves taken from the iterator `new`."""
    if tree is None:
        return None
    if isinstance(tree, tuple):
        parts = [with_leaves(child, new) for child in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        names = [field.name for field in dataclasses.fields(tree)]
        changes = {name: with_leaves(getattr(tree, name), new) for name in names}
        return dataclasses.replace(tree, **changes)
    return next(new)


def random_like(rng, tree) -> Any:
    return with_leaves(tree, (rng.normal(size=np.shape(leaf)) for leaf in leaves(tree)))


def assert_trees_equal(a, b, tolerance=1e-13):
    assert len(leaves(a)) == len(leaves(b))
    for p, q in zip(leaves(a), leaves(b), strict=True):
        np.testing.assert_allclose(p, q, rtol=tolerance, atol=tolerance)


def same_structure(a, b):
    if isinstance(a, tuple) or dataclasses.is_dataclass(a):
        pairs = zip(children(a), children(b), strict=True)
        return type(a) is type(b) and all(same_structure(p, q) for p, q in pairs)
    return (a is None) == (b is None) and np.shape(a) == np.shape(b)


# Gradients: against central differences.


def assert_is_gradient(rng, f, at, gradient, directions=2, step=1e-5):
    """For every leaf: the slope of the scalar f along random directions is gradient · direction."""
    assert same_structure(at, gradient)
    points, slopes = leaves(at), leaves(gradient)
    for k, slope in enumerate(slopes):
        for _ in range(directions):
            d = rng.normal(size=slope.shape)
            ends = []
            for sign in (1, -1):
                moved = [p + sign * step * d if j == k else p for j, p in enumerate(points)]
                ends.append(f(with_leaves(at, iter(moved))))
            measured = (ends[0] - ends[1]) / (2 * step)
            np.testing.assert_allclose(np.sum(slope * d), measured, rtol=1e-7, atol=1e-7)


def assert_layer_gradients(rng, layer, params, xs, **masks):
    """Params, carry and xs together, seen through a random linear function of all outputs."""
    start = layer.forward(params, None, xs, **masks)[0]
    carry = random_like(rng, start)
    end, ys, tape = layer.forward(params, carry, xs, **masks)
    dend, dys = random_like(rng, end), rng.normal(size=ys.shape)

    def seen(arguments):
        out, zs, _ = layer.forward(*arguments, **masks)
        pairs = zip([*leaves(out), zs], [*leaves(dend), dys], strict=True)
        return sum(np.sum(a * b) for a, b in pairs)

    gradient = layer.backward(params, tape, dend, dys)
    assert_is_gradient(rng, seen, (params, carry, xs), gradient)


@pytest.mark.parametrize("batch", [(), (B,), (2, 3)], ids=str)
@pytest.mark.parametrize("bias", [True, False], ids=["b_h", "no-b_h"])
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_gradients_of_one_instant(rng, cell, bias, batch):
    params, x = some_params(rng, cell, I, bias), rng.normal(size=(*batch, I))
    carry = random_like(rng, cell.initial_carry(params, batch))
    end, y, tape = cell.forward(params, carry, x)
    dend, dy = random_like(rng, end), rng.normal(size=y.shape)

    def seen(arguments):
        out, z, _ = cell.forward(*arguments)
        return sum(np.sum(a * b) for a, b in zip([*out, z], [*dend, dy], strict=True))

    gradient = cell.backward(params, tape, dend, dy)
    assert_is_gradient(rng, seen, (params, carry, x), gradient, directions=8)


@pytest.mark.parametrize("masks", ["unmasked", "zero", "held"])
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_gradients_of_layers(rng, cell, layer, masks):
    layer = LAYERS[layer](cell, "held" if masks == "held" else "zero")
    params, xs = some_params(rng, layer, I), rng.normal(size=(T, B, I))
    valid, fresh = (None, None) if masks == "unmasked" else some_masks(rng, (T, B))
    assert_layer_gradients(rng, layer, params, xs, valid=valid, fresh=fresh)


@pytest.mark.parametrize("batch", [(), (2, 3)], ids=str)
@pytest.mark.parametrize("layer", LAYERS)
def test_gradients_with_other_batch_axes(rng, layer, batch):
    layer = LAYERS[layer](lstm(H), "held")
    params, xs = some_params(rng, layer, I, bias=False), rng.normal(size=(T, *batch, I))
    valid, fresh = some_masks(rng, (T, *batch))
    assert_layer_gradients(rng, layer, params, xs, valid=valid, fresh=fresh)


@pytest.mark.parametrize("layer", LAYERS)
def test_gradients_of_the_language_model(rng, layer):
    layer = LAYERS[layer](gru(H), "zero")
    model = language_model(layer)
    head = Head(rng.normal(size=(layer.output_size, V)), rng.normal(size=V))
    params = ModelParams(some_params(rng, layer, V), head)
    tokens, targets = rng.integers(V, size=(2, T, B))
    carry = random_like(rng, layer.forward(params.layer, None, tokens)[0])
    loss, end, *gradient = model.loss_and_grad(params, carry, tokens, targets)

    def seen(arguments):
        return model.loss(arguments[0], arguments[1], tokens, targets)[0]

    assert_is_gradient(rng, seen, (params, carry), tuple(gradient))
    assert loss == model.loss(params, carry, tokens, targets)[0]
    assert_trees_equal(end, model.forward(params, carry, tokens)[0])


# One instant: worked out by hand, one unit (H = 1) and one feature.


def sigma(a):
    return 1 / (1 + exp(-a))


def one_unit(w_x, w_h, b, b_h):
    return Params(np.array([w_x]), np.array([w_h]), np.array(b), np.array(b_h))


@pytest.mark.parametrize(("x", "activation"), [(0.5, "tanh"), (0.5, "relu"), (-2.0, "relu")])
def test_vanilla_by_hand(x, activation):
    params = one_unit([0.7], [-0.3], [0.1], [0.05])
    a = x * 0.7 + 0.1 + 0.4 * -0.3 + 0.05
    expected = tanh(a) if activation == "tanh" else max(a, 0)
    carry, y, _ = vanilla(1, activation).forward(params, (np.array([0.4]),), np.array([x]))
    np.testing.assert_allclose([y[0], carry[0][0]], [expected, expected], rtol=1e-15)


@pytest.mark.parametrize("reset", ["before", "after"])
def test_gru_by_hand(reset):
    x, h = 0.5, 0.4
    params = one_unit([0.7, -0.2, 1.1], [-0.3, 0.9, 0.6], [0.1, 0.2, 0.3], [0.05, -0.15, 0.25])
    r = sigma(x * 0.7 + 0.1 + h * -0.3 + 0.05)
    z = sigma(x * -0.2 + 0.2 + h * 0.9 - 0.15)
    if reset == "before":
        n = tanh(x * 1.1 + 0.3 + (r * h) * 0.6 + 0.25)
    else:
        n = tanh(x * 1.1 + 0.3 + r * (h * 0.6 + 0.25))
    h_new = z * h + (1 - z) * n
    carry, y, _ = gru(1, reset).forward(params, (np.array([h]),), np.array([x]))
    np.testing.assert_allclose([y[0], carry[0][0]], [h_new, h_new], rtol=1e-15)
    gates = gru(1, reset).gates(params, (np.array([h]),), np.array([x]))
    expected = {"r": r, "z": z, "n": n, "h": h_new}
    assert {name: gate[0] for name, gate in gates.items()} == pytest.approx(expected, rel=1e-14)


def test_lstm_by_hand():
    x, h, c = 0.5, 0.4, -0.8
    b, b_h = [0.1, 0.2, 0.3, 0.4], [0.05, -0.15, 0.25, -0.35]
    params = one_unit([0.7, -0.2, 1.1, 0.8], [-0.3, 0.9, 0.6, -0.5], b, b_h)
    i = sigma(x * 0.7 + 0.1 + h * -0.3 + 0.05)
    f = sigma(x * -0.2 + 0.2 + h * 0.9 - 0.15)
    g = tanh(x * 1.1 + 0.3 + h * 0.6 + 0.25)
    o = sigma(x * 0.8 + 0.4 + h * -0.5 - 0.35)
    c_new = f * c + i * g
    h_new = o * tanh(c_new)
    before = (np.array([h]), np.array([c]))
    carry, y, _ = lstm(1).forward(params, before, np.array([x]))
    after = [y[0], carry[0][0], carry[1][0]]
    np.testing.assert_allclose(after, [h_new, h_new, c_new], rtol=1e-14)
    gates = lstm(1).gates(params, before, np.array([x]))
    expected = {"i": i, "f": f, "g": g, "o": o, "c": c_new, "h": h_new}
    assert {name: gate[0] for name, gate in gates.items()} == pytest.approx(expected, rel=1e-14)


def test_huge_arguments_saturate_without_overflow(rng):
    for cell in CELLS.values():
        params = some_params(rng, cell, I)
        with np.errstate(all="raise", under="ignore"):
            _, y, _ = cell.forward(params, cell.initial_carry(params, ()), np.full(I, -1e6))
        assert np.isfinite(y).all()


# Time: what a layer means, told in other words.


def test_unroll_is_the_loop(rng):
    for cell in CELLS.values():
        params, xs = some_params(rng, cell, I), rng.normal(size=(T, B, I))
        carry = start = random_like(rng, cell.initial_carry(params, (B,)))
        expected = []
        for x in xs:
            carry, y, _ = cell.forward(params, carry, x)
            expected.append(y)
        end, ys, _ = unroll(cell).forward(params, start, xs)
        assert_trees_equal((end, ys), (carry, np.stack(expected)))
        end, ys, _ = unroll(cell, reverse=True).forward(params, start, xs[::-1])
        assert_trees_equal((end, ys), (carry, np.stack(expected)[::-1]))


def test_bidirectional_concatenates_and_stack_composes(rng):
    first, second = unroll(gru(H)), unroll(lstm(3), reverse=True)
    xs = rng.normal(size=(T, B, I))
    p, q = some_params(rng, first, I), some_params(rng, second, I)
    above = some_params(rng, second, H)
    c, ys, _ = first.forward(p, None, xs)
    d, zs, _ = second.forward(q, None, xs)
    end, both, _ = bidirectional(first, second).forward((p, q), None, xs)
    assert_trees_equal((end, both), ((c, d), np.concatenate([ys, zs], axis=-1)))
    d, zs, _ = second.forward(above, None, ys)
    end, top, _ = stack([first, second]).forward((p, above), None, xs)
    assert_trees_equal((end, top), ((c, d), zs))


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_invalid_steps_are_as_if_absent(rng, reverse):
    layer = unroll(lstm(H), reverse=reverse)
    params, xs = some_params(rng, layer, I), rng.normal(size=(T, B, I))
    valid, _ = some_masks(rng, (T, B))
    dirty = np.where(valid[..., None], xs, np.nan)
    end, ys, tape = layer.forward(params, None, dirty, valid=valid)
    dparams, dstart, dxs = layer.backward(params, tape, end, ys)
    assert (ys[~valid] == 0).all() and (dxs[~valid] == 0).all()
    weight_gradients = []
    for b in range(B):
        keep = valid[:, b]
        alone, zs, tape = layer.forward(params, None, xs[keep, b])
        assert_trees_equal((tuple(c[b] for c in end), ys[keep, b]), (alone, zs))
        dp, dc, dz = layer.backward(params, tape, alone, zs)
        assert_trees_equal((tuple(c[b] for c in dstart), dxs[keep, b]), (dc, dz))
        weight_gradients.append(dp)
    total = [sum(parts) for parts in zip(*map(leaves, weight_gradients), strict=True)]
    assert_trees_equal(dparams, tuple(total))


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_held_padding_repeats_the_last_output(rng, reverse):
    params, xs = some_params(rng, lstm(H), I), rng.normal(size=(T, B, I))
    valid, fresh = some_masks(rng, (T, B))
    _, zeroed, _ = unroll(lstm(H), reverse).forward(params, None, xs, valid, fresh)
    _, held, _ = unroll(lstm(H), reverse, "held").forward(params, None, xs, valid, fresh)
    for b in range(B):
        last = np.zeros(H)
        for t in range(T - 1, -1, -1) if reverse else range(T):
            last = zeroed[t, b] if valid[t, b] else last
            np.testing.assert_array_equal(held[t, b], last)


@pytest.mark.parametrize("layer", ["forward", "reverse", "bidirectional"])
def test_documents_do_not_see_each_other(rng, layer):
    layer = LAYERS[layer](gru(H), "zero")
    params, xs = some_params(rng, layer, I), rng.normal(size=(T, I))
    fresh = np.isin(np.arange(T), [0, 2, 5])
    _, ys, _ = layer.forward(params, None, xs, fresh=fresh)
    alone = [layer.forward(params, None, xs[part])[1] for part in np.split(np.arange(T), [2, 5])]
    assert_trees_equal(ys, np.concatenate([part for part in alone if len(part)]))


@pytest.mark.parametrize("begins_at", range(T))
@pytest.mark.parametrize("valid_there", [True, False])
def test_what_a_beginning_does_to_the_final_carry(rng, begins_at, valid_there):
    cell = lstm(H)
    params, xs = some_params(rng, cell, I), rng.normal(size=(T, I))
    start = random_like(rng, cell.initial_carry(params, ()))
    fresh, valid = np.arange(T) == begins_at, np.ones(T, bool)
    valid[begins_at] = valid_there

    end, _, _ = unroll(cell).forward(params, start, xs, valid, fresh)
    alone, _, _ = unroll(cell).forward(params, None, xs[begins_at:], valid[begins_at:])
    assert_trees_equal(end, alone)
    back = unroll(cell, reverse=True)
    end, _, _ = back.forward(params, start, xs, valid, fresh)
    alone, _, _ = back.forward(params, None, xs[:begins_at], valid[:begins_at])
    assert_trees_equal(end, alone)


@pytest.mark.parametrize("layer", LAYERS)
def test_no_time_at_all(rng, layer):
    layer = LAYERS[layer](lstm(H), "held")
    params, xs = some_params(rng, layer, I), np.zeros((0, B, I))
    carry = random_like(rng, layer.forward(params, None, xs)[0])
    end, ys, tape = layer.forward(params, carry, xs)
    assert ys.shape == (0, B, layer.output_size)
    assert_trees_equal(end, carry)
    dparams, dcarry, dxs = layer.backward(params, tape, carry, ys)
    assert_trees_equal(dcarry, carry)
    assert same_structure(dparams, params) and not any(np.any(leaf) for leaf in leaves(dparams))
    assert dxs.shape == xs.shape


# What goes in and what comes back.


@pytest.mark.parametrize("layer", LAYERS)
def test_tokens_are_one_hot_rows(rng, layer):
    layer = LAYERS[layer](gru(H), "zero")
    params, tokens = some_params(rng, layer, V), rng.integers(V, size=(T, B))
    tokens[1, 0], tokens[3, 1], tokens[4, 0] = -1, V, 10**6
    one_hot = np.zeros((T, B, V))
    for t, b in np.ndindex(T, B):
        if 0 <= tokens[t, b] < V:
            one_hot[t, b, tokens[t, b]] = 1
    end, ys, tape = layer.forward(params, None, tokens)
    end_2, ys_2, tape_2 = layer.forward(params, None, one_hot)
    assert_trees_equal((end, ys), (end_2, ys_2), 0)
    dparams, dcarry, none = layer.backward(params, tape, end, ys)
    assert none is None
    assert_trees_equal((dparams, dcarry), layer.backward(params, tape_2, end, ys)[:2], 0)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_one_instant_takes_tokens(rng, cell):
    params, tokens = some_params(rng, cell, V), np.array([2, 200], np.uint8)
    carry, y, tape = cell.forward(params, cell.initial_carry(params, (2,)), tokens)
    one_hot = np.array([[0, 0, 1, 0, 0], [0, 0, 0, 0, 0]], np.float32)
    carry_2, y_2, _ = cell.forward(params, cell.initial_carry(params, (2,)), one_hot)
    assert_trees_equal((carry, y), (carry_2, y_2), 0)
    assert cell.backward(params, tape, carry, y)[2] is None


def test_integer_features_are_refused(rng):
    params = some_params(rng, lstm(H), I)
    carry = lstm(H).initial_carry(params, (B,))
    with pytest.raises(ValueError, match=r"batch shape is \(2,\), but the token ids .* \(2, 3\)"):
        unroll(lstm(H)).forward(params, carry, np.zeros((T, B, I), int))


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_all_arithmetic_is_float64(rng, cell):
    params, x = some_params(rng, cell, I), rng.normal(size=(T, B, I))
    low = with_leaves(params, (leaf.astype(np.float32) for leaf in leaves(params)))
    layer = unroll(cell)
    end, ys, tape = layer.forward(low, None, x.astype(np.float32))
    gradient = layer.backward(low, tape, end, ys.astype(np.float32))
    assert all(leaf.dtype == np.float64 for leaf in leaves((end, ys, gradient)))


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_containers_come_back_as_they_went_in(rng, cell):
    params, xs = some_params(rng, cell, I, bias=False), rng.normal(size=(T, B, I))
    named = unroll(cell).forward(params, None, xs)[0]
    assert type(named).__name__ == type(cell).__name__ + "Carry"
    plain, ys, tape = unroll(cell).forward(params, tuple(named), xs)
    assert type(plain) is tuple
    dparams, dcarry, _ = unroll(cell).backward(params, tape, plain, ys)
    assert type(dcarry) is tuple and type(dparams) is Params and dparams.b_h is None


@pytest.mark.parametrize(
    "refused",
    [
        lambda: vanilla(H, "sigmoid"),
        lambda: gru(H, "both"),
        lambda: unroll(lstm(H), padding="nan"),
        lambda: bidirectional(unroll(lstm(H)), unroll(lstm(H))),
    ],
)
def test_unknown_options_are_refused(refused):
    with pytest.raises(ValueError):
        refused()


# Training.


def test_cross_entropy_by_hand():
    logits, targets = np.log([[1.0, 4.0, 5.0], [4.0, 4.0, 2.0]]), np.array([2, 0])
    loss, dlogits = reference.softmax_cross_entropy(logits, targets)
    np.testing.assert_allclose(loss, -(np.log(0.5) + np.log(0.4)) / 2, rtol=1e-14)
    expected = np.array([[0.1, 0.4, -0.5], [-0.6, 0.4, 0.2]]) / 2
    np.testing.assert_allclose(dlogits, expected, rtol=1e-14)
    shifted, _ = reference.softmax_cross_entropy(logits + 1e4, targets)
    np.testing.assert_allclose(shifted, loss, rtol=1e-11)
    with pytest.raises(IndexError):
        reference.softmax_cross_entropy(logits, np.array([0, -1]))


def test_clip_by_global_norm_by_hand():
    grads = [np.array([3.0]), np.array([[0.0, 4.0]])]
    clipped, norm = reference.clip_by_global_norm(grads, 1.0)
    assert norm == 5
    np.testing.assert_allclose(clipped[0], [0.6], rtol=1e-15)
    np.testing.assert_allclose(clipped[1], [[0.0, 0.8]], rtol=1e-15)
    for threshold in (5.0, 6.0):
        same, norm = reference.clip_by_global_norm(grads, threshold)
        assert norm == 5 and all(map(np.array_equal, same, grads))


# Twins: found by class name and fields, here of empty classes that have just those.


def lookalike(class_name, **fields):
    return type(class_name, (), fields)()


def test_twins():
    cells = {
        vanilla(H, "relu"): lookalike("Vanilla", hidden_size=H, activation="relu"),
        gru(H, "before"): lookalike("GRU", hidden_size=H, reset="before", recurrent_bias=False),
        lstm(H): lookalike("LSTM", hidden_size=H, forget_bias=1.0),
    }
    for expected, cell in cells.items():
        assert reference.twin(cell) == expected
        there = lookalike("Unroll", cell=cell, reverse=False)
        back = lookalike("Unroll", cell=cell, reverse=True, padding="held")
        both = lookalike("Bidirectional", forward=there, backward=back)
        deep = lookalike("Stack", layers=[there, both])
        pair = bidirectional(unroll(expected), unroll(expected, True, "held"))
        assert reference.twin(both) == pair
        model = lookalike("LanguageModel", layer=deep, vocab_size=V)
        assert reference.twin(model) == language_model(stack([unroll(expected), pair]))


def test_what_has_no_twin_is_named():
    own = lookalike("Unroll", cell=lookalike("MyCell", hidden_size=H), reverse=False)
    with pytest.raises(TypeError, match=r"MyCell has no reference twin.*Vanilla, GRU, LSTM"):
        reference.twin(own)


# PyTorch: the same numbers, forward and gradients.


def torch_names(layer, backward):
    suffix = f"_l{layer}" + ("_reverse" if backward else "")
    return [kind + suffix for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]


def from_torch(module, gradient=False):
    """All parameters of a torch module, or their gradients, in our layout: (I, G·H) for (G·H, I).

    torch's GRU is also r z n and z h + (1 - z) n, and its LSTM also i f g o.
    """

    def array(name):
        weight = getattr(module, name)
        return (weight.grad if gradient else weight.detach()).numpy().T

    ways = (False, True) if module.bidirectional else (False,)
    stacked = [
        tuple(Params(*map(array, torch_names(layer, backward))) for backward in ways)
        for layer in range(module.num_layers)
    ]
    one_way = [pair if module.bidirectional else pair[0] for pair in stacked]
    return tuple(one_way)


def torch_carry(carry, names):
    """Our carries, a nested tuple, as torch's: for each name one array (layers x ways, B, H)."""
    flat = leaves(carry)
    return [np.stack(flat[k :: len(names)]) for k in range(len(names))]


@pytest.mark.parametrize("both", [False, True], ids=["one-way", "bidirectional"])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("cell", ["tanh", "relu", "gru-after", "lstm"])
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
def test_equals_torch(rng, cell, depth, both, ragged):
    torch = pytest.importorskip("torch")
    names = "hc" if cell == "lstm" else "h"
    kind = {"lstm": torch.nn.LSTM, "gru-after": torch.nn.GRU}.get(cell, torch.nn.RNN)
    options = {"nonlinearity": cell} if kind is torch.nn.RNN else {}
    module = kind(I, H, depth, bidirectional=both, dtype=torch.float64, **options)
    part = LAYERS["bidirectional" if both else "forward"](CELLS[cell], "zero")
    layer, params = stack([part] * depth), from_torch(module)

    lengths = np.array([T, T - 2]) if ragged else np.array([T, T])
    valid = np.arange(T)[:, None] < lengths
    xs = rng.normal(size=(T, B, I))
    carry = random_like(rng, layer.forward(params, None, xs)[0])
    end, ys, tape = layer.forward(params, carry, xs, valid)
    dend, dys = random_like(rng, end), rng.normal(size=ys.shape)
    dparams, dcarry, dxs = layer.backward(params, tape, dend, dys)

    inputs = torch.tensor(xs, requires_grad=True)
    states = [torch.tensor(c, requires_grad=True) for c in torch_carry(carry, names)]
    rnn = torch.nn.utils.rnn
    packed = rnn.pack_padded_sequence(inputs, torch.tensor(lengths))
    outputs, ends = module(packed, tuple(states) if names == "hc" else states[0])
    outputs, _ = rnn.pad_packed_sequence(outputs)
    ends = ends if names == "hc" else (ends,)
    seen = (outputs * torch.tensor(dys)).sum()
    for last, weight in zip(ends, torch_carry(dend, names), strict=True):
        seen = seen + (last * torch.tensor(weight)).sum()
    seen.backward()

    assert_trees_equal(ys, outputs.detach().numpy(), 1e-12)
    assert_trees_equal(tuple(torch_carry(end, names)), tuple(e.detach().numpy() for e in ends))
    assert_trees_equal(dparams, from_torch(module, gradient=True), 1e-12)
    dstates = tuple(state.grad.numpy() for state in states)
    assert_trees_equal(tuple(torch_carry(dcarry, names)), dstates, 1e-12)
    assert_trees_equal(dxs, inputs.grad.numpy(), 1e-12)
