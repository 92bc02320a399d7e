"""An exported model is called where there is no jaxrnn; ONNX runs it with lengths."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxrnn
from jaxrnn import bidirectional, gru, interop, language_model, lstm, mingru, serving, stack, unroll

CALL = """
import sys
sys.modules["jaxrnn"] = None
import jax, numpy as np
jax.config.update("jax_enable_x64", True)
given = np.load(sys.argv[2])
call = jax.export.deserialize(open(sys.argv[1], "rb").read()).call
np.savez(sys.argv[3], *call(*(given[name] for name in given.files)))
"""
MODELS = {
    "deep": stack([bidirectional(gru(3)), unroll(mingru(4))]),
    "words": language_model(stack([unroll(lstm(4)), unroll(gru(3))]), 5, embedding=4),
}


@pytest.mark.parametrize("lengths", [False, True], ids=["whole", "lengths"])
@pytest.mark.parametrize("name", MODELS)
def test_another_process_without_jaxrnn_says_the_same(tmp_path, getkey, name, lengths):
    model, T, B, I = MODELS[name], 5, 3, 2
    is_lm = name == "words"
    params = model.init(getkey()) if is_lm else model.init(getkey(), I)
    xs = np.random.default_rng(0).integers(0, 5, (T, B)).astype(np.int32)
    if not is_lm:
        xs = np.asarray(jax.random.normal(getkey(), (T, B, I)))
    rows = np.array([5, 2, 0], np.int32)
    size = {} if is_lm else {"input_size": I}
    serving.export(tmp_path / "model.stablehlo", model, params, lengths=lengths, **size)
    given = [xs, *([rows] if lengths else []), *serving.start(model, params, B)]
    np.savez(tmp_path / "given.npz", *given)
    files = [tmp_path / name for name in ("model.stablehlo", "given.npz", "said.npz")]
    subprocess.run([sys.executable, "-c", CALL, *map(str, files)], check=True)
    said = np.load(tmp_path / "said.npz")
    carry, ys = model.apply(params, None, xs, **({"lengths": rows} if lengths else {}))
    want = [ys, *jax.tree.leaves(carry)]
    for name, a in zip(said.files, want, strict=True):
        np.testing.assert_allclose(said[name], a, rtol=1e-12, atol=1e-12)


def test_what_cannot_be_exported_is_told(tmp_path, getkey):
    layer = unroll(gru(3))
    params = layer.init(getkey(), 2)
    with pytest.raises(TypeError, match=r"needs a layer or a language model, got GRU"):
        serving.export(tmp_path / "a", gru(3), params)
    with pytest.raises(ValueError, match="needs the `input_size` of Unroll"):
        serving.export(tmp_path / "a", layer, params)
    with pytest.raises(TypeError, match=r"GRU.* needs GRUParams, got NoneType"):
        serving.export(tmp_path / "a", layer, None, input_size=2)
    with pytest.raises(TypeError, match=r"`platforms` must be a list .* \['cpu'\], got 'cuda'"):
        serving.export(tmp_path / "a", layer, params, input_size=2, platforms="cuda")
    with pytest.raises(ValueError, match=r"`platforms` must be one of .* got 'cuba'"):
        serving.export(tmp_path / "a", layer, params, input_size=2, platforms=["cpu", "cuba"])
    with pytest.raises(TypeError, match="`lengths` must be True or False"):
        serving.export(tmp_path / "a", layer, params, input_size=2, lengths=[3])
    with pytest.raises(serving.ModelFileError, match="cannot be written: No such file"):
        serving.export(tmp_path / "none" / "a", layer, params, input_size=2)
    assert not list(tmp_path.iterdir())


ONNX = {
    "both": bidirectional(lstm(3)),
    "deep": stack(
        [bidirectional(gru(3)), unroll(lstm(4)), unroll(gru(2, reset="before"), reverse=True)]
    ),
    "words": language_model(stack([unroll(gru(4)), unroll(lstm(4))]), 5),
    "tied": language_model(bidirectional(gru(2)), 5, embedding=4, tied=True),
}


@pytest.mark.parametrize("name", ONNX)
def test_onnx_knows_lengths(tmp_path, getkey, name):
    """Its nodes, not unrolled loops; a file that is read back is the same model."""
    onnxruntime = pytest.importorskip("onnxruntime")
    model, T, B, I = ONNX[name], 5, 3, 2
    is_lm = hasattr(model, "vocab_size")
    params = model.init(getkey(), *([] if is_lm else [I]), jnp.float32)
    path = tmp_path / "model.onnx"
    made = interop.to_onnx(model, params, path, lengths=True, verify=True).model
    assert {"Loop", "Scan"}.isdisjoint(node.op_type for node in made.graph.node)
    rng, rows = np.random.default_rng(0), np.array([5, 2, 1], np.int32)
    xs = rng.integers(0, 5, (T, B)) if is_lm else rng.normal(size=(T, B, I)).astype(np.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = {"tokens" if is_lm else "xs": xs, "lengths": rows}
    for value in session.get_inputs():
        if value.name not in given:
            ways, _, size = value.shape
            given[value.name] = np.zeros((ways, B, size), np.float32)
    said = session.run(None, given)[0]
    _, want = model.apply(params, None, xs, lengths=rows)
    np.testing.assert_allclose(said, want, rtol=1e-5, atol=1e-6)
    back = interop.from_onnx(path)
    assert back.model == model
    for got, a in zip(jax.tree.leaves(back.params), jax.tree.leaves(params), strict=True):
        np.testing.assert_array_equal(got, a)


def test_the_door_names_it():
    assert "serving" in dir(jaxrnn)
