"""Runs the examples in the docstrings of all public names, as their readers would: each in a
namespace of its own that begins with `jax`, `jnp`, `np` and `jaxrnn`, and in an empty folder.

    python docs/examples.py [words that names have]
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import inspect
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

import jaxrnn

ROOMS = ("engine", "generation", *jaxrnn._ROOMS)
# What an example needs, by the last word of its name: packages that jaxrnn does without.
NEEDS = {
    **{library: library for library in ("torch", "keras", "haiku", "equinox", "onnx")},
    **{"export": "flatbuffers", "save": "safetensors", "load": "safetensors"},
    **{"read": "safetensors", "Checkpoints": "orbax"},
}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def public() -> Iterator[tuple[str, Any]]:
    """Every public function and class by name, each once; `reference` is no user's."""
    seen = set()
    for room in ("jaxrnn", *(f"jaxrnn.{room}" for room in ROOMS if room != "reference")):
        module = importlib.import_module(room)
        for name, value in inspect.getmembers(module):
            own = getattr(value, "__module__", "").startswith(room) and not name.startswith("_")
            called = inspect.isclass(value) or inspect.isfunction(inspect.unwrap(value))
            if called and name in getattr(module, "__all__", [name] * own) and value not in seen:
                seen.add(value)
                yield f"{room}.{name}", value


def is_container(value: Any) -> bool:
    """What holds params, carries or answers, and errors: these are not called."""
    kinds = (tuple, Exception)
    return inspect.isclass(value) and (
        issubclass(value, kinds) or value.__name__.endswith("Params")
    )


def run(runner: doctest.DocTestRunner, name: str, value: Any) -> None:
    package = NEEDS.get(name.replace("_", ".").rpartition(".")[2])
    if package and not find_spec(package):
        print(f"skipped {name}: there is no {package} here")
        return
    given = {"jax": jax, "jnp": jnp, "np": np, "jaxrnn": jaxrnn}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for test in doctest.DocTestFinder().find(value, name, globs=given):
            runner.run(test)


def _compile_fast() -> None:
    """As the tests do by day: most of the time is compiling."""
    sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
    from _program_cache import FAST_TO_COMPILE

    os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *FAST_TO_COMPILE])


def main(*words: str) -> int:
    _compile_fast()
    warnings.simplefilter("ignore", UserWarning)  # `testing` says what it does not do in float32
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for name, value in public():
        if not words or any(word in name for word in words):
            run(runner, name, value)
    failed, tried = runner.summarize(verbose=False)
    print(f"{tried} lines of examples, {failed} of them not as told")
    return failed > 0 or not tried


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
