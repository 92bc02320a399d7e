"""Models as JSON and as files: what is written is read again, bit for bit, and what is damaged is
told in a sentence."""

import dataclasses
import errno
import json
import os
import pickle
import struct
import subprocess
import sys

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from _table import AROUND, LAYERS, Leaky, TiedStart

import jaxrnn
from jaxrnn import saving

OWN = [Leaky, TiedStart]
I, T, B = 3, 5, 2


def drawn(model, size=I, dtype=jnp.float32):
    """Params of the model's form, drawn without compiling its `init`."""
    sizes = () if hasattr(model, "vocab_size") else (size,)
    forms = jax.eval_shape(lambda: model.init(jax.random.key(0), *sizes, dtype=dtype))
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape) / 2, a.dtype), forms)


def bits(tree):
    return [(a.dtype, a.shape, np.asarray(a).tobytes()) for a in jax.tree.leaves(tree)]


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float64, jnp.float16])
def test_every_layer_comes_back_bit_for_bit(tmp_path, dtype):
    for name, layer in (LAYERS | AROUND).items():
        params, path = drawn(layer, dtype=dtype), tmp_path / f"{name}.safetensors"
        saving.save(path, layer, params)
        model, read = jaxrnn.load(path, OWN)
        assert model == layer and type(model) is type(layer)
        assert jax.tree.structure(read) == jax.tree.structure(params)
        assert bits(read) == bits(params)


READER = """
import sys
import jax, numpy as np
jax.config.update("jax_enable_x64", True)
sys.path.insert(0, sys.argv[2])
from _table import Leaky, TiedStart
import jaxrnn
for path in sys.argv[3:]:
    model, params = jaxrnn.load(path, [Leaky, TiedStart])
    xs = np.load(sys.argv[1])
    xs = (xs[..., 0] > 0).astype(int) if hasattr(model, "vocab_size") else xs
    dtype = jax.tree.leaves(params)[0].dtype
    ys = model.apply(params, None, xs if xs.ndim == 2 else jax.numpy.asarray(xs, dtype))[1]
    np.save(path + ".npy", np.asarray(ys, np.float64))
"""
DAILY = ["own-bidirectional"]


@pytest.mark.parametrize("names", [DAILY, pytest.param([*LAYERS], marks=pytest.mark.slow)], ids=len)
def test_another_process_reads_the_same_outputs(tmp_path, names):
    """Bit for bit: of layers, and of a language model, in three dtypes."""
    xs, want = np.random.default_rng(1).normal(size=(T, B, I)), {}
    np.save(tmp_path / "xs.npy", xs)
    models = {name: LAYERS[name] for name in names}
    if names is not DAILY:
        models["around"] = AROUND["residuals"]
    models["lm"] = jaxrnn.language_model(LAYERS["gru-before-stack"], 4)
    for name, model in models.items():
        for dtype in (jnp.float32, jnp.bfloat16, jnp.float64):
            path = tmp_path / f"{name}-{jnp.dtype(dtype).name}.safetensors"
            params = drawn(model, dtype=dtype)
            given = jnp.asarray(
                (xs[..., 0] > 0) if name == "lm" else xs, int if name == "lm" else dtype
            )
            want[path] = np.asarray(model.apply(params, None, given)[1], np.float64)
            saving.save(path, model, params)
    here = os.path.dirname(__file__)
    words = [sys.executable, "-c", READER, str(tmp_path / "xs.npy"), here, *map(str, want)]
    subprocess.run(words, check=True)
    for path, ys in want.items():
        assert np.array_equal(np.load(f"{path}.npy"), ys), path.name


def scheme(key, input_size, hidden_size, gates, forget_gate, dtype):
    """A scheme of a user's own."""
    del key, forget_gate
    wide = gates * hidden_size
    zeros = jnp.zeros((wide,), dtype)
    return jnp.ones((input_size, wide), dtype), jnp.ones((hidden_size, wide), dtype), zeros, zeros


@dataclasses.dataclass(frozen=True)
class Counting:
    """A cell of a user's own with all kinds of fields."""

    output_size: int
    name: str = "c"
    rates: tuple[float, ...] = (0.5, 1.0)
    inner: Leaky | None = None
    act: object = jnp.tanh

    def init(self, key, input_size, dtype=None):
        return {"w": jnp.zeros((input_size, self.output_size), dtype), "n": jnp.arange(3)}

    def initial_carry(self, params, batch_shape=()):
        return (jnp.zeros((*batch_shape, self.output_size), params["w"].dtype),)

    def step(self, params, carry, x):
        h = self.act(x @ params["w"] + carry[0])
        return (h,), h


