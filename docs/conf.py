"""How `make docs` builds the book: `docs/*.md`, of which those with code cells are run."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import latex2mathml.converter
from docutils import nodes

import jaxrnn

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
pygments_style = "friendly"

# Pages are also read as they are, on the host of the repository: links are those of files.
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
suppress_warnings = ["myst.header"]

# Docstrings say `name` for code, as their readers at a terminal see it.
default_role = "code"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True

nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_cache_path = str(Path(__file__).parent / "_build" / "executed")
nb_merge_streams = True

# What the docs show of the rest of the repository.
HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "benchmarks" / "results"


def _copy_results(app: Any) -> None:
    """The benchmarks' tables are pages of the book, too."""
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    for path in RESULTS.glob("*.md"):
        shutil.copy(path, folder)


def _links(app: Any, name: str, source: list[str]) -> None:
    """Links to files that are no pages say where these are in a clone."""
    if "/" in name:
        return
    text = re.sub(r"\]\(\.\./benchmarks/results/", "](results/", source[0])
    source[0] = re.sub(r"\[([^\]]+)\]\(\.\./([^)]+)\)", r"\1 (`\2`)", text)


def _no_emphasis(app: Any, what: str, name: str, of: Any, options: Any, lines: list[str]) -> None:
    """`*batch` in a docstring is a star, and no emphasis."""
    lines[:] = [re.sub(r"(?<![\w`\\*])(\*{1,2})(?=\w)", _escaped, line) for line in lines]


def _escaped(stars: re.Match[str]) -> str:
    return "".join(f"\\{star}" for star in stars[1])


def _mathml(display: str) -> Callable:
    """Formulas as MathML, which browsers draw by themselves: no script, and no network."""

    def visit(translator: Any, node: Any) -> None:
        translator.body.append(latex2mathml.converter.convert(node.astext(), display=display))
        raise nodes.SkipNode

    return visit


def setup(app: Any) -> None:
    app.add_html_math_renderer("mathml", (_mathml("inline"), None), (_mathml("block"), None))
    app.connect("builder-inited", _copy_results)
    app.connect("source-read", _links)
    app.connect("autodoc-process-docstring", _no_emphasis)
