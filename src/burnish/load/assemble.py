"""Makes a table of typed columns: rows with an infinite value become rejects, odd cells become notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from burnish import errors
from burnish.data import table
from burnish.load import typed

SHOWN = 80  # characters of a cell that a reject shows

# Share of broken records above which a source is refused: it is then not the table it is taken for.
MOST_REJECTED = 0.5

_ODD = {
    table.Physical.NUMBER: "not a number: kept as missing",
    table.Physical.BOOLEAN: "neither true nor false: kept as missing",
    table.Physical.DATE: "not a date: kept as missing",
}


def build(
    name: str,
    found: Sequence[typed.Typed],
    row_ids: NDArray[np.int64],
    *,
    rejects: Sequence[table.Reject] = (),
    notes: Sequence[str] = (),
    counts: Literal["line", "row"] = "line",
    types: Mapping[str, table.Physical] | None = None,
    passed: int = 0,
) -> table.Table:
    """The table of these columns.

    Args:
        name: Of the table.
        found: The columns, all with as many rows as `row_ids`.
        row_ids: Line or row number of each row.
        rejects: Records that did not even become rows.
        notes: What the reader decided before the columns were typed.
        counts: What `row_ids` number.
        types: Types that were demanded, by column name; none: of no column. Where some were, an infinite value in
            another column costs no row, as that column is not what the table is read for.
        passed: Records of the source that were not drawn.

    Raises:
        NoRows: There are none, and no rejects either.
        DataError: More than half of the records are rejects.
    """
    found = [one if not types or one.column.name in types else _without_infinities(one) for one in found]
    infinite = {int(i): one.column.name for one in reversed(found) for i in one.infinite}
    dropped = [
        table.Reject(int(row_ids[i]), column, "an infinite value", _infinity(found, column, i))
        for i, column in infinite.items()
    ]
    cells = [
        table.Reject(int(row_ids[i]), one.column.name, _ODD[one.column.physical], text[:SHOWN], row_kept=True)
        for one in found
        for i, text in one.odd
        if i not in infinite
    ]
    lost = [*rejects, *dropped]
    if not (records := len(row_ids) + len(rejects)):
        raise errors.NoRows(name, tuple(one.column.name for one in found))
    _refuse_mostly_broken(name, lost, records=records + passed, counts=counts)
    whole = table.Table(
        name=name,
        columns=tuple(one.column for one in found),
        row_ids=row_ids,
        rejects=tuple(sorted([*lost, *cells], key=lambda reject: reject.line)),
        notes=(*notes, *(one.note for one in found if one.note)),
        counts=counts,
        passed=passed,
    )
    if not infinite:
        return whole
    kept = np.ones(len(row_ids), bool)
    kept[list(infinite)] = False
    return whole.take(np.flatnonzero(kept))


def _without_infinities(one: typed.Typed) -> typed.Typed:
    """The column with missing values where it held infinite ones, each of them told as an odd cell."""
    if not len(one.infinite):
        return one
    values = one.column.values.copy()
    odd = tuple((int(i), str(values[i])) for i in one.infinite)
    values[one.infinite] = np.nan
    return replace(one, column=replace(one.column, values=values), infinite=one.infinite[:0], odd=(*one.odd, *odd))


def _infinity(found: Sequence[typed.Typed], name: str, position: int) -> str:
    [column] = [one.column for one in found if one.column.name == name]
    return "inf" if column.values[position] > 0 else "-inf"


def _refuse_mostly_broken(name: str, lost: Sequence[table.Reject], *, records: int, counts: str) -> None:
    if len(lost) > MOST_REJECTED * records:
        first = min(lost, key=lambda reject: reject.line)
        where = f"{counts} {first.line}" + (f", column {first.column!r}" if first.column else "")
        raise errors.DataError(
            f"{name} cannot be read: {len(lost)} of its {records} records are broken.",
            f"The first is {where}: {first.reason}: {first.text!r}.",
            "Check the delimiter, the quotes and the number of fields in the header.",
        )


def without_rows(names: Sequence[str]) -> list[typed.Typed]:
    """Columns of which nothing is known but the names."""
    none = np.empty(0, np.int32)
    return [typed.Typed(table.Column(name, table.Physical.TEXT, none), np.empty(0, np.int64)) for name in names]


def unique_names(names: Sequence[object], name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the columns, those without one filled in, and a note for each of these.

    Raises:
        DataError: Two columns have the same name.
    """
    given = [str(n).strip() for n in names]
    filled = tuple(n or f"column_{i}" for i, n in enumerate(given, 1))
    twice = sorted({n for n in filled if filled.count(n) > 1}) if len(set(filled)) < len(filled) else []
    if twice:
        raise errors.DataError(
            f"{name} has columns with the same name.",
            "More than once: " + ", ".join(map(repr, twice[:10])) + ".",
            "Rename them, so that each name stands for one column.",
        )
    notes = tuple(f"Column {i} has no name: it is called {n!r}." for i, n in enumerate(filled, 1) if not given[i - 1])
    return filled, notes
