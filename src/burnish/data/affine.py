"""Columns that are others in another unit: y = a + b x in every row, to the digits that are given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, spatial

Floats = NDArray[np.float64]

# Rows that candidates are found by; every row judges them.
SAMPLED_ROWS = 256

# Random directions that standardised columns are projected on: two columns of other values are as near as copies in all
# of them with a chance of 1e-12 a pair, so that next to none but copies are looked at further.
DIRECTIONS = 8

# How far apart the projections of copies may lie that were rounded, in standard deviations of the column.
NEAR = 0.05

# Nearest columns that each one is compared with.
NEIGHBOURS = 4

# Error of numbers that were computed and kept in single precision, as a share of their spread: no two measurements
# agree as far in every row. And relative error of a decimal number in double precision, after a few operations.
COMPUTED, DECIMAL = 1e-6, 1e-9

# Half a unit of the last place is what rounding takes at most, with room for the slope's own digits; and in the mean of
# squares it takes 1/sqrt(12) of it, with room for a sample. Rounding both columns would take 1/sqrt(6).
ROUNDED, ROUNDED_RMS = 0.51, 0.36

# Rounded values are told to be those of a line only with so many rows, and where the middle half of the values is so
# many units of the last place wide. Of two columns that merely correlate to the last place both are rounded, and the
# sum of both errors is within half a unit in three quarters of the rows: in all of 50 with a chance of 6e-7.
FEWEST_ROWS, LEAST_UNITS = 50, 50

# Distinct values that are left after rounding, as a share: a choice, one decimal place less.
COARSEST = 0.1

# Significant digits of a slope: those of nearly all factors between units, or of one over them.
DIGITS = range(1, 7)

# Decimal places that values may be rounded to. More are numbers that were computed.
MOST_DECIMALS = 9

# Rows that each of two values needs, where a column has only two: any two rare flags of one row are alike.
FEWEST_OF_TWO = 5


@dataclass(frozen=True, slots=True)
class Line:
    """Column `place` is `slope` times column `of`, plus `intercept`."""

    place: int
    of: int
    slope: float
    intercept: float

    def told(self, names: Sequence[str]) -> str:
        """As a formula, such as "fahrenheit = 1.8 × celsius + 32"."""
        factor = {"1": "", "-1": "-"}.get(f"{self.slope:.6g}", f"{self.slope:.6g} × ")
        rest = f" {'-' if self.intercept < 0 else '+'} {abs(self.intercept):.6g}" if self.intercept else ""
        return f"{names[self.place]} = {factor}{names[self.of]}{rest}"


def lines(columns: Sequence[Floats]) -> tuple[Line, ...]:
    """Every column that another one gives, with the line; columns that are equal are none.

    Of two that give each other it is the later one; of two of which one is rounded, that one.

    Standardised columns are projected on a few random directions, which a change of unit leaves alone but for the sign;
    those that come out near each other are compared row by row.

    Args:
        columns: Numbers, NaN where missing, each of shape (rows,).
    """
    found: dict[int, Line] = {}
    for pair in _candidates(columns):
        for of, place in (pair, pair[::-1]):
            if place not in found and (line := _line(columns[of], columns[place])) is not None:
                found[place] = Line(place, of, *line)
                break
    return tuple(found[place] for place in sorted(found))


def _candidates(columns: Sequence[Floats]) -> list[tuple[int, int]]:
    """Pairs of places, the earlier one first, that are alike in the sampled rows."""
    if len(columns) < 2:
        return []
    rows = len(columns[0])
    sampled = np.unique(np.linspace(0, rows - 1, min(rows, SAMPLED_ROWS)).astype(np.int64))
    values = np.array([column[sampled] for column in columns])
    places, standard, deviations = _standardised(values)
    if len(places) < 2:
        return []
    directions = np.random.default_rng(0).normal(size=(standard.shape[1], DIRECTIONS))
    pairs = np.unique(np.sort(np.array(list(_near(np.abs(standard @ directions))), np.intp).reshape(-1, 2)), axis=0)
    one, other = pairs.T
    agree = np.einsum("ij,ij->i", standard[one], standard[other])
    apart = np.sqrt(np.maximum(1 - agree**2, 0))  # from the line, in standard deviations
    asked, where = np.unique(pairs, return_inverse=True)
    units = (_units(values[places[asked]]) / deviations[asked])[where.reshape(pairs.shape)].max(axis=1)
    alike = apart <= np.maximum(COMPUTED, ROUNDED_RMS * units)
    return [(int(places[first]), int(places[second])) for first, second in pairs[alike]]


def _standardised(values: Floats) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Which columns vary, their values with mean 0 and norm 1, and their standard deviations.

    Args:
        values: The sampled rows, shape (columns, rows).

    Returns:
        Shapes (varying,), (varying, rows) and (varying,).
    """
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    largest = np.abs(filled).max(axis=1)
    filled /= np.maximum(largest, np.finfo(float).tiny)[:, None]  # squares stay finite
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    centred = np.where(known, filled - filled.sum(axis=1, keepdims=True) / count, 0.0)
    norm = np.sqrt((centred**2).sum(axis=1))
    varying = np.flatnonzero(norm > 0)
    deviations = largest[varying] * norm[varying] / np.sqrt(count[varying, 0])
    return varying, centred[varying] / norm[varying, None], deviations


