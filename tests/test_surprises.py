"""`check_cell` tells an author where a step is read otherwise than it looks."""

import dataclasses
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _odd_steps import FIXED, ODD, H, I, usual

import jaxrnn
from jaxrnn import testing
from jaxrnn.testing._read import surprises


def told(step):
    return surprises(dataclasses.replace(ODD["jit_of_it"], function=step), I)


def closes_over_a_weight(p, h, x):
    return jnp.tanh(h @ jnp.asarray(FIXED) + x @ p.w), h


def more_for_many(p, h, x):
    return usual(p, h if len(x) < 50 else h / 2, x)


def other_for_one(p, h, x):
    return usual(p, jnp.sin(h) if len(x) == 1 else h, x)


def counts_its_rows(p, h, x):
    return usual(p, h / len(x), x)


def hides_a_product(p, h, x):
    a = jax.lax.cond(x.sum() > 0, lambda h: h @ p.u, lambda h: h, h)
    return usual(p, a, x)


def prints(p, h, x):
    jax.debug.print("{}", h.sum())
    return usual(p, h, x)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (closes_over_a_weight, r"closes over an array of float64(6, 6): "),
        (more_for_many, "other equations for a batch of 64 than of 2"),
        (other_for_one, "other equations for a batch of 1 than of 2"),
        (counts_its_rows, "other equations for a batch of 1 than of 2"),
        (hides_a_product, "has products inside `cond`"),
        (prints, "cannot be read, and is walked by a plain scan: it has side effects"),
    ],
)
def test_it_is_told(step, words):
    (sentence,) = told(step)
    assert words in sentence and sentence.startswith(f"the step of {step.__name__} ")


@pytest.mark.parametrize("name", ["normalised", "numbers_and_integers", "weights_of_one_operand"])
def test_others_are_not(name):
    assert surprises(ODD[name], I) == ()


@pytest.mark.parametrize("cell", [jaxrnn.lstm(H), jaxrnn.gru(H), jaxrnn.vanilla(H)], ids=str)
def test_our_own_are_not(cell):
    assert surprises(cell, I) == ()


def test_check_cell_says_so(monkeypatch, capsys):
    monkeypatch.setattr(testing, "check_layer", lambda *_, **__: ())
    cell = dataclasses.replace(ODD["jit_of_it"], function=closes_over_a_weight)
    with pytest.warns(UserWarning, match="closes over an array"):
        testing.check_cell(cell, input_size=I)
    assert "path      derived" in capsys.readouterr().out
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        testing.check_cell(jaxrnn.lstm(H))


def test_what_a_check_does_not_take_is_told_by_its_own_name():
    layer = jaxrnn.unroll(jaxrnn.gru(2))
    with pytest.raises(TypeError, match=r"^check_cell needs a cell"):
        jaxrnn.testing.check_cell(layer)
    with pytest.raises(ValueError, match=r"`laws` must be one of .*, got 'mine'"):
        jaxrnn.testing.check_layer(layer, laws=["mine"])
    with pytest.raises(TypeError, match=r"^check_layer needs a layer, got GRU"):
        jaxrnn.testing.check_layer(layer.cell)
    with pytest.raises(TypeError, match=r"^explain needs a cell"):
        jaxrnn.testing.explain(layer, None, None, np.ones((3, 2)))


def test_integers_and_16_bits_are_compared_too():
    for value in (np.int32(3), np.uint8(3), np.bool_(True), jnp.bfloat16(3)):
        jaxrnn.testing.same(value, value)
        with pytest.raises(AssertionError, match="the value differs"):
            jaxrnn.testing.same(value, np.zeros_like(value))
