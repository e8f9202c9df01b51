"""A column of text in the database, and the typed column that comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from burnish.data import table


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Typed:
    """A column, with what could not be kept of it."""

    column: table.Column
    infinite: NDArray[np.int64]  # positions of rows with an infinite value
    odd: tuple[tuple[int, str], ...] = ()  # position and text of cells that were made missing
    note: str | None = None
    commas: bool = False  # its numbers have decimal commas


def in_order(connection: duckdb.DuckDBPyConnection, select: str) -> dict[str, NDArray[Any]]:
    """The columns of a selection without nulls, its rows put where the column i says.

    Left alone, they may come in another order: DuckDB turns a long IN into a join, say, and joins keep none.
    """
    found = connection.execute(select).fetchnumpy()
    order = np.asarray(found.pop("i"))
    placed = {}
    for name in list(found):
        placed[name] = np.empty_like(np.asarray(found[name]))
        placed[name][order] = found.pop(name)
    return placed


@dataclass(frozen=True, slots=True)
class Cells:
    """One column of text in the database."""

    connection: duckdb.DuckDBPyConnection
    relation: str
    sql: str
    name: str

    def row(self, select: str, *, number: str = "NULL", limit: int | None = None) -> tuple[Any, ...]:
        """One row of aggregates over v, the text, and x, the number that a macro makes of it (NaN: no number)."""
        some = "" if limit is None else f" LIMIT {limit}"
        found = self.connection.execute(
            f"SELECT {select} FROM (SELECT v, nullif({number}, 'nan'::DOUBLE) AS x"
            f" FROM (SELECT {self.sql} AS v FROM {self.relation}{some}))"
        ).fetchone()
        if found is None:
            raise AssertionError("an aggregate without groups always has a row")
        return found

    def fetch(self, expression: str) -> NDArray[np.generic]:
        """The expression in v for every row, in the order of the rows; it must not be null."""
        select = f"SELECT i, {expression} AS x FROM (SELECT rowid AS i, {self.sql} AS v FROM {self.relation})"
        return in_order(self.connection, select)["x"]

    def floats(self, expression: str) -> NDArray[np.float64]:
        """The expression in v for every row, NaN where it is null."""
        return self.fetch(f"coalesce(CAST({expression} AS DOUBLE), 'nan'::DOUBLE)").astype(np.float64, copy=False)

    def where(self, condition: str, *, limit: int | None = None) -> tuple[tuple[int, str], ...]:
        """Positions and texts of the cells for which the condition in v holds."""
        found = self.connection.execute(
            f"SELECT i, v FROM (SELECT rowid AS i, {self.sql} AS v FROM {self.relation}) WHERE {condition}"
            f" ORDER BY i {'' if limit is None else f'LIMIT {limit}'}"
        )
        return tuple((int(i), str(v)) for i, v in found.fetchall())
