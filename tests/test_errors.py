"""Bad input gets one clear sentence at the door, and the sentence quotes the value."""

import copy
import dataclasses
import inspect
import pickle
import re
from types import SimpleNamespace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _table import Leaky, TiedStart

import jaxrnn
from jaxrnn import (
    bidirectional,
    cross_entropy,
    estimate_bytes,
    gru,
    language_model,
    lstm,
    sequences,
    stack,
    unroll,
    vanilla,
)
from jaxrnn.generation import beam_search, filtered, generate, stream
from jaxrnn.testing import same
from jaxrnn.testing._case import numpy

T, B, I, H, V = 7, 6, 3, 4, 5
KEY = jax.random.key(0)
# What is given is wrong on purpose, so no types are promised.
LSTM: Any = lstm(H)
LAYER: Any = unroll(LSTM)
PARAMS: Any = LSTM.init(KEY, I, jnp.float32)
CARRY = LSTM.initial_carry(PARAMS, (B,))
XS = jnp.ones((T, B, I), jnp.float32)
PAIR: Any = bidirectional(LSTM)
DEEP: Any = stack([unroll(gru(H)), unroll(LSTM)])
DEEP_PARAMS = DEEP.init(KEY, I, jnp.float32)
NORMED: Any = jaxrnn.normalize(LAYER)
NORMED_PARAMS = NORMED.init(KEY, I, jnp.float32)
MAPPED: Any = jaxrnn.project(LAYER, 2)
MAPPED_PARAMS = MAPPED.init(KEY, I, jnp.float32)
FRAMES: Any = jaxrnn.conv_lstm(2, (2, 2))
FRAMES_PARAMS = FRAMES.init(KEY, 4)
LM: Any = language_model(LAYER, V)
IDS: Any = jnp.zeros((T, B), int)
DOCUMENTS = [np.ones(1), np.ones(2)]
BATCHES = list(sequences.bucketed(DOCUMENTS, 1, (1, 2)))


def wrong(value: Any) -> Any:
    return value


def run(layer: Any = LAYER, params: Any = PARAMS, carry: Any = None, xs: Any = XS, **when: Any):
    return layer.apply(params, carry, xs, **when)


class Tensor:
    """An array that neither JAX nor NumPy knows."""

    dtype, shape = "torch.float32", (T, B, I)

    def __repr__(self):
        return "a tensor of one's own"


class Stepless:
    """A layer of one's own, as the protocol asks."""

    output_size = H
    init = initial_carry = apply = lambda self, *_, **__: None

    def __repr__(self):
        return "Stepless()"


TENSOR: Any = Tensor()
STEPLESS: Any = Stepless()


def like(**changes):
    return dataclasses.replace(PARAMS, **changes)


def headed(**changes):
    params = LM.init(KEY)
    return dataclasses.replace(params, head=dataclasses.replace(params.head, **changes))


def model_loss(**changes):
    lm = language_model(unroll(gru(H)), V)
    question = {"tokens": jnp.zeros((T, B), int), "targets": jnp.zeros((T, B), int)} | changes
    return lm.loss(lm.init(KEY), None, **question)


def walk(when=None, xs=XS, **how):
    return jaxrnn.engine.walk(LSTM, PARAMS, CARRY, xs, when or jaxrnn.engine.when((T, B)), **how)


