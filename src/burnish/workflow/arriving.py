"""Rows that come to a delivered model: read as those that it was trained on, or refused, or spoken of."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish import errors, load
from burnish.data.images import is_images
from burnish.data.table import Column, Physical, Reject, Table
from burnish.load import STANDARD_INPUT
from burnish.predictor.simple import AnyPredictor
from burnish.preprocess import categories
from burnish.preprocess.preparation import refuse_absent
from burnish.workflow import remarks

# Share of the values of a column that cannot be read as in training, or that training did not have, above which the
# column is another one than it was: a choice, most of them. Fewer are slips, or news.
MOST = 0.5

_VALUES = {Physical.NUMBER: "numbers", Physical.BOOLEAN: "yes or no", Physical.DATE: "dates"}
_WRITE = {
    Physical.NUMBER: "Write digits and a decimal point (in a table cut by semicolons a comma will do)",
    Physical.BOOLEAN: "Write yes and no, true and false, or 1 and 0",
    Physical.DATE: "Write dates as year-month-day, such as 2024-01-31",
}


def read(source: Any, model: AnyPredictor, *, beside: Mapping[str, Physical] | None = None) -> Table:
    """The table of a source with the columns that the model needs.

    Args:
        source: What `load.read` takes.
        model: What the rows are for.
        beside: Further columns and how they are to be read, if they are there.

    Raises:
        NoRows: There are none.
        DataError: A column is absent, or most of its values cannot be read as those of training.
    """
    path = os.fspath(source) if isinstance(source, str | os.PathLike) else None
    table = load.read(source, name=None if path == STANDARD_INPUT else path, types={**model.schema, **(beside or {})})
    refuse_absent(list(model.schema), table)
    refuse_unreadable(table, model.schema)
    return table


def none_of(empty: errors.NoRows, model: AnyPredictor) -> Table:
    """The table without rows, where every column that the model needs is there, or no record tells.

    Raises:
        DataError: A column is absent.
    """
    table = Table(
        name=empty.table,
        columns=tuple(_no_values(name, model.schema) for name in empty.columns or model.schema),
        row_ids=np.empty(0, np.int64),
        notes=(f"{empty.table} has no rows, so there is nothing to predict.",),
    )
    refuse_absent(list(model.schema), table)
    return table


def _no_values(name: str, schema: Mapping[str, Physical]) -> Column:
    physical = schema.get(name, Physical.TEXT)
    text = physical is Physical.TEXT
    return Column(name, physical, np.empty(0, np.int32) if text else np.empty(0, np.float64))


def refuse_lost(table: Table) -> None:
    """Every record is a row: one without a prediction would shift all that follow."""
    lost = [reject for reject in table.rejects if not reject.row_kept]
    if lost:
        first = lost[0]
        where = f"{table.counts.capitalize()} {first.line} of {table.name}"
        column = "" if first.column is None else f" in column {first.column!r} ({first.text})"
        unread = "It" if len(lost) == 1 else f"{len(lost):,} records"
        raise errors.DataError(
            f"{where} is no row: {first.reason}{column}.",
            f"{unread} cannot be read, so rows and predictions would not match.",
            "Mend what is named, then predict again.",
        )


def refuse_unreadable(table: Table, types: Mapping[str, Physical]) -> None:
    """Columns hold what they held in training, but for a few cells.

    Args:
        table: The rows, with the cells that could not be read among the rejects.
        types: How each column was written in training; others are not looked at.

    Raises:
        DataError: Most of the values of a column could not be read, so that predictions would be made from gaps.
    """
    unread = [(column, cells) for column, cells in _unread(table) if column.name in types and _mostly(cells, column)]
    if not unread:
        return
    (column, cells), others = unread[0], [other.name for other, _ in unread[1:]]
    name, values = column.name, int((~column.missing).sum()) + len(cells)
    more = f" The same is true of {_listed(others)}." if others else ""
    raise errors.DataError(
        f"Column {name!r} of {table.name} cannot be read as {_VALUES[types[name]]}, which it held in training"
        f" ({len(cells):,} of its {values:,} values).",
        f"The first is {cells[0].text!r}, on {table.counts} {cells[0].line}.{more}",
        f"{_WRITE[types[name]]}; leave empty what is not known.",
    )


def _unread(table: Table) -> Iterator[tuple[Column, list[Reject]]]:
    """Each column with the cells of kept rows that could not be read, in the order of the table."""
    cells: dict[str, list[Reject]] = {}
    for reject in table.rejects:
        if reject.row_kept and reject.column is not None:
            cells.setdefault(reject.column, []).append(reject)
    yield from ((column, cells[column.name]) for column in table.columns if column.name in cells)


def _mostly(cells: list[Reject], column: Column) -> bool:
    return len(cells) > MOST * (len(cells) + int((~column.missing).sum()))


def _listed(names: list[str]) -> str:
    more = len(names) - remarks.SAID
    return ", ".join(map(repr, names[: remarks.SAID])) + (f" and {more:,} more" if more > 0 else "")


def said(model: AnyPredictor, table: Table) -> tuple[str, ...]:
    """What the person should know of these rows: what could not be read, and columns of values that are all new."""
    return (
        *remarks.of(table),
        *remarks.first(_empty(model, table), "columns have no value"),
        *remarks.first(_new_levels(model, table), "columns hold mostly values that are new"),
    )


def _empty(model: AnyPredictor, table: Table) -> list[str]:
    """Columns without any value; in a single row that is a gap like any other."""
    if table.rows < 2 or is_images(table):
        return []
    wanted = model.schema
    names = [column.name for column in table.columns if column.name in wanted and column.missing.all()]
    return [f"Column {name!r} has no value here: every prediction is made as where it is not known." for name in names]


def _new_levels(model: AnyPredictor, table: Table) -> list[str]:
    """Categories most of whose values the model does not know, as in another language or case."""
    told = []
    for name, known in _levels(model).items():
        column = categories.text_of(table[name])
        present = np.flatnonzero(column.values >= 0)
        new = present[np.isin(column.values[present], _unknown(column, known))]
        if len(new) > MOST * len(present):
            first = column.levels[int(column.values[new[0]])]
            told.append(
                f"{len(new):,} of the {len(present):,} values of column {name!r} are none that the model knows, such as"
                f" {first!r} ({table.counts} {table.row_ids[new[0]]}): it knows {_listed(sorted(known))}."
            )
    return told


def _levels(model: AnyPredictor) -> dict[str, set[str]]:
    """The levels of each category that some part of the model tells apart."""
    found: dict[str, set[str]] = {}
    for preparation in model.preparations:
        for plan in preparation.plans:
            if isinstance(plan, categories.FlagsPlan | categories.CodesPlan) and plan.levels:
                found.setdefault(plan.name, set()).update(plan.levels)
    return found


def _unknown(column: Column, known: set[str]) -> NDArray[np.int64]:
    return np.array([code for code, level in enumerate(column.levels) if level not in known], np.int64)
