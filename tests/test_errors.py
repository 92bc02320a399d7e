"""Bad input gets one clear sentence at the door, and the sentence quotes the value."""

import dataclasses
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxrnn
from jaxrnn import (
    bidirectional,
    estimate_bytes,
    gru,
    language_model,
    lstm,
    stack,
    unroll,
    vanilla,
)

T, B, I, H, V = 7, 6, 3, 4, 5
KEY = jax.random.key(0)
# What is given is wrong on purpose, so no types are promised.
LSTM: Any = lstm(H)
LAYER: Any = unroll(LSTM)
PARAMS: Any = LSTM.init(KEY, I, jnp.float32)
CARRY = LSTM.initial_carry(PARAMS, (B,))
XS = jnp.ones((T, B, I), jnp.float32)
PAIR = bidirectional(LSTM)
DEEP = stack([unroll(gru(H)), unroll(LSTM)])


def wrong(value: Any) -> Any:
    return value


def run(layer: Any = LAYER, params: Any = PARAMS, carry: Any = None, xs: Any = XS, **when: Any):
    return layer.apply(params, carry, xs, **when)


def like(**changes):
    return dataclasses.replace(PARAMS, **changes)


def model_loss(**changes):
    lm = language_model(unroll(gru(H)), V)
    question = {"tokens": jnp.zeros((T, B), int), "targets": jnp.zeros((T, B), int)} | changes
    return lm.loss(lm.init(KEY), None, **question)


