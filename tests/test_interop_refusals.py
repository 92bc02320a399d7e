"""What a library cannot hold, and what is no weights: a sentence that names it."""

from __future__ import annotations

import importlib.util
import os
import pickle
import subprocess
import sys
from functools import partial

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrnn import (
    Dropout,
    bidirectional,
    gru,
    interop,
    language_model,
    lstm,
    mgu,
    mingru,
    residual,
    saving,
    stack,
    unroll,
    vanilla,
)
from jaxrnn.__main__ import main
from jaxrnn.interop import InteropError, _equinox
from jaxrnn.interop._biases import Biases
from jaxrnn.interop._form import BATCH_FIRST, form_of, natives_of
from jaxrnn.interop._result import Answer, by_jax, verified
from jaxrnn.testing import same

two = {"recurrent_bias": True}
WRITERS = {name: getattr(interop, f"to_{name}") for name in interop._LIBRARIES}
PACKAGES = {"linen": "flax", "nnx": "flax", "cudnn": "jax"}
REFUSED = {
    "torch": {
        "GRU resets after the product, .* Keras' with": unroll(gru(3, reset="before")),
        "two biases, unlike .* equivalent=True .* make the cell with recurrent_bias=True": unroll(
            lstm(3)
        ),
        "torch has no MGU": unroll(mgu(3)),
        "one kind and size of cell in all its levels": stack(
            [unroll(lstm(3, **two)), unroll(lstm(4, **two))]
        ),
        "walks forwards or both ways": unroll(lstm(3, **two), reverse=True),
        "merges its directions by 'sum'": bidirectional(lstm(3, **two), merge="sum"),
        "has dropout within its steps": unroll(lstm(3, **two), dropout=Dropout(inputs=0.5)),
        "has no counterpart elsewhere": residual(unroll(lstm(3, **two))),
    },
    "keras": {
        "has one bias, unlike .* equivalent=True": unroll(lstm(3, **two)),
        "has two biases, unlike": unroll(gru(3, recurrent_bias=False)),
        "go_backwards gives outputs last first": unroll(lstm(3), reverse=True),
        "Keras has no MinGRU": unroll(mingru(3)),
    },
    "linen": {
        "resets after the product": unroll(gru(3, reset="before")),
        "one bias of r and z, unlike": unroll(gru(3)),
        r"has a bias in r ⊙ \(h W_h \+ b_h\), unlike": unroll(gru(3, recurrent_bias=False)),
        "has one bias, unlike": unroll(vanilla(3, **two)),
        "Flax Linen has no MGU": unroll(mgu(3)),
        "no language model: convert its layer": language_model(unroll(lstm(3)), 3),
    },
    "nnx": {
        r"no bias inside r ⊙ .* make it with recurrent_bias=False": unroll(gru(3)),
        "resets after the product": unroll(gru(3, reset="before")),
        "has one bias, unlike": unroll(lstm(3, **two)),
    },
    "haiku": {
        "resets before the product": unroll(gru(3)),
        "VanillaRNN is a relu": unroll(vanilla(3)),
        "do not say that a core walks backwards": unroll(lstm(3), reverse=True),
        "has one bias, unlike": unroll(gru(3, reset="before", **two)),
    },
    "equinox": {
        "Equinox has no Vanilla": unroll(vanilla(3)),
        "resets after the product": unroll(gru(3, reset="before")),
        "does not say that one walks backwards": unroll(lstm(3), reverse=True),
        "one bias of r and z, unlike": unroll(gru(3)),
    },
    "onnx": {
        "ONNX has no MinGRU": unroll(mingru(3)),
        "one cell for both directions": bidirectional(lstm(3), lstm(4)),
    },
    "cudnn": {
        "is that of an LSTM": unroll(gru(3)),
        "layers that are alike": unroll(lstm(3, **two), reverse=True),
        "has two biases, unlike": unroll(lstm(3)),
    },
}


def drawn(layer):
    size = () if hasattr(layer, "vocab_size") else (3,)
    params = layer.init(jax.random.key(0), *size)
    return jax.tree.map(lambda a: a + 0.1, params)


