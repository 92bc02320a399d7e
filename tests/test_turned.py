"""Products of a loop from the other side: what they give, and where they are so."""

import dataclasses
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


def barriers(params, xs, cell=None, learn=False, **how):
    """How many more a walk forwards has, or its gradient, than without a product that is turned."""

    def count():
        layer = jaxrnn.unroll(cell or jaxrnn.lstm(8), **how)
        run = gradient(layer) if learn else lambda p, xs: layer.apply(p, None, xs)[1]
        return str(jax.make_jaxpr(run)(params, xs)).count("optimization_barrier")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_turned, "pays", lambda *_: False)
        jax.clear_caches()
        plain = count()
    jax.clear_caches()
    return count() - plain


def asked(T=16, rows=32, dtype="float32", cell=None, **how):
    cell = cell or jaxrnn.lstm(8)
    params = jax.eval_shape(lambda: cell.init(jax.random.key(0), 3, dtype))
    xs = jax.ShapeDtypeStruct((T, *np.atleast_1d(rows), 3), dtype)
    return barriers(params, xs, cell, **how)


def test_which_are_turned(narrow):
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


def test_which_are_turned_on_the_way_back(narrow):
    """Two both ways, and both products of a GRU that resets before; of a short loop, which the
    chunks of 16 steps are too, those of the way back."""
    assert asked(learn=True) == asked(T=300, keep="carries", learn=True) == 4
    assert asked(T=15, learn=True) == asked(T=16, keep="carries", learn=True) == 2
    before = jaxrnn.gru(8, reset="before")
    assert asked(cell=before, learn=True) == 8 and asked(T=15, cell=before, learn=True) == 4
    assert asked(rows=2, learn=True) == 0


@dataclasses.dataclass(frozen=True)
class Across:
    """h' = tanh(x W + h Vᵀ)"""

    output_size: int = 8
    fast: bool = False  # V is a leaf of the carry

    def init(self, key, input_size, dtype=None):
        return jnp.ones((input_size, 8), dtype), jnp.ones((8, 8), dtype)

    def initial_carry(self, params, batch_shape=()):
        h = jnp.zeros((*batch_shape, 8), params[0].dtype)
        return (h, params[1]) if self.fast else h

    def step(self, params, carry, x):
        h, v = carry if self.fast else (carry, params[1])
        h = jnp.tanh(x @ params[0] + (h @ v if self.fast else jnp.einsum("bi,oi->bo", h, v)))
        return ((h, v * 0.9) if self.fast else h), h


@pytest.mark.parametrize("fast", [False, True])
def test_what_is_no_plain_product_of_one_matrix_is_left_as_it_is(fast, narrow):
    assert asked(cell=Across(fast=fast)) == 0


def test_from_two_mebibytes_on(monkeypatch):
    monkeypatch.setattr(_turned, "_narrow_vectors", lambda: True)
    assert asked(cell=jaxrnn.lstm(512)) == asked(cell=jaxrnn.lstm(363)) == 2
    assert asked(cell=jaxrnn.lstm(362)) == 0
