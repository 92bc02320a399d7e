"""What the laws leave open: how arrays begin, which keys are drawn apart, which products are
rounded, and rows and cells that no law's random question comes by."""

import dataclasses
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _table import LAYERS

from jaxrnn import (
    Dropout,
    VanillaCarry,
    bidirectional,
    cross_entropy,
    engine,
    estimate_bytes,
    gru,
    language_model,
    lstm,
    stack,
    unroll,
    vanilla,
)
from jaxrnn._language_model import HEAD_SCHEMES
from jaxrnn.dropout import drop
from jaxrnn.testing import draw, same
from jaxrnn.testing._case import jit, numpy, pull
from jaxrnn.testing._truth import plainly
from jaxrnn.testing._twins import by_reference

I, H = 48, 64
CELLS = {"lstm": (lstm, 4), "gru": (gru, 3), "tanh": (vanilla, 1)}
every_cell = pytest.mark.parametrize(("cell", "gates"), CELLS.values(), ids=CELLS)


def begin(cell, initializer, key, input_size=I):
    return cell(H, initializer=initializer, recurrent_bias=True).init(key, input_size)


# How arrays begin.


@every_cell
def test_glorot_orthogonal_gate_by_gate(cell, gates, getkey):
    """Each gate's W_h is orthogonal, its W_x uniform within √(6 / (I + H)); biases are zero, but
    one for the LSTM's second gate, f."""
    params, bound = begin(cell, "glorot_orthogonal", getkey()), (6 / (I + H)) ** 0.5
    for w_x, w_h in zip(*(np.split(w, gates, 1) for w in (params.w_x, params.w_h)), strict=True):
        np.testing.assert_allclose(w_h @ w_h.T, np.eye(H), atol=1e-12)
        assert 0.99 * bound < np.abs(w_x).max() <= bound
        np.testing.assert_allclose(w_x.std(), bound / 3**0.5, rtol=0.05)
    want = np.zeros((gates, H))
    want[1:2] = 1 if cell is lstm else 0
    np.testing.assert_array_equal(params.b, want.ravel())
    assert not params.b_h.any()


@every_cell
def test_small_normal_is_small_and_normal(cell, gates, getkey):
    params = begin(cell, "small_normal", getkey())
    for w in (params.w_x, params.w_h):
        np.testing.assert_allclose(w.std(), 0.01, rtol=0.05)
        assert np.abs(w).max() > 0.03, "normal, not uniform"
    assert not params.b.any() and not params.b_h.any()


@every_cell
def test_pytorch_uniform_is_within_the_root_of_the_hidden_size(cell, gates, getkey):
    params, bound = begin(cell, "pytorch_uniform", getkey()), H**-0.5
    for array in (params.w_x, params.w_h, params.b, params.b_h):
        assert 0.9 * bound < array.max() < bound and -bound <= array.min() < -0.9 * bound
        np.testing.assert_allclose(array.std(), bound / 3**0.5, rtol=0.15)


@every_cell
@pytest.mark.parametrize("initializer", ["glorot_orthogonal", "small_normal", "pytorch_uniform"])
def test_no_gate_begins_as_another(cell, gates, initializer, getkey):
    """With as many inputs as units, so that all blocks have one shape."""
    params = begin(cell, initializer, getkey(), H)
    blocks = np.split(params.w_x, gates, 1) + np.split(params.w_h, gates, 1)
    if initializer == "pytorch_uniform":  # of the others, biases are not random
        blocks += [params.b[None], params.b_h[None]]
    assert len({float(block[0, 0]) for block in blocks}) == len(blocks)
    another = begin(cell, initializer, getkey(), H)
    assert params.w_x[0, 0] != another.w_x[0, 0] and params.w_h[0, 0] != another.w_h[0, 0]


@pytest.mark.parametrize(
    "layer",
    [
        stack([unroll(vanilla(H))] * 3),
        bidirectional(vanilla(H)),
        stack([bidirectional(vanilla(H))] * 2),
    ],
    ids=["stack", "bidirectional", "deep"],
)
def test_no_layer_begins_as_another(layer, getkey):
    """All of one shape: equal keys would draw equal numbers."""
    leaves = jax.tree.leaves([layer.init(key, H) for key in (getkey(), getkey())])
    firsts = [float(w[0, 0]) for w in leaves if w.ndim == 2]
    assert len(set(firsts)) == len(firsts) >= 8