# id: (what is done, the sentence's words in their order)
CASES = {
    # Making cells and layers.
    "no size": (lambda: lstm(0), "`hidden_size` must be positive, got 0"),
    "negative size": (lambda: gru(-3), "`hidden_size` must be positive, got -3"),
    "float size": (
        lambda: vanilla(wrong(2.5)),
        "`hidden_size` must be a positive integer, got 2.5",
    ),
    "bool size": (lambda: lstm(True), "`hidden_size` must be a positive integer, got True"),
    "text size": (lambda: lstm(wrong("4")), "`hidden_size` must be a positive integer, got '4'"),
    "input size": (lambda: LSTM.init(KEY, 0), "`input_size` must be positive, got 0"),
    "deep input size": (lambda: DEEP.init(KEY, -1), "`input_size` must be positive, got -1"),
    "reset": (lambda: gru(H, reset="both"), "`reset` must be one of 'after', 'before', got 'both'"),
    "activation": (lambda: vanilla(H, activation="gelu"), "`activation` 'tanh', 'relu' 'gelu'"),
    "initializer": (lambda: lstm(H, initializer="he"), "`initializer` 'pytorch_uniform' 'he'"),
    "engine": (lambda: unroll(LSTM, engine="fast"), "`engine` 'auto', 'scan' 'fast'"),
    "padding": (lambda: unroll(LSTM, padding="same"), "`padding` 'zero', 'held' 'same'"),
    "pair's engine": (lambda: bidirectional(LSTM, engine="fast"), "`engine` 'auto' 'fast'"),
    "no cell": (lambda: unroll(wrong(3)), "unroll needs a cell got 3"),
    "layer as cell": (lambda: unroll(LAYER), "unroll needs a cell Unroll"),
    "pair of layers": (lambda: bidirectional(LAYER), "needs a cell Unroll"),
    "reverse": (
        lambda: unroll(LSTM, wrong(LSTM)),
        "`reverse` must be True or False, got LSTM(hidden_size=4)",
    ),
    "reversed pair": (
        lambda: bidirectional(LSTM, reverse=True),
        "bidirectional walks both ways no `reverse`",
    ),
    "no stack": (lambda: stack(wrong(LAYER)), "stack needs a sequence of layers Unroll(cell=LSTM("),
    "estimate of a cell": (lambda: estimate_bytes(LSTM, 7, 6), "estimate_bytes needs a layer LSTM"),
    "stack of nothing": (lambda: stack([]), "stack needs at least one layer, got none"),
    "stack of cells": (lambda: stack([LSTM]), "stack needs a layer LSTM(hidden_size=4 unroll"),
    "params of ints": (lambda: LSTM.init(KEY, I, jnp.int32), "floating dtype, got int32"),
    # Inputs.
    "feature size": (lambda: run(xs=XS[..., :2]), "(7, 6, 2) w_x (3, 16)"),
    "feature size, deep": (
        lambda: run(DEEP, DEEP.init(KEY, I, jnp.float32), xs=XS[..., :2]),
        "(7, 6, 2) w_x (3, 12)",
    ),
    "dtype": (lambda: run(xs=XS.astype(jnp.bfloat16)), "bfloat16 float32"),
    "bool inputs": (lambda: run(xs=XS > 0), "floats integers bool"),
    "complex inputs": (lambda: run(xs=XS.astype(jnp.complex64)), "floats integers complex64"),
    "no axes": (lambda: run(xs=jnp.float32(1)), "xs must be (T, *batch shape ()"),
    "features alone": (lambda: run(xs=XS[0, 0]), "xs must be (T, *batch (3,)"),
    "integer features": (
        lambda: run(carry=CARRY, xs=jnp.ones((T, B, I), int)),
        "carry [6, 4] [6, 3, 4]",
    ),
    "step: feature size": (lambda: LSTM.step(PARAMS, CARRY, XS[0, :, :2]), "(6, 2) (3, 16)"),
    # Params.
    "no params": (lambda: run(params=None), "LSTM(hidden_size=4 LSTMParams NoneType `init`"),
    "params of another cell": (lambda: run(unroll(gru(H))), "GRU GRUParams LSTMParams"),
    "params of another size": (lambda: run(unroll(lstm(5))), "`w_h` (4, 16) (5, 20)"),
    "b_h absent": (
        lambda: run(unroll(lstm(H, recurrent_bias=True))),
        "`b_h` None recurrent_bias=True",
    ),
    "b_h present": (lambda: run(params=like(b_h=PARAMS.b)), "`b_h` recurrent_bias=False"),
    "mixed dtypes": (
        lambda: run(params=like(b=PARAMS.b.astype(jnp.bfloat16))),
        "dtype w_x float32 b bfloat16",
    ),
    "w_x without its axis": (lambda: run(params=like(w_x=PARAMS.b)), "`w_x` (16,) (I, 16)"),
    "bias of another size": (lambda: run(params=like(b=PARAMS.b[:4])), "`b` (4,) (16,)"),
    "one params for a pair": (lambda: run(PAIR), "params must be a tuple of 2 LSTMParams"),
    "three params for a pair": (lambda: run(PAIR, (PARAMS,) * 3), "tuple of 2 tuple of 3"),
    "one params for a stack": (lambda: run(DEEP), "params must be a tuple of 2 LSTMParams"),
    # Carries.
    "carry of another cell": (
        lambda: run(carry=jaxrnn.GRUCarry(CARRY.h)),
        "carry GRUCarry(h=float32[6, 4]) LSTMCarry(h=float32[6, 4], c=float32[6, 4])",
    ),
    "carry of another size": (
        lambda: run(carry=jax.tree.map(lambda a: a[:, :2], CARRY)),
        "carry float32[6, 2] float32[6, 4]",
    ),
    "carry of another batch": (lambda: run(carry=CARRY, xs=XS[:, :2]), "carry [6, 4] [2, 4]"),
    "carry without a batch": (
        lambda: run(carry=LSTM.initial_carry(PARAMS)),
        "carry float32[4] float32[6, 4]",
    ),
    "carry of another dtype": (
        lambda: run(carry=jax.tree.map(lambda a: a.astype(jnp.bfloat16), CARRY)),
        "carry bfloat16[6, 4] float32[6, 4]",
    ),
    "plain tuple": (lambda: run(carry=tuple(CARRY)), "carry (float32[6, 4], LSTMCarry(h="),
    "one carry for a pair": (
        lambda: run(PAIR, (PARAMS, PARAMS), CARRY),
        "carry must be a tuple of 2 LSTMCarry",
    ),
    "swapped carries": (
        lambda: run(DEEP, DEEP.init(KEY, I, jnp.float32), (CARRY, jaxrnn.GRUCarry(CARRY.h))),
        "carry GRU LSTMCarry GRUCarry",
    ),
    "step: another batch": (lambda: LSTM.step(PARAMS, CARRY, XS[0, :1]), "carry 6 1"),
    "step: a cell's other carry": (
        lambda: LSTM.step(PARAMS, jaxrnn.GRUCarry(CARRY.h), XS[0]),
        "carry GRUCarry LSTMCarry",
    ),
    # Lengths, mask, resets.
    "lengths' shape": (lambda: run(lengths=jnp.ones(2, int)), "`lengths` (6,) (2,)"),
    "lengths' dtype": (lambda: run(lengths=jnp.ones(B)), "`lengths` must be integers, got float"),
    "negative length": (lambda: run(lengths=np.array([1, -2, 3, 4, 5, 6])), "`lengths` 0…T = 7 -2"),
    "excessive length": (lambda: run(lengths=[1, 2, 8, 4, 5, 6]), "`lengths` 0…T = 7 8"),
    "mask's dtype": (lambda: run(mask=jnp.ones((T, B))), "`mask` must be boolean, got float"),
    "mask's shape": (lambda: run(mask=jnp.ones((B, T), bool)), "`mask` (7, 6) (6, 7)"),
    "resets' shape": (lambda: run(resets=jnp.ones(T, bool)), "`resets` (7, 6) (7,)"),
    "resets' dtype": (
        lambda: run(resets=jnp.ones((T, B), int)),
        "`resets` must be boolean, got int",
    ),
    "deep lengths": (
        lambda: run(DEEP, DEEP.init(KEY, I, jnp.float32), lengths=jnp.ones(2, int)),
        "`lengths` (6,) (2,)",
    ),
    # Language models.
    "no vocabulary": (lambda: language_model(LAYER, 0), "`vocab_size` must be positive, got 0"),
    "model of a cell": (lambda: language_model(LSTM, V), "needs a layer LSTM(hidden_size=4 unroll"),
    "head": (lambda: language_model(LAYER, V, initializer="he"), "`initializer` 'glorot' 'he'"),
    "targets' shape": (lambda: model_loss(targets=jnp.zeros((B, T), int)), "targets (6, 7) (7, 6)"),
    "targets' dtype": (lambda: model_loss(targets=jnp.zeros((T, B))), "targets float"),
    "tokens of floats": (lambda: model_loss(tokens=jnp.zeros((T, B))), "float64"),
}


