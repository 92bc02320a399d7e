"""The book: that every public name is in its reference, and every page in its table of contents."""

import inspect
import re
from pathlib import Path

import pytest

import jaxrnn

DOCS = Path(__file__).resolve().parent.parent / "docs"
REFERENCE = "\n".join(p.read_text(encoding="utf-8") for p in (DOCS / "reference").glob("*.md"))


def test_every_room_is_in_the_reference():
    rooms = set(re.findall(r"automodule:: jaxrnn\.(\w+)", REFERENCE))
    assert {*jaxrnn._ROOMS} - rooms == {"reference"}  # the twins in NumPy


def test_every_public_name_is_in_the_reference(monkeypatch):
    """By itself or with its room; docs/conf.py makes a page a cell."""
    monkeypatch.syspath_prepend(str(DOCS))
    import examples  # pyright: ignore[reportMissingImports]

    told = set(re.findall(r"auto(?:function|class):: (?:jaxrnn\.)?([\w.]+)", REFERENCE))
    rooms = set(re.findall(r"automodule:: (jaxrnn\.\w+)", REFERENCE))
    names = dict(examples.public())

    def found(name, value):
        homes = name, f"{value.__module__}."
        rest = any(home.startswith(f"{room}.") for room in rooms for home in homes)
        return name.removeprefix("jaxrnn.") in told or rest or "jaxrnn.cells." in homes[1]

    assert len(names) > 150 and not [
        name for name, value in names.items() if not found(name, value)
    ]


def test_every_function_and_class_has_an_example(monkeypatch):
    """`make docs` runs them."""
    monkeypatch.syspath_prepend(str(DOCS))
    import examples  # pyright: ignore[reportMissingImports]

    called = {n: value for n, value in examples.public() if not examples.is_container(value)}
    assert len(called) > 100
    assert not [name for name, value in called.items() if ">>> " not in (value.__doc__ or "")]


def test_what_is_refused_is_told(monkeypatch):
    """Where the source of a public name raises or checks, its docstring (of a class, that of a
    method too) tells of errors, or says which other does."""
    monkeypatch.syspath_prepend(str(DOCS))
    import examples  # pyright: ignore[reportMissingImports]

    refuses = re.compile(r"\braise |\b_(checks|values|ragged)\.\w+\(")
    tells = re.compile(r"\b[Rr]aises?\b|[Ee]rrors?\b|\brefuse|See :func:")
    told = {}
    for name, value in examples.public():
        source = inspect.getsource(inspect.unwrap(value))
        if refuses.search(source) and not examples.is_container(value):
            documented = value, *filter(inspect.isfunction, vars(value).values())
            told[name] = any(tells.search(each.__doc__ or "") for each in documented)
    assert len(told) > 60 and not {name for name in told if not told[name]}


@pytest.mark.parametrize("name", [n for n in jaxrnn.__all__ if n.endswith(("Params", "Carry"))])
def test_every_field_of_a_container_is_told(name):
    container = getattr(jaxrnn, name)
    told = re.findall(r"\w+", container.__doc__)
    assert {*inspect.get_annotations(container)} <= {*told}


def test_every_page_is_in_the_table_of_contents():
    listed = set(re.findall(r"^([\w/]+)$", (DOCS / "index.md").read_text("utf-8"), re.M))
    pages = {p.relative_to(DOCS).with_suffix("").as_posix() for p in DOCS.rglob("*.md")}
    pages = {
        page for page in pages if not page.startswith(("_build/", "results/", "reference/cells/"))
    }
    assert pages - listed == {"index"}
    results = {p.stem for p in (DOCS.parent / "benchmarks" / "results").glob("*.md")}
    assert {page.removeprefix("results/") for page in listed - pages} == results


def test_every_run_that_the_docs_name_is_a_preset_or_a_cell(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS.parent / "experiments"))
    monkeypatch.syspath_prepend(str(DOCS.parent))
    import presets  # pyright: ignore[reportMissingImports]

    from benchmarks.__main__ import NAMES

    pages = [DOCS.parent / "README.md"]
    pages += [p for kind in ("", "chapters", "how_to", "why") for p in (DOCS / kind).glob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    named = set(re.findall(r"char_lm\.py ([a-z][\w-]*)", text))
    assert len(named) > 3 and named <= {*presets.PRESETS, *presets.CELLS}
    scripts = set(re.findall(r"python (experiments/\w+\.py)", text))
    assert scripts and all((DOCS.parent / script).is_file() for script in scripts)
    benchmarks = set(re.findall(r"python -m benchmarks (\w+)", text))
    assert len(benchmarks) > 2 and benchmarks <= {*NAMES, "readme"}
