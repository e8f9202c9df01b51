"""Reads what is in memory already: data frames of any library, and arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np
from narwhals.exceptions import DuplicateError

from burnish import errors
from burnish.data import table
from burnish.load import assemble, binary, raw, typed


def read(source: object, *, name: str, types: Mapping[str, table.Physical]) -> table.Table:
    """A table from a data frame (pandas, polars, pyarrow, …), a dict of arrays, or a numpy array; row ids count from 0.

    Args:
        source: The data; an index of a data frame is not read.
        name: Of the table.
        types: Types that are demanded, by column name.

    Raises:
        ConfigError: The source is none of these.
        DataError: It has no rows or no columns, or two columns of one name.
    """
    if isinstance(source, np.ndarray):
        columns = _structured(source, name) if source.dtype.names else binary.matrix(source, name)
        return raw.build(name, columns, types=types)
    if isinstance(source, Mapping):
        names, notes = assemble.unique_names(list(source), name)
        arrays = [_one_axis(n, values) for n, values in zip(names, source.values(), strict=True)]
        return raw.build(name, arrays, types=types, notes=notes)
    frame = _frame(source, name)
    names, notes = assemble.unique_names(frame.columns, name)
    series = [_series(n, column) for n, column in zip(names, frame.iter_columns(), strict=True)]
    return raw.build(name, series, types=types, notes=notes)


def _structured(source: np.ndarray, name: str) -> list[raw.Raw]:
    names, _ = assemble.unique_names(source.dtype.names or (), name)
    return [_one_axis(n, source[field]) for n, field in zip(names, source.dtype.names or (), strict=True)]


def _one_axis(name: str, values: Any) -> raw.Raw:
    array = values if np.ma.isMaskedArray(values) else _as_array(values)
    if array.ndim != 1:
        raise errors.DataError(
            f"Column {name!r} has shape {array.shape}.", "A column has one axis.", "Give one array for each column."
        )
    return raw.from_array(name, array)


def _as_array(values: Any) -> np.ndarray:
    """An array that keeps each value as it is: numpy alone would make text of [1, 'a']."""
    if isinstance(values, list | tuple):
        array = np.empty(len(values), object)
        array[:] = values
        return array
    return np.asarray(values)


def _frame(source: object, name: str) -> nw.DataFrame[Any]:
    try:
        frame = nw.from_native(source, allow_series=False)  # type: ignore[call-overload]
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect()
        assemble.unique_names(frame.columns, name)
    except DuplicateError as error:
        columns = getattr(source, "column_names", getattr(source, "columns", ()))
        assemble.unique_names(list(columns), name)
        raise errors.DataError(f"{name} has columns with the same name.", str(error), "Rename them.") from error
    except TypeError as error:
        raise errors.ConfigError(
            f"Data of type {type(source).__name__} cannot be read.",
            "It is no path, data frame, dict of arrays or numpy array.",
            "Give one of these.",
        ) from error
    return frame


def _series(name: str, series: nw.Series[Any]) -> raw.Raw:
    dtype = series.dtype
    if dtype.is_integer():
        least, most = series.min(), series.max()
        if len(series) > series.null_count() and (int(most) > typed.EXACT or int(least) < -typed.EXACT):
            return raw.Raw(name, _texts(series), table.Physical.TEXT)
    if dtype.is_numeric() or dtype == nw.Boolean:
        physical = table.Physical.BOOLEAN if dtype == nw.Boolean else table.Physical.NUMBER
        return raw.Raw(name, _floats(series), physical)
    if dtype in (nw.Categorical, nw.Enum):
        return raw.Raw(name, _texts(series), table.Physical.TEXT)
    if dtype == nw.String:
        return raw.Raw(name, _texts(series), None)
    if dtype in (nw.Date, nw.Datetime):
        whole = series.cast(nw.Datetime("us")) if dtype == nw.Date else series
        micros = _floats(whole.dt.timestamp("us"))
        return raw.Raw(name, micros / 1e6, table.Physical.DATE)
    return raw.from_objects(name, series.to_list())


def _floats(series: nw.Series[Any]) -> np.ndarray:
    """Values as float64, NaN where there is none; shape (rows,)."""
    absent = series.is_null().to_numpy().astype(bool)
    if not absent.any():
        return np.asarray(series.to_numpy(), np.float64)
    values = np.full(len(absent), np.nan)
    values[~absent] = np.asarray(series.filter(~series.is_null()).to_numpy(), np.float64)
    return values


def _texts(series: nw.Series[Any]) -> list[str | None]:
    absent = series.is_null().to_list()
    return [None if none else str(value) for value, none in zip(series.to_list(), absent, strict=True)]
