"""A column of text in the database, and the typed column that comes of it.

Text is slow to judge, and most columns say few things many times: of those each distinct text is judged once.
"""

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
    """One column of text in the database.

    Attributes:
        connection: To the database.
        source: SQL that gives i, the place of a text, from 0; v, the text; and n, the rows that hold it.
        name: The name that the person gave the column.
        places: The place of each row's text, where a text has one for all its rows; None where each row has its own.
    """

    connection: duckdb.DuckDBPyConnection
    source: str
    name: str
    places: NDArray[np.integer] | None = None

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, relation: str, sql: str, name: str) -> Cells:
        """The cells of a column of a table, row by row; `sql` is the column's name in it."""
        return cls(connection, f"SELECT rowid AS i, {sql} AS v, 1 AS n FROM {relation}", name)

    def distinct(self) -> Cells:
        """The same cells with each text once, in sorted order. They hold until another column is so taken apart."""
        if self.places is not None:
            return self
        source = f"({self.source})"
        self.connection.execute(
            f"CREATE TYPE texts AS ENUM (SELECT DISTINCT v FROM {source} WHERE v IS NOT NULL ORDER BY v)"
        )
        place = "coalesce(enum_code(v::texts)::INTEGER + 1, 0)"  # 0 is the place of null
        places = self.fetch(place)
        # A null without rows sees to it that every place is taken.
        self.connection.execute(
            f"CREATE OR REPLACE TABLE distinct_cells AS SELECT {place} AS i, v, sum(n)::BIGINT AS n"
            f" FROM (SELECT v, n FROM {source} UNION ALL SELECT NULL, 0) GROUP BY v"
        )
        self.connection.execute("DROP TYPE texts")
        return Cells(self.connection, "SELECT i, v, n FROM distinct_cells", self.name, places)

    def row(self, select: str, *, number: str = "NULL", limit: int | None = None) -> tuple[Any, ...]:
        """One row of aggregates over v, the text, n, and x, the number that a macro makes of it (NaN: no number)."""
        some = "" if limit is None else f" LIMIT {limit}"
        found = self.connection.execute(
            f"SELECT {select} FROM (SELECT v, n, nullif({number}, 'nan'::DOUBLE) AS x FROM ({self.source}{some}))"
        ).fetchone()
        if found is None:
            raise AssertionError("an aggregate without groups always has a row")
        return found

    def fetch(self, expression: str) -> NDArray[Any]:
        """The expression in v for every row, in the order of the rows; it must not be null."""
        values = in_order(self.connection, f"SELECT i, {expression} AS x FROM ({self.source})")["x"]
        return values if self.places is None else values[self.places]

    def floats(self, expression: str) -> NDArray[np.float64]:
        """The expression in v for every row, NaN where it is null."""
        return self.fetch(f"coalesce(CAST({expression} AS DOUBLE), 'nan'::DOUBLE)").astype(np.float64, copy=False)

    def where(self, condition: str, *, limit: int | None = None) -> tuple[tuple[int, str], ...]:
        """Positions and texts of the cells for which the condition in v holds."""
        if self.places is None:
            return tuple(self.texts(condition, limit=limit))
        texts = dict(self.texts(condition))
        rows = np.flatnonzero(np.isin(self.places, list(texts)))[:limit]
        return tuple((int(i), texts[int(self.places[i])]) for i in rows)

    def texts(self, condition: str, *, limit: int | None = None) -> list[tuple[int, str]]:
        """Places and texts for which the condition in v holds, in the order of the places."""
        some = "" if limit is None else f" LIMIT {limit}"
        found = self.connection.execute(f"SELECT i, v FROM ({self.source}) WHERE {condition} ORDER BY i{some}")
        return [(int(i), str(v)) for i, v in found.fetchall()]
