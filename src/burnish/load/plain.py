"""Tables of few rows and many columns of text, nearly all of them plain numbers: these are read without the database.

A database plans and keeps every column by itself, which takes most of a reader's time where columns are short. What
counts as a plain number is what `typed` says; columns that are anything else are typed there.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from burnish.data import table
from burnish.load import database, typed
from burnish.load import dialect as dialects
from burnish.load.cells import Typed

# Columns from which a table of few rows is read here: on 100 rows of 20,000 columns it takes a fifth of the time.
MANY_COLUMNS = 512
# Share of other columns above which the database reads them all, as it then does most of the work anyway.
MOST_OTHERS = 0.5

_SIGNS = b"0123456789+-.eE"  # a record of nothing but these holds numbers that need no closer look
_NUMBER = re.compile(r"[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t]*", re.ASCII)
_PADDED = re.compile(r"\s*[+-]?0\d+\s*", re.ASCII)
_NONE = np.empty(0, np.int64)


def columns(
    path: Path,
    dialect: dialects.Dialect,
    names: Sequence[str],
    *,
    rows: int,
    types: Mapping[str, table.Physical],
) -> list[Typed] | None:
    """The columns as `typed.columns` gives them, or None where the database has to read the table.

    Args:
        path: The canonical records.
        dialect: Their delimiter and quote.
        names: Of the columns.
        rows: How many records were found.
        types: Types that are demanded, by column name.
    """
    if rows > typed.FEW_ROWS or len(names) < MANY_COLUMNS:
        return None
    free = np.array([types.get(name) in (None, table.Physical.NUMBER) for name in names])
    try:
        read = _numbers(_records(path, dialect), free, rows=rows)
        if read is None:
            return None
        values, plain = read
        others = _others(path, dialect, names, np.flatnonzero(~plain).tolist(), types=types)
    except csv.Error:
        return None
    if others is None:
        return None
    return [
        others[name] if name in others else Typed(table.Column(name, table.Physical.NUMBER, numbers), _NONE)
        for name, numbers in zip(names, values, strict=True)
    ]


def _records(path: Path, dialect: dialects.Dialect) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.reader(file, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True)


def _numbers(
    records: Iterator[list[str]], free: NDArray[np.bool_], *, rows: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Values, shape (columns, rows), and which columns are plain; None where the records are not those that were found.

    Args:
        records: The cells of each record.
        free: Columns that may be numbers, shape (columns,).
        rows: How many records were found.
    """
    values, plain = np.empty((rows, len(free))), free.copy()
    count = 0
    for count, cells in enumerate(records, 1):
        if count > rows or len(cells) != len(free):
            return None
        values[count - 1] = _row(cells, plain)
    if count != rows:
        return None
    largest = np.fmax.reduce(np.abs(values), axis=0)  # NaN where there is no number at all
    plain &= largest < typed.EXACT
    return np.ascontiguousarray(values.T), plain


def _row(cells: list[str], plain: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The numbers of one record, NaN where a cell is missing; a column with another cell is `plain` no more."""
    together = "".join(cells)
    simple = together.isascii() and not together.encode().translate(None, _SIGNS)
    try:
        x = np.fromiter(map(float if simple else _number, cells), np.float64, len(cells))
    except ValueError:  # a simple one that is no number, such as "" or "-"
        x = np.fromiter(map(_number, cells), np.float64, len(cells))
    for place in np.flatnonzero(np.isnan(x) & plain).tolist():
        plain[place] = _absent(cells[place])
    for place in np.flatnonzero((x == np.trunc(x)) & plain).tolist():
        if cells[place][0] not in "123456789" and _PADDED.fullmatch(cells[place]):
            plain[place] = False
    return x


def _number(cell: str) -> float:
    """The number that a cell is; NaN where it is none."""
    return float(cell) if _NUMBER.fullmatch(cell) else np.nan


def _absent(cell: str) -> bool:
    """What the database's `absent` says of a cell."""
    text = cell.strip(" \t").lower()
    return text in database.MISSING and (not text or len(cell) <= database.LONGEST_MISSING)


def _others(
    path: Path,
    dialect: dialects.Dialect,
    names: Sequence[str],
    places: Sequence[int],
    *,
    types: Mapping[str, table.Physical],
) -> dict[str, Typed] | None:
    """The columns at these places, typed; None where the database should read all, or has to see all."""
    if not places:
        return {}
    if len(places) > MOST_OTHERS * len(names):
        return None
    texts = zip(*([cells[place] or None for place in places] for cells in _records(path, dialect)), strict=True)
    sql = {f"c{place}": names[place] for place in places}
    with database.connect() as connection:
        database.insert(connection, "cells", dict(zip(sql, texts, strict=True)))
        found = typed.columns(connection, "cells", sql, types=types, delimiter=dialect.delimiter)
    if any(one.commas for one in found):
        return None  # beside decimal commas, points may part thousands
    return {one.column.name: one for one in found}
