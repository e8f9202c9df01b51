"""Reads tables of delimited text: strictly, with every record a row or a reject."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from burnish import errors
from burnish.data import table
from burnish.load import assemble, database, dialect, encoding, plain, records, typed
from burnish.load.drawing import Draw, Drawing

SAMPLE = 1 << 16  # bytes from which the dialect is found
LONGEST_HEADER = 1 << 24  # bytes; a header of a hundred thousand long names stays below


@dataclass(frozen=True, slots=True)
class _Head:
    """The header and where the records begin."""

    names: list[str]
    offset: int  # bytes
    line: int  # 1-based


def read(
    path: Path, shown: str, *, name: str, types: Mapping[str, table.Physical], draw: Draw | None = None
) -> table.Table:
    """A table of delimited text in any common dialect and encoding.

    Args:
        path: The file, not compressed.
        shown: How messages call it.
        name: Of the table.
        types: Types that are demanded, by column name.
        draw: Which records are read; None: all.

    Raises:
        DataError: The file is no table of text, or more than half of its records are broken.
    """
    with tempfile.TemporaryDirectory(prefix="burnish-") as folder:
        source, notes = _as_utf8(path, Path(folder), shown)
        start = _start(source)
        if (declared := dialect.declared(start)) is None:
            found, skipped = dialect.detect(start), 0
        else:
            found, skipped = dialect.detect(start.split("\n", 1)[1], (declared,)), 1
        head = _head(source, found, shown, skipped=skipped)
        names, unnamed = assemble.unique_names(head.names, shown)
        copy = Path(folder, "records.csv")
        with source.open("rb") as file, copy.open("wb") as out:
            file.seek(head.offset)
            drawing = None if draw is None else _drawing(draw, source, start)
            scan = records.canonical(file, out, found, fields=len(names), line=head.line, drawing=drawing)
        notes = (*notes, *unnamed)
        if not len(scan.row_ids):
            return assemble.build(shown, assemble.without_rows(names), scan.row_ids, rejects=scan.rejects, notes=notes)
        columns = plain.columns(copy, found, names, rows=len(scan.row_ids), types=types)
        if columns is None:
            with database.connect() as connection:
                sql = {f"c{i}": column for i, column in enumerate(names)}
                _parse(connection, copy, found, list(sql), scan, shown)
                columns = typed.columns(connection, "cells", sql, types=types, delimiter=found.delimiter)
        passed = scan.drawing.passed
        return assemble.build(
            name, columns, scan.row_ids, rejects=scan.rejects, notes=notes, types=types, passed=passed
        )


def _drawing(draw: Draw, path: Path, start: str) -> Drawing:
    """Of as many records as the first lines let expect."""
    size = path.stat().st_size
    return draw.of(size, max(1, size * start.count("\n") // max(1, len(start))))


def _as_utf8(path: Path, folder: Path, shown: str) -> tuple[Path, tuple[str, ...]]:
    """The file, or a copy of it in UTF-8 without a mark and with line feeds."""
    name, note = encoding.find(path, shown)
    if name != "utf-8":
        encoding.to_utf8(path, folder / "text.csv", name, shown)
        path = folder / "text.csv"
    if encoding.has_old_line_ends(path):
        encoding.single_line_ends(path, folder / "lines.csv")
        path = folder / "lines.csv"
    return path, (note,) if note else ()


def _start(path: Path) -> str:
    """The first lines of the file; broken bytes are judged later."""
    with path.open("rb") as file:
        start = file.read(SAMPLE)
        cut = start.rfind(b"\n") + 1
        whole = start[:cut] if cut and file.read(1) else start
    return whole.decode("utf-8", errors="replace")


def _head(path: Path, found: dialect.Dialect, shown: str, *, skipped: int) -> _Head:
    """The first record, after the lines to skip and blank ones."""
    with path.open("rb") as file:
        text = file.read(LONGEST_HEADER).decode("utf-8", errors="surrogateescape")
    body = text.split("\n", skipped)[skipped]
    blank = len(text) - len(body.lstrip("\r\n"))
    line = 1 + text.count("\n", 0, blank)
    lines = io.StringIO(text[blank:], newline="")
    try:
        names = next(found.reader(lines))
        "".join(names).encode()
    except (csv.Error, StopIteration, UnicodeEncodeError) as error:
        raise errors.DataError(
            f"{shown} has a broken header, at line {line}.",
            f"{error}.",
            "Write the names of the columns in the first line.",
        ) from error
    _refuse_numbers(names, shown, line)
    taken = text[: blank + lines.tell()]
    return _Head(names, len(taken.encode("utf-8", errors="surrogateescape")), 1 + taken.count("\n"))


def _refuse_numbers(names: list[str], shown: str, line: int) -> None:
    if all(map(dialect.is_number, names)):
        values = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
        raise errors.DataError(
            f"{shown} has no header.",
            f"Line {line} should name the columns, but holds only numbers: {values}.",
            "Put a line with the names of the columns at the top.",
        )


def _parse(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    found: dialect.Dialect,
    columns: list[str],
    scan: records.Scan,
    shown: str,
) -> None:
    """Fill the table `cells` with the canonical records, and hold DuckDB to the count of them."""
    quote = "''''" if found.quote == "'" else f"'{found.quote}'"
    types = ", ".join(f"'{column}': 'VARCHAR'" for column in columns)
    try:
        connection.execute(
            "CREATE TABLE cells AS SELECT * FROM read_csv(?, auto_detect = false, all_varchar = true, header = false,"
            f" delim = '{found.delimiter}', quote = {quote}, escape = {quote}, new_line = '\\n', strict_mode = true,"
            f" null_padding = false, nullstr = '', max_line_size = {max(1 << 21, 2 * scan.longest)},"
            f" columns = {{{types}}})",
            [str(path)],
        )
        [(rows,)] = connection.execute("SELECT count(*) FROM cells").fetchall()
        problem = f"{len(scan.row_ids)} records were found in it, and {rows} could be read."
    except duckdb.Error as error:
        rows, problem = -1, str(error).strip().splitlines()[0]
    if rows != len(scan.row_ids):
        raise errors.DataError(
            f"{shown} cannot be read without loss.",
            problem,
            "Save it again as CSV with commas and double quotes, or as Parquet.",
        )
