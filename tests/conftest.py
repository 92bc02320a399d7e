"""What every test stands on: a strict JAX, and random keys that are the same in every run."""

import gc
import itertools
import os
import zlib
from pathlib import Path

import _program_cache
from _spared import is_spared

os.environ.update(_program_cache.settings())
# Several test processes may share one GPU; by default, the first would take most of its memory.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import chex
import hypothesis
import jax
import pytest

# Tracing makes many objects; to look for garbage among them so often took a tenth of all time.
gc.set_threshold(100_000, 50, 50)

# A property that compiles takes seconds on its first example; and a red run must be red again.
hypothesis.settings.register_profile("jaxrnn", deadline=None, derandomize=True)
hypothesis.settings.load_profile("jaxrnn")


def pytest_addoption(parser):
    group = parser.getgroup("jaxrnn")
    group.addoption(
        "--float32",
        action="store_true",
        help="JAX's default precision, and only the tests marked float32 (without: float64, all)",
    )
    group.addoption("--slow", action="store_true", help="also the tests marked slow")


def pytest_configure(config):
    if not config.getoption("slow"):
        # A program of the daily tests runs once: what counts is to compile it fast. What XLA makes
        # of it by default is tested with --slow.
        flags = [os.environ.get("XLA_FLAGS", ""), *_program_cache.FAST_TO_COMPILE]
        os.environ["XLA_FLAGS"] = " ".join(flags).strip()
    jax.config.update("jax_num_cpu_devices", 4)
    jax.config.update("jax_enable_x64", not config.getoption("float32"))
    jax.config.update("jax_numpy_rank_promotion", "raise")
    jax.config.update("jax_numpy_dtype_promotion", "strict")


def pytest_collection_modifyitems(config, items):
    float32, slow = config.getoption("float32"), config.getoption("slow")

    def wanted(item):
        marks = {mark.name: mark for mark in item.iter_markers()}
        single = marks.get("float32")
        fits = single is not None if float32 else not (single and single.kwargs.get("only"))
        return fits and (slow or not ("slow" in marks or is_spared(item.nodeid, float32)))

    left_out = [item for item in items if not wanted(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if wanted(item)]


def _mappings():
    """How many pieces of memory this process has mapped; 0 where nobody tells."""
    try:
        return Path("/proc/self/maps").read_bytes().count(b"\n")
    except OSError:
        return 0


@pytest.fixture(autouse=True)
def _programs():
    """XLA maps a few pieces of memory for each program, and crashes while it compiles when there
    are more than Linux allows: 65,530, unless told otherwise."""
    if _mappings() > 20_000:
        jax.clear_caches()


@pytest.fixture(autouse=True)
def _dtype_promotion(request):
    """Strict, but for the tests marked `standard_promotion`."""
    lenient = request.node.get_closest_marker("standard_promotion")
    with jax.numpy_dtype_promotion("standard" if lenient else "strict"):
        yield


@pytest.fixture(autouse=True)
def _traces():
    """chex counts the traces of a function by its name: each test begins anew."""
    chex.clear_trace_counter()


@pytest.fixture
def getkey(request):
    """Return a function that gives a fresh PRNG key at each call, the same ones in every run.

    The seed is the test's own name, so no test's numbers depend on which tests ran before it.
    """
    root = jax.random.key(zlib.crc32(request.node.nodeid.encode()) & 0x7FFFFFFF)
    draws = itertools.count()
    return lambda: jax.random.fold_in(root, next(draws))


@pytest.fixture
def tolerance():
    """How close two ways of computing one thing must come, relative and absolute."""
    return 1e-12 if jax.config.read("jax_enable_x64") else 1e-5
