"""Every law on every cell of the family, and what is each one's own.

Daily: each equation against its twin, each walk against the plain scan. The rest of the grid is
slow.
"""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _family import CELLS, DIAGONAL, LINEAR, kind

import jaxrnn
from jaxrnn import engine
from jaxrnn.testing import LAWS, check_layer, same

# Each cell once, in the form that has most in it.
DAILY = {kind(name): name for name in CELLS}.values()
PLAIN = ("peephole_lstm", "slstm", "lru", "mlstm", "conv_lstm")  # what no cell but these has in it
WALKED = ("qrnn", "lru", "mlstm")  # a window, complex numbers, a maximum
ABOVE = ("stack_is_composition", "bidirectional_is_two_unrolls", "mirror")


def grid():
    for name, (cell, input_size) in CELLS.items():
        layer = jaxrnn.unroll(cell)
        for law in LAWS.values():
            if law.name in ABOVE or not law.fits(layer):
                continue
            daily = (law.name == "slopes_are_its_twins_with_gaps" and name in DAILY) or (
                law.name == "fast_is_plain_with_gaps" and name in PLAIN
            )
            marks = [] if daily else [pytest.mark.slow]
            if law.name == "unroll_is_the_loop":
                marks.append(pytest.mark.float32)
            yield pytest.param(law, layer, input_size, id=f"{name}-{law}", marks=marks)


@pytest.mark.parametrize(("law", "layer", "input_size"), list(grid()))
def test_law(law, layer, input_size):
    law(layer, input_size=input_size)


def walks():
    """Associative by day, whose adjoint and composition are their own."""
    for name in LINEAR:
        for way in ("associative", "chunked", "sequential"):
            for reverse in (False, True):
                daily = name in WALKED and way == "associative" and not reverse
                marks = [] if daily else [pytest.mark.slow]
                yield pytest.param(name, way, reverse, id=f"{name}-{way}-{reverse}", marks=marks)


@pytest.mark.parametrize(("name", "way", "reverse"), list(walks()))
def test_linear_walks_are_the_loop(name, way, reverse):
    cell, input_size = CELLS[name]
    layer = jaxrnn.unroll(cell, reverse, engine=way)
    check_layer(layer, input_size=input_size, laws=["fast_is_plain_with_gaps"])


@pytest.mark.parametrize("name", CELLS)
def test_which_are_linear_is_found_by_reading(name):
    cell, input_size = CELLS[name]
    if kind(name) in LINEAR:
        assert engine.choose(cell, "associative", input_size=input_size).path == "associative"
    else:
        with pytest.raises(ValueError, match="not linear in the carry"):
            engine.choose(cell, "associative", input_size=input_size)


@pytest.mark.parametrize("name", sorted({kind(name) for name in CELLS}))
def test_the_door_and_the_file_know_it(name, tmp_path):
    cell, input_size = CELLS[name]
    assert jaxrnn.cells.CELLS[name] is getattr(jaxrnn, name) is type(cell)
    params = cell.init(jax.random.key(0), input_size, jnp.bfloat16)
    assert {a.dtype for a in jax.tree.leaves(params)} == {jnp.dtype(jnp.bfloat16)}
    jaxrnn.save(tmp_path / "cell.safetensors", cell, params)
    back, read = jaxrnn.load(tmp_path / "cell.safetensors")
    assert back == cell
    same(read, params, within=0)


def test_every_cell_of_the_door_is_in_a_table():
    ours = {"vanilla", "gru", "lstm"}
    assert {kind(name) for name in CELLS} | ours == {*jaxrnn.cells.CELLS}
    assert {*LINEAR, *DIAGONAL} <= {*CELLS}


def test_the_page_of_cells_has_them_all():
    page = (Path(__file__).parents[1] / "docs" / "cells.md").read_text(encoding="utf-8")
    assert [name for name in jaxrnn.cells.CELLS if f"`{name}(" not in page] == []


@pytest.mark.parametrize("way", ["auto", "derived", "scan"])
@pytest.mark.parametrize("name", sorted({kind(name) for name in CELLS}))
def test_sixteen_bits_come_out_as_such(name, way):
    """Whatever a carry is kept in: so that a layer above can read them."""
    cell, input_size = CELLS[name]
    layer = jaxrnn.unroll(cell, engine=way)

    def answer(key, xs):
        params = layer.init(key, input_size, jnp.bfloat16)
        carry, ys = layer.apply(params, None, xs, lengths=jnp.array([7, 3]))
        return ys, cell.step(params, jax.tree.map(lambda a: a[:1], carry), xs[0, :1])[1]

    xs = jax.ShapeDtypeStruct((7, 2, input_size), jnp.bfloat16)
    for said in jax.eval_shape(answer, jax.random.key(0), xs):
        assert said.dtype == jnp.bfloat16