@pytest.mark.parametrize("initializer", HEAD_SCHEMES)
def test_a_head_begins_by_its_key(initializer, getkey):
    """And its bias not as its weights."""
    model = language_model(unroll(vanilla(8)), 8, initializer=initializer)
    one, other = (model.init(getkey()).head for _ in range(2))
    assert one.w[0, 0] != other.w[0, 0]
    assert one.b[0] not in np.asarray(one.w)


# Which keys are drawn apart.


def test_every_mask_is_its_own(getkey):
    """Inputs, h, weights and a step's zone, all (H, H) and of one rate: no two alike."""
    cell, dropout = vanilla(H), Dropout(*(0.5,) * 4)
    params, xs = cell.init(getkey(), H), jnp.ones((1, H, H))
    carry = cell.initial_carry(params, (H,))
    read = engine.read(cell, params, carry, xs[0])
    masked, masks, zone = dropout.draw(getkey(), carry, xs, lambda: engine.Places(read))
    drawn = masked[0], *masks.operands, *masks.weights, zone.h[0]
    masks = [np.asarray(mask != 0) for mask in drawn]
    alike = np.array([[np.mean(a == b) for a in masks] for b in masks])
    assert (np.abs(alike - np.eye(4) - (1 - np.eye(4)) / 2) < 0.1).all(), alike


def test_h_and_c_are_held_apart(getkey):
    cell = lstm(H)
    params = cell.init(getkey(), I)
    carry, xs = cell.initial_carry(params, (I,)), jnp.ones((2, I, I))
    zone = Dropout(zoneout=0.5).draw(getkey(), carry, xs, lambda: None)[2]
    assert abs(np.mean(zone.h == zone.c) - 0.5) < 0.1


class Drops:
    """A layer that is its own mask: each number zero by half."""

    output_size = H

    def init(self, key, input_size, dtype=None):
        return None

    def initial_carry(self, params, batch_shape=()):
        return None

    def apply(self, params, carry, xs, *, key=None, **when):
        return None, drop(key, 0.5, xs)


def test_what_is_dropped_between_layers_is_drawn_apart_from_what_they_drop(getkey):
    """And every gap and every layer from every other, in a stack within a stack too: nine masks of
    a half, of five layers and four gaps, leave 1 of 512; were two of them one, 1 of 256."""
    inner, ones = stack([Drops(), Drops()], dropout=0.5), jnp.ones((80, 20, H))
    layer, params = stack([Drops(), Drops(), inner, Drops()], dropout=0.5), (None, None)
    _, ys = layer.apply((*params, params, None), None, ones, key=getkey())
    assert abs(512 * np.mean(ys != 0) - 1) < 0.3


# Rows, cells and products that no law comes by.


@pytest.mark.parametrize("engine", ["auto", "scan"])
@pytest.mark.parametrize("shape", ["one", "reversed", "bidirectional"])
def test_a_document_can_begin_in_a_row_that_is_all_padding(shape, engine):
    """The final carry is then the initial one: nobody sees the carry passed in."""
    case = draw(LAYERS[f"lstm-{shape}"], 3, 0)
    case = plainly(case) if engine == "scan" else case
    valid, fresh = case.valid.copy(), case.fresh.copy()
    valid[:, :2], fresh[:, 0], fresh[2, 0], fresh[:, 1] = False, False, True, False
    got = case.answer(mask=valid, resets=fresh)
    same(got, by_reference(case, valid, fresh))
    for leaf, given in zip(jax.tree.leaves(got.carry), jax.tree.leaves(case.carry), strict=True):
        assert not leaf[0].any() and (leaf[1] == given[1]).all()


@dataclasses.dataclass(frozen=True, repr=False)
class BeginsAtB(type(vanilla(1))):
    """Every document begins at h = b."""

    def initial_carry(self, params, batch_shape=()):
        return VanillaCarry(jnp.broadcast_to(params.b, (*batch_shape, self.hidden_size)))


