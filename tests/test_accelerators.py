"""The programs that a GPU or TPU gets: right, as run here; and lowered for them, by plain jaxlib.

What XLA makes of them, kernel by kernel, is counted by `make accelerators`, whose table
is held here where its packages are installed.
"""

import json
import subprocess
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _family import CELLS
from _table import AROUND, LAYERS
from jax import export
from jax.extend.core import jaxprs_in_params

import jaxrnn
from jaxrnn import serving, training
from jaxrnn._platform import platform
from jaxrnn.engine import traced_for
from jaxrnn.testing import LAWS
from jaxrnn.training._optimizer import norm

ROOT = Path(__file__).resolve().parent.parent
COMPILERS = ROOT / ".venv-accelerators" / "bin" / "python"
T, B, I = 4, 3, 3
ALL = {name: (layer, I) for name, layer in LAYERS.items()}
ALL |= {f"around-{name}": (layer, I) for name, layer in AROUND.items()}
ALL |= {name: (jaxrnn.unroll(cell), size) for name, (cell, size) in CELLS.items()}
DAILY = ("lstm-one", "gru-before-one", "own-bidirectional", "mgu", "qrnn")
OF_A_CPU = ("optimization_barrier", "bitcast_convert")  # gates apart; tanh and σ spelt out


def daily(names):
    return [n if n in DAILY else pytest.param(n, marks=pytest.mark.slow) for n in names]


def forms():
    """(platform, law, layer, its input size), where the law is for that layer."""
    for on in ("cuda", "tpu"):
        for law in ("fast_is_plain", "what_is_kept_changes_nothing"):
            for name, (layer, input_size) in ALL.items():
                if LAWS[law].fits(layer):
                    marks = [] if name in ("lstm-one", "gru-one") else [pytest.mark.slow]
                    of = on, law, layer, input_size
                    yield pytest.param(*of, id=f"{on}-{law}-{name}", marks=marks)


@pytest.mark.parametrize(("on", "law", "layer", "input_size"), list(forms()))
def test_its_forms_are_right(on, law, layer, input_size):
    """They run on a CPU as well."""
    with traced_for(on):
        LAWS[law](layer, input_size=input_size)


def lowered(program, *given, on):
    """Its text, where it is lowered for that platform alone."""
    with traced_for(on):
        return export.export(jax.jit(program), platforms=[on])(*given).mlir_module()


def learn(layer, input_size=I):
    """A layer and its gradient, and the forms of what it takes, in float32."""
    params = jax.eval_shape(lambda: layer.init(jax.random.key(0), input_size, "float32"))
    xs = jax.ShapeDtypeStruct((T, B, input_size), jnp.float32)

    def program(params, xs):
        return jax.value_and_grad(lambda p, x: layer.apply(p, None, x)[1].sum(), (0, 1))(params, xs)

    return program, params, xs


@pytest.mark.parametrize("name", daily(ALL))
def test_a_layer_and_its_gradient_lower(name):
    program, *given = learn(*ALL[name])
    for on in ("cuda", "tpu", "rocm"):
        text = lowered(program, *given, on=on)
        assert not [form for form in OF_A_CPU if form in text], (on, name)


def test_a_cpu_has_its_own_forms():
    """So that what the test above looks for is there."""
    program, *given = learn(LAYERS["lstm-one"])
    text = lowered(program, *given, on="cpu")
    assert all(form in text for form in OF_A_CPU)


@pytest.mark.parametrize("name", ["mingru", "lru", "sru"])
def test_a_cell_that_is_linear_in_its_carry_has_no_loop(name):
    program, *given = learn(jaxrnn.unroll(getattr(jaxrnn, name)(4)))
    assert "stablehlo.while" not in lowered(program, *given, on="cuda")
    assert "stablehlo.while" in lowered(program, *given, on="cpu")


def in_loops(program, inside=False):
    """The equations of a jaxpr that lie in its loops."""
    for e in program.eqns:
        if inside:
            yield e
        if e.primitive.name == "remat2":  # forward mode's, which no gradient runs
            continue
        for part in jaxprs_in_params(e.params):
            yield from in_loops(part, inside or e.primitive.name == "scan")