def _near(points: Floats) -> Iterator[tuple[int, int]]:
    """Pairs of points that coincide or are neighbours."""
    # Copies without rounding are one point, of which the tree takes one alone: it is slow where many coincide.
    _, first, which = np.unique(points.round(6), axis=0, return_index=True, return_inverse=True)
    for place, one in enumerate(first[which.ravel()].tolist()):
        if one != place:
            yield one, place
    if len(first) > 1:
        tree = spatial.cKDTree(points[first])
        _, near = tree.query(points[first], k=min(NEIGHBOURS, len(first)), distance_upper_bound=NEAR)
        for one, other in zip(*np.nonzero(near < len(first)), strict=True):
            if near[one, other] != one:
                yield int(first[one]), int(first[near[one, other]])


def _line(x: Floats, y: Floats) -> tuple[float, float] | None:
    """Slope and intercept, where they give y from x in every row, and the two are not equal."""
    known = ~np.isnan(x)
    if (known == np.isnan(y)).any():
        return None
    x, y = x[known], y[known]
    if (x == y).all() or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None
    fitted = _slope(x, y)
    if not (np.isfinite(fitted) and fitted and _varies(x)):
        return None
    computed, off = COMPUTED * _spread(y), _offset(x, y, fitted)[1]
    allowed = computed if off <= computed else _rounding(x, y)
    if off > 2 * allowed:  # twice, as a line through rounded values is itself a little off
        return None
    best = fitted if off <= allowed else _straightened(x, y, fitted, off)
    for slope in (*_rounded(best), best):
        middle, half = _offset(x, y, slope)
        if half <= allowed:
            return slope, _simplest(middle, allowed - half)
    return None


def _slope(x: Floats, y: Floats) -> float:
    """Least squares, of columns scaled so that their squares stay finite."""
    wide, tall = float(np.abs(x).max()), float(np.abs(y).max())
    if not (wide and tall):
        return 0.0
    across = x / wide - (x / wide).mean()
    return float(across @ (y / tall) / (across @ across)) * (tall / wide)


def _straightened(x: Floats, y: Floats, slope: float, off: float) -> float:
    """The slope that leaves the smallest largest error; a larger one than `off` shows where to look."""
    reach = 4 * off / float(x.max() - x.min())
    found = optimize.minimize_scalar(
        lambda turned: _offset(x, y, slope + turned * reach)[1], bounds=(-1, 1), method="bounded"
    )
    return slope + float(found.x) * reach


def _rounded(slope: float) -> list[float]:
    """The slope, or one over it, to a few digits: the simplest first."""
    found = [float(f"{slope:.{digits}g}") for digits in DIGITS]
    over = [1 / float(f"{1 / slope:.{digits}g}") for digits in DIGITS]
    return [one for pair in zip(found, over, strict=True) for one in pair]


def _simplest(value: float, slack: float) -> float:
    """The value to as few digits as leave it within the slack."""
    near = (0.0, *(float(f"{value:.{digits}g}") for digits in range(1, 17)))
    return next((one for one in near if abs(one - value) <= slack), value)


def _offset(x: Floats, y: Floats, slope: float) -> tuple[float, float]:
    """The intercept that leaves the smallest largest error, and that error."""
    rest = y - slope * x
    low, high = float(rest.min()), float(rest.max())
    return (low + high) / 2, (high - low) / 2


def _spread(values: Floats) -> float:
    """How far values lie from the median, those of them that do: what outliers and codes for missing leave alone."""
    away = np.abs(values - np.median(values))
    return float(np.median(away[away > 0]))


def _rounding(x: Floats, y: Floats) -> float:
    """The error that rounding y takes.

    0 where a line could not be told from a mere correlation, of few rows or of values that are few units apart; and
    where y lost most of the values of x, as the number of a school within the number of a pupil.
    """
    low, high = np.quantile(y, (0.25, 0.75))
    allowed = ROUNDED * float(_units(y[np.newaxis])[0])
    if len(y) < FEWEST_ROWS or high - low < 2 * LEAST_UNITS * allowed:
        return 0.0
    return allowed if len(np.unique(y)) >= COARSEST * len(np.unique(x)) else 0.0


def _varies(values: Floats) -> bool:
    """Whether there are three values, or two that come often."""
    distinct, counts = np.unique(values, return_counts=True)
    return len(distinct) > 2 or bool(counts.min() >= FEWEST_OF_TWO)


def _units(values: Floats) -> Floats:
    """The unit of the last decimal place that each column uses, 0 for numbers that were computed; shape (columns,).

    Args:
        values: NaN where missing, shape (columns, rows).
    """
    values, units = np.where(np.isfinite(values), values, 0.0), np.zeros(len(values))
    open_ = np.arange(len(values))
    for decimals in range(MOST_DECIMALS + 1):
        scaled = values[open_] * 10.0**decimals
        whole = (np.abs(scaled - np.rint(scaled)) <= DECIMAL * np.maximum(1, np.abs(scaled))).all(axis=1)
        units[open_[whole]] = 10.0**-decimals
        open_ = open_[~whole]
    return units
