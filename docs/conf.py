"""How `make docs` builds the book: `docs/*.md`, of which those with code cells are run."""

from pathlib import Path

import jaxrnn

project = "jaxrnn"
author = "the jaxrnn developers"
version = release = jaxrnn.__version__
copyright = "Apache-2.0"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "jaxrnn"
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