def test_no_loop_on_a_gpu_rounds_a_weight():
    """XLA would leave it there: a matrix rounded anew at each step."""
    layer = jaxrnn.unroll(jaxrnn.lstm(5), matmul_dtype="bfloat16")
    params, xs = layer.init(jax.random.key(0), I), jnp.ones((7, 2, I))
    with traced_for("cuda"):
        gradient = jax.grad(lambda p: layer.apply(p, None, xs)[1].sum())
        program = jax.make_jaxpr(gradient)(params).jaxpr
    rounded = [
        e.invars[0].aval.shape
        for e in in_loops(program)
        if e.primitive.name == "convert_element_type" and e.params["new_dtype"] == jnp.bfloat16
    ]
    assert rounded and params.w_h.shape not in rounded


def test_the_platform_is_that_of_the_default_device(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert platform() == "gpu"
    with jax.default_device(jax.devices("cpu")[0]):
        assert platform() == "cpu"
        with traced_for("tpu"):
            assert platform() == "tpu"
    with pytest.raises(ValueError, match=r"traced for one of .* not for 'nvidia'"):
        traced_for("nvidia")


def test_a_program_to_serve_has_the_forms_of_its_platform(tmp_path):
    layer = LAYERS["lstm-one"]
    params = layer.init(jax.random.key(0), I, "float32")
    for named, apart in ((["cuda"], False), (["cuda", "cpu"], True), (None, True)):
        file = tmp_path / "model.stablehlo"
        made = serving.export(file, layer, params, input_size=I, platforms=named)
        assert ("optimization_barrier" in made.mlir_module()) == apart


@pytest.mark.standard_promotion
def test_an_epoch_lowers():
    lm = jaxrnn.language_model(jaxrnn.unroll(jaxrnn.gru(4)), 5)
    adam = training.optimizer("adam", 0.01, clip=1.0)
    params = jax.eval_shape(lambda: lm.init(jax.random.key(0), "float32"))
    start = jax.eval_shape(lambda p: lm.initial_carry(p, (B,)), params)
    state = jax.eval_shape(lambda p, c: training.start(p, adam, c), params, start)
    tokens = jax.ShapeDtypeStruct((2, T, B), jnp.int32)

    def program(state, xs, start):
        return training.epoch(lm.loss, adam, state, xs, xs, start)

    for on in ("cuda", "tpu", "rocm"):
        text = lowered(program, state, tokens, start, on=on)
        assert "bitcast_convert" not in text
        assert "stablehlo.case" not in text  # a branch would wait for the device


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e-20, 1e25, np.inf, np.nan])
def test_the_norm_is_the_same_without_a_branch(scale):
    scale = np.float32(scale)
    tree = [scale * np.ones(3, np.float32), {"b": -scale * np.ones((1, 2), np.float32)}]
    tree.append(scale * np.array([1 + 2j], np.complex64))
    want = jax.jit(norm)(tree)
    with traced_for("cuda"):
        got = jax.jit(norm)(tree)
    np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("kind", ["Auto", "Explicit"])
def test_the_norm_of_params_on_many_devices(kind):
    """They are added up where they lie."""
    axis_type = getattr(jax.sharding.AxisType, kind)
    mesh = jax.make_mesh((4,), ("d",), axis_types=(axis_type,))
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(None, "d"))
    w = np.arange(24, dtype=np.float32).reshape(3, 8)
    with jax.set_mesh(mesh), traced_for("cuda"):
        scale, length = jax.jit(norm)({"w": jax.device_put(w, place), "b": jnp.ones(2, "float32")})
    np.testing.assert_allclose([scale, length], [1, np.sqrt((w**2).sum() + 2)], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(not COMPILERS.exists(), reason="`make accelerators` was not run here")
def test_no_loop_launches_more_than_the_page_says():
    words = [COMPILERS, "-m", "benchmarks", "accelerators", "--check"]
    run = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_launches_that_the_docs_tell_are_the_pages():
    counted = json.loads((ROOT / "benchmarks/results/accelerators.json").read_text("utf-8"))["cuda"]
    beside = [
        counted[f"{cell}, an epoch"]["jaxrnn"]["loops"][0]["launches"] for cell in ("lstm", "gru")
    ]
    gru = counted["gru, training"]["jaxrnn"]["loops"][1]["launches"]
    told = " ".join((ROOT / "docs/accelerators.md").read_text("utf-8").split())
    assert f"launches {beside[0]} kernels a minibatch" in told
    assert f"with an LSTM, and {beside[1]} with a GRU" in told
    assert f"after its product has {('seven', 'eight', 'nine')[gru - 7]}:" in told