@pytest.mark.parametrize("name", ["rg_lru", "slstm", "mlstm"])
def test_what_fades_slowly_fades_with_16_bit_params_too(getkey, name):
    """A share of 0.9999 is 1 in bfloat16, and would hold for ever."""
    cell = getattr(jaxrnn, name)(8)
    params = cell.init(getkey(), 8, jnp.bfloat16)
    xs = jax.random.normal(getkey(), (500, 2, 8)).astype(jnp.bfloat16)
    wide = jax.tree.map(lambda a: a.astype(jnp.float32), (params, xs))
    say = jax.jit(lambda params, xs: jaxrnn.unroll(cell).apply(params, None, xs)[1][-50:])
    got, want = say(params, xs).astype(jnp.float32), say(*wide)
    assert np.abs(got - want).max() < 0.05 * np.abs(want).max()


def test_a_gate_that_shuts_once_costs_no_digits(getkey):
    """An mLSTM's chunk does not take differences of what a shut gate has added up."""
    cell = jaxrnn.mlstm(8)
    params = cell.init(getkey(), 4, jnp.float64)
    w_g = jnp.zeros((4, 2)).at[3, 1].set(1.0)
    params = dataclasses.replace(params, w_g=w_g, w_x=params.w_x.at[3].set(0))
    xs = jax.random.normal(getkey(), (256, 2, 4), jnp.float64).at[..., 3].set(0)
    xs = xs.at[1:40:3, :, 3].set(-1e3)
    say = jax.jit(lambda params, xs: jaxrnn.unroll(cell).apply(params, None, xs)[1])
    narrow = jax.tree.map(lambda a: a.astype(jnp.float32), (params, xs))
    got, want = np.asarray(say(*narrow)), np.asarray(say(params, xs))
    assert np.abs(got - want).max() < 1e-5 * np.abs(want).max()


# What is refused, in a sentence.


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: jaxrnn.mgu(0), "`hidden_size` must be positive, got 0"),
        (lambda: jaxrnn.projection_lstm(4, 0), "`projection_size` must be positive, got 0"),
        (lambda: jaxrnn.projection_lstm(4, 2, "no"), "`recurrent_bias` must be True or False"),
        (lambda: jaxrnn.indrnn(4, "gelu"), "`activation` must be one of 'tanh', 'relu'"),
        (lambda: jaxrnn.layer_norm_gru(4, 0.0), "`epsilon` must be a number above 0, got 0.0"),
        (lambda: jaxrnn.layer_norm_lstm(4, jnp.inf), "`epsilon` must be a number above 0, got inf"),
        (lambda: jaxrnn.slstm(4, 3), "`heads` must divide hidden_size, got 3 for 4"),
        (lambda: jaxrnn.mlstm(4, 2, "tanh"), "`forget` must be one of 'sigmoid', 'exponential'"),
        (lambda: jaxrnn.qrnn(4, 0), "`window` must be positive, got 0"),
        (lambda: jaxrnn.lru(4, 0.9, 0.5), "r_min < r_max ≤ 1, got 0.9 and 0.5"),
        (lambda: jaxrnn.lru(4, "0.1"), "r_min < r_max ≤ 1, got '0.1' and 1.0"),
        (lambda: jaxrnn.conv_lstm(2, (8, 8), 3.0), "`kernel` must be a positive integer, got 3.0"),
        (lambda: jaxrnn.conv_lstm(2, 8), "`spatial` must be one to three sizes"),
        (lambda: jaxrnn.conv_lstm(2, (1, 1, 1, 1)), "`spatial` must be one to three sizes"),
        (lambda: jaxrnn.conv_lstm(2, (8, 8), (3,)), "`kernel` must have a size for each axis"),
        (
            lambda: jaxrnn.conv_lstm(2, (8, 8)).init(jax.random.key(0), 100),
            "input_size 100 is no number of channels at each of the 64 sites",
        ),
    ],
)
def test_fields_that_make_no_cell_are_refused(make, told):
    with pytest.raises((TypeError, ValueError)) as error:
        make()
    assert told in str(error.value)


