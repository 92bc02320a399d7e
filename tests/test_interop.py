"""Weights go to every library and come back, bit for bit; both sides compute the same."""

from __future__ import annotations

import dataclasses
import os
import zlib
from collections.abc import Callable
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxrnn
from jaxrnn import (
    bidirectional,
    gru,
    interop,
    lstm,
    peephole_lstm,
    projection_lstm,
    stack,
    unroll,
    vanilla,
)
from jaxrnn.interop import InteropError

WITHIN = {"float32": 1e-6, "float64": 1e-12}


@dataclasses.dataclass(frozen=True)
class Library:
    """What it holds: cells of a size, ways to walk, and whether levels may differ in size."""

    package: str
    write: Callable[..., Any]
    read: Callable[..., Any]
    cells: dict[str, Callable[[int], Any]]
    ways: tuple[str, ...] = ("there", "both")
    alike: bool = False
    without_bias: bool = False
    dtypes: tuple[str, ...] = ("float32", "float64")


def again(read: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda result: read(result.model)


LIBRARIES = {
    "torch": Library(
        "torch",
        interop.to_torch,
        again(interop.from_torch),
        {
            "tanh": lambda H: vanilla(H, recurrent_bias=True),
            "relu": lambda H: vanilla(H, "relu", recurrent_bias=True),
            "gru": gru,
            "lstm": lambda H: lstm(H, recurrent_bias=True),
            "projection": lambda H: projection_lstm(H + 1, H, recurrent_bias=True),
        },
        alike=True,
        without_bias=True,
    ),
    "keras": Library(
        "keras",
        interop.to_keras,
        again(interop.from_keras),
        {
            "tanh": vanilla,
            "relu": lambda H: vanilla(H, "relu"),
            "gru": gru,
            "gru-before": lambda H: gru(H, reset="before"),
            "lstm": lstm,
        },
        without_bias=True,
        dtypes=("float32",),  # its JAX backend has a tanh of float32 alone
    ),
    "linen": Library(
        "flax",
        interop.to_linen,
        lambda result: interop.from_linen(result.model, result.params),
        {"tanh": vanilla, "relu": lambda H: vanilla(H, "relu"), "gru": gru, "lstm": lstm},
        ways=("there", "both", "back"),
    ),
    "nnx": Library(
        "flax",
        interop.to_nnx,
        lambda result: interop.from_nnx(
            list(result.model) if type(result.model).__name__ == "List" else result.model
        ),
        {
            "tanh": vanilla,
            "relu": lambda H: vanilla(H, "relu"),
            "gru": lambda H: gru(H, recurrent_bias=False),
            "lstm": lstm,
        },
        ways=("there", "both", "back"),
    ),
    "haiku": Library(
        "haiku",
        interop.to_haiku,
        lambda result: interop.from_haiku(result.params, result.model),
        {
            "relu": lambda H: vanilla(H, "relu"),
            "relu-two": lambda H: vanilla(H, "relu", recurrent_bias=True),
            "gru-before": lambda H: gru(H, reset="before"),
            "lstm": lstm,
        },
    ),
    "equinox": Library(
        "equinox",
        interop.to_equinox,
        again(interop.from_equinox),
        {"gru": gru, "lstm": lstm},
        without_bias=True,
    ),
    "onnx": Library(
        "onnxruntime",
        interop.to_onnx,
        again(interop.from_onnx),
        {
            "gru": gru,
            "gru-before": lambda H: gru(H, reset="before"),
            "gru-before-two": lambda H: gru(H, reset="before", recurrent_bias=True),
            "lstm": lstm,
            "lstm-two": lambda H: lstm(H, recurrent_bias=True),
            "peephole": peephole_lstm,
            "tanh": vanilla,
            "relu-two": lambda H: vanilla(H, "relu", recurrent_bias=True),
        },
        ways=("there", "both", "back"),
        dtypes=("float32",),
    ),
    "cudnn": Library(
        "jax",
        interop.to_cudnn,
        lambda result: None,
        {"lstm": lambda H: lstm(H, recurrent_bias=True)},
        alike=True,
    ),
}
WAYS = {
    "there": unroll,
    "both": bidirectional,
    "back": lambda cell: unroll(cell, reverse=True),
}


@dataclasses.dataclass(frozen=True)
class Trip:
    library: str
    cell: str
    depth: int
    way: str
    bias: bool
    dtype: str

    def __str__(self) -> str:
        bias = "" if self.bias else "-without"
        return f"{self.library}-{self.cell}-{self.depth}-{self.way}{bias}-{self.dtype}"


def trips() -> list[Trip]:
    """Every kind of trip."""
    return [
        Trip(name, cell, depth, way, bias, dtype)
        for name, library in LIBRARIES.items()
        for cell in library.cells
        for depth in (1, 2, 3)
        for way in library.ways
        for bias in ((True, False) if library.without_bias else (True,))
        for dtype in library.dtypes
    ]


def by_day(trip: Trip) -> bool:
    """Of each library an LSTM both ways, and the first of its GRUs."""
    library = LIBRARIES[trip.library]
    if trip.depth > 1 or not trip.bias or trip.dtype != library.dtypes[-1]:
        return False
    gru = next((cell for cell in library.cells if cell.startswith("gru")), None)
    return (trip.cell, trip.way) in (("lstm", "both"), (gru, "there"))


def question(trip: Trip) -> tuple[Any, Any]:
    """A layer and random params, as far as the library has them."""
    rng = np.random.default_rng(zlib.crc32(str(trip).encode()))
    library = LIBRARIES[trip.library]
    sizes = rng.integers(1, 6, size=trip.depth)
    sizes = [int(sizes[0])] * trip.depth if library.alike else [int(size) for size in sizes]
    layers = [WAYS[trip.way](library.cells[trip.cell](size)) for size in sizes]
    layer = layers[0] if trip.depth == 1 else stack(layers)
    params = layer.init(jax.random.key(0), int(rng.integers(1, 6)), trip.dtype)
    params = jax.tree.map(
        lambda a: a + jnp.asarray(0.3 * rng.normal(size=a.shape), a.dtype), params
    )
    return layer, jax.tree.map(lambda p: as_held(trip, p), params, is_leaf=is_params)


def is_params(node: Any) -> bool:
    return hasattr(node, "w_x")


def as_held(trip: Trip, params: Any) -> Any:
    if not trip.bias:
        zero = {name: getattr(params, name, None) for name in ("b", "b_h")}
        zero = {name: jnp.zeros_like(b) for name, b in zero.items() if b is not None}
        return dataclasses.replace(params, **zero)
    if trip.library in ("linen", "equinox") and getattr(params, "b_h", None) is not None:
        H = params.w_h.shape[0]
        return dataclasses.replace(params, b_h=params.b_h.at[: 2 * H].set(0))
    return params


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize(
    "trip",
    [t if by_day(t) else pytest.param(t, marks=pytest.mark.slow) for t in trips()],
    ids=str,
)
def test_there_and_back(trip):
    library = LIBRARIES[trip.library]
    pytest.importorskip(library.package)
    layer, params = question(trip)
    how = {} if trip.bias else {"bias": False}
    there = library.write(layer, params, verify=True, **how)
    found, within = there.differences, WITHIN[trip.dtype]
    assert max(found.outputs, found.states) <= within, found
    assert (found.gradients or 0) <= within * trip.depth, found  # each level rounds anew
    if trip.library == "cudnn":
        H, I = layer_sizes(params)
        both = trip.way == "both"
        back = interop.from_cudnn(there.model, I, H, trip.depth, both)
    else:
        back = library.read(there)
    assert trip.bias is False or back.model == layer
    for (path, got), want in zip(
        jax.tree_util.tree_leaves_with_path(back.params), leaves(params, trip), strict=True
    ):
        assert got.dtype == want.dtype, path
        if trip.library == "haiku" and trip.cell == "lstm" and got.ndim == 1:
            ulp = np.finfo(got.dtype).eps
            np.testing.assert_allclose(got, want, rtol=ulp, atol=ulp)
        else:
            np.testing.assert_array_equal(got, want, err_msg=str(path))


def leaves(params: Any, trip: Trip) -> list[Any]:
    """What comes back of a trip without bias has no second one."""
    if trip.bias:
        return jax.tree.leaves(params)
    params = jax.tree.map(
        lambda p: dataclasses.replace(p, b_h=None) if hasattr(p, "b_h") else p,
        params,
        is_leaf=is_params,
    )
    return jax.tree.leaves(params)


def layer_sizes(params: Any) -> tuple[int, int]:
    while isinstance(params, tuple):
        params = params[0]
    return params.w_h.shape[0], params.w_x.shape[0]


def test_there_are_enough_trips():
    assert len(trips()) >= 400
    assert {trip.library for trip in trips() if by_day(trip)} == {*LIBRARIES}


def test_the_door_is_without_any_library():
    assert {name for name in dir(interop) if name[:3] in ("to_", "fro")} >= {
        f"{way}_{name}" for name in LIBRARIES for way in ("to", "from")
    }
    assert jaxrnn.interop is interop
    assert issubclass(InteropError, ValueError)


# What the trips do not meet: sources that `to_X` does not make.


def test_an_mgu_of_linen_is_a_gru_whose_gates_are_one(getkey):
    from flax import linen as nn

    rnn = nn.RNN(nn.MGUCell(3, param_dtype=jnp.float64), time_major=True, return_carry=True)
    xs = jax.random.normal(getkey(), (5, 2, 4))
    variables = rnn.init(getkey(), xs)
    variables = jax.tree.map(lambda a: a + 0.1, variables)
    found = interop.from_linen(rnn, variables, verify=True)
    want_carry, want = rnn.apply(variables, xs)
    carry, ys = found.model.apply(found.params, None, xs)
    np.testing.assert_allclose(ys, want, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(carry.h, want_carry, rtol=1e-12, atol=1e-12)
    assert "training may move apart" in found.notes[1]


def test_an_lstm_cell_of_nnx_is_read_gate_by_gate(getkey):
    from flax import nnx

    made = nnx.LSTMCell(4, 3, param_dtype=jnp.float64, rngs=nnx.Rngs(0))
    found = interop.from_nnx(made, verify=True)
    x, h, c = (jax.random.normal(getkey(), (2, size)) for size in (4, 3, 3))
    (want_c, want_h), _ = made((c, h), x)
    (got_h, got_c), _ = found.model.step(found.params, jaxrnn.LSTMCarry(h, c), x)
    np.testing.assert_allclose(got_h, want_h, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(got_c, want_c, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell", "RNNCell"])
def test_cells_of_torch_are_cells(kind):
    torch = pytest.importorskip("torch")
    found = interop.from_torch(getattr(torch.nn, kind)(3, 4), verify=True)
    assert not hasattr(found.model, "apply") and found.differences.largest <= 1e-6


@pytest.mark.parametrize("embedding", [None, 4, 6], ids=["one-hot", "embedded", "tied"])
def test_a_language_model_trained_in_torch_goes_on_here_and_back(embedding):
    """The seeds' RNNModel: `rnn` and `linear`."""
    torch = pytest.importorskip("torch")
    V, H = 7, 6

    class RNNModel(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = torch.nn.GRU(embedding or V, H)
            self.linear = torch.nn.Linear(H, V)
            if embedding:
                self.encoder = torch.nn.Embedding(V, embedding)
            if embedding == H:
                self.linear.weight = self.encoder.weight

    theirs = RNNModel()
    found = interop.from_torch(theirs, verify=True)
    assert found.model == jaxrnn.language_model(
        unroll(gru(H)), V, embedding=embedding, tied=embedding == H
    )
    back = interop.to_torch(found.model, found.params, verify=True).model
    names = {name.replace("embedding", "encoder"): a for name, a in back.state_dict().items()}
    assert all(torch.equal(names[name], a) for name, a in theirs.state_dict().items())
    tokens = np.array([[1, 2], [3, 0], [6, 5]], np.int32)
    want, _ = back(torch.tensor(tokens))
    _, logits = found.model.apply(found.params, None, tokens)
    np.testing.assert_allclose(logits, want.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_language_model_of_keras():
    keras = pytest.importorskip("keras")
    V, E, H = 7, 3, 4
    model = keras.Sequential(
        [
            keras.layers.Embedding(V, E),
            keras.layers.LSTM(H, return_sequences=True),
            keras.layers.Bidirectional(keras.layers.GRU(H, return_sequences=True)),
            keras.layers.Dense(V, activation="softmax"),
        ]
    )
    tokens = np.array([[1, 2, 3], [0, 6, 5]], np.int32)
    with jax.enable_x64(False), jax.numpy_rank_promotion("allow"):
        want = np.asarray(model(tokens))
    found = interop.from_keras(model, verify=True)
    assert "logits here, and their softmax there" in found.notes[0]
    _, logits = found.model.apply(found.params, None, tokens.T)
    got = jax.nn.softmax(logits).swapaxes(0, 1)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


# State dicts of published models: the names and shapes of their recurrent tensors, cut down.


def lstm_names(prefix: str, I: int, H: int, depth: int, both: bool, gates: int = 4) -> dict:
    shapes = {}
    for k in range(depth):
        size = I if k == 0 else H * (1 + both)
        for way in ("", "_reverse")[: 1 + both]:
            end = f"_l{k}{way}"
            shapes |= {
                f"{prefix}weight_ih{end}": (gates * H, size),
                f"{prefix}weight_hh{end}": (gates * H, H),
                f"{prefix}bias_ih{end}": (gates * H,),
                f"{prefix}bias_hh{end}": (gates * H,),
            }
    return shapes


def cell_names(prefix: str, I: int, H: int) -> dict:
    return {name.replace("_l0", ""): s for name, s in lstm_names(prefix, I, H, 1, False).items()}


PUBLISHED = {
    # NVIDIA/tacotron2: an encoder both ways, and two cells of the decoder
    "Tacotron 2": (
        lstm_names("encoder.lstm.", 512, 256, 1, True)
        | cell_names("decoder.attention_rnn.", 768, 1024)
        | cell_names("decoder.decoder_rnn.", 1536, 1024)
        | {"encoder.convolutions.0.0.conv.weight": (512, 512, 5)},
        ["encoder.lstm", "decoder.attention_rnn", "decoder.decoder_rnn"],
    ),
    # sigsep/open-unmix-pytorch
    "Open-Unmix": (
        lstm_names("lstm.", 512, 256, 3, True) | {"fc1.weight": (512, 2974)},
        ["lstm"],
    ),
    # CorentinJ/Real-Time-Voice-Cloning, the speaker encoder
    "GE2E": (
        lstm_names("lstm.", 40, 256, 3, False)
        | {"linear.weight": (256, 256), "linear.bias": (256,), "similarity_weight": (1,)},
        ["lstm"],
    ),
    # pyannote/segmentation
    "PyanNet": (
        lstm_names("lstm.", 60, 128, 4, True) | {"linear.0.weight": (128, 256)},
        ["lstm"],
    ),
    # JaidedAI/EasyOCR
    "EasyOCR": (
        lstm_names("SequenceModeling.0.rnn.", 256, 256, 1, True)
        | lstm_names("SequenceModeling.1.rnn.", 256, 256, 1, True)
        | {"SequenceModeling.0.linear.weight": (256, 512)},
        ["SequenceModeling.0.rnn", "SequenceModeling.1.rnn"],
    ),
    # meijieru/crnn.pytorch
    "CRNN": (
        lstm_names("rnn.0.rnn.", 512, 256, 1, True)
        | lstm_names("rnn.1.rnn.", 256, 256, 1, True)
        | {"rnn.0.embedding.weight": (256, 512)},
        ["rnn.0.rnn", "rnn.1.rnn"],
    ),
    # facebookresearch/InferSent
    "InferSent": (lstm_names("enc_lstm.", 300, 2048, 1, True), ["enc_lstm"]),
    # facebookresearch/demucs, version 2
    "Demucs": (
        lstm_names("lstm.lstm.", 2048, 2048, 2, True) | {"lstm.linear.weight": (2048, 4096)},
        ["lstm.lstm"],
    ),
    # flairNLP/flair, news-forward
    "Flair": (
        lstm_names("rnn.", 100, 2048, 1, False)
        | {"encoder.weight": (300, 100), "decoder.weight": (300, 2048), "decoder.bias": (300,)},
        ["rnn"],
    ),
    # fatchord/WaveRNN
    "WaveRNN": (
        lstm_names("rnn1.", 512, 512, 1, False, gates=3)
        | lstm_names("rnn2.", 544, 512, 1, False, gates=3)
        | {"fc1.weight": (512, 544)},
        ["rnn1", "rnn2"],
    ),
    # snakers4/silero-vad, version 5
    "Silero VAD": (cell_names("_model.decoder.rnn.", 128, 128), ["_model.decoder.rnn"]),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_models_are_recognised(name):
    """Each recurrent module of theirs is found by name, and taken by it."""
    shapes, want = PUBLISHED[name]
    small = {  # an eighth as wide, so that no time goes by
        key: tuple(size if size < 8 else size // 8 for size in shape)
        for key, shape in shapes.items()
    }
    state = {key: np.zeros(shape, np.float32) for key, shape in small.items()}
    found = interop.recurrent_modules(state)
    assert [module.prefix.removesuffix(".") for module in found] == want
    for module in found:
        model, params, *_ = interop.from_torch(state, prefix=module.prefix)
        layer = model if hasattr(model, "apply") else unroll(model)
        xs = np.zeros((2, 1, module.input_size), np.float32)
        assert layer.apply(params, None, xs)[1].shape[-1] == module.hidden_size * (1 + module.both)


def test_a_published_language_model_is_one():
    shapes, _ = PUBLISHED["Flair"]
    state = {key: np.zeros([s // 4 for s in shape], np.float32) for key, shape in shapes.items()}
    found = interop.from_torch(state)
    assert found.model == jaxrnn.language_model(
        unroll(lstm(512, recurrent_bias=True)), 75, embedding=25
    )


# A tree of arrays with no word of what wrote it.


def test_a_tree_tells_linen_nnx_and_haiku_apart(getkey):
    layer = stack([bidirectional(lstm(3)), unroll(gru(4, recurrent_bias=False))])
    params = layer.init(getkey(), 2)
    nnx = interop.to_nnx(layer, params).model
    from flax import nnx as flax_nnx

    tree = flax_nnx.to_pure_dict(flax_nnx.state(nnx, flax_nnx.Param))
    found = interop.from_tree(tree)
    assert found.model == layer
    jax.tree.map(np.testing.assert_array_equal, found.params, params)
    layer = unroll(gru(3))
    params = layer.init(getkey(), 2)
    made = interop.to_linen(layer, params)
    assert interop.from_tree(made.params).model == layer
    layer = unroll(gru(3, reset="before"))
    params = layer.init(getkey(), 2)
    assert interop.from_tree(interop.to_haiku(layer, params).params).model == layer
