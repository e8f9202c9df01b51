"""Puts the names of a reference page in: a fence `{public} PART` becomes a directive of autodoc for each public name.

PART is a file of `burnish.techniques`, such as `tuning`, or a kind of name of `burnish`: a key of `KINDS`. So a name
that is made public is on its page at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import burnish
from burnish import techniques

FENCE = re.compile(r"^```\{public\} (\w+)\n```$", re.MULTILINE)


def _is_error(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Exception | Warning)


def _is_estimator(value: Any) -> bool:
    return isinstance(value, type) and hasattr(value, "fit")


KINDS: dict[str, Callable[[Any], bool]] = {
    "functions": lambda value: callable(value) and not isinstance(value, type),
    "estimators": _is_estimator,
    "errors": _is_error,
    "records": lambda value: isinstance(value, type) and not _is_error(value) and not _is_estimator(value),
}


def names_of(part: str) -> list[str]:
    """The dotted public names of a part, those with a capital first."""
    if part in KINDS:
        found = {name: getattr(burnish, name) for name in burnish.__all__}
        return [f"burnish.{name}" for name, value in found.items() if KINDS[part](value)]
    return [f"burnish.techniques.{name}" for name in techniques.__all__ if techniques._HOMES[name] == part]


def expanded(page: str) -> str:
    """The page with autodoc's directives in the place of its fences."""
    return FENCE.sub(lambda match: "\n".join(["```{eval-rst}", *map(_directive, names_of(match[1])), "```"]), page)


def _directive(name: str) -> str:
    package, short = name.rsplit(".", 1)
    value = getattr(techniques if package == techniques.__name__ else burnish, short)
    if not isinstance(value, type):
        return f".. autofunction:: {name}\n"
    return f".. {'autoexception' if _is_error(value) else 'autoclass'}:: {name}\n   :members:\n"


def _read(app: Any, docname: str, source: list[str]) -> None:
    source[0] = expanded(source[0])


def setup(app: Any) -> dict[str, Any]:
    """Sphinx's entry."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}
