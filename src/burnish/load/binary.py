"""Reads the typed formats: Parquet and NPZ."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from burnish import errors
from burnish.data import table
from burnish.load import assemble, database, raw, typed

TARGET = "target"  # the column that the array y of an NPZ file becomes

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER", "FLOAT", "DOUBLE", "DECIMAL")
_LARGE = ("BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT")  # integers that float64 may not hold


def read_parquet(path: Path, shown: str, *, name: str, types: Mapping[str, table.Physical]) -> table.Table:
    """A table from Parquet; row ids are row numbers from 0.

    Args:
        path: The file.
        shown: How messages call it.
        name: Of the table.
        types: Types that are demanded, by column name.

    Raises:
        DataError: The file is damaged, has no rows, or has two columns of one name.
    """
    source = f"read_parquet({typed.quoted(str(path))})"
    with database.connect() as connection:
        try:
            # Not the names that DESCRIBE gives: DuckDB numbers repeated ones, and so hides them.
            top = connection.execute(f"SELECT name FROM parquet_schema({typed.quoted(str(path))})").fetchall()
            described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
            nested = any(kind.endswith(("]", ")")) and not kind.startswith("DECIMAL") for _, kind, *_ in described)
            given = [column[0] for column in described] if nested else [column for (column,) in top[1:]]
            names, notes = assemble.unique_names(given, shown)
            columns = [
                _parquet_column(connection, source, sql, kind, column)
                for column, (sql, kind, *_) in zip(names, described, strict=True)
            ]
        except duckdb.Error as error:
            why = str(error).strip().splitlines()[0]
            raise errors.DataError(
                f"{shown} cannot be read as Parquet.", why, "Check that the file is whole."
            ) from error
    return raw.build(name, columns, types=types, notes=notes)


def _parquet_column(connection: duckdb.DuckDBPyConnection, source: str, sql: str, kind: str, name: str) -> raw.Raw:
    column = '"' + sql.replace('"', '""') + '"'
    if kind in _LARGE:
        check = f"SELECT coalesce(bool_and({column} BETWEEN -{typed.EXACT} AND {typed.EXACT}), true) FROM {source}"
        if not connection.execute(check).fetchall()[0][0]:
            return raw.Raw(name, _texts(connection, source, column), table.Physical.TEXT)
    if kind in (*_NUMBERS, *_LARGE) or (kind.startswith("DECIMAL(") and not kind.endswith("]")):
        return raw.Raw(name, _floats(connection, source, column), table.Physical.NUMBER)
    if kind == "BOOLEAN":
        return raw.Raw(name, _floats(connection, source, column), table.Physical.BOOLEAN)
    if kind == "DATE" or (kind.startswith("TIMESTAMP") and not kind.endswith("]")):
        return raw.Raw(name, _floats(connection, source, f"epoch({column}::TIMESTAMPTZ)"), table.Physical.DATE)
    return raw.Raw(name, _texts(connection, source, column), None if kind == "VARCHAR" else table.Physical.TEXT)


def _floats(connection: duckdb.DuckDBPyConnection, source: str, expression: str) -> NDArray[np.float64]:
    select = f"SELECT coalesce(CAST({expression} AS DOUBLE), 'nan'::DOUBLE) AS x FROM {source}"
    return np.asarray(connection.execute(select).fetchnumpy()["x"], np.float64)


def _texts(connection: duckdb.DuckDBPyConnection, source: str, column: str) -> list[str | None]:
    found = connection.execute(f"SELECT CAST({column} AS VARCHAR) FROM {source}").fetchall()
    return [text for (text,) in found]


def read_npz(path: Path, shown: str, *, name: str, types: Mapping[str, table.Physical]) -> table.Table:
    """A table from NPZ: X or x of shape (rows, columns) with y and feature_names where given, or one array a column.

    Args:
        path: The file.
        shown: How messages call it.
        name: Of the table.
        types: Types that are demanded, by column name.

    Raises:
        DataError: The file is damaged, holds pickled objects, or its arrays make no table.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        remedy = (
            "Save numbers and text only: burnish never unpickles."
            if "pickle" in str(error)
            else "Check that the file is whole."
        )
        raise errors.DataError(f"{shown} cannot be read as NPZ.", f"{error}.".capitalize(), remedy) from error
    features = next((key for key in ("X", "x") if key in arrays and (key == "X" or arrays[key].ndim != 1)), None)
    if features is not None:
        return raw.build(name, _features(arrays, features, shown), types=types)
    flat = {key: values for key, values in arrays.items() if values.ndim == 1}
    if len(flat) < len(arrays) or not arrays:
        other = sorted(set(arrays) - set(flat))
        raise errors.DataError(
            f"{shown} is no table.",
            f"These arrays do not have one axis: {', '.join(other)}." if other else "It holds no arrays.",
            "Give X with two axes (rows, columns) and y, or one array of one axis for each column.",
        )
    return raw.build(name, [raw.from_array(key, values) for key, values in flat.items()], types=types)


def _features(arrays: Mapping[str, NDArray], features: str, shown: str) -> list[raw.Raw]:
    columns = matrix(arrays[features], shown, names=arrays.get("feature_names"))
    if "y" not in arrays:
        return columns
    y = arrays["y"]
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise errors.DataError(
            f"The array y of {shown} has shape {y.shape}.", "A target has one axis.", "Give y with shape (rows,)."
        )
    names, _ = assemble.unique_names([*(column.name for column in columns), TARGET], shown)
    return [*columns, raw.from_array(names[-1], y)]


def matrix(x: NDArray, shown: str, *, names: NDArray | None = None) -> list[raw.Raw]:
    """The columns of an array of shape (rows, columns) or (rows,); called x0, x1, … where no names are given.

    Raises:
        DataError: The array has another number of axes, or the names do not fit it.
    """
    if x.ndim == 1:
        x = x[:, np.newaxis]
    if x.ndim != 2:
        raise errors.DataError(
            f"The array in {shown} has shape {x.shape}.", "A table has two axes.", "Give shape (rows, columns)."
        )
    given = [f"x{i}" for i in range(x.shape[1])] if names is None else np.asarray(names).ravel().astype(str).tolist()
    if len(given) != x.shape[1]:
        raise errors.DataError(
            f"{shown} has {len(given)} feature_names for {x.shape[1]} columns.",
            "There is one name a column.",
            "Correct feature_names.",
        )
    unique, _ = assemble.unique_names(given, shown)
    return [raw.from_array(name, x[:, i]) for i, name in enumerate(unique)]
