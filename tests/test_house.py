"""The house: who may import whom, what the door loads, and that README's examples run."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import _spared
import pytest

import jaxrnn

ROOT = Path(__file__).resolve().parent.parent
HOUSE = ROOT / "jaxrnn"
README = (ROOT / "README.md").read_text(encoding="utf-8")

# Each room, and the other rooms that it may know.
ROOMS = {
    "_types": set(),
    "_values": set(),
    "_checks": {"_types", "_values"},
    "_axes": set(),
    "_platform": set(),
    "_adjoint": set(),
    "_containers": set(),
    "_memory": {"_types", "_checks", "engine"},
    "_describe": {"_types", "_values", "_language_model", "cells", "dropout", "layers"},
    "_model_file": set(),
    "saving": {"_types", "_checks", "_describe", "_model_file"},
    "insight": {"_types", "_checks", "_adjoint", "engine"},
    "serving": {"_types", "_checks", "_model_file", "_platform"},
    "interop": {
        *("_types", "_checks", "_describe", "_model_file", "_language_model"),
        *("cells", "layers", "saving"),
    },
    "__main__": {"_demo", "interop"},
    "_demo": {"_checks", "text", "training"},
    "cells": {"_types", "_checks", "_containers"},
    "dropout": {"_types", "_checks", "_axes", "engine"},
    "engine": {"_types", "_checks", "_axes", "_adjoint", "_platform"},
    "layers": {"_types", "_checks", "_axes", "_containers", "dropout", "engine"},
    "_losses": {"_types", "_checks", "_axes", "_adjoint"},
    "_language_params": {"_types", "_checks", "_containers", "_axes"},
    "_language_model": {
        *("_types", "_checks", "_losses", "_language_params"),
        *("dropout", "engine", "generation"),
    },
    "generation": {"_types", "_checks", "_losses", "layers"},
    "_faces": {"_types", "_checks"},
    "nnx": {"_types", "_checks", "_faces"},
    "linen": {"_types", "_checks", "_faces"},
    "training": {"_types", "_checks", "_model_file", "_platform", "dropout"},
    "text": set(),
    "sequences": {"_values"},
    "recompilation": {"_checks"},
    "reference": set(),
    "testing": {"_types", "_checks", "layers", "engine", "reference", "cells", "_language_model"},
}


def rooms_known(path: Path) -> set[str]:
    """The rooms of the house that a file imports from, whichever way it says so."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    known = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            known |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*above, *filter(None, [node.module])))
            known |= {f"{base}.{alias.name}" for alias in node.names}
    inside = {name.split(".")[1] for name in known if name.startswith("jaxrnn.")}
    return inside & ROOMS.keys()


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_knows_only_its_neighbours(room):
    place = HOUSE / room
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    for path in files:
        own = {"cells"} if path.parent.name == "kernels" else set()  # a kernel names its cell
        strangers = rooms_known(path) - ROOMS[room] - {room} - own
        assert not strangers, f"{path.relative_to(ROOT)} imports {sorted(strangers)}"


def test_every_room_is_in_the_table():
    here = {p.stem for p in HOUSE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert here - {"__init__"} == set(ROOMS)


@pytest.mark.parametrize("room", ["reference", "sequences", "text"])
def test_the_numpy_rooms_import_no_jax(room):
    for path in (HOUSE / room).rglob("*.py"):
        assert not re.search(r"^\s*(import|from) (jax|flax|optax)\b", path.read_text(), re.M), path


def test_the_door_loads_neither_flax_nor_optax():
    """Yet `dir` shows the rooms that need them, and so do the imports that type checkers read."""
    code = "import sys, jaxrnn; print({'flax', 'optax'} & {*sys.modules}, *dir(jaxrnn))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, *shown = run.stdout.split()
    assert loaded == "set()" and {*jaxrnn._ROOMS, *jaxrnn.__all__} <= {*shown}
    door = ast.parse((HOUSE / "__init__.py").read_text())
    (only_types,) = (node for node in door.body if isinstance(node, ast.If))
    imports = [node.names[0] for node in only_types.body if isinstance(node, ast.ImportFrom)]
    assert [alias.name for alias in imports] == [*jaxrnn._ROOMS]
    assert all(alias.asname == alias.name for alias in imports)  # or it is nobody else's to use


def test_the_door_is_what_it_says():
    for name in jaxrnn.__all__:
        assert getattr(jaxrnn, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'lstn'"):
        _ = jaxrnn.lstn


@pytest.mark.standard_promotion  # optax.adam mixes dtypes
def test_no_protocol_is_asked_by_isinstance():
    """Since Python 3.12 it does not see what a wrapper hands on: `_checks` asks for names."""
    asks = r"^[^>]*isinstance\([^)]*\b(Cell|Layer)\b"
    rooms = Path(jaxrnn.__file__).parent.rglob("*.py")
    assert not [p for p in rooms if re.search(asks, p.read_text("utf-8"), re.M)]


@pytest.mark.float32(only=True)  # as its reader runs it
def test_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) >= 2 and README.count("\n") <= 120
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


@pytest.mark.slow
def test_what_the_day_spares_is_there():
    words = ["-m", "pytest", "--slow", "-q", "--collect-only", "-p", "no:cacheprovider"]
    run = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)
    there = {line.removeprefix("tests/") for line in run.stdout.splitlines() if "::" in line}
    for table in (_spared.SPARED, _spared.SPARED_IN_FLOAT32):
        for file, names in table.items():
            for name in names.split("\n"):
                begin = f"{file}::{name.strip().removesuffix('*')}"
                assert any(test.startswith(begin) for test in there), begin
