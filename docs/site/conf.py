"""How Sphinx builds the documentation site: `make docs` (docs/decisions/0012 says why Sphinx).

The source folder is the whole repository, so that links between pages of docs/ and those of bench/ or examples/ mean
the same here and on a code host.
"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

project = "burnish"
author = "The burnish authors"
version = release = metadata.version("burnish")
language = "en"
smartquotes = False  # they make a dash of the two of an option

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "myst_parser",
    "docstrings",
    "navigation",
    "reference",
    "typography",
]
root_doc = "docs/README"
include_patterns = ["docs/**", "*.md", "bench/README.md", "examples/README.md"]
exclude_patterns = ["docs/site", "build", ".*", "burnish-runs", "src", "tests"]

# Anchors of headings as code hosts make them, so that page.md#heading holds in both places.
myst_heading_anchors = 4

autodoc_typehints = "signature"
autodoc_preserve_defaults = True
# By their names, which say more than the unions behind them.
autodoc_type_aliases = {name: name for name in ("optax.ScalarOrSchedule", "optax.Schedule", "ArrayLike", "Scales")}
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_ivar = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "burnish"
html_static_path = ["static"]
html_css_files = ["burnish.css"]
templates_path = ["templates"]
# The first page is docs/README.html; index.html leads there.
html_additional_pages = {"index": "start.html"}
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
highlight_language = "none"  # of blocks that name none
pygments_style = "tango"
pygments_dark_style = "native"
