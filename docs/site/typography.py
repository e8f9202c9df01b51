"""A dash between a parameter and its help, where Sphinx leaves two hyphens; those of an option in the text stay two."""

from __future__ import annotations

from typing import Any

from docutils import nodes


def _dash(app: Any, tree: nodes.document) -> None:
    for text in list(tree.findall(nodes.Text)):
        if text == " -- ":
            text.parent.replace(text, nodes.Text(" – "))


def setup(app: Any) -> dict[str, Any]:
    """Sphinx's entry."""
    app.connect("doctree-read", _dash)
    return {"parallel_read_safe": True}
