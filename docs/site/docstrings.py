"""Renders the package's docstrings: they are Google style with Markdown's `code`, which Sphinx would read as roles.

Public names become links, and the comments behind the fields of records, which Sphinx does not see, become their help.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Mapping
from typing import Any

import burnish
from burnish import techniques

# Inline code, or a character that reStructuredText would take for markup outside of it.
MARKUP = re.compile(r"`(?P<code>[^`]+)`(?P<glued>(?=\w))?|(?P<special>[|_\\])")
FIELD = re.compile(r"^    (?P<name>[a-z]\w*): [^#]*?(?:#\s*(?P<comment>.+))?$")
HOMES = {name: f"burnish.{name}" for name in burnish.__all__}
HOMES |= {name: f"burnish.techniques.{name}" for name in techniques.__all__}


def restructured(lines: list[str], homes: Mapping[str, str]) -> list[str]:
    """Lines of a docstring as reStructuredText; examples stay as they are.

    Args:
        lines: As Sphinx gives them, without common indentation.
        homes: Dotted names by the short ones that docstrings use.
    """
    found, example = [], False
    for line in lines:
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        found.append(line if example else MARKUP.sub(lambda match: _markup(match, homes), line))
    return found


def _markup(match: re.Match[str], homes: Mapping[str, str]) -> str:
    if match["special"]:
        return "\\" + match["special"]
    code = match["code"]
    after = "" if match["glued"] is None else "\\ "  # markup ends only before a space or a full stop
    return (f":py:obj:`{code} <{homes[code]}>`" if code in homes else f"``{code}``") + after


def untyped_returns(lines: list[str]) -> list[str]:
    """What is returned, without a type before a colon: napoleon takes what stands there for one."""
    pairs = zip(["", *lines], lines, strict=False)
    return [re.sub(r"(?=\S)", ": ", line, count=1) if before.strip() == "Returns:" else line for before, line in pairs]


def field_comments(record: type) -> dict[str, str]:
    """What the comments behind a record's fields say, by field; "" where there is none."""
    names = getattr(record, "_fields", None)
    if names is None:
        names = [field.name for field in dataclasses.fields(record)]
    found = dict.fromkeys((name for name in names if not name.startswith("_")), "")
    for line in inspect.getsource(record).splitlines():
        match = FIELD.match(line)
        if match and match["name"] in found:
            found[match["name"]] = match["comment"] or ""
    return found


def with_fields(lines: list[str], comments: Mapping[str, str]) -> list[str]:
    """The docstring with a list of fields before its example; as it is if no field has a comment."""
    if not any(comments.values()):
        return lines
    listed = [f"- `{name}`" + (f": {comment}" if comment else "") for name, comment in comments.items()]
    place = next((at for at, line in enumerate(lines) if line.startswith(">>>")), len(lines))
    return [*lines[:place], "", *listed, "", *lines[place:]]


def shortened(signature: str) -> str:
    """A signature by the names that people write: of aliases, of arrays, and of defaults that are made anew."""
    signature = re.sub(r"TypeAliasForwardRef\('([\w.]+)'\)", r"\1", signature)
    signature = re.sub(r"~(?:\w+\.)*(\w+)", r"\1", signature)
    signature = re.sub(r"' (?=\w)", "'", signature)  # jaxtyping's axes of one name, as in Float[Array, " unit"]
    return signature.replace("jaxlib._jax.Array", "Array").replace("<factory>", "...")


def is_record(value: Any) -> bool:
    """Whether it is a NamedTuple or a dataclass."""
    return inspect.isclass(value) and (dataclasses.is_dataclass(value) or hasattr(value, "_fields"))


def _process(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    if is_record(value) and not any(line.strip() in ("Attributes:", "Args:") for line in lines):
        lines[:] = with_fields(lines, field_comments(value))
    lines[:] = restructured(untyped_returns(lines), HOMES)


def _skip(app: Any, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """Fields of records are in the list that `_process` adds; scikit-learn writes requests of metadata by itself."""
    field = inspect.isdatadescriptor(value) and not isinstance(value, property)
    return True if field or re.fullmatch(r"set_\w+_request", name) else None


def _signature(app: Any, what: str, name: str, value: Any, options: Any, signature: Any, returns: Any) -> Any:
    return (signature and shortened(signature), returns and shortened(returns))


def setup(app: Any) -> dict[str, Any]:
    """Sphinx's entry: before napoleon reads the sections."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-signature", _signature)
    return {"parallel_read_safe": True}
