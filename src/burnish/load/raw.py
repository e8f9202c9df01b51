"""Columns from typed sources (data frames, arrays, Parquet, NPZ) on their way into a table."""

from __future__ import annotations

import datetime
import decimal
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish import errors
from burnish.data import table
from burnish.load import assemble, database, typed

Cells = Sequence[str | None]

_UTC = datetime.UTC


@dataclass(frozen=True, slots=True)
class Raw:
    """A column whose source said what it holds; where it said only "text", it is typed like that of a CSV file."""

    name: str
    values: NDArray[np.float64] | Cells  # numbers (NaN = missing), or text (None = missing)
    physical: table.Physical | None  # None: text that may yet be anything


def build(
    name: str, columns: Sequence[Raw], *, types: Mapping[str, table.Physical], notes: Sequence[str] = ()
) -> table.Table:
    """The table of these columns; row ids are row numbers from 0.

    Raises:
        NoRows: There are columns and no rows.
        DataError: There are no columns, they differ in length, or one is not of the type demanded.
    """
    lengths = {len(column.values) for column in columns}
    if len(lengths) != 1:
        raise errors.DataError(
            f"{name} is no table.",
            f"Its columns have {', '.join(map(str, sorted(lengths)))} rows." if lengths else "It has no columns.",
            "Give columns of one length.",
        )
    texts = {f"c{i}": column for i, column in enumerate(columns) if not isinstance(column.values, np.ndarray)}
    found: dict[str, typed.Typed] = {}
    if texts and lengths != {0}:
        demanded = {one.name: one.physical for one in texts.values() if one.physical is not None} | dict(types)
        with database.connect() as connection:
            database.insert(connection, "cells", {sql: one.values for sql, one in texts.items()})  # type: ignore[misc]
            names = {sql: one.name for sql, one in texts.items()}
            found = {one.column.name: one for one in typed.columns(connection, "cells", names, types=demanded)}
    every = [found.get(one.name) or _plain(one, types.get(one.name)) for one in columns]
    row_ids = np.arange(lengths.pop(), dtype=np.int64)
    return assemble.build(name, every, row_ids, notes=notes, counts="row", types=types)


def _plain(column: Raw, demanded: table.Physical | None) -> typed.Typed:
    physical = column.physical or table.Physical.TEXT
    values = np.asarray(
        column.values if physical is not table.Physical.TEXT else np.full(len(column.values), -1, np.int32)
    )
    made = table.Column(column.name, physical, values)
    return coerce(made, demanded or physical)


def coerce(column: table.Column, demanded: table.Physical) -> typed.Typed:
    """The same values written as another physical type; what cannot be so written becomes missing and is listed.

    Raises:
        DataError: A date is demanded of numbers, or numbers of dates.
    """
    physical = table.Physical
    match column.physical, demanded:
        case (have, want) if have is want:
            return _checked(column)
        case physical.TEXT, _:
            return _levels_as(column, demanded)
        case _, physical.TEXT:
            return typed.Typed(_as_text(column), np.empty(0, np.int64))
        case physical.BOOLEAN, physical.NUMBER:
            return _checked(table.Column(column.name, demanded, column.values))
        case physical.NUMBER, physical.BOOLEAN:
            wrong = ~np.isin(column.values, (0.0, 1.0)) & ~np.isnan(column.values)
            values = np.where(wrong, np.nan, column.values)
            odd = tuple((int(i), str(column.values[i])) for i in np.flatnonzero(wrong))
            return typed.Typed(table.Column(column.name, demanded, values), np.empty(0, np.int64), odd)
        case _ if column.missing.all():
            return typed.Typed(table.Column(column.name, demanded, column.values), np.empty(0, np.int64))
        case _:
            raise errors.DataError(
                f"Column {column.name!r} holds the wrong type.",
                f"It should hold {demanded.value} values, but holds {column.physical.value} values.",
                "Give the column as it was in the data that the model was trained on.",
            )


def _checked(column: table.Column) -> typed.Typed:
    """Infinite values are found here for all typed sources."""
    if column.physical is table.Physical.TEXT:
        return typed.Typed(column, np.empty(0, np.int64))
    return typed.Typed(column, np.flatnonzero(np.isinf(column.values)))


def _levels_as(column: table.Column, demanded: table.Physical) -> typed.Typed:
    """Types each distinct text once, and gives every row the value of its text."""
    if not column.levels:
        return typed.Typed(
            table.Column(column.name, demanded, np.full(len(column.values), np.nan)), np.empty(0, np.int64)
        )
    with database.connect() as connection:
        database.insert(connection, "cells", {"c0": column.levels})
        [of_level] = typed.columns(connection, "cells", {"c0": column.name}, types={column.name: demanded})
    values = np.append(of_level.column.values, np.nan)[column.values]  # code -1, missing, takes the last
    strange = dict(of_level.odd)
    where = np.flatnonzero(np.isin(column.values, list(strange)))
    odd = tuple((int(i), strange[int(column.values[i])]) for i in where)
    made = table.Column(column.name, demanded, values, words=of_level.column.words)
    return typed.Typed(made, np.flatnonzero(np.isinf(values)), odd)