def test_params_of_another_cell_are_refused(getkey):
    cell = jaxrnn.mgu(4)
    params, x = cell.init(getkey(), 3), jnp.zeros((2, 3))
    carry = cell.initial_carry(params, (2,))
    with pytest.raises(TypeError, match=r"MGU\(hidden_size=4\) needs MGUParams, got MinGRUParams"):
        cell.step(jaxrnn.mingru(4).init(getkey(), 3), carry, x)
    cut = dataclasses.replace(params, w_h=params.w_h[:3])
    with pytest.raises(ValueError, match=r"`w_h` has shape \(3, 8\), but .* needs \(4, 8\)"):
        cell.step(cut, carry, x)
    with pytest.raises(ValueError, match=r"x \(2, 5\) has 5 features, but .* input_size 3"):
        cell.step(params, carry, jnp.zeros((2, 5)))
    with pytest.raises(TypeError, match="xs is float32 but the params are float64"):
        cell.step(params, carry, x.astype(jnp.float32))
    mixed = dataclasses.replace(params, b=params.b.astype(jnp.float32))
    with pytest.raises(TypeError, match=r"share one dtype, got .* b float32"):
        cell.step(mixed, carry, x)
    with pytest.raises(ValueError, match="the carry given to MGU"):
        cell.step(params, cell.initial_carry(params, (3,)), x)
    with pytest.raises(ValueError, match="has no params of"):
        cell.step(dataclasses.replace(params, w_x=jnp.zeros(())), carry, x)


def test_a_frame_is_told_to_lie_down(getkey):
    cell = jaxrnn.conv_lstm(2, [2, 3], [3, 3])
    assert hash(cell) == hash(jaxrnn.conv_lstm(2, (2, 3), (3, 3)))
    layer = jaxrnn.unroll(cell)
    with pytest.raises(ValueError, match=r"are frames, .* x\.reshape\(\*batch, 6\)"):
        layer.apply(layer.init(getkey(), 6), None, jnp.zeros((5, 2, 2, 3, 1)))


def test_a_frame_is_no_token(getkey):
    layer = jaxrnn.unroll(jaxrnn.conv_lstm(2, (3,)))
    with pytest.raises(TypeError, match="does not say `takes_tokens = True`"):
        layer.apply(layer.init(getkey(), 3), None, jnp.zeros((5, 2), jnp.int32))


# How they begin.


def test_an_lru_begins_on_its_ring(getkey):
    """|λ| between r_min and r_max and uniform on that ring; exp(γ) is √(1 - |λ|²)."""
    cell = jaxrnn.lru(20_000, 0.5, 0.9, 1.0)
    begins = cell.declare(1)
    nu, theta = (begins[name].draw(getkey(), (20_000,), jnp.float32) for name in ("nu", "theta"))
    size, phase = np.exp(-np.exp(nu)), np.exp(theta)
    assert 0.5 <= size.min() < 0.51 and 0.89 < size.max() <= 0.9001
    assert 0 < phase.min() < 0.01 and 0.99 < phase.max() <= 1
    share = (size**2 < (0.5**2 + 0.9**2) / 2).mean()  # by area
    assert abs(share - 0.5) < 0.02
    narrow = jaxrnn.lru(4_000, 0.9999).declare(1)["nu"]
    assert np.isfinite(narrow.draw(getkey(), narrow.shape, jnp.float32)).all()
    params = jaxrnn.lru(50).init(getkey(), 3)
    rest = np.sqrt(1 - np.exp(-2 * np.exp(params.nu)))
    np.testing.assert_allclose(np.exp(params.gamma), rest, rtol=1e-10)


def test_a_real_gated_lru_begins_slow(getkey):
    begin = jaxrnn.rg_lru(20_000).declare(1)["a"]
    a = begin.draw(getkey(), begin.shape, jnp.float32)
    decay = (1 / (1 + np.exp(-a.astype(np.float64)))) ** 8
    assert 0.9 <= decay.min() < 0.901 and 0.998 < decay.max() <= 0.9991


@pytest.mark.parametrize("name", ["slstm", "mlstm"])
def test_an_empty_memory_weighs_nothing(getkey, name):
    """However weak the first input gate: the first output is that of the first input alone."""
    cell = getattr(jaxrnn, name)(4, heads=2)
    params = cell.init(getkey(), 3)
    carry = cell.initial_carry(params, (2,))
    after, _ = cell.step(params, carry, jnp.full((2, 3), -1e3))
    assert all(np.isfinite(a).all() for a in jax.tree.leaves(after))
    if name == "slstm":
        np.testing.assert_array_equal(after.n, 1.0)
