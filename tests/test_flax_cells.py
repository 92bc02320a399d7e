"""Any cell inside Flax's own RNN, and the dropout of the NNX face as NNX has it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _table import Leaky
from flax import linen as nn
from flax import nnx

import jaxrnn
from jaxrnn import Dropout, gru, mingru, mlstm, slstm, unroll

B, T, I = 2, 5, 3
CELLS = {
    "gru": gru(4),
    "mingru": mingru(4),
    "mlstm": mlstm(4, 2),
    "slstm": slstm(4),
    "own": Leaky(4),
}


def asked(cell, getkey):
    params = cell.init(getkey(), I)
    xs = jax.random.normal(getkey(), (B, T, I))
    carry, ys = unroll(cell).apply(params, None, xs.swapaxes(0, 1))
    return params, xs, carry, ys.swapaxes(0, 1)


def same(got, want):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12), got, want)


@pytest.mark.parametrize("name", CELLS)
def test_nnx_walks_any_cell(name, getkey):
    params, xs, *want = asked(CELLS[name], getkey)
    cell = jaxrnn.nnx.Cell(CELLS[name], params=params)
    same(list(nnx.RNN(cell, return_carry=True)(xs)), want)
    same(cell.cell_params(), params)


@pytest.mark.parametrize("name", CELLS)
def test_linen_walks_any_cell(name, getkey):
    params, xs, *want = asked(CELLS[name], getkey)
    rnn = nn.RNN(jaxrnn.linen.Cell(CELLS[name], I), return_carry=True)
    form = jax.eval_shape(rnn.init, jax.random.key(0), xs)
    variables = {"params": {"cell": {"cell": jaxrnn.linen.to_dict(params)}}}
    assert jax.tree.structure(form) == jax.tree.structure(variables)
    same(list(rnn.apply(variables, xs)), want)


def test_both_draw_the_params_of_the_cell():
    drawn = jaxrnn.nnx.Cell(gru(4), I, rngs=nnx.Rngs(0)).cell_params()
    want = gru(4).init(jax.random.key(0), I)
    assert [*map(jnp.shape, jax.tree.leaves(drawn))] == [*map(jnp.shape, jax.tree.leaves(want))]
    with pytest.raises(TypeError, match="Cell needs either `input_size` and `rngs`"):
        jaxrnn.nnx.Cell(gru(4), I)
    for make in (
        lambda it: jaxrnn.nnx.Cell(it, I, rngs=nnx.Rngs(0)),
        lambda it: jaxrnn.linen.Cell(it, I),
    ):
        with pytest.raises(TypeError, match=r"Cell needs a cell .* got Unroll"):
            make(unroll(gru(4)))


def test_the_streams_of_nnx_reach_the_dropout(getkey):
    layer = unroll(gru(4), dropout=Dropout(inputs=0.5))
    rnn = jaxrnn.nnx.RNN(layer, I, rngs=nnx.Rngs(0))
    xs = jax.random.normal(getkey(), (T, B, I))
    _, want = rnn(xs, key=nnx.Rngs(dropout=7).dropout())
    _, plain = rnn(xs)
    for rngs in (nnx.Rngs(dropout=7), nnx.Rngs(dropout=7).dropout):
        np.testing.assert_array_equal(rnn(xs, rngs=rngs)[1], want)
    rnn.eval()
    np.testing.assert_array_equal(rnn(xs, rngs=nnx.Rngs(dropout=7))[1], plain)
    rnn.train()
    np.testing.assert_array_equal(rnn(xs, rngs=nnx.Rngs(dropout=7))[1], want)
    with pytest.raises(TypeError, match=r"`rngs` must be flax.nnx.Rngs, got 7"):
        rnn(xs, rngs=7)
