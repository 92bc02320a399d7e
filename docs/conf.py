"""How `make docs` builds the book: `docs/*.md`, of which those with code cells are run."""

from __future__ import annotations

import hashlib
import inspect
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import latex2mathml.converter
from docutils import nodes
from jupyter_cache.cache.db import create_db

import jaxrnn
from jaxrnn.cells import CELLS

project = "jaxrnn"
author = "the jaxrnn developers"
version = release = jaxrnn.__version__
copyright = "Apache-2.0"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "jaxrnn"
html_math_renderer = "mathml"
html_static_path: list[str] = []
html_show_sourcelink = False
html_show_search_summary = False  # summaries are fetched, which a page that is a file may not
pygments_style = "friendly"
highlight_language = "none"  # an equation is no Python; what is, says so

# Pages are also read as they are, on the host of the repository: links are those of files.
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
suppress_warnings = ["myst.header", "ref.python"]  # `Carry` is also a field of cells

# Docstrings say `name` for code, as their readers at a terminal see it.
default_role = "code"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True

nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
nb_render_markdown_format = "myst"  # with tables
# A page runs once: what counts is to compile its programs fast.
os.environ.setdefault("JAX_PLATFORMS", "cpu")  # as the pages say
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

# Pages are run as IPython comes, without a reader's own settings or the warnings of its transport.
PROFILE = Path(__file__).resolve().parent / "_build" / "ipython" / "profile_default"
PROFILE.mkdir(parents=True, exist_ok=True)
(PROFILE / "ipython_kernel_config.py").write_text("c.IPKernelApp.log_level = 40\n")
os.environ["IPYTHONDIR"] = str(PROFILE.parent)

# What the docs show of the rest of the repository.
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = ROOT / "benchmarks" / "results"

# What was run is kept for as long as all stays that pages run or read.
READ = sorted(
    [*ROOT.glob("jaxrnn/**/*.py"), *ROOT.glob("experiments/**/*.py"), *HERE.glob("chapters/*.py")]
)
READ += [HERE / "presets.json", HERE / "mutants.md"]
PARTS = [sys.version.encode(), jax.__version__.encode(), *(path.read_bytes() for path in READ)]
EXECUTED = HERE / "_build" / "executed" / hashlib.sha1(b"".join(PARTS)).hexdigest()[:8]
nb_execution_cache_path = str(EXECUTED)
for path in EXECUTED.parent.glob("*"):
    if path != EXECUTED:
        shutil.rmtree(path, ignore_errors=True)
EXECUTED.mkdir(parents=True, exist_ok=True)
create_db(EXECUTED)  # here, once: two of Sphinx's processes that both create it fail


def _emptied(name: str) -> Path:
    shutil.rmtree(HERE / name, ignore_errors=True)
    (HERE / name).mkdir()
    return HERE / name


def _copy_results(app: Any) -> None:
    """The benchmarks' tables are pages of the book, too."""
    folder = _emptied("results")
    for path in RESULTS.glob("*.md"):
        shutil.copy(path, folder)


def _pages_of_cells(app: Any) -> None:
    """A page a cell: its equation and paper, its step as it is run, its params and carry."""
    folder = _emptied("reference/cells")
    for name, cell in CELLS.items():
        names = [n for n in jaxrnn.__all__ if n.endswith(("Params", "Carry"))]
        beside = [n for n in names if getattr(jaxrnn, n).__module__ == cell.__module__]
        told = [f".. autoclass:: jaxrnn.{n}" for n in [cell.__name__, *beside]]
        step = textwrap.dedent(inspect.getsource(cell.step))
        paper = inspect.getdoc(sys.modules[cell.__module__])
        content = (
            f"# {name}\n\n```{{eval-rst}}\n{paper}\n\n{told[0]}\n   :members:\n```\n\n"
            f"## Its step\n\n```python\n{step}```\n\n"
            "## Its params and carry\n\n```{eval-rst}\n" + "\n".join(told[1:]) + "\n```\n"
        )
        (folder / f"{name}.md").write_text(content, encoding="utf-8")


def _links(app: Any, name: str, source: list[str]) -> None:
    """Links to files that are no pages say where these are in a clone."""
    if name.startswith("results/"):
        return
    inside = "../" * name.count("/")  # to docs/; the repository is one further up
    text = source[0].replace(f"]({inside}../benchmarks/results/", f"]({inside}results/")
    outside = rf"\[([^\]]+)\]\({re.escape(inside)}\.\./([^)]+)\)"
    source[0] = re.sub(outside, _named, text)


def _named(link: re.Match[str]) -> str:
    label, path = link.groups()
    return f"`{path}`" if label.strip("`") == path else f"{label} (`{path}`)"


def _no_emphasis(app: Any, what: str, name: str, of: Any, options: Any, lines: list[str]) -> None:
    """`*batch` in the prose of a docstring is a star, and no emphasis; programs are as they are."""
    follows = False  # of what is indented
    for i, line in enumerate(lines):
        indented = not line[:1].strip()
        program = follows if indented else line.startswith((">>> ", "... "))
        follows = follows if indented else line.endswith("::")
        if not program:
            lines[i] = re.sub(r"``.*?``|(?<![\w`\\*])(\*{1,2})(?=\w)", _escaped, line)


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"\\{star}" for star in found[1]) if found[1] else found[0]


def _mathml(display: str) -> Callable:
    """Formulas as MathML, which browsers draw by themselves: no script, and no network."""

    def visit(translator: Any, node: Any) -> None:
        formula = latex2mathml.converter.convert(node.astext(), display=display)
        room = "<math style='padding: 0.4em 0' "  # else a scroll bar cuts what stands high
        translator.body.append(formula.replace("<math ", room, 1))
        raise nodes.SkipNode

    return visit


def setup(app: Any) -> None:
    app.add_html_math_renderer("mathml", (_mathml("inline"), None), (_mathml("block"), None))
    app.connect("builder-inited", _copy_results)
    app.connect("builder-inited", _pages_of_cells)
    app.connect("source-read", _links)
    app.connect("autodoc-process-docstring", _no_emphasis)