def one_sentence(error):
    return len(str(error)) < 320 and "\n" not in str(error)


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
    "engine": (lambda: unroll(LSTM, engine="fast"), "`engine` 'auto', 'derived' 'fast'"),
    "padding": (lambda: unroll(LSTM, padding="same"), "`padding` 'zero', 'held' 'same'"),
    "pair's engine": (lambda: bidirectional(LSTM, engine="fast"), "`engine` 'auto' 'fast'"),
    "half a cell": (lambda: unroll(wrong(SimpleNamespace(step=print))), "unroll needs a cell got"),
    "half a layer": (
        lambda: language_model(wrong(SimpleNamespace(apply=print)), 5),
        "language_model needs a layer got",
    ),
    "no cell": (lambda: unroll(wrong(3)), "unroll needs a cell got 3"),
    "layer as cell": (lambda: unroll(LAYER), "unroll needs a cell Unroll"),
    "pair of layers": (lambda: bidirectional(LAYER), "needs a cell Unroll"),
    "reverse": (
        lambda: unroll(LSTM, wrong(LSTM)),
        "`reverse` must be True or False, got LSTM(hidden_size=4)",
    ),
    "no stack": (lambda: stack(wrong(LAYER)), "stack needs a sequence of layers Unroll(cell=LSTM("),
    "estimate of a cell": (lambda: estimate_bytes(LSTM, 7, 6), "estimate_bytes needs a layer LSTM"),
    "stack of nothing": (lambda: stack([]), "stack needs at least one layer, got none"),
    "stack of cells": (lambda: stack([LSTM]), "stack needs a layer LSTM(hidden_size=4 unroll"),
    "a stack as cell": (lambda: unroll(wrong(DEEP)), "unroll needs a cell Stack"),
    "an array as option": (
        lambda: unroll(LSTM, padding=wrong(XS[0, 0])),
        "`padding` 'zero' Array(",
    ),
    "no dtype": (lambda: LSTM.init(KEY, I, "fl"), "`dtype` must be a floating dtype, got 'fl'"),
    "no key": (lambda: LSTM.init(None, I), "`key` must be a key of jax.random, got None"),
    "seed as key": (lambda: DEEP.init(wrong(0), I), "`key` must be a key of jax.random, got 0"),
    "keys as key": (
        lambda: PAIR.init(jax.random.split(KEY, 3), I),
        "`key` must be a key of jax.random, got key<fry>[3]",
    ),
    "foreign key": (lambda: run(DEEP, DEEP_PARAMS, key=TENSOR), "`key` got torch.float32[7, 6, 3]"),
    "a scheme of one's own": (
        lambda: lstm(H, initializer=lambda *_: [XS] * 4).init(KEY, I),
        "`initializer` must give (3, 16), (4, 16), (16,), (16,) got [float32[7, 6, 3],",
    ),
    "a scheme that gives none": (
        lambda: lstm(H, initializer=lambda *_: wrong(3)).init(KEY, I),
        "`initializer` must give w_x, w_h, b, b_h got 3",
    ),
    "params of ints": (lambda: LSTM.init(KEY, I, jnp.int32), "floating dtype, got int32"),
    # Inputs.
    "feature size": (lambda: run(xs=XS[..., :2]), "x (6, 2) w_x (3, 16)"),
    "feature size, deep": (
        lambda: run(DEEP, DEEP.init(KEY, I, jnp.float32), xs=XS[..., :2]),
        "x (6, 2) w_x (3, 12)",
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
    "list": (
        lambda: run(xs=[1, 2, 3]),
        "xs an array got list [1, 2, 3]: jax.numpy.asarray",
    ),
    "list, deep": (
        lambda: run(DEEP, DEEP_PARAMS, xs=[[0.5]]),
        "xs an array got list [[0.5]]",
    ),
    "list, both ways": (
        lambda: run(PAIR, (PARAMS,) * 2, xs=[1]),
        "xs an array got list [1]",
    ),
    "step: list": (lambda: LSTM.step(PARAMS, CARRY, [0.5]), "xs an array got list [0.5]"),
    "step: no id": (lambda: LSTM.step(PARAMS, CARRY, 2**70), "xs an array got int 11805916207"),
    "none": (lambda: run(xs=None), "xs an array got NoneType None"),
    "texts": (lambda: run(xs=np.array(["a"])), "xs an array got ndarray array(['a']"),
    "tensor": (lambda: run(xs=TENSOR), "xs an array got Tensor a tensor of one's own"),
    "keys as xs": (lambda: run(xs=jax.random.split(KEY, 3)), "xs must be an array key<fry>"),
    # Params.
    "list in params": (
        lambda: LAYER.step(like(b=[0.5] * 16), None, XS[0]),
        "`b` an array got list [0.5",
    ),
    "tensor in params": (
        lambda: LAYER.step(like(w_x=TENSOR), None, XS[0]),
        "`params.w_x` an array got Tensor a tensor of one's own",
    ),
    "a shift for all": (
        lambda: NORMED.apply(dataclasses.replace(NORMED_PARAMS, shift=XS[0, 0, :1]), None, XS),
        "`shift` (1,) Normalize( (3,)",
    ),
    "a bias for all": (
        lambda: MAPPED.apply(dataclasses.replace(MAPPED_PARAMS, b=XS[0, 0, :1]), None, XS),
        "`b` (1,) Project( (2,)",
    ),
    "none in params": (
        lambda: run(params=like(w_h=None)),
        "`w_h` an array got NoneType None",
    ),
    "start from lists": (
        lambda: LSTM.initial_carry(like(w_h=[0.5]), ()),
        "`w_h` an array got list [0.5]",
    ),
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
    "size of a batch": (lambda: LSTM.initial_carry(PARAMS, wrong(-1)), "`batch_shape` () got -1"),
    "size of a declared cell's batch": (
        lambda: jaxrnn.mgu(H).initial_carry(jaxrnn.mgu(H).init(KEY, I), wrong(-1)),
        "`batch_shape` () got -1",
    ),
    "sizes of a batch": (
        lambda: DEEP.initial_carry(DEEP_PARAMS, wrong((2, 1.5))),
        "`batch_shape` () got (2, 1.5)",
    ),
    "tensor as carry": (
        lambda: DEEP.step(DEEP_PARAMS, (None, CARRY._replace(c=TENSOR)), XS[0]),
        "`carry.c` an array got Tensor a tensor of one's own",
    ),
    "list as carry": (
        lambda: LAYER.step(PARAMS, CARRY._replace(c=[0.5]), XS[0]),
        "carry c=[0.5]) c=float32[6, 4])",
    ),
    "carry of float64": (
        lambda: run(carry=jax.tree.map(lambda a: np.asarray(a, np.float64), CARRY)),
        "carry float64[6, 4] float32[6, 4]",
    ),
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
    # One step.
    "reversed step": (
        lambda: unroll(LSTM, True).step(PARAMS, None, XS[0]),
        "reversed Unroll(cell=LSTM(hidden_size=4), reverse=True) one step `apply`",
    ),
    "step both ways": (
        lambda: PAIR.step((PARAMS,) * 2, None, XS[0]),
        "bidirectional one step `apply`",
    ),
    "step of a pair in a stack": (
        lambda: stack([LAYER, PAIR]).step((PARAMS, (PARAMS,) * 2), None, XS[0]),
        "bidirectional one step `apply`",
    ),
    "no step": (lambda: stack([STEPLESS]).step((None,), None, XS[0]), "`step` Stepless() has none"),
    "step of a sequence": (lambda: LAYER.step(PARAMS, CARRY, XS), "carry [6, 4] [7, 6, 4]"),
    "step without axes": (lambda: LAYER.step(PARAMS, None, np.float32(1)), "xs (*batch shape ()"),
    "step: tokens for a cell without": (
        lambda: unroll(Leaky(4)).step(None, None, np.ones(6, int)),
        "xs is int64, which means token ids, but Leaky(",
    ),
    "step: tokens for frames": (
        lambda: FRAMES.step(
            FRAMES_PARAMS, FRAMES.initial_carry(FRAMES_PARAMS, (B,)), np.ones(B, int)
        ),
        "xs is int64, which means token ids, but ConvLSTM(",
    ),
    # Lengths, mask, resets.
    "ragged lengths": (
        lambda: run(lengths=[[1], [2, 3]]),
        "`lengths` an array, got [[1], [2",
    ),
    "lengths of nothing": (
        lambda: run(lengths=[None] * B),
        "`lengths` array of numbers, got",
    ),
    "mask of words": (lambda: run(mask=["ab"] * T), "`mask` array of numbers, got ['ab'"),
    "ragged mask": (lambda: run(mask=[[True], [True] * 2]), "`mask` an array, got [[True]"),
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
    # The engine by itself.
    "walk: engine": (lambda: walk(engine="fast"), "`engine` 'auto' 'fast'"),
    "walk: keep": (lambda: walk(keep="all"), "`keep` 'gates' 'all'"),
    "walk: dtype": (lambda: walk(matmul_dtype="float64"), "`matmul_dtype` 'bfloat16' 'float64'"),
    "walk: when": (
        lambda: walk(jaxrnn.engine.when((T - 1, B), mask=np.ones((T - 1, B), bool))),
        "`when.valid` must be (T, *batch) = (7, 6), got (6, 6)",
    ),
    "walk: list": (lambda: walk(xs=[[[1.0]]]), "xs an array list"),
    "rounded": (
        lambda: jaxrnn.engine.rounded(LSTM, wrong("float32"), PARAMS, CARRY, XS[0]),
        "`matmul_dtype` 'bfloat16' 'float32'",
    ),
    "hold": (
        lambda: jaxrnn.engine.hold(jnp.ones((T, 1), bool), XS, False),
        "`valid` must be (T, *batch) = (7, 6), got (7, 1)",
    ),
    "choice of a layer": (lambda: jaxrnn.engine.choose(LAYER), "choose needs a cell Unroll"),
    "turns of a stack": (
        lambda: jaxrnn.engine.newton_turns(DEEP, DEEP_PARAMS, None, XS),
        "newton_turns needs an `unroll` Stack",
    ),
    "turns of nothing": (
        lambda: jaxrnn.engine.newton_turns(unroll(jaxrnn.paragru(H)), None, None, XS[:0]),
        "a time step at least (0, 6, 3)",
    ),
    # Language models.
    "no vocabulary": (lambda: language_model(LAYER, 0), "`vocab_size` must be positive, got 0"),
    "model of a cell": (lambda: language_model(LSTM, V), "needs a layer LSTM(hidden_size=4 unroll"),
    "head": (lambda: language_model(LAYER, V, initializer="he"), "`initializer` 'glorot' 'he'"),
    "targets' shape": (lambda: model_loss(targets=jnp.zeros((B, T), int)), "targets (6, 7) (7, 6)"),
    "targets' dtype": (lambda: model_loss(targets=jnp.zeros((T, B))), "targets float"),
    "tokens of floats": (lambda: model_loss(tokens=jnp.zeros((T, B))), "float64"),
    "model's key": (lambda: LM.init(wrong(0)), "`key` must be a key of jax.random, got 0"),
    "model's params": (
        lambda: LM.apply(PARAMS, None, IDS),
        "LanguageModelParams LSTMParams `init`",
    ),
    "start of a model": (lambda: LM.initial_carry(wrong(None)), "LanguageModelParams NoneType"),
    "head of another size": (
        lambda: LM.apply(headed(w=XS[0, :4]), None, IDS),
        "`head.w` (4, 3) (4, 5)",
    ),
    "head's bias": (lambda: LM.apply(headed(b=XS[0, 0, :1]), None, IDS), "`head.b` (1,) (5,)"),
    "logits' list": (lambda: cross_entropy(wrong([0.5]), IDS), "logits an array got list [0.5]"),
    "logits' axes": (lambda: cross_entropy(XS[0, 0, 0], IDS[0, 0]), "logits (..., V) got ()"),
    "filtered nothing": (lambda: filtered(XS[..., :0]), "logits (..., V) got (7, 6, 0)"),
    "generate": (lambda: generate(LAYER, PARAMS, IDS, IDS[0], 3), "generate model got Unroll("),
    "beams": (lambda: beam_search(LAYER, PARAMS, IDS[0], 3), "beam_search model got Unroll("),
    "stream": (lambda: stream(LAYER, PARAMS, IDS[0]), "stream needs a language model got Unroll("),
    # Files and sequences.
    "classes": (lambda: jaxrnn.build({}, wrong(3)), "`classes` must be a list got 3"),
    "text of a file": (
        lambda: jaxrnn.save("never", LSTM, PARAMS, text=wrong("char")),
        "`text` must be a TextRecipe, got 'char'",
    ),
    "notes of a file": (
        lambda: jaxrnn.save("never", LSTM, PARAMS, notes=wrong([1])),
        "`notes` must be a dict, got [1]",
    ),
    "seed of buckets": (
        lambda: sequences.bucketed(DOCUMENTS, 1, (2,), seed=-1),
        "`seed` must be an integer got -1",
    ),
    "drop_last": (
        lambda: sequences.bucketed(DOCUMENTS, 1, (2,), drop_last=wrong("no")),
        "`drop_last` must be True or False, got 'no'",
    ),
    "outputs of too few batches": (
        lambda: sequences.restore([], BATCHES, 2),
        "an output for each batch, got 0 for 2",
    ),
    "fewer sequences than there are": (
        lambda: sequences.restore([b.xs for b in BATCHES], BATCHES, 1),
        "`count` is 1, but the batches hold sequence 1",
    ),
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
    assert one_sentence(caught.value)


LONG = [-1] * 10_000
HUGE = {
    "list": LONG,
    "nested": (LONG,),
    "dict": {0: LONG},
    "text": "a" * 100_000,
    "array": np.zeros(100_000),
}
TAKERS = {
    "size": lstm,
    "choice": lambda it: gru(H, reset=it),
    "initializer": lambda it: vanilla(H, initializer=it),
    "dtype": lambda it: unroll(LSTM, matmul_dtype=it),
    "flag": lambda it: lstm(H, recurrent_bias=it),
    "cell": unroll,
    "dropout": lambda it: unroll(LSTM, dropout=it),
    "rate": lambda it: jaxrnn.Dropout(inputs=it),
    "layers": lambda it: stack([it]),
    "key": lambda it: LSTM.init(it, I),
    "params": lambda it: run(params=like(w_h=it)),
    "carry": lambda it: run(carry=CARRY._replace(c=it)),
    "start": lambda it: LSTM.initial_carry(PARAMS, it),
    "lengths": lambda it: run(lengths=it),
    "index": lambda it: sequences.pad([np.ones(3)], index=[it]),
    "side": lambda it: sequences.pad([np.ones(3)], side=it),
    "boundaries": lambda it: sequences.bucketed([np.ones(3)], 1, it),
}


@pytest.mark.parametrize("value", HUGE)
@pytest.mark.parametrize("taker", TAKERS)
def test_what_is_quoted_is_cut_to_a_line(taker, value):
    with pytest.raises((TypeError, ValueError)) as caught:
        TAKERS[taker](HUGE[value])
    assert one_sentence(caught.value), caught.value


def test_x64_is_asked_for():
    with jax.enable_x64(False), pytest.raises(TypeError, match=r"float64 .*JAX_ENABLE_X64=1"):
        LSTM.init(KEY, I, jnp.float64)


def test_float64_of_numpy_is_read_as_jax_reads_it():
    """As float32 where the x64 mode is off, as under `jax.jit`; what was made in that mode is told
    by its own name."""
    with jax.enable_x64(False):
        xs, params = np.asarray(XS, float), jax.tree.map(lambda a: np.asarray(a, float), PARAMS)
        wide = jax.tree.map(lambda a: np.asarray(a, float), CARRY)
        same(numpy(run(params=params, carry=wide, xs=xs)), numpy(run(carry=CARRY)))
        assert LSTM.initial_carry(params, (B,)).h.dtype == np.float32
        same(numpy(LAYER.step(params, wide, xs[0])), numpy(LAYER.step(PARAMS, CARRY, XS[0])))
        with pytest.raises(TypeError, match=r"got complex128 \(read as complex64, for JAX's x64"):
            run(xs=xs + 1j)
    made = jax.tree.map(lambda a: a.astype(np.float64), PARAMS)
    with jax.enable_x64(False), pytest.raises(TypeError, match="`w_x` is an array of float64 from"):
        run(params=made)


def test_a_number_is_a_batch_shape_of_one_axis():
    cell = TiedStart(H)  # one that knows tuples alone
    params = cell.init(KEY, I)
    for layer, of in ((LAYER, PARAMS), (LSTM, PARAMS), (DEEP, DEEP_PARAMS), (unroll(cell), params)):
        want = jax.tree.map(np.asarray, layer.initial_carry(of, (3,)))
        for shape in (3, np.int32(3), [3]):
            same(layer.initial_carry(of, shape), want)


OPTIONS = {
    (gru, H): ("reset", "initializer"),
    (vanilla, H): ("activation", "initializer"),
    (lstm, H): ("initializer",),
    (unroll, LSTM): ("padding", "engine", "keep", "matmul_dtype"),
    (jaxrnn.Unroll, LSTM): ("padding", "engine", "keep", "matmul_dtype"),
    (bidirectional, LSTM): ("merge", "padding", "engine", "keep", "matmul_dtype"),
    (sequences.pad, ((1, 2),)): ("side",),
}


@pytest.mark.parametrize(
    "make, of, option", [(*made, option) for made, options in OPTIONS.items() for option in options]
)
def test_an_option_of_a_few_strings_names_them_in_its_type(make, of, option):
    """All of them and no other: so that editors and type checkers know."""
    hint = get_type_hints(make.__init__ if isinstance(make, type) else make)[option]
    choices = next(get_args(t) for t in (hint, *get_args(hint)) if get_origin(t) is Literal)
    for choice in choices:
        make(of, **{option: choice})
    with pytest.raises(ValueError) as caught:
        make(of, **{option: "float32"})
    told, _ = str(caught.value).split(", got ")
    assert re.findall(r"'(\w+)'", told) == [*choices]


def test_bidirectional_names_the_options_of_unroll():
    ours, theirs = (inspect.signature(make).parameters for make in (bidirectional, unroll))
    assert list(ours)[:3] == ["forward", "backward", "merge"]
    assert list(ours.values())[3:] == list(theirs.values())[2:]
    how = {"padding": "held", "engine": "scan", "keep": "chunks", "dropout": jaxrnn.Dropout(0.1)}
    got = bidirectional(LSTM, **wrong(how))
    assert (got.forward, got.backward) == (unroll(LSTM, **how), unroll(LSTM, True, **how))


@pytest.mark.parametrize(
    "change", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_a_recurrent_bias_that_was_not_given_follows_the_reset(change):
    after, before = change(gru(H)), change(gru(H, reset="before"))
    assert dataclasses.replace(after, reset="before") == before != after
    assert dataclasses.replace(before, reset="after") == after
    assert dataclasses.replace(after, hidden_size=5) == gru(5)
    for cell in (dataclasses.replace(after, reset="before"), before):
        assert not cell.recurrent_bias and cell.init(KEY, I).b_h is None
    assert after.recurrent_bias and after.init(KEY, I).b_h is not None


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("reset, other", [("after", "before"), ("before", "after")])
def test_a_recurrent_bias_that_was_given_stays(given, reset, other):
    cell, want = (gru(H, it, recurrent_bias=given) for it in (reset, other))
    assert dataclasses.replace(cell, reset=other) == want
    assert dataclasses.replace(gru(H, reset), reset=other, recurrent_bias=given) == want
    assert dataclasses.replace(cell, recurrent_bias=None) == gru(H, reset)
    for there in (cell, eval(repr(cell), {"GRU": gru})):
        assert dataclasses.replace(there, reset=other) == want
        same_cell = given == (reset == "after")
        assert (there == gru(H, reset)) is (hash(there) == hash(gru(H, reset))) is same_cell
    assert repr(gru(H)) == "GRU(hidden_size=4)"


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
        ValueError, match=r"x \(6, 2\) has 2 features.*input_size 3: w_x has shape \(3, "
    ):
        jax.jit(layer.apply)(params, None, XS[..., :2])