MODELS = {
    "dropout": jaxrnn.stack(
        [
            jaxrnn.unroll(
                jaxrnn.lstm(4),
                keep="carries",
                matmul_dtype="bfloat16",
                padding="held",
                dropout=jaxrnn.Dropout(0.1, 0.2, 0.3, (0.1, 0.2)),
            )
        ],
        dropout=0.5,
    ),
    "initializers": jaxrnn.unroll(jaxrnn.gru(4, initializer="small_normal")),
    "own scheme": jaxrnn.unroll(jaxrnn.gru(4, initializer=scheme)),
    "own fields": jaxrnn.unroll(Counting(4, "子", (1e-300, 0.1), Leaky(2), act=scheme)),
    "cell": jaxrnn.vanilla(4, activation="relu"),
    "around": jaxrnn.stack([*AROUND.values()]),
    "language model": jaxrnn.language_model(LAYERS["gru-one"], 7, initializer="small_normal"),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_what_json_says_is_the_model(model):
    told = json.loads(json.dumps(jaxrnn.describe(model), allow_nan=False))
    again = jaxrnn.build(told, [Leaky, Counting, scheme])
    assert again == model and repr(again) == repr(model) and hash(again) == hash(model)
    assert jaxrnn.describe(again) == told and "_" not in told["class"] and "jaxrnn" not in str(told)


def test_a_description_has_only_what_is_not_at_its_default():
    told = jaxrnn.describe(jaxrnn.unroll(jaxrnn.gru(256), keep="chunks"))
    assert told == {
        "class": "Unroll",
        "cell": {"class": "GRU", "hidden_size": 256},
        "keep": "chunks",
    }


@dataclasses.dataclass(frozen=True)
class LSTM(Leaky):
    """Called as one of jaxrnn's."""


UNSAID = {
    "no dataclass": (object(), "make it a dataclass"),
    "a class": (jaxrnn.LSTM, "make it a dataclass"),
    "a lambda": (Counting(4, act=lambda x: x), "only a named function"),
    "infinity": (Counting(4, rates=(float("inf"),)), "rates[0] is inf"),
    "an array": (Counting(4, act=np.ones(3)), "Counting.act is"),
    "a name of ours": (LSTM(4), "called as jaxrnn's own LSTM"),
}


@pytest.mark.parametrize("model, said", UNSAID.values(), ids=UNSAID.keys())
def test_what_json_cannot_say_is_refused(tmp_path, model, said):
    with pytest.raises(ValueError) as error:
        jaxrnn.describe(model)
    assert said in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(ValueError):
        saving.save(tmp_path / "x.safetensors", model, {})
    assert not list(tmp_path.iterdir())


UNBUILT = {
    "no object": ([1, 2], "must be an object with a class"),
    "a number": (3, "must be an object with a class"),
    "no class": ({"hidden_size": 3}, "must name its class, got None"),
    "a near name": ({"class": "LSMT", "hidden_size": 3}, "did you mean 'LSTM'?"),
    "a private name": ({"class": "os.system"}, "which is none of jaxrnn's"),
    "an own class": ({"class": "Mine"}, "classes=[Mine]"),
    "no field": ({"class": "LSTM", "hidden_sise": 3}, "has no field 'hidden_sise'"),
    "a field too few": ({"class": "LSTM"}, "no LSTM is made of it"),
    "a bad value": ({"class": "LSTM", "hidden_size": -3}, "must be positive, got -3"),
    "deep": ({"class": "Unroll", "cell": {"class": "GRU", "hidden_size": "x"}}, "model.cell"),
    "a function": ({"function": "eval"}, "'eval', which is none"),
    "a function as a class": ({"class": "scheme"}, "which is no dataclass"),
}


@pytest.mark.parametrize("told, said", UNBUILT.values(), ids=UNBUILT.keys())
def test_json_that_says_no_model_is_refused(told, said):
    with pytest.raises(saving.DescriptionError) as error:
        jaxrnn.build(told, [scheme])
    assert said in str(error.value) and "\n" not in str(error.value)


def test_nesting_without_end_is_a_sentence():
    told = {"class": "LSTM", "hidden_size": 2}
    for _ in range(10_000):
        told = {"class": "Stack", "layers": [told]}
    with pytest.raises(saving.DescriptionError, match="nested too deeply"):
        jaxrnn.build(told)


@pytest.mark.parametrize("classes", [[Leaky, LSTM], ["LSTM"], [3]])
def test_classes_are_classes_of_other_names(classes):
    with pytest.raises(saving.DescriptionError, match="`classes`"):
        jaxrnn.build({"class": "LSTM", "hidden_size": 2}, classes)


# Files


@pytest.fixture
def file(tmp_path):
    """A file of a language model."""
    path, model = tmp_path / "model.safetensors", MODELS["language model"]
    told = saving.TextRecipe(("<unk>", "子", "\n", "d", "e", "f", "g"), 0, "char", "plain")
    saving.save(path, model, drawn(model), text=told, notes={"epoch": 3})
    return path


def test_one_file_is_enough_to_write_text(file):
    held = saving.read(file)
    assert held.text.tokens[:3] == ("<unk>", "子", "\n") and held.text.unk == 0
    assert held.notes == {"epoch": 3} and held.model == MODELS["language model"]


def test_integers_and_odd_trees_are_kept(tmp_path):
    model, path = jaxrnn.unroll(Counting(4)), tmp_path / "x"
    params = {"w": jnp.ones((3, 4), jnp.bfloat16), "n": jnp.array([1, 2, 2**31 - 1])}
    saving.save(path, model, params)
    with pytest.raises(saving.ModelFileError, match=r"classes=\[Counting\]"):
        saving.load(path)
    assert bits(saving.load(path, [Counting])[1]) == bits(params)


def test_nothing_of_a_file_is_pickled(file):
    """It is JSON, and the numbers that this names, to the last byte."""
    header, arrays = taken_apart(file.read_bytes())
    spans = sorted(told["data_offsets"] for name, told in header.items() if name[0] != "_")
    assert [start for start, _ in spans] + [len(arrays)] == [0] + [end for _, end in spans]
    assert {*header} - {"__metadata__"} == {f"layer.{n}" for n in ("w_x", "w_h", "b", "b_h")} | {
        "head.w",
        "head.b",
    }


def taken_apart(data):
    (size,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def put_together(header, data, size=None):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def header(change):
    """A file whose header is changed."""

    def damaged(data):
        told, arrays = taken_apart(data)
        return put_together(change(told) or told, arrays)

    return damaged


def meta(change):
    """A file that says something else of its model."""

    def changed(told):
        said = json.loads(told["__metadata__"]["jaxrnn"])
        said = change(said) or said
        told["__metadata__"]["jaxrnn"] = said if isinstance(said, str) else json.dumps(said)

    return header(changed)


def set_(where, value):
    def change(told):
        *path, last = where
        for name in path:
            told = told[name]
        told[last] = value

    return change


def without(*where):
    def change(told):
        *path, last = where
        for name in path:
            told = told[name]
        del told[last]

    return change


def arrays_of(data):
    """NaN in the first array."""
    told, arrays = taken_apart(data)
    start = told["head.b"]["data_offsets"][0]
    return put_together(told, arrays[:start] + np.float32(np.nan).tobytes() + arrays[start + 4 :])


def renamed(told):
    told["head.v"] = told.pop("head.w")


def as_bfloat16(told):
    told["head.b"]["dtype"], told["head.b"]["shape"] = "BF16", [14]


DAMAGED = {
    "empty": (lambda data: b"", "no whole safetensors file"),
    "five bytes": (lambda data: data[:5], "no whole safetensors file"),
    "its header cut": (lambda data: data[:100], "no whole safetensors file"),
    "its last byte lost": (lambda data: data[:-1], "no whole safetensors file"),
    "half": (lambda data: data[: len(data) // 2], "no whole safetensors file"),
    "a byte too many": (lambda data: data + b"x", "no whole safetensors file"),
    "10 GB of header": (
        lambda data: put_together(*taken_apart(data), size=10**10),
        "no whole safetensors file",
    ),
    "2**63 of header": (lambda data: put_together(*taken_apart(data), size=2**63), "no whole"),
    "no JSON": (lambda data: struct.pack("<Q", 8) + b"{not it}", "no whole safetensors file"),
    "a pickle": (lambda data: pickle.dumps({"a": 1}), "no whole safetensors file"),
    "a text": (lambda data: "子曰".encode() * 99, "no whole safetensors file"),
    "a zip": (lambda data: b"PK\3\4" + bytes(99), "no whole safetensors file"),
    "an unknown dtype": (header(set_(["head.b", "dtype"], "F7")), "no whole safetensors file"),
    "offsets that overlap": (
        header(set_(["head.b", "data_offsets"], [4, 32])),
        "no whole safetensors file",
    ),
    "nothing said": (header(without("__metadata__")), "was not written by jaxrnn"),
    "another's": (header(set_(["__metadata__"], {"format": "pt"})), "was not written by jaxrnn"),
    "what is said cut": (meta(lambda said: '{"format": 1, "mod'), "cannot be read"),
    "what is said is a list": (meta(lambda said: "[]"), "cannot be read"),
    "too deep": (meta(lambda said: "[" * 100_000), "cannot be read"),
    "a later format": (meta(set_(["format"], 2)), "reads format 1"),
    "no model": (meta(without("model")), "it does not say model"),
    "a model of a later jaxrnn": (
        meta(set_(["model", "layer", "cell", "class"], "XLSTM")),
        "holds no model that this jaxrnn",
    ),
    "a field of a later jaxrnn": (
        meta(set_(["model", "layer", "keeps"], 3)),
        "has no field 'keeps'",
    ),
    "a module": (meta(set_(["model", "class"], "os.system")), "none of jaxrnn's"),
    "no dtypes": (meta(without("dtypes")), "it does not say dtypes"),
    "no text": (meta(without("text")), "it does not say input_size, text"),
    "a text of numbers": (meta(set_(["text", "tokens"], [1, 2])), "of its text"),
    "a text cut": (meta(without("text", "tokens")), "of its text"),
    "an input size": (meta(set_(["input_size"], -3)), "input_size"),
    "another size": (
        meta(set_(["model", "layer", "cell", "hidden_size"], 5)),
        "but its model needs",
    ),
    "another vocabulary": (meta(set_(["model", "vocab_size"], 8)), "but its model needs"),
    "a size beyond all memory": (
        meta(set_(["model", "layer", "cell", "hidden_size"], 10**12)),
        "model",
    ),
    "a tensor of another name": (header(renamed), "lacks the tensor 'head.w'"),
    "a tensor too many": (
        meta(set_(["model", "layer", "cell", "recurrent_bias"], False)),
        "has, beyond its model, the tensor 'layer.b_h'",
    ),
    "a tensor of another shape": (header(set_(["head.w", "shape"], [7, 4])), "is (7, 4), but"),
    "a tensor of another dtype": (header(set_(["head.b", "dtype"], "I32")), "is of int32, but"),
    "NaN": (arrays_of, "'head.b' holds NaN"),
}


@pytest.mark.parametrize("damage, said", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file_is_a_sentence(file, damage, said):
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(saving.ModelFileError) as error:
        jaxrnn.load(file)
    sentence = str(error.value)
    assert said in sentence and str(file) in sentence
    assert "\n" not in sentence and len(sentence) < 600


def test_there_are_thirty_of_them():
    assert len(DAMAGED) >= 30


@pytest.mark.parametrize("where, said", [("nowhere", "No such file"), (".", "Is a directory")])
def test_a_file_that_is_not_there(tmp_path, where, said):
    with pytest.raises(saving.ModelFileError, match=f"cannot be read: {said}"):
        jaxrnn.load(tmp_path / where)


def test_float64_needs_x64(file, tmp_path):
    layer, path = LAYERS["gru-one"], tmp_path / "wide"
    saving.save(path, layer, drawn(layer, dtype=jnp.float64))
    code = f"import jaxrnn; jaxrnn.load({str(path)!r})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "needs JAX's x64 mode: set JAX_ENABLE_X64=1" in run.stderr


NOT_SAVED = {
    "NaN": (lambda p: p | {"w": p["w"] * jnp.nan}, {}, "'w' holds NaN"),
    "a random key": (lambda p: p | {"n": jax.random.key(0)}, {}, "is a random key"),
    "of another form": (lambda p: {"w": p["w"]}, {}, "are not those of"),
    "of another shape": (lambda p: p | {"n": jnp.arange(4)}, {}, "are not those of"),
    "notes": (lambda p: p, {"notes": {"a": {1}}}, "`notes` must be values of JSON"),
}


@pytest.mark.parametrize("change, given, said", NOT_SAVED.values(), ids=NOT_SAVED.keys())
def test_what_is_no_model_is_not_saved(tmp_path, change, given, said):
    model = jaxrnn.unroll(Counting(4))
    params = change({"w": jnp.ones((3, 4)), "n": jnp.arange(3)})
    with pytest.raises(ValueError) as error:
        saving.save(tmp_path / "x", model, params, **given)
    assert said in str(error.value) and not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_file_that_was_there(file, monkeypatch):
    before = file.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(saving.ModelFileError, match="cannot be written: No space left"):
        model = MODELS["language model"]
        saving.save(file, model, drawn(model))
    assert file.read_bytes() == before and [p.name for p in file.parent.iterdir()] == [file.name]


def test_bfloat16_is_what_ml_dtypes_calls_so(tmp_path):
    layer = LAYERS["gru-one"]
    saving.save(tmp_path / "x", layer, drawn(layer, dtype=jnp.bfloat16))
    assert {a.dtype for a in jax.tree.leaves(saving.load(tmp_path / "x")[1])} == {
        np.dtype(ml_dtypes.bfloat16)
    }
