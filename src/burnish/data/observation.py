"""What the audit looks at, and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from burnish.data.kinds import Profile
from burnish.data.split import Plan
from burnish.data.table import Column, Kind, Physical, Table

NAMES_SHOWN = 5  # names in a list before "and 12 more"
# Values of columns that are looked at at once, 2 MB an array: many short columns one by one take longer.
AT_ONCE = 1 << 18


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing seen in the data, in plain sentences; the workflow makes a finding of it."""

    code: str  # the catalogue's, such as "DA10"
    title: str
    severity: Literal["fault", "limit", "note"]
    evidence: str
    remedy: str
    where: str = ""  # column or file by name


@dataclass(frozen=True, slots=True)
class View:
    """A table as the checks of the audit see it."""

    table: Table
    target: Column
    profiles: dict[str, Profile]
    origin: NDArray[np.integer]  # split.MAIN, DEV_FILE or TEST_FILE, shape (rows,)
    classes: NDArray[np.integer] | None  # class code of each row, None for regression
    plan: Plan

    @property
    def features(self) -> tuple[Column, ...]:
        """Columns that say something about a row: all but target, group, source, identifiers and constants."""
        apart = {self.target.name, self.plan.group, self.plan.source}
        dull = (Kind.IDENTIFIER, Kind.CONSTANT)
        return tuple(c for c in self.table.columns if c.name not in apart and self.profiles[c.name].kind not in dull)

    def class_name(self, code: int) -> str:
        """What the class is called in the table."""
        if self.classes is None:
            raise ValueError("a regression target has no classes")
        return shown(self.target, int(np.flatnonzero(self.classes == code)[0]))


def shown(column: Column, row: int) -> str:
    """The value of a row as a person would write it."""
    if column.missing[row]:
        return "missing"
    value = column.values[row]
    if column.words is not None:
        return column.words[int(value)]
    return column.levels[int(value)] if column.physical is Physical.TEXT else f"{value:.6g}"


def numbers(column: Column, rows: NDArray[np.integer] | slice = slice(None)) -> NDArray[np.float64]:
    """Values, or codes of text, as numbers with NaN for missing; shape (rows,)."""
    values = column.values[rows].astype(np.float64)
    if column.physical is Physical.TEXT:
        values[values < 0] = np.nan
    return values


def blocks(columns: Sequence[Column], rows: int) -> Iterator[Sequence[Column]]:
    """The columns, so many at a time that so many rows of them are `AT_ONCE` values at most."""
    many = max(1, AT_ONCE // max(1, rows))
    for first in range(0, len(columns), many):
        yield columns[first : first + many]


def listed(names: Sequence[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def counted(count: int, one: str, many: str = "") -> str:
    """'1 row', '2,000 rows'."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
