"""A program that was kept is the one that would be compiled."""

import contextlib
import re
from pathlib import Path

import _program_cache
import chex
import jax
import optax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from jaxrnn import unroll, vanilla


@pytest.fixture
def found():
    """Grows with each program that the persistent cache gives."""
    events = []

    def listen(event, **details):
        if event == "/jax/compilation_cache/cache_hits":
            events.append(event)

    jax.monitoring.register_event_listener(listen)
    yield events
    jax.monitoring.unregister_event_listener(listen)


@contextlib.contextmanager
def without_it():
    """JAX asks only once whether there is a cache."""
    before = jax.config.jax_enable_compilation_cache
    for enabled in (False, before):
        jax.config.update("jax_enable_compilation_cache", enabled)
        compilation_cache.reset_cache()
        if not enabled:
            yield


def a_program():
    """Another function to JAX at every call, with a loop in it; and its arguments."""
    layer = unroll(vanilla(5))
    params = jax.eval_shape(lambda: layer.init(jax.random.key(0), 3))
    xs = jax.ShapeDtypeStruct((7, 2, 3), params.w_x.dtype)
    return jax.jit(jax.grad(lambda params, xs: layer.apply(params, None, xs)[1].sum())), params, xs


def instructions(text):
    """Without the lines of Python that each comes from, which hang on who compiled it first."""
    return re.findall(r"^ .* = .*?(?=, metadata=|$)", text, re.MULTILINE)


@pytest.fixture
def short_ones_too():
    """Programs are kept, however short it takes to compile them."""
    name = "jax_persistent_cache_min_compile_time_secs"
    before = getattr(jax.config, name)
    jax.config.update(name, 0.0)
    yield
    jax.config.update(name, before)


@pytest.mark.skipif(not jax.config.jax_enable_compilation_cache, reason="the cache is off")
@pytest.mark.filterwarnings("error")
def test_what_is_found_is_what_would_be_compiled(found, short_ones_too):
    """In bytes and in instructions, so that the tests which read these may read either; and it
    answers bit for bit."""
    function, *forms = a_program()
    arguments = optax.tree.random_like(jax.random.key(0), forms)
    found.clear()
    with without_it():
        compiled = function.lower(*forms).compile()
        assert not found
    for _ in range(2):
        function, *_ = a_program()
        loaded = function.lower(*forms).compile()
    assert found
    assert str(loaded.memory_analysis()) == str(compiled.memory_analysis())
    assert instructions(loaded.as_text()) == instructions(compiled.as_text()) != []
    chex.assert_trees_all_equal(loaded(*arguments), compiled(*arguments))


def test_the_folder_is_of_one_processor_and_begins_anew(monkeypatch, tmp_path):
    monkeypatch.setattr(_program_cache, "FOLDER", tmp_path / "cache")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "a user's own")
    assert not _program_cache.settings()
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    for limit, left in ((4, True), (3, False)):
        monkeypatch.setattr(_program_cache, "MOST", limit)
        here = Path(_program_cache.settings()["JAX_COMPILATION_CACHE_DIR"])
        assert here == tmp_path / "cache" / _program_cache.processor()
        (here / "program").write_bytes(b"1234")
        _program_cache.settings()
        assert (here / "program").exists() is left
