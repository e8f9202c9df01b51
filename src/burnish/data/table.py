"""The one form in which every room sees a table: named columns of numbers or of coded text."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from burnish.data import on_disk


class Physical(StrEnum):
    """How the values of a column are written."""

    NUMBER = "number"  # float64, NaN = missing
    BOOLEAN = "boolean"  # float64 0 or 1, NaN = missing
    DATE = "date"  # float64 seconds since 1970-01-01 UTC, NaN = missing
    TEXT = "text"  # int32 codes into `levels`, -1 = missing
    IMAGE = "image"  # uint8 pixels, shape (rows, height, width, channels); never missing


class Kind(StrEnum):
    """What a column is to a network."""

    NUMBER = "number"
    CATEGORY = "category"
    BOOLEAN = "boolean"
    DATE = "date"
    TEXT = "text"  # free text: left out, with a warning
    IDENTIFIER = "identifier"  # names the row: left out
    CONSTANT = "constant"  # one value or none: left out
    IMAGE = "image"  # the pixels of one image


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `values` has shape (rows,); text is coded, so that a million rows of ten words stay small.

    Images have one row of pixels each, shape (rows, height, width, channels).
    """

    name: str
    physical: Physical
    values: NDArray[np.float64] | NDArray[np.int32] | NDArray[np.uint8]
    levels: tuple[str, ...] = ()
    words: tuple[str, str] | None = None  # of a boolean column: how its source spells no and yes

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which rows have no value; shape (rows,)."""
        if self.physical is Physical.IMAGE:
            return np.zeros(len(self.values), dtype=bool)
        return self.values < 0 if self.physical is Physical.TEXT else np.isnan(self.values)

    def take(self, rows: NDArray[np.integer]) -> Column:
        """The same column with these rows, in this order."""
        # Not by `replace`, which takes four times as long: a table may have many columns.
        return Column(self.name, self.physical, on_disk.read_by_rows(self.values)[rows], self.levels, self.words)


@dataclass(frozen=True, slots=True)
class Reject:
    """A record of the source that could not become a row, or one cell of a kept row that became missing."""

    line: int  # as in `Table.row_ids`: 1-based line in a text file, else 0-based row number
    column: str | None
    reason: str
    text: str  # the start of the record or the cell, at most 80 characters
    row_kept: bool = False  # True: the row is in the table, and only this cell is missing

    @property
    def name(self) -> str:
        """What a person finds an image that was left out by: its file; in a table of paths its line too."""
        line = f"line {self.line}" if self.column is not None else ""
        return ": ".join(part for part in (line, self.text) if part)


@dataclass(frozen=True, slots=True)
class Table:
    """A table as read: every record of the source is a row here or a reject, or was passed by for want of time."""

    name: str
    columns: tuple[Column, ...]
    row_ids: NDArray[np.int64]  # line number in a text file, else 0-based row number; shape (rows,)
    rejects: tuple[Reject, ...] = ()
    notes: tuple[str, ...] = ()  # what the reader decided for the person, one sentence each
    counts: Literal["line", "row"] = "line"  # what a row id is a number of
    passed: int = 0  # records that were not drawn, where there was no time for all
    _named: dict[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Of columns with one name the first counts.
        object.__setattr__(self, "_named", {column.name: column for column in reversed(self.columns)})

    @property
    def rows(self) -> int:
        return len(self.row_ids)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        return self._named[name]

    def take(self, rows: NDArray[np.integer]) -> Table:
        """The same table with these rows, in this order."""
        return replace(self, columns=tuple(c.take(rows) for c in self.columns), row_ids=self.row_ids[rows])

    def drop(self, *names: str) -> Table:
        """The same table without these columns."""
        return replace(self, columns=tuple(c for c in self.columns if c.name not in names))