@pytest.mark.parametrize(
    ("library", "words"), [(name, words) for name, cases in REFUSED.items() for words in cases]
)
def test_what_a_library_cannot_hold(library, words):
    pytest.importorskip(PACKAGES.get(library, library))
    layer = REFUSED[library][words]
    with pytest.raises(InteropError, match=words) as caught:
        WRITERS[library](layer, drawn(layer))
    assert "\n" not in str(caught.value)


def test_params_of_another_model_are_refused():
    """By `natives_of`, through which all libraries go."""
    layer, deep = unroll(lstm(4, **two)), stack([unroll(lstm(4, **two))] * 2)
    own = drawn(layer)
    for model, params, words in (
        (layer, None, "needs LSTMParams, got NoneType"),
        (layer, drawn(unroll(gru(4))), "needs LSTMParams, got GRUParams"),
        (layer, drawn(unroll(lstm(3, **two))), r"`w_h` has shape \(3, 12\)"),
        (deep, own, "params must be a tuple of 2 for Stack"),
        (deep, (own, own), "level 2 reads 3 features, but level 1 gives 4"),
        (bidirectional(lstm(4, **two)), own, "params must be a tuple of 2 for Bidirectional"),
        (language_model(layer, 3), own, "needs LanguageModelParams"),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            interop.to_cudnn(model, params)
    with pytest.raises(InteropError, match="the state dict must be a mapping of names"):
        interop.recurrent_modules(layer)


def test_equivalent_biases_have_the_same_outputs_and_a_note():
    torch = pytest.importorskip("torch")
    layer = unroll(lstm(3))
    made = interop.to_torch(layer, drawn(layer), equivalent=True, verify=True)
    assert isinstance(made.model, torch.nn.LSTM) and "twice as far" in made.notes[0]
    layer = unroll(lstm(3, **two))
    made = interop.to_linen(layer, drawn(layer), equivalent=True)
    back = interop.from_linen(made.model, made.params)
    xs = np.ones((4, 2, 3), np.float32)
    params = jax.tree.map(np.float32, drawn(layer))
    np.testing.assert_allclose(
        back.model.apply(jax.tree.map(np.float32, back.params), None, xs)[1],
        layer.apply(params, None, xs)[1],
        rtol=1e-5,
        atol=1e-6,
    )


EQUIVALENT = {
    "torch-lstm": ("torch", lstm(3)),
    "torch-gru": ("torch", gru(3, recurrent_bias=False)),
    "keras-lstm": ("keras", lstm(3, **two)),
    "linen-gru": ("linen", gru(3)),
    "linen-gru-one": ("linen", gru(3, recurrent_bias=False)),
    "nnx-vanilla": ("nnx", vanilla(3, **two)),
    "haiku-gru": ("haiku", gru(3, reset="before", **two)),
    "equinox-gru": ("equinox", gru(3)),
    "cudnn-lstm": ("cudnn", lstm(3)),
}


@pytest.mark.parametrize("name", EQUIVALENT)
def test_no_bias_is_lost_where_they_are_laid_out_otherwise(name):
    """`verify` asks the layer itself, with its own biases: none of them is zero here."""
    library, cell = EQUIVALENT[name]
    pytest.importorskip(PACKAGES.get(library, library))
    layer = unroll(cell)
    params = jax.tree.map(
        lambda a: a + np.float32(0.1), layer.init(jax.random.key(0), 3, np.float32)
    )
    made = WRITERS[library](layer, params, equivalent=True, verify=True)
    assert made.differences.largest < 1e-6 and "twice as far" in made.notes[0]


def test_what_differs_is_told():
    """Each of five answers, however well the others agree."""
    layer, biases = unroll(lstm(2)), Biases("a library")
    params = layer.init(jax.random.key(0), 3)
    form = form_of(layer, params)
    natives = natives_of(form, biases.writing(_equinox.write_cell))

    def apply(natives_, carry, xs):
        return layer.apply(natives.read(natives_, _equinox.read_cell), carry, xs)

    honest = by_jax(apply)

    def told(wrong):
        def theirs(*question):
            answer = honest(*question)
            one = {
                name: jax.tree.map(lambda a: a.at[-1].add(0.01), getattr(answer, name))
                for name in wrong
            }
            return answer._replace(**one)

        return verified((layer, params), natives, theirs, _equinox.read_cell)

    assert told([]).largest < 1e-12
    for name in Answer._fields:
        with pytest.raises(InteropError, match="not to be trusted"):
            told([name])


def test_a_bias_that_is_not_zero_is_not_left_out():
    pytest.importorskip("torch")
    layer = unroll(lstm(3, **two))
    with pytest.raises(InteropError, match=r"`b` of LSTM.* is not zero, so bias=False would lose"):
        interop.to_torch(layer, drawn(layer), bias=False)


# Malformed state dicts.


def state(kind="lstm", gates=4, levels=1, H=4, I=3, dtype=np.float32, **other):
    rng, made = np.random.default_rng(0), {}
    for k in range(levels):
        size = H if k else I
        made |= {
            f"weight_ih_l{k}": rng.normal(size=(gates * H, size)).astype(dtype),
            f"weight_hh_l{k}": rng.normal(size=(gates * H, H)).astype(dtype),
            f"bias_ih_l{k}": rng.normal(size=gates * H).astype(dtype),
            f"bias_hh_l{k}": rng.normal(size=gates * H).astype(dtype),
        }
    return made | other


def without(name, **how):
    made = state(**how)
    del made[name]
    return made


def changed(name, value, **how):
    made = state(**how)
    made[name] = value(made[name]) if callable(value) else value
    return made


def put(where, value):
    def one(a):
        a = a.copy()
        a.flat[where] = value
        return a

    return one


MALFORMED = {
    "lacks 'weight_hh_l0'": without("weight_hh_l0"),
    "lacks 'weight_ih_l0'": without("weight_ih_l0"),
    "lacks 'bias_ih_l0'": without("bias_ih_l0"),
    "lacks 'bias_hh_l1'": without("bias_hh_l1", levels=2),
    "lacks 'weight_ih_l1'": without("weight_ih_l1", levels=3),
    "'weight_ih_l1' has shape .* but 16 × 4 is needed": changed(
        "weight_ih_l1", np.zeros((16, 3), np.float32), levels=2
    ),
    "'weight_hh_l0' has shape .* a matrix is needed": changed("weight_hh_l0", np.zeros(16)),
    "'weight_hh_l0' has shape .* rows": changed("weight_hh_l0", np.zeros((15, 4), np.float32)),
    "20 rows for a hidden size of 4": state(gates=5),
    "8 rows for a hidden size of 4": state(gates=2),
    "'bias_ih_l0' has shape": changed("bias_ih_l0", lambda b: b[:-1]),
    "'bias_hh_l0' has shape": changed("bias_hh_l0", lambda b: b[None]),
    "'weight_ih_l0' holds NaN": changed("weight_ih_l0", put(3, np.nan)),
    "'weight_hh_l0' holds NaN or infinity": changed("weight_hh_l0", put(0, np.inf)),
    "'bias_hh_l0' holds NaN": changed("bias_hh_l0", put(-1, -np.inf)),
    "'weight_ih_l0' is of int64, but weights are floats": changed(
        "weight_ih_l0", np.zeros((16, 3), int)
    ),
    "'bias_ih_l0' is of complex64": changed("bias_ih_l0", np.zeros(16, np.complex64)),
    "'bias_hh_l0' is of bool": changed("bias_hh_l0", np.zeros(16, bool)),
    "'weight_hh_l0' is of float64, but the others are of float32": changed(
        "weight_hh_l0", np.float64
    ),
    "'weight_ih_l0' is no array, got str 'no'": changed("weight_ih_l0", "no"),
    "'weight_ih_l0' is no array, got list": changed("weight_ih_l0", [[1.0]]),
    "'bias_ih_l0' is no array, got NoneType": changed("bias_ih_l0", None),
    "has 'extra', which belongs to nothing": state(extra=np.zeros(3, np.float32)),
    "has 'running_mean', and 1 more, which": state(
        running_mean=np.zeros(3, np.float32), running_var=np.zeros(3, np.float32)
    ),
    "holds no recurrent module": {"fc.weight": np.zeros((3, 3), np.float32)},
    "holds no recurrent": {},
    "holds 2 recurrent modules, 'a.', 'b.': name one with `prefix`": {
        f"{prefix}.{name}": a for prefix in "ab" for name, a in state().items()
    },
    "nn.RNN '' does not tell its function: give activation": state(gates=1),
    "must be a mapping|takes a torch.nn.Module": [1, 2],
    "takes a torch.nn.Module or its state dict, got 'model.pt'": "model.pt",
    "takes a torch.nn.Module or its state dict, got None": None,
    "must have strings for names": {1: np.zeros(3)},
    "'weight_ih_l0' has shape .* which is empty": {
        "weight_ih_l0": np.zeros((4, 0), np.float32),
        "weight_hh_l0": np.zeros((4, 1), np.float32),
    },
    "reads 3 features, but one-hot tokens of the head are 7": state()
    | {"linear.weight": np.zeros((7, 4), np.float32), "linear.bias": np.zeros(7, np.float32)},
    "'linear.weight' has shape": state(I=7)
    | {"linear.weight": np.zeros((7, 5), np.float32), "linear.bias": np.zeros(7, np.float32)},
}


@pytest.mark.parametrize("words", MALFORMED)
def test_a_malformed_state_dict_is_a_sentence(words):
    with pytest.raises(InteropError, match=words) as caught:
        interop.from_torch(MALFORMED[words])
    assert "\n" not in str(caught.value)


HAIKU = {"lstm/linear": {"w": np.zeros((7, 16), np.float32), "b": np.zeros(16, np.float32)}}
GRU = {"w_i": np.zeros((3, 12)), "w_h": np.zeros((4, 12)), "b": np.zeros(12)}
OTHERS = {
    "dict of dicts": (interop.from_haiku, ({"a": 1},)),
    "hold no core": (interop.from_haiku, ({"linear": {"w": np.zeros((2, 2))}},)),
    "no core 'gru'": (interop.from_haiku, (HAIKU, ["gru"])),
    "bias of 15, which is not four gates": (
        interop.from_haiku,
        ({"lstm/linear": {"w": np.zeros((7, 15)), "b": np.zeros(15)}},),
    ),
    "needs more than 4 rows": (
        interop.from_haiku,
        ({"lstm/linear": {"w": np.zeros((4, 16)), "b": np.zeros(16)}},),
    ),
    "'gru//b' has shape": (interop.from_haiku, ({"gru": GRU | {"b": np.zeros(11)}},)),
    "'weights' has shape .* but 144 is needed": (interop.from_cudnn, (np.zeros(143), 3, 4)),
    "`input_size` must be positive": (interop.from_cudnn, (np.zeros(143), 0, 4)),
    "holds NaN": (interop.from_cudnn, (np.full(144, np.nan), 3, 4)),
    "holds no cell of Flax": (interop.from_tree, ([1],)),
    "no array, got dict": (interop.from_tree, ({"a": {"b": {}}},)),
}


@pytest.mark.parametrize("words", OTHERS)
def test_other_malformed_weights_are_a_sentence(words):
    read, given = OTHERS[words]
    with pytest.raises(ValueError, match=words) as caught:
        read(*given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [3, [3], [["lstm"]], b"lstm"])
def test_a_name_that_is_none_is_quoted(wrong):
    layer = unroll(lstm(3, recurrent_bias=False))
    params = layer.init(jax.random.key(0), 2, "float32")
    tree = interop.to_linen(layer.cell, params).params["params"]
    reads = {
        "no recurrent module is called": partial(interop.from_torch, state(), prefix=wrong),
        "the params hold no core": partial(interop.from_haiku, HAIKU, wrong),
        "no cell lies at": partial(interop.from_tree, {"a": tree}, prefix=wrong),
    }
    if importlib.util.find_spec("onnx"):
        made = interop.to_onnx(layer, params).model
        reads["no recurrent node is called"] = partial(interop.from_onnx, made, nodes=wrong)
    for words, read in reads.items():
        with pytest.raises(InteropError, match=words):
            read()


def test_names_may_come_one_by_one():
    pytest.importorskip("onnx")
    layer = unroll(lstm(3))
    params = layer.init(jax.random.key(0), 2, "float32")
    made = interop.to_onnx(layer, params).model
    names = [node.name for node in made.graph.node if node.op_type == "LSTM"]
    assert names and interop.from_onnx(made, nodes=iter(names)).model == layer
    assert interop.from_torch(state(), prefix=iter([""])).model == interop.from_torch(state()).model


# Files.


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil",)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.pt", pickle.dumps(Evil()), "holds more than tensors|no whole file"),
        ("a.pt", b"", "no whole file|no file of torch"),
        ("a.pt", b"PK\3\4 cut", "no whole file|no file of torch"),
        ("a.safetensors", b"\xff" * 20, "no whole safetensors file"),
        ("a.onnx", b"\xff\xff\xff", "no ONNX model|holds no RNN"),
        ("a.keras", b"nothing", "no model that Keras loads"),
        ("a.xyz", b"", "ends in none of these"),
        ("a.pt", None, "is not there"),
    ],
)
def test_a_file_that_is_none_is_status_two(tmp_path, monkeypatch, capsys, name, data, words):
    package = {".pt": "torch", ".onnx": "onnx", ".keras": "keras"}.get(name[1:])
    if package:
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    if data is not None:
        (tmp_path / name).write_bytes(data)
    assert main(["convert", name, "b.safetensors"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and pytest.importorskip("re").search(words, said), said
    assert {path.name for path in tmp_path.iterdir()} <= {name}


def test_a_pickle_with_code_in_it_is_not_run(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    torch.save({"weight_ih_l0": Evil()}, "a.pt")
    assert main(["convert", "a.pt", "b.safetensors"]) == 2
    assert not (tmp_path / "evil").exists()


@pytest.mark.standard_promotion
def test_a_command_converts_files_both_ways(tmp_path, capsys):
    torch = pytest.importorskip("torch")
    module = torch.nn.GRU(3, 4, 2, bidirectional=True)
    torch.save({"state_dict": module.state_dict(), "epoch": 3}, tmp_path / "a.pt")
    assert main(["convert", f"{tmp_path}/a.pt", f"{tmp_path}/b.safetensors"]) == 0
    said = capsys.readouterr().out
    assert "level 2: Bidirectional" in said and "verified: largest differences" in said
    model, params = saving.load(tmp_path / "b.safetensors")
    assert model == stack([bidirectional(gru(4))] * 2)
    assert main(["convert", f"{tmp_path}/b.safetensors", f"{tmp_path}/c.pt"]) == 0
    back = torch.load(tmp_path / "c.pt", weights_only=True)
    assert all(torch.equal(back[name], a) for name, a in module.state_dict().items())
    del params


def test_without_the_library_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['torch'] = None; import jax, jaxrnn\n"
        "layer = jaxrnn.unroll(jaxrnn.gru(3))\n"
        "try: jaxrnn.interop.to_torch(layer, layer.init(jax.random.key(0), 2))\n"
        "except jaxrnn.interop.InteropError as error: print(error)\n"
        "print(*[m for m in ('flax', 'keras', 'onnx', 'haiku', 'equinox') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == (
        "this needs the package torch, which is not installed: pip install 'jaxrnn[interop]'.\n\n"
    )


# Sources that look like what they are not.


def test_levels_that_do_not_follow_are_no_stack():
    torch = pytest.importorskip("torch")
    state = {
        f"{name}.{leaf}": a
        for name, module in {"a": torch.nn.LSTM(3, 4), "b": torch.nn.LSTM(9, 5)}.items()
        for leaf, a in module.state_dict().items()
    }
    with pytest.raises(InteropError, match="level 2 reads 9 features, but level 1 gives 4"):
        interop.from_torch(state, prefix=["a", "b"])
    with pytest.raises(InteropError, match=r"`prefix` names nothing; there is 'a.', 'b.'"):
        interop.from_torch(state, prefix=[])


def test_levels_of_unlike_kinds_are_verified_each():
    torch = pytest.importorskip("torch")
    parts = {"a": torch.nn.LSTM(3, 4, 2, dropout=0.5), "b": torch.nn.GRU(4, 5, bias=False)}
    state = {f"{n}.{leaf}": a for n, m in parts.items() for leaf, a in m.state_dict().items()}
    found = interop.from_torch(state, prefix=["a", "b"], verify=True)
    assert found.differences.largest < 1e-6
    found = interop.from_torch(torch.nn.ModuleDict(parts), prefix=["a", "b"])
    assert found.model.dropout == 0 and any("that of 'a.'" in note for note in found.notes)


def test_a_module_is_asked_itself():
    torch = pytest.importorskip("torch")
    module = torch.nn.RNN(3, 4, nonlinearity="relu", batch_first=True)
    assert interop.from_torch(module, verify=True).differences.largest < 1e-6
    with pytest.raises(InteropError, match="has the nonlinearity 'relu', not 'tanh'"):
        interop.from_torch(module, activation="tanh")


def test_16_bits_of_torch_are_verified():
    torch = pytest.importorskip("torch")
    for dtype in (torch.bfloat16, torch.float16):
        found = interop.from_torch(torch.nn.GRU(3, 4, dtype=dtype), verify=True)
        assert found.differences.largest < 2e-2


@pytest.mark.parametrize("library", ["keras", "nnx"])
@pytest.mark.parametrize("dtype", [jnp.bfloat16, np.float16])
def test_16_bits_go_there_and_back(library, dtype):
    """Both begin with orthogonal matrices, which a CPU cannot make in 16 bits."""
    pytest.importorskip(PACKAGES.get(library, library))
    layer = unroll(gru(4, "before") if library == "keras" else gru(4, recurrent_bias=False))
    params = layer.init(jax.random.key(0), 3, dtype)
    made = WRITERS[library](layer, params).model
    back = getattr(interop, f"from_{library}")(made)
    assert back.model == layer
    same(back.params, params, 0)


def test_a_batch_that_comes_first_is_noted():
    from flax import linen, nnx

    torch = pytest.importorskip("torch")
    question = vanilla(4), vanilla(4).init(jax.random.key(0), 3, np.float32)
    of_linen, of_nnx = interop.to_linen(*question), interop.to_nnx(*question)
    for first in (False, True):
        walked = linen.RNN(of_linen.model, time_major=not first)
        for found in (
            interop.from_torch(torch.nn.LSTM(3, 4, batch_first=first)),
            interop.from_nnx(nnx.RNN(of_nnx.model, time_major=not first)),
            interop.from_linen(walked, {"params": {"cell": of_linen.params["params"]}}),
        ):
            assert (BATCH_FIRST in found.notes) is first


def test_a_language_model_of_torch_reads_batches_first_too():
    torch = pytest.importorskip("torch")
    lm = language_model(unroll(gru(4)), 5)
    made = interop.to_torch(lm, drawn(lm), batch_first=True, verify=True).model
    logits, _ = made(torch.zeros(2, 3, dtype=torch.int32))
    assert logits.shape == (2, 3, 5)


def test_cores_of_several_kinds_are_to_be_named():
    params = {"gru": GRU, "lstm/linear": {"w": np.zeros((7, 12)), "b": np.zeros(12)}}
    with pytest.raises(InteropError, match=r"several kinds, 'gru', 'lstm', and do not say"):
        interop.from_haiku(params)
    found = interop.from_haiku(params, ["gru", "lstm"])
    assert found.model == stack([unroll(gru(4, reset="before")), unroll(lstm(3))])


@pytest.mark.parametrize("kind", ["masked", "branched", "crossed", "timed", "dropped"])
def test_models_of_keras_that_are_no_plain_stack(kind):
    keras = pytest.importorskip("keras")
    layers, inputs = keras.layers, keras.Input((None, 3))
    with jax.numpy_rank_promotion("allow"):
        if kind == "masked":
            model = keras.Sequential(
                [
                    layers.Embedding(5, 3, mask_zero=True),
                    layers.GRU(4, return_sequences=True),
                    layers.Dense(5),
                ]
            )
            model.build((None, None))
            assert "token 0 is masked" in interop.from_keras(model).notes[0]
        elif kind == "branched":
            model = keras.Model(inputs, [layers.LSTM(3)(inputs), layers.LSTM(3)(inputs)])
            with pytest.raises(InteropError, match="no Sequential, so its layers may branch"):
                interop.from_keras(model)
        elif kind == "crossed":
            pair = layers.LSTM(4, go_backwards=True), layers.LSTM(4)
            layer = layers.Bidirectional(pair[0], backward_layer=pair[1])
            layer.build((None, None, 3))
            with pytest.raises(InteropError, match="forward layer that goes backwards"):
                interop.from_keras(layer)
        elif kind == "timed":
            layer = layers.TimeDistributed(layers.LSTM(4))
            layer.build((None, 2, 3, 3))
            with pytest.raises(InteropError, match="has no counterpart"):
                interop.from_keras([layer])
        else:
            model = keras.Sequential(
                [
                    layers.GRU(4, return_sequences=True),
                    layers.Dropout(0.5),
                    layers.Bidirectional(layers.GRU(4)),
                ]
            )
            model.build((None, None, 3))
            notes = " ".join(interop.from_keras(model).notes)
            assert "dropout between levels is not" in notes and "at time 0 here" in notes


@pytest.mark.parametrize("library", ["keras", "linen", "nnx", "equinox", "onnx"])
def test_what_a_library_does_not_drop_is_noted(library):
    pytest.importorskip(PACKAGES.get(library, library))
    layer = stack([unroll(lstm(3))] * 2, dropout=0.3)
    made = WRITERS[library](layer, layer.init(jax.random.key(0), 3, np.float32))
    assert made.notes == ("dropout between levels is not carried over",)


def test_graphs_of_onnx_that_are_no_stack(tmp_path):
    onnx = pytest.importorskip("onnx")
    layer = stack([unroll(lstm(3))] * 2)
    params = layer.init(jax.random.key(0), 3, np.float32)
    made = interop.to_onnx(layer, params).model
    beside, between, begun = (onnx.ModelProto.FromString(made.SerializeToString()) for _ in "abc")
    (second,) = (node for node in beside.graph.node if node.name == "level_1")
    second.input[0] = "xs"
    with pytest.raises(InteropError, match="LSTM 'level_1' does not read LSTM 'level_0' but an in"):
        interop.from_onnx(beside)
    (second,) = (node for node in between.graph.node if node.name == "level_1")
    between.graph.node.insert(3, onnx.helper.make_node("Relu", [second.input[0]], ["cut"]))
    second.input[0] = "cut"
    with pytest.raises(InteropError, match="does not read LSTM 'level_0' but Relu"):
        interop.from_onnx(between)
    assert interop.from_onnx(between, nodes="level_1").model == unroll(lstm(3))
    begun.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((1, 1, 3), "f"), "h_0"))
    with pytest.raises(InteropError, match="begins with the constant 'h_0', which is not zero"):
        interop.from_onnx(begun)
    wide = layer.init(jax.random.key(0), 3, np.float64)
    with pytest.raises(InteropError, match="params are of float64, but the runtimes of ONNX walk"):
        interop.to_onnx(layer, wide, tmp_path / "wide.onnx")
    assert not list(tmp_path.iterdir())