@pytest.mark.parametrize("keep", ["gates", "carries", "chunks"])
@pytest.mark.parametrize("engine", ["auto", "scan"])
@pytest.mark.parametrize("reverse", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_16_bit_gradients_add_up_in_float32(engine, keep, reverse):
    """A sum of 65·65 ones: in bfloat16, where 256 + 1 is 256, it falls short."""
    steps, layer = 65 * 65, unroll(BeginsAtB(1, "relu"), reverse, engine=engine, keep=keep)
    params = jax.tree.map(jnp.zeros_like, layer.init(jax.random.key(0), 1, jnp.bfloat16))
    params = dataclasses.replace(params, w_x=jnp.ones_like(params.w_x))
    xs = jnp.ones((steps, 1, 1), jnp.bfloat16)

    def loss(params, resets):
        return layer.apply(params, None, xs, resets=resets)[1].astype(jnp.float32).sum()

    assert jax.grad(loss)(params, None).b == jnp.bfloat16(steps)
    params = dataclasses.replace(params, w_h=jnp.ones_like(params.w_h))
    got = jax.grad(loss)(params, np.ones((steps, 1), bool)).b
    assert abs(got - 2 * steps) <= 2 * steps / 256  # each step's own, and that of its beginning


def first_row_nan(a):
    return np.concatenate([np.full_like(a[:1], np.nan), a[1:]])


@pytest.mark.parametrize("name", ["lstm-one", "lstm-reversed", "own-one", "own-reversed"])
def test_a_carry_that_a_restart_hides_may_be_anything(name):
    """NaN in the carry of a row that is padding until a document begins reaches nothing."""
    case = draw(LAYERS[name], 3, 0)
    valid, resets = np.ones((2, case.steps, case.batch), bool)
    resets[:] = False
    begins = -3 if name.endswith("reversed") else 2
    resets[begins, 0] = True
    valid[slice(begins, None) if begins < 0 else slice(begins), 0] = False
    want = case.answer(mask=valid, resets=resets)
    carry = jax.tree.map(first_row_nan, case.carry)
    same(case.but(carry=carry).answer(mask=valid, resets=resets), want, within=0)


def test_an_idle_rows_carry_may_be_anything():
    """NaN in the carry of a row without a valid step reaches no gradient."""
    case = draw(LAYERS["lstm-one"], 3, 0)
    lengths = np.array([0, *[case.steps] * (case.batch - 1)], np.int32)
    want = case.answer(lengths=lengths)
    carry = jax.tree.map(first_row_nan, case.carry)
    got = case.but(carry=carry).answer(lengths=lengths)
    same(got._replace(carry=None), want._replace(carry=None), within=0)
    assert all(np.isnan(leaf[0]).all() for leaf in jax.tree.leaves(got.carry))


@pytest.mark.parametrize("keep", ["gates", "carries", "chunks"])
@pytest.mark.parametrize("cell", [lstm, gru, partial(gru, reset="before"), vanilla])
def test_every_product_is_of_16_bits(cell, keep):
    """Of the walk and of its adjoint, and no other product than those."""
    layer = unroll(cell(4), matmul_dtype="bfloat16", keep=keep)
    case = draw(layer, 3, 0)
    step = jax.jit(lambda *question: pull(layer.apply, *question, {}))
    program = step.lower(*case.question()[:-1]).as_text()
    products = re.findall(r"stablehlo.dot_general .* : \((.*)\) -> ", program)
    assert len(products) >= 5  # forwards x W_x and h W_h; backwards dh, dW_h and dW_x at least
    assert {re.sub(r"<[\dx]*x", "<", product) for product in products} == {
        "tensor<bf16>, tensor<bf16>"
    }


@pytest.mark.parametrize("cell, leaves", [(lstm(H), 2), (gru(H), 1)], ids=["lstm", "gru"])
def test_the_plain_scan_keeps_what_is_asked_for(cell, leaves):
    """The carries, or one a chunk: as the walk that it is the twin of."""
    T, B = 100, 32
    bytes_ = {
        keep: estimate_bytes(unroll(cell, engine="scan", keep=keep), T, B)
        for keep in ("gates", "carries", "chunks")
    }
    small = 4 * 8 * H
    assert abs(bytes_["carries"] - 4 * leaves * T * B * H) <= small
    assert abs(bytes_["chunks"] - 4 * leaves * T**0.5 * B * H) <= small
    assert bytes_["gates"] > 2 * bytes_["carries"]


def test_the_loss_is_the_mean_over_what_is_valid(getkey):
    """Lengths and mask together; what is targeted elsewhere, no token even, is not read."""
    T, B, V = 7, 6, 5
    model = language_model(unroll(gru(4)), V)
    params, tokens = model.init(getkey()), jax.random.randint(getkey(), (T, B), 0, V)
    when = {"lengths": np.arange(B), "mask": np.arange(T * B).reshape(T, B) % 3 > 0}
    valid = when["mask"] & (np.arange(T)[:, None] < when["lengths"])

    def plain(params):
        losses = cross_entropy(model.apply(params, None, tokens, **when)[1], tokens)
        return losses[valid].mean()

    def ours(params):
        return model.loss(params, None, tokens, jnp.where(valid, tokens, -1), **when)[0]

    got, want = (numpy(jit(jax.value_and_grad(loss))(params)) for loss in (ours, plain))
    same(got, want)