@pytest.mark.parametrize("name", CASES)
def test_one_clear_sentence(name):
    act, words = CASES[name]
    with pytest.raises((TypeError, ValueError)) as caught:
        act()
    # The exact phrase, or its words in their order: parts between which the sentence says more.
    pattern = ".*".join(map(re.escape, words.split(" ")))
    assert re.search(pattern, str(caught.value), re.DOTALL), caught.value
    module = caught.traceback[-1].frame.f_globals["__name__"]
    assert module.startswith("jaxrnn."), f"it dies in {module}: {caught.value}"


def test_x64_is_asked_for():
    with jax.enable_x64(False), pytest.raises(TypeError, match=r"float64 .*JAX_ENABLE_X64=1"):
        LSTM.init(KEY, I, jnp.float64)


@pytest.mark.parametrize("target", [-1, V, 10**6])
def test_a_target_out_of_range_is_a_loss_of_nan(target):
    targets = np.zeros((T, B), int)
    assert np.isfinite(model_loss(targets=jnp.asarray(targets))[0])
    targets[3, 2] = target
    assert np.isnan(model_loss(targets=jnp.asarray(targets))[0])


@pytest.mark.parametrize("layer", [LAYER, PAIR, DEEP], ids=["one", "pair", "deep"])
def test_the_same_sentence_under_jit(layer):
    params = layer.init(KEY, I, jnp.float32)
    with pytest.raises(
        ValueError, match=r"xs \(7, 6, 2\) has 2 features.*input_size 3: w_x has shape \(3, "
    ):
        jax.jit(layer.apply)(params, None, XS[..., :2])
