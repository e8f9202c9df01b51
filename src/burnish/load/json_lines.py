"""Reads JSON: one object a line, or one array of objects."""

from __future__ import annotations

import itertools
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

import duckdb
import numpy as np

from burnish import errors
from burnish.data import table
from burnish.load import assemble, database, encoding, typed
from burnish.load.drawing import Draw, Drawing

CHUNK = 20_000  # records held as Python objects at a time
SHOWN = 80  # characters of a record that a reject shows

_BETWEEN = re.compile(r"[\s,]*")  # what parts the elements of an array


def looks_like(start: bytes) -> bool:
    """Whether a text begins like JSON objects, and not like a table.

    >>> looks_like(b' {"a": 1}'), looks_like(b'[{"a": 1}]'), looks_like(b"a,b")
    (True, True, False)
    """
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return text.startswith(b"{") or (text.startswith(b"[") and text[1:].lstrip().startswith(b"{"))


def read(
    path: Path, shown: str, *, name: str, types: Mapping[str, table.Physical], draw: Draw | None = None
) -> table.Table:
    """A table of JSON objects: a column for each key, missing where an object lacks it; nested values become text.

    Args:
        path: The file, not compressed.
        shown: How messages call it.
        name: Of the table.
        types: Types that are demanded, by column name.
        draw: Which records are read; None: all.

    Raises:
        NoRows: It holds no object.
        DataError: The file is not text, or more than half of its records are broken.
    """
    if not path.stat().st_size and path.suffix != ".json":  # no object a line is a table without rows, but no JSON
        return assemble.build(shown, (), np.empty(0, np.int64))
    rejects: list[table.Reject] = []
    keys: dict[str, str] = {}  # the SQL name of each key
    lines: list[int] = []
    found, note = encoding.find(path, shown)
    with tempfile.TemporaryDirectory(prefix="burnish-") as folder, database.connect() as connection:
        if found not in ("utf-8", "utf-8-sig"):
            encoding.to_utf8(path, copy := Path(folder, "text.json"), found, shown)
            path = copy
        drawing = Drawing() if draw is None else _drawing(draw, path)
        drawn = (record for record in _records(path, shown) if drawing.next(1)[0])
        good = _objects(drawn, rejects)
        while chunk := list(itertools.islice(good, CHUNK)):
            lines += [line for line, _ in chunk]
            _append(connection, keys, [record for _, record in chunk])
        if not keys:
            return assemble.build(shown, (), np.empty(0, np.int64), rejects=rejects)
        names, unnamed = assemble.unique_names(list(keys), shown)
        sql = dict(zip(keys.values(), names, strict=True))
        columns = typed.columns(connection, "cells", sql, types=types)
    notes = ((note,) if note else ()) + unnamed
    rows = np.asarray(lines, np.int64)
    return assemble.build(name, columns, rows, rejects=rejects, notes=notes, types=types, passed=drawing.passed)


def _drawing(draw: Draw, path: Path) -> Drawing:
    """Of as many records as the first ones let expect."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(1 << 16)
    return draw.of(size, max(1, size * start.count(b"{") // len(start)))


def _records(path: Path, shown: str) -> Iterator[tuple[int, str]]:
    """Line number and text of each record."""
    with path.open("rb") as file:
        array = file.read(1 << 16).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")
    with _open(path) as text:
        if array:
            yield from _elements(text.read(), shown)
            return
    if (whole := _single(path)) is not None:
        _refuse_nested(whole, shown)
        yield 1, json.dumps(whole)
        return
    with _open(path) as text:
        yield from ((i, line) for i, line in enumerate(text, 1) if line.strip())


def _open(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="\n")


def _single(path: Path) -> dict[str, object] | None:
    """The object, where the whole file is one: written over several lines, or the only line there is."""
    with _open(path) as text:
        first, second = (next((line for line in text if line.strip()), "") for _ in range(2))
    if second and first.rstrip().endswith("}"):
        return None  # one object a line
    try:
        with _open(path) as text:
            whole = json.loads(text.read())
    except (json.JSONDecodeError, RecursionError):
        return None
    return whole if isinstance(whole, dict) else None


def _refuse_nested(whole: dict[str, object], shown: str) -> None:
    """An object of nothing but lists or objects holds columns, and one with a list of objects holds rows: no record."""
    rows = [key for key, value in whole.items() if isinstance(value, list) and value and isinstance(value[0], dict)]
    if rows or (whole and all(isinstance(value, list | dict) for value in whole.values())):
        held = f"rows under {rows[0]!r}" if rows else "a whole column under each key"
        raise errors.DataError(
            f"{shown} is one JSON object, and no table.",
            f"It seems to hold {held}; a table has one object for each row.",
            'Write one object a line, as to_json(path, orient="records", lines=True) of pandas does.',
        )


def _elements(text: str, shown: str) -> Iterator[tuple[int, str]]:
    """The elements of an array; where one is broken all are refused, for nothing says where the next one begins."""
    decoder = json.JSONDecoder()
    position, line, counted = text.index("[") + 1, 1, 0
    try:
        while True:
            position = _BETWEEN.match(text, position).end()  # type: ignore[union-attr]  # it matches the empty text too
            if text.startswith("]", position):
                return
            line += text.count("\n", counted, position)
            _, end = decoder.raw_decode(text, position)
            yield line, text[position:end]
            counted, position = position, end
    except json.JSONDecodeError as error:
        raise errors.DataError(
            f"{shown} is broken at line {error.lineno}, column {error.colno}.",
            f"{error.msg}.",
            "Write one JSON object a line: then only the broken lines are left out.",
        ) from error


def _objects(
    records: Iterator[tuple[int, str]], rejects: list[table.Reject]
) -> Iterator[tuple[int, dict[str, object]]]:
    """The records that are objects; the others are added to the rejects."""
    for line, text in records:
        try:
            text.encode()
            record = json.loads(text)
            reason = "" if isinstance(record, dict) else "not a JSON object"
        except json.JSONDecodeError as error:
            reason = f"not JSON: {error.msg} at column {error.colno}"
        except RecursionError:
            reason = "not JSON that can be read: nested too deeply"
        except UnicodeEncodeError:
            reason = "bytes that are not UTF-8"
        if reason:
            shown = text.strip()[:SHOWN].encode("utf-8", errors="replace").decode()
            rejects.append(table.Reject(line=line, column=None, reason=reason, text=shown))
        else:
            yield line, record


def _append(connection: duckdb.DuckDBPyConnection, keys: dict[str, str], chunk: list[dict[str, object]]) -> None:
    """Add the objects to the table `cells`, with a new column for each new key."""
    for key in dict.fromkeys(key for record in chunk for key in record):
        if key in keys:
            continue
        keys[key] = f"c{len(keys)}"
        begin = "ALTER TABLE cells ADD COLUMN" if len(keys) > 1 else "CREATE TABLE cells ("
        connection.execute(f"{begin} {keys[key]} VARCHAR{'' if len(keys) > 1 else ')'}")
    cells = {sql: [_cell(record.get(key)) for record in chunk] for key, sql in keys.items()}
    database.insert(connection, "cells", cells)


def _cell(value: object) -> str | None:
    """The value as it is written in a table of text."""
    if value is None or isinstance(value, str):
        return _encodable(value) if value else None
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _encodable(text: str) -> str:
    """The text without lone surrogates, which JSON can escape but UTF-8 cannot write."""
    return text.encode("utf-8", errors="replace").decode()
