"""Columns that hold something in rows of one class alone, as the date of leaving does in rows of those who left."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish.data import split
from burnish.data.observation import Observation, View, counted, listed, numbers, shown
from burnish.data.table import Column, Physical
from burnish.stats import false_alarms
from burnish.units import percent

# Share of the rows that one value has to hold, before the other rows are those "in which the column has a value": a
# choice. Zeros of amounts that were not spent hold as much; one of many equal measurements does not.
COMMON = 0.1
PROBED = 1_000  # rows among which the commonest value is looked for
# Share of its class's rows that a column has to be filled in for, and that makes it a limit. Choices: of fewer than a
# tenth of them a network that knows too much gains too little to mislead anybody.
OF_CLASS, MOST_OF_CLASS = 0.1, 0.5
# Share of all rows from which a class is the usual one. A part of it alone, less than half, is what any good column
# tells: in a survey all 187 people of the south are "not of the west". Of 26 findings in some 50
# tables, with each column as the target in turn, 10 were of this kind, and none of them was a leak.
USUAL_CLASS = 0.5
# The other classes' share among the filled rows is surely below this part of their share among all rows: a choice, so
# that a class of nearly all rows is no surprise.
OTHERS_LEFT = 0.5
FOLLOWS_CLASS = "A column has a value only in rows of one class (suspected leak)"


@dataclass(frozen=True, slots=True)
class _Filled:
    """A column that has a value in rows of one class alone."""

    name: str
    usual: str  # the value that counts as none, as a person would write it; "" where it is a gap
    rows: int
    code: int  # of the class
    share: float  # of the class's rows

    def told(self) -> str:
        what = f"is other than {self.usual}" if self.usual else "has a value"
        return f"{self.name!r} {what} in {counted(self.rows, 'row')}"


def observe(view: View, *, but: Collection[str] = ()) -> tuple[Observation, ...]:
    """DA10: columns that are filled in rows of one class alone, and not by chance.

    Args:
        view: The table.
        but: Columns of which worse is said already.
    """
    if view.classes is None:
        return ()
    rows = np.flatnonzero((view.origin == split.MAIN) & ~view.target.missing)
    codes = np.asarray(view.classes)[rows]
    sizes = np.bincount(codes)
    columns = [c for c in view.features if c.name not in but and c.physical is not Physical.IMAGE]
    if np.count_nonzero(sizes) < 2 or not columns:
        return ()
    # Each column is asked twice, about gaps and about its commonest value, and all rows may be of any class.
    alpha = false_alarms.share("DA10") / (2 * len(columns) * np.count_nonzero(sizes))
    units = None if view.plan.group is None else numbers(view.table[view.plan.group], rows)
    found = [one for column in columns if (one := _filled(column, rows, codes, alpha, units)) is not None]
    named = sorted({one.code for one in found})
    return tuple(_said(view, [one for one in found if one.code == code], sizes) for code in named)


def _filled(
    column: Column,
    rows: NDArray[np.int64],
    codes: NDArray[np.integer],
    alpha: float,
    units: NDArray[np.float64] | None,
) -> _Filled | None:
    """The column's filled rows, where they are of one class; else None. `units` are the groups that rows belong to."""
    values = numbers(column, rows)
    known = ~np.isnan(values)
    if not known.all() and (code := _one_class(known, codes, alpha, units)) is not None:
        return _Filled(column.name, "", int(known.sum()), code, _share_of_class(known, codes, code))
    usual = _commonest(values)
    if usual is None:
        return None
    other = known & (values != usual)
    code = _one_class(other, codes, alpha, units)
    if code is None:
        return None
    text = shown(column, int(rows[np.flatnonzero(values == usual)[0]]))
    text = repr(text) if column.physical is Physical.TEXT else text
    return _Filled(column.name, text, int(other.sum()), code, _share_of_class(other, codes, code))


def _share_of_class(filled: NDArray[np.bool_], codes: NDArray[np.integer], code: int) -> float:
    return float(filled.sum() / (codes == code).sum())


def _commonest(values: NDArray[np.float64]) -> float | None:
    """The value that most rows have, if that is a share worth the name."""
    some = values[:: max(1, len(values) // PROBED)]
    distinct, counts = np.unique(some[~np.isnan(some)], return_counts=True)
    if not len(distinct) or counts.max() < COMMON * len(some):
        return None
    return float(distinct[np.argmax(counts)])


def _one_class(
    filled: NDArray[np.bool_], codes: NDArray[np.integer], alpha: float, units: NDArray[np.float64] | None
) -> int | None:
    """The class of all filled rows, if they are of one, enough of it, and surely not because it is frequent."""
    own = codes[filled]
    if not len(own) or (own != own[0]).any():
        return None
    usual = float((codes == own[0]).mean())
    if _share_of_class(filled, codes, int(own[0])) < (OF_CLASS if usual < USUAL_CLASS else MOST_OF_CLASS):
        return None
    drawn = len(own) if units is None else len(np.unique(units[filled]))  # rows of one group are one draw
    # Clopper and Pearson (1934): none of so many leaves this share possible.
    return int(own[0]) if 1 - alpha ** (1 / drawn) < OTHERS_LEFT * (1 - usual) else None


def _said(view: View, found: list[_Filled], sizes: NDArray[np.int64]) -> Observation:
    code, names = found[0].code, [one.name for one in found]
    name, of = view.class_name(code), int(sizes[code])
    drop = f"leave it out with --drop {names[0]!r}" if len(names) == 1 else "leave them out with --drop"
    return Observation(
        "DA10",
        FOLLOWS_CLASS,
        "limit" if max(one.share for one in found) >= MOST_OF_CLASS else "note",
        f"{listed([one.told() for one in found])}, all of class {name!r}, which has {counted(of, 'row')}, "
        f"{percent(of / int(sizes.sum()))} of all.",
        f"Ask whether that is known before the target is, for new rows. If it is written down because of the target, "
        f"{drop}; the error without is then the honest one.",
        where=listed(names),
    )
