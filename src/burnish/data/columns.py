"""Columns that tell a network nothing, or something else than they seem to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

from burnish.data import affine
from burnish.data.observation import Observation, View, blocks, counted, listed, numbers
from burnish.data.table import Column, Kind, Physical
from burnish.stats import false_alarms
from burnish.units import percent

# A stand-in for "missing" repeats: at least so many rows, and at least such a share of those with a value.
CODE_ROWS = 5
CODE_SHARE = 0.002

# ... and lies apart: the gap to the nearest other value, in interquartile ranges of the other values. Heavy tails leave
# such gaps too, but not with one value repeated at the far side of it. Rows of one group do, those of the largest town
# say: a number that is neither 0 nor a code that people write has to lie so many whole ranges apart. Of 23,452 columns
# of 2,034 real tables that spares 21, none of which is a code.
CODE_GAP = 1.5

# ... in a column of measurements: so many distinct values beside it. A scale from 1 to 5 with a 9 is a category.
CODE_DISTINCT = 20
LEAST_DISTINCT = 4  # a code and three values that it lies far from

# Numbers that people write for "missing" (survey manuals, R, SPSS): nines, of either sign.
WRITTEN_CODES = (99.0, 999.0, 9999.0, 99999.0, 999999.0, -9.0, -99.0, -999.0, -9999.0, -99999.0, -999999.0)

# A code that people write may be rare, if it lies farther from the others than they spread, all of them: so many times
# as far among many values, and among few ones, where the whole scale may be what is rare. Of 23,452 columns of 2,034
# real tables 6 have such a code in too few rows, or among too few values, for the rule above, and in all 6 it is one.
RARE_CODE_ROWS, RARE_CODE_GAP, RARE_CODE_GAP_AMONG_FEW = 2, 1.0, 5.0

# ... or if it is the only negative number of a column, from here on: fewer digits may be a difference of one or two.
ONLY_NEGATIVE = -99.0

# Rank correlation, of either sign, that its interval has to lie beyond before an identifier is said to follow the
# target: 4 % of the variance of the ranks.
FOLLOWS = 0.2


def observe(view: View) -> tuple[Observation, ...]:
    """DA12, DA14 and DA15."""
    looks = (_missing, _codes_for_missing, _code_in_target, _constant, _equal_columns, _in_other_units, _identifiers)
    return tuple(seen for look in looks for seen in look(view))


def _missing(view: View) -> tuple[Observation, ...]:
    shares = {column.name: float(column.missing.mean()) for column in view.features}
    gaps = sorted((name for name, share in shares.items() if share > 0), key=lambda name: -shares[name])
    if not gaps:
        return ()
    any_gap = np.zeros(view.table.rows, dtype=bool)
    for column in view.features:
        any_gap |= column.missing
    names = listed([f"{name} ({percent(shares[name])})" for name in gaps])
    return (
        Observation(
            "DA15",
            "Some values are missing",
            "note",
            f"{counted(len(gaps), 'column has', 'columns have')} missing values: {names}. "
            f"{counted(int(any_gap.sum()), 'row')} of {view.table.rows:,} ({percent(any_gap.mean())}) lack some.",
            "They are filled in from the training rows, and a flag tells the network where. If a value is missing "
            "because of the outcome, leave the column out with --drop.",
            where=listed(gaps),
        ),
    )


def _codes_for_missing(view: View) -> tuple[Observation, ...]:
    """DA15: one value far from all others, again and again."""
    found = []
    measured = [
        column
        for column in view.features
        if column.physical is Physical.NUMBER and view.profiles[column.name].kind is Kind.NUMBER
    ]
    for column in _with_repeated_ends(measured, view.table.rows):
        code = code_for_missing(numbers(column))
        if code is None:
            continue
        value, rows, nearest = code
        found.append(
            Observation(
                "DA15",
                "A number may stand for a missing value (suspected)",
                "note",
                f"The number {value:g} occurs in {counted(rows, 'row')} of column {column.name!r}, "
                f"{apart(value, nearest)}.",
                f"If {value:g} means 'unknown' here, replace it with an empty field; else nothing is wrong.",
                where=column.name,
            )
        )
    return tuple(found)


def _code_in_target(view: View) -> tuple[Observation, ...]:
    """DA15: the same in a target of numbers, where it is taught as an answer.

    A note where the number may as well be measured, as a claim of 0 among large ones.
    """
    code = None if view.classes is not None else code_for_missing(numbers(view.target))
    if code is None:
        return ()
    value, rows, nearest = code
    written = value in WRITTEN_CODES or value < 0 <= nearest
    return (
        Observation(
            "DA15",
            "A number may stand for a missing target (suspected)",
            "limit" if written else "note",
            f"The number {value:g} occurs in {counted(rows, 'row')} of the target {view.target.name!r}, "
            f"{apart(value, nearest)}. A network is taught to predict it, and judged by it.",
            f"If {value:g} means 'unknown' here, leave these rows out, or replace it with an empty field: rows without "
            "a target are left out by themselves. Else nothing is wrong.",
            where=view.target.name,
        ),
    )


def _with_repeated_ends(columns: Sequence[Column], rows: int) -> Iterator[Column]:
    """Those whose least or largest number is in several rows: no other one can be a code, and few have such ends."""
    for some in blocks(columns, rows):
        values = np.stack([numbers(column) for column in some])
        known = np.isfinite(values)
        ends = (np.where(known, values, np.inf).min(axis=1), np.where(known, values, -np.inf).max(axis=1))
        often = [np.count_nonzero(values == end[:, None], axis=1) >= RARE_CODE_ROWS for end in ends]
        yield from (column for column, repeated in zip(some, np.logical_or(*often), strict=True) if repeated)


def code_for_missing(values: NDArray[np.float64]) -> tuple[float, int, float] | None:
    """A value that seems to stand for "missing": (value, rows, nearest other value), or None.

    Args:
        values: A column of numbers, NaN where a value is missing, shape (rows,).
    """
    distinct, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    if len(distinct) < LEAST_DISTINCT:
        return None
    for end, beside in ((0, 1), (-1, -2)):
        value, rows, nearest = float(distinct[end]), int(counts[end]), float(distinct[beside])
        others = np.delete(distinct, end), np.delete(counts, end)
        if _lies_apart(value, rows, others) or _is_written_code(value, rows, others[0]):
            return value, rows, nearest
        enough = len(distinct) > CODE_DISTINCT and rows >= max(CODE_ROWS, CODE_SHARE * counts.sum())
        if value == -1 and nearest >= 0 and enough and np.all(distinct == np.round(distinct)):
            return value, rows, nearest
    return None


def apart(value: float, nearest: float) -> str:
    """How a code for "missing" lies beside the other values, as a part of a sentence."""
    if value < 0 <= nearest:
        return "and is its only negative one"
    return f"far from all others; the nearest is {nearest:g}"


def _lies_apart(value: float, rows: int, others: tuple[NDArray[np.float64], NDArray[np.int64]]) -> bool:
    """Whether the number comes again and again, far from where most of the others are.

    Args:
        value: The least or the largest number of a column.
        rows: How many have it.
        others: The other numbers, sorted, and in how many rows each is.
    """
    distinct, counts = others
    if len(distinct) < CODE_DISTINCT or rows < max(CODE_ROWS, CODE_SHARE * (counts.sum() + rows)):
        return False
    # Quantiles of the other values, each as often as it occurs.
    places = np.searchsorted(np.cumsum(counts), np.array([0.01, 0.25, 0.75, 0.99]) * counts.sum())
    lowest, low, high, highest = distinct[places]
    spread = high - low if high > low else highest - lowest  # most values may be one, such as 0
    if value not in WRITTEN_CODES and value != 0:  # of a group of rows, perhaps, such as the largest town
        spread = max(spread, distinct[-1] - distinct[0])
    width = CODE_GAP if value not in WRITTEN_CODES else CODE_GAP / 3  # a known code needs less of a gap
    return bool(_gap(value, distinct) > width * spread > 0)


def _is_written_code(value: float, rows: int, others: NDArray[np.float64]) -> bool:
    """Whether the number is one that people write for "missing", in a few rows and out of the range of all others."""
    if value not in WRITTEN_CODES or rows < RARE_CODE_ROWS:
        return False
    many = len(others) >= CODE_DISTINCT
    if value <= ONLY_NEGATIVE and others[0] >= 0 and many:
        return True
    width = RARE_CODE_GAP if many else RARE_CODE_GAP_AMONG_FEW
    return bool(_gap(value, others) > width * (others[-1] - others[0]))


def _gap(value: float, others: NDArray[np.float64]) -> float:
    """From a number to the nearest of the others, which are sorted and all on one side of it."""
    return float(min(abs(value - others[0]), abs(value - others[-1])))


def _constant(view: View) -> tuple[Observation, ...]:
    names = [
        name for name, profile in view.profiles.items() if profile.kind is Kind.CONSTANT and name in view.table.names
    ]
    names = [name for name in names if name != view.target.name]
    if not names:
        return ()
    empty = [name for name in names if view.table[name].missing.all()]
    told = f"; {listed(empty)} {'has' if len(empty) == 1 else 'have'} no value at all" if empty else ""
    return (
        Observation(
            "DA14",
            "Some columns never change",
            "note",
            f"{counted(len(names), 'column has', 'columns have')} one value or none: {listed(names)}{told}.",
            "They are left out, as nothing can be learned from them.",
            where=listed(names),
        ),
    )


def _equal_columns(view: View) -> tuple[Observation, ...]:
    """DA14: columns that repeat another one, value by value."""
    first: dict[bytes, Column] = {}
    found = []
    for column in view.features:
        probe = numbers(column, slice(0, view.table.rows, max(1, view.table.rows // 64))).tobytes()
        other = first.setdefault(probe, column)
        if other is not column and other.levels == column.levels and _equal(other, column):
            found.append(f"{column.name} repeats {other.name}")
    if not found:
        return ()
    return (
        Observation(
            "DA14",
            "Some columns repeat others",
            "note",
            f"{listed(found)}, in every row.",
            "A repeated column tells nothing new and makes weights harder to read: leave it out with --drop.",
            where=listed([text.split(" repeats ")[0] for text in found]),
        ),
    )


def _in_other_units(view: View) -> tuple[Observation, ...]:
    """DA14: columns that are others in another unit, or turned round."""
    columns = [column for column in view.features if column.physical is not Physical.TEXT]
    found = affine.lines([column.values.astype(np.float64, copy=False) for column in columns])
    if not found:
        return ()
    names = [column.name for column in columns]
    return (
        Observation(
            "DA14",
            "Some columns are others in another unit",
            "note",
            f"{listed([line.told(names) for line in found])}, in every row, to the digits that are given.",
            "Such a column tells a network nothing new. The error hardly changes, but what the two are worth is shared "
            "between them, and weight decay holds them back half as much as one: leave one out with --drop.",
            where=listed([names[line.place] for line in found]),
        ),
    )


def _equal(one: Column, other: Column) -> bool:
    return bool(np.all((one.values == other.values) | (one.missing & other.missing)))


def _identifiers(view: View) -> tuple[Observation, ...]:
    """DA12: columns that name the row, with a word on those that follow the target."""
    found = []
    for name, profile in view.profiles.items():
        if profile.kind is not Kind.IDENTIFIER or name not in view.table.names or name == view.target.name:
            continue
        if name in (view.plan.group, view.plan.time, view.plan.source):
            continue
        column = view.table[name]
        follows = _rank_correlation(column, view)
        told = (
            f" It follows the target (rank correlation {follows:.2f}), as when rows were numbered after sorting."
            if follows
            else ""
        )
        found.append(
            Observation(
                "DA12",
                "A column names the rows",
                "note",
                f"Column {name!r} looks like an identifier: {profile.reason}.{told}".replace("..", "."),
                "It is left out: a number given to a row says nothing about rows to come. Where rows of one person or "
                "machine share it, name it with --group.",
                where=name,
            )
        )
    return tuple(found)


def _rank_correlation(column: Column, view: View) -> float:
    """Spearman's rank correlation with the target (or with being of the largest class), if it surely matters; else 0.

    The interval is Fisher's, with the variance of Bonett and Wright (2000) for ranks. Text and few rows have none.
    """
    known = ~(column.missing | view.target.missing)
    if column.physical is Physical.TEXT or known.sum() < 2 * CODE_ROWS:
        return 0.0
    if view.classes is None:
        truth = numbers(view.target)[known]
    else:
        truth = (view.classes == np.bincount(view.classes).argmax())[known].astype(np.float64)
    if truth.min() == truth.max():
        return 0.0
    found = float(distributions.spearmanr(column.values[known], truth).statistic)
    quantile = float(distributions.norm.isf(false_alarms.share("DA12") / 2))
    reach = quantile * float(np.sqrt((1 + found**2 / 2) / (known.sum() - 3)))
    nearest = abs(float(np.arctanh(np.clip(found, -1 + 1e-12, 1 - 1e-12)))) - reach
    return found if np.tanh(nearest) > FOLLOWS else 0.0