def _as_text(column: table.Column) -> table.Column:
    """Each value as a person would write it: 3 and not 3.0, True, 2024-01-31."""
    distinct, codes = np.unique(column.values, return_inverse=True)  # NaN comes last, once
    known = distinct[~np.isnan(distinct)]
    texts = [_written(value, column) for value in known.tolist()]
    levels = tuple(sorted(set(texts)))
    place = {text: i for i, text in enumerate(levels)}
    recode = np.array([*(place[text] for text in texts), *([-1] if len(known) < len(distinct) else [])], np.int32)
    coded = recode[codes] if len(distinct) else np.empty(0, np.int32)
    return table.Column(column.name, table.Physical.TEXT, coded, levels)


def _written(value: float, column: table.Column) -> str:
    if column.physical is table.Physical.BOOLEAN:
        return column.words[int(value)] if column.words else str(bool(value))
    if column.physical is table.Physical.DATE:
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=value)
        return moment.isoformat(" ") if moment.time() != datetime.time() else moment.date().isoformat()
    return str(int(value)) if value.is_integer() else repr(value)


def from_objects(name: str, values: Iterable[object]) -> Raw:
    """A column of Python objects: one type where all agree, else text by `str`.

    Raises:
        DataError: The values are complex numbers.
    """
    cells = [None if _is_missing(value) else value for value in values]
    present = [value for value in cells if value is not None]
    if any(isinstance(value, complex) for value in present):
        raise errors.DataError(
            f"Column {name!r} holds complex numbers.",
            "A network reads real numbers.",
            "Give the real and the imaginary parts apart.",
        )
    if present and all(isinstance(value, bool | np.bool_) for value in present):
        return Raw(name, _floats(cells), table.Physical.BOOLEAN)
    if present and all(
        isinstance(value, numbers.Real | decimal.Decimal) and not isinstance(value, bool) for value in present
    ):
        if any(isinstance(value, numbers.Integral) and abs(int(value)) > typed.EXACT for value in present):
            return Raw(name, [None if value is None else str(value) for value in cells], table.Physical.TEXT)
        return Raw(name, _floats(cells), table.Physical.NUMBER)
    if present and all(isinstance(value, datetime.date) for value in present):
        seconds = [_seconds(value) if isinstance(value, datetime.date) else None for value in cells]
        return Raw(name, _floats(seconds), table.Physical.DATE)
    if present and all(isinstance(value, datetime.timedelta) for value in present):
        seconds = [value.total_seconds() if isinstance(value, datetime.timedelta) else None for value in cells]
        return Raw(name, _floats(seconds), table.Physical.NUMBER)
    return Raw(name, [None if value is None else str(value) for value in cells], None)


def _is_missing(value: object) -> bool:
    """None, NaN in any form, and the NA and NaT of pandas, which are not even equal to themselves."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, numbers.Number | decimal.Decimal) and bool(value != value)


def _floats(cells: Sequence[object]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else float(value) for value in cells], np.float64)  # type: ignore[arg-type]


def _seconds(value: datetime.date) -> float:
    """Seconds since 1970-01-01 UTC; a moment without a time zone is taken to be UTC."""
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, datetime.time())
    return (value if value.tzinfo else value.replace(tzinfo=_UTC)).timestamp()


def from_array(name: str, values: NDArray) -> Raw:
    """A column from a numpy array of shape (rows,).

    Raises:
        DataError: The array is of complex numbers.
    """
    if np.ma.isMaskedArray(values):
        cells = np.ma.getdata(values).astype(object)
        cells[np.ma.getmaskarray(values)] = None
        values = cells
    match values.dtype.kind:
        case "f":
            return Raw(name, values.astype(np.float64), table.Physical.NUMBER)
        case "b":
            return Raw(name, values.astype(np.float64), table.Physical.BOOLEAN)
        case "i" | "u":
            if len(values) and (int(values.max()) > typed.EXACT or int(values.min()) < -typed.EXACT):
                return Raw(name, [str(value) for value in values.tolist()], table.Physical.TEXT)
            return Raw(name, values.astype(np.float64), table.Physical.NUMBER)
        case "M":
            seconds = values.astype("datetime64[us]").astype(np.int64) / 1e6
            return Raw(name, np.where(np.isnat(values), np.nan, seconds), table.Physical.DATE)
        case "m":
            seconds = values.astype("timedelta64[us]").astype(np.int64) / 1e6
            return Raw(name, np.where(np.isnat(values), np.nan, seconds), table.Physical.NUMBER)
        case "S":
            return Raw(name, [value.decode("utf-8", errors="replace") for value in values.tolist()], None)
        case _:
            return from_objects(name, values.tolist())
