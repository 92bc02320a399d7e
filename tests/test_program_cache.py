"""A program is compiled once and found again, and a test that reads programs compiles its own."""

from pathlib import Path

import _program_cache
import jax
import jax.numpy as jnp
import pytest


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


def twice(x):
    """Two functions to JAX, one program."""
    return [jax.jit(lambda x: jnp.sin(x) @ x + 41)(x) for _ in range(2)]


@pytest.mark.skipif(not jax.config.jax_enable_compilation_cache, reason="the cache is off")
def test_an_equal_program_is_found_and_says_the_same(found, capfd):
    x = jnp.arange(49.0).reshape(7, 7)
    one, other = twice(x)
    assert found and (one == other).all()
    out, err = capfd.readouterr()
    assert not out + err


@pytest.mark.usefixtures("compiled_here")
def test_where_programs_are_read_none_is_found(found):
    twice(jnp.ones((7, 7)))
    assert not found


def test_the_folder_is_of_one_processor_and_begins_anew(monkeypatch, tmp_path):
    monkeypatch.setattr(_program_cache, "FOLDER", tmp_path / "cache")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "a user's own")
    assert not _program_cache.settings()
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    for limit, left in ((4, True), (3, False)):
        monkeypatch.setattr(_program_cache, "MOST", limit)
        here = Path(_program_cache.settings()["JAX_COMPILATION_CACHE_DIR"])
        assert here == tmp_path / "cache" / _program_cache.processor()
        here.mkdir(parents=True, exist_ok=True)
        (here / "program").write_bytes(b"1234")
        _program_cache.settings()
        assert (here / "program").exists() is left
