"""Products of a loop from the other side: what they give, and where they are so."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _table import CELLS
from jax import export

import jaxrnn
from jaxrnn.engine import _products, _turned, traced_for
from jaxrnn.testing import LAWS, same

SLOW = pytest.mark.slow


@pytest.fixture
def everywhere(monkeypatch):
    """Every product that may be turned is, on any machine."""
    monkeypatch.setattr(_turned, "pays", lambda equation, *_: _products.is_plain(equation))
    monkeypatch.setattr(_turned, "_STEPS", 1)
    jax.clear_caches()
    yield
    jax.clear_caches()


@pytest.fixture
def narrow(monkeypatch):
    """As on a CPU without AVX-512, where there are no matrices too small for it."""
    monkeypatch.setattr(_turned, "_narrow_vectors", lambda: True)
    monkeypatch.setattr(_turned, "_BYTES", 0)


def gradient(layer):
    return jax.grad(lambda p, xs: (layer.apply(p, None, xs)[1] ** 2).sum(), (0, 1))


def daily(name):
    return name if name in ("lstm", "gru-before", "own") else pytest.param(name, marks=SLOW)


@pytest.mark.parametrize("law", ["fast_is_plain_with_gaps", "what_is_kept_changes_nothing"])
@pytest.mark.parametrize("name", [*map(daily, CELLS)])
def test_a_law(name, law, everywhere):
    LAWS[law](jaxrnn.unroll(CELLS[name](4)))


def test_two_axes_of_a_batch(everywhere, getkey):
    layer, plain = (jaxrnn.unroll(jaxrnn.gru(4), engine=e) for e in ("derived", "scan"))
    params, xs = layer.init(getkey(), 3), jax.random.normal(getkey(), (5, 2, 3, 3))
    same(gradient(layer)(params, xs), gradient(plain)(params, xs))


@pytest.mark.parametrize("kind", ["Auto", "Explicit"])
def test_a_batch_on_many_devices(kind, everywhere, getkey):
    layer = jaxrnn.unroll(jaxrnn.lstm(4))
    params, xs = layer.init(getkey(), 3), jax.random.normal(getkey(), (5, 8, 3))
    want = gradient(layer)(params, xs)
    mesh = jax.make_mesh((4,), ("d",), axis_types=(getattr(jax.sharding.AxisType, kind),))
    with jax.set_mesh(mesh):
        place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(None, "d"))
        same(jax.jit(gradient(layer))(params, jax.device_put(xs, place)), want)


def test_no_instant_turns_the_matrix(everywhere, getkey):
    """XLA takes that out of the loop, and it is said once: an instant only reads it."""
    layer = jaxrnn.unroll(jaxrnn.lstm(5))
    params, xs = layer.init(getkey(), 3), jnp.ones((7, 2, 3))
    program = jax.jit(gradient(layer)).lower(params, xs).compile().as_text()
    parts = re.split(r"\n(?=%|ENTRY)", program)
    turned = r"= f(?:32|64)\[20,5\]\{1,0\} (?:copy|transpose|fusion)\("
    (main,) = [part for part in parts if part.startswith("ENTRY")]
    names = re.findall(r"body=%([\w.]+)", program)
    bodies = [part for part in parts if part.startswith(tuple(f"%{n} " for n in names))]
    assert len(bodies) == 2 and re.search(turned, main)
    assert not any(re.search(turned, body) for body in bodies)


def barriers(params, xs, **how):
    """How many more a walk forwards has than without a product that is turned."""

    def count():
        layer = jaxrnn.unroll(jaxrnn.lstm(8), **how)
        program = jax.make_jaxpr(lambda p, xs: layer.apply(p, None, xs)[1])(params, xs)
        return str(program).count("optimization_barrier")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_turned, "pays", lambda *_: False)
        jax.clear_caches()
        plain = count()
    jax.clear_caches()
    return count() - plain


def test_which_are_turned(narrow):
    def asked(T=16, rows=32, dtype="float32", **how):
        params = jax.eval_shape(lambda: jaxrnn.lstm(8).init(jax.random.key(0), 3, dtype))
        return barriers(params, jax.ShapeDtypeStruct((T, *np.atleast_1d(rows), 3), dtype), **how)

    assert asked() == asked(T=300) == asked(rows=4) == asked(rows=64) == asked(rows=(2, 2)) == 2
    assert asked(T=15) == asked(rows=1) == asked(rows=65) == asked(rows=()) == asked(rows=0) == 0
    assert asked(dtype="bfloat16") == asked(matmul_dtype="bfloat16") == asked(engine="scan") == 0
    with traced_for("cuda"):
        assert asked() == 0


@pytest.mark.parametrize("form", ["T, 32, 3", "20, B, 3", "T, B, 3", "T, 3"])
def test_a_size_that_is_not_known_is_left_as_it_is(form, narrow):
    layer = jaxrnn.unroll(jaxrnn.lstm(8))
    params = jax.eval_shape(lambda: layer.init(jax.random.key(0), 3, "float32"))
    xs = jax.ShapeDtypeStruct(export.symbolic_shape(form), "float32")
    assert barriers(params, xs) == 0
    assert export.export(jax.jit(gradient(layer)))(params, xs).in_avals[-1].shape == xs.shape


def test_not_with_wide_vectors_nor_where_nobody_tells(monkeypatch, tmp_path):
    def told(flags):
        (tmp_path / "cpuinfo").write_text(f"flags\t: fpu {flags}\n")
        monkeypatch.setattr(_turned, "Path", lambda _: tmp_path / "cpuinfo")
        return _turned._narrow_vectors.__wrapped__()

    assert told("avx2") and not told("avx2 avx512f") and not told("neon")
    monkeypatch.setattr(_turned, "Path", lambda _: tmp_path / "none")
    assert not _turned._narrow_vectors.__wrapped__()


def test_a_small_matrix_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(_turned, "_narrow_vectors", lambda: True)
    xs = jax.ShapeDtypeStruct((16, 32, 3), "float32")
    small = jax.eval_shape(lambda: jaxrnn.lstm(8).init(jax.random.key(0), 3, "float32"))
    assert barriers(small, xs) == 0
