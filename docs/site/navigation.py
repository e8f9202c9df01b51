"""The site's navigation is the list of pages in docs/README.md: a page that is added needs one line there.

Each heading of second level is a group, each item of the list below it that begins with a link to a page an entry. The
list of decisions is read alike.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

LISTS = ("docs/README", "docs/decisions/README")
HEADING = re.compile(r"^## (.+)$")
ENTRY = re.compile(r"^- \[([^\]]+)\]\(([^)#:]+\.(?:md|rst))\)")


def groups(page: str) -> dict[str, list[tuple[str, str]]]:
    """Title and path of every page, relative to the list's own folder, by group."""
    found: dict[str, list[tuple[str, str]]] = {}
    group = ""
    for line in page.splitlines():
        if heading := HEADING.match(line):
            group = heading[1]
        if entry := ENTRY.match(line):
            found.setdefault(group, []).append((entry[1], entry[2]))
    return found


def toctrees(page: str, folder: str) -> str:
    """The same as hidden tables of contents, which Sphinx reads.

    Args:
        page: The Markdown of docs/README.md.
        folder: Where it lies in the repository.
    """
    blocks = []
    for group, entries in groups(page).items():
        caption = [f":caption: {group}"] if group else []
        lines = [f"{title} </{_docname(path, folder)}>" for title, path in entries]
        blocks.append("\n".join(["```{toctree}", ":hidden:", *caption, "", *lines, "```"]))
    return "\n\n".join(blocks)


def _docname(path: str, folder: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path)).rsplit(".", 1)[0]


def _read(app: Any, docname: str, source: list[str]) -> None:
    if docname in LISTS:
        source[0] += "\n\n" + toctrees(source[0], posixpath.dirname(docname)) + "\n"


def setup(app: Any) -> dict[str, Any]:
    """Sphinx's entry."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}