def test_a_tree_of_lists_and_of_cells_apart():
    from flax import nnx

    cells = nnx.List([nnx.LSTMCell(3, 4, rngs=nnx.Rngs(0)), nnx.LSTMCell(4, 4, rngs=nnx.Rngs(0))])
    tree = nnx.to_pure_dict(nnx.state(cells, nnx.Param))
    assert interop.from_tree(tree).model == stack([unroll(lstm(4))] * 2)
    assert interop.from_tree([tree[0], tree[1]]).model == stack([unroll(lstm(4))] * 2)
    with pytest.raises(InteropError, match="holds no cell of Flax; as Haiku's"):
        interop.from_tree({"a": {"b": np.zeros(2)}})


def test_files_of_no_kind_and_no_folder_are_sentences(tmp_path, capsys):
    torch = pytest.importorskip("torch")
    (tmp_path / "text.pt").write_text("eight numbers")
    assert main(["convert", f"{tmp_path}/text.pt", f"{tmp_path}/b.safetensors"]) == 2
    module = torch.nn.LSTM(3, 4, bias=False)
    torch.save(module.state_dict(), tmp_path / "a.pt")
    assert main(["convert", f"{tmp_path}/a.pt", f"{tmp_path}/./a.pt"]) == 2
    assert main(["convert", f"{tmp_path}/a.pt", f"{tmp_path}/none/b.pt"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3 and "one file" in said[1] and "cannot be written" in said[2], said
    assert main(["convert", f"{tmp_path}/a.pt", f"{tmp_path}/b.pt"]) == 0
    back = torch.load(tmp_path / "b.pt", weights_only=True)
    assert back.keys() == module.state_dict().keys()
