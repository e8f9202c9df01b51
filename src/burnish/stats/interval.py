"""An error never comes alone: the interval type of the project and the intervals for rates, RMSE and their differences.

All intervals are two-sided and central: each end is missed with probability (1 − level) / 2. Where rows belong together
or do not weigh alike, they are worth what `design` says; else every row counts for itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from burnish import errors
from burnish.stats import design as designs
from burnish.stats.design import Design

Statistic = Literal["mean", "rmse", "error"]  # "error": the losses are 0 or 1; "rmse": they are squared errors

LEVEL = 0.95  # confidence of an interval where nothing else is asked for; the convention of the field

# Below this skewness Hall's transformation is the identity to 1e-9 and its formula would divide by zero.
SKEWNESS_TINY = 1e-8


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the ends of its confidence interval, all in the same unit."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the distance between the ends, in the estimate's unit."""
        return (self.high - self.low) / 2


def proportion(wrong: float, rows: float, *, level: float = LEVEL) -> Interval:
    """Error rate `wrong / rows` with the exact interval of Clopper and Pearson (1934).

    The Wald interval would say "0 ± 0" for a network without a single error on dev; this one covers at least `level`
    for every true rate. Fractions are allowed, so that a weighted rate can be given at its effective number of rows.

    >>> round(proportion(0, 100).high, 4)
    0.0362
    """
    if not 0 <= wrong <= rows or rows <= 0:
        raise errors.DataError(
            f"An error rate of {wrong} errors among {rows} rows cannot be given.",
            "The errors must be between 0 and the number of rows, and there must be a row.",
            "Count the wrong rows and all rows of the same set.",
        )
    tail = (1 - level) / 2
    low = 0.0 if wrong == 0 else float(special.betaincinv(wrong, rows - wrong + 1, tail))
    high = 1.0 if wrong == rows else float(special.betaincinv(wrong + 1, rows - wrong, 1 - tail))
    return Interval(float(wrong / rows), low, high)


def weighted_proportion(
    wrong: ArrayLike, weights: ArrayLike | None, *, groups: ArrayLike | None = None, level: float = LEVEL
) -> Interval:
    """Weighted error rate Σ w·wrong / Σ w, by Clopper–Pearson at the effective number of rows (Korn and Graubard 1998).

    Args:
        wrong: 0 or 1 for each row, shape (rows,).
        weights: Weight of each row, not negative, shape (rows,); None: all alike.
        groups: Labels of rows that belong together, shape (rows,); None: each row is its own. A single group gives the
            ends 0 and 1.
        level: Confidence of the interval.
    """
    values = _losses(wrong)
    design = designs.of(len(values), weights, groups)
    if design is None:
        shares = designs.shares_of(weights, len(values))
        effective = _effective_rows(shares)
        return proportion(float(np.clip(values @ shares, 0, 1)) * effective, effective, level=level)
    rate = float(np.clip(design.mean(values), 0, 1))
    if design.alone:
        return Interval(rate, 0.0, 1.0)
    rows = design.effective_rows(values, level=level)
    return proportion(rate * rows, rows, level=level)


def mean(
    values: ArrayLike, *, weights: ArrayLike | None = None, groups: ArrayLike | None = None, level: float = LEVEL
) -> Interval:
    """Mean with Student's t-interval. One row, or one group, alone gives the ends −∞ and ∞."""
    numbers = _losses(values)
    design = designs.of(len(numbers), weights, groups)
    centre = float(numbers.mean()) if design is None else design.mean(numbers)
    if len(numbers) == 1 or (design is not None and design.alone):
        return Interval(centre, -np.inf, np.inf)
    if design is None:
        reach = _t(level, len(numbers) - 1) * float(numbers.std(ddof=1)) / np.sqrt(len(numbers))
    else:
        worth = design.of_mean(numbers)
        reach = _t(level, worth.degrees) * float(np.sqrt(worth.variance))
    return Interval(centre, centre - reach, centre + reach)


def rmse(
    squared_errors: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    level: float = LEVEL,
) -> Interval:
    """Root mean squared error, in the unit of the target.

    The χ² interval holds for normal errors only, and the plain t-interval of the mean squared error misses high values
    because squares are skewed. Here the skewness is taken out by Hall's monotone transformation of the t-statistic
    ("On the removal of skewness by transformation", JRSS B 54, 1992), then the root is taken of both ends. In
    simulation it covers 0.95 for normal errors and 0.91 to 0.94 for t₅ errors (the logarithm: 0.86 to 0.93).

    Args:
        squared_errors: (prediction − target)² of each row, shape (rows,).
        weights: Weight of each row, not negative, shape (rows,).
        groups: Labels of rows that belong together, shape (rows,). A single group gives the ends 0 and ∞.
        level: Confidence of the interval.
    """
    squares = _losses(squared_errors)
    design = designs.of(len(squares), weights, groups)
    if design is None:
        centre, rows, spread, skewness = _moments(squares, designs.shares_of(weights, len(squares)))
        degrees = rows - 1
    else:
        centre, rows, spread, skewness = _group_moments(squares, design)
        degrees = design.of_mean(squares).degrees
    if rows <= 1 + designs.ALONE:
        return Interval(float(np.sqrt(centre)), 0.0, np.inf)
    if spread == 0:
        return Interval(float(np.sqrt(centre)), float(np.sqrt(centre)), float(np.sqrt(centre)))
    reach = _t(level, degrees) / np.sqrt(rows)
    low = centre - spread * _hall_inverse(reach, skewness, rows)
    high = centre - spread * _hall_inverse(-reach, skewness, rows)
    return Interval(*(float(np.sqrt(max(end, 0.0))) for end in (centre, min(low, centre), max(high, centre))))


def normal_rmse(error: float, rows: float, *, level: float = LEVEL) -> Interval:
    """The interval of an RMSE of which nothing is known but its number of rows, if the errors are normal.

    rows · MSE / σ² then follows χ² with as many degrees of freedom. Errors with heavier tails make it too narrow, by
    √((κ − 1) / 2) of their kurtosis κ: prefer `rmse`, which sees each row.

    Args:
        error: RMSE, in any unit.
        rows: That it is taken over.
        level: Confidence of the interval.
    """
    if not (error >= 0 and np.isfinite(error) and rows >= 1):
        raise errors.DataError(
            f"An RMSE of {error} on {rows} rows cannot be judged.",
            "It is finite and at least 0, and taken over at least one row.",
            "Give the root of the mean squared error, and the number of rows.",
        )
    tail = (1 - level) / 2
    low, high = (float(error * np.sqrt(rows / special.chdtri(rows, q))) for q in (tail, 1 - tail))
    return Interval(error, low, high)


def _moments(squares: NDArray[np.float64], shares: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Mean, number, spread and skewness of rows that stand for themselves."""
    rows = _effective_rows(shares)
    centre = float(squares @ shares)
    deviations = squares - centre
    spread = float(np.sqrt(deviations**2 @ shares * rows / (rows - 1))) if rows > 1 + designs.ALONE else 0.0
    if spread == 0:
        return centre, rows, 0.0, 0.0
    scaled = deviations / spread
    # A power of 3 takes ten times as long.
    return centre, rows, spread, float((scaled * scaled * scaled) @ shares)


def _group_moments(squares: NDArray[np.float64], design: Design) -> tuple[float, float, float, float]:
    """The same where groups are the units: their number takes the place of that of rows."""
    changes, variance, groups = design.left_out(design.pulls(squares)), design.of_mean(squares).variance, design.groups
    if variance == 0:
        return design.mean(squares), groups, 0.0, 0.0
    size = float(changes @ changes)
    skewness = float(np.sqrt(groups) * ((changes * changes) @ changes) / size**1.5) if size > 0 else 0.0
    return design.mean(squares), groups, float(np.sqrt(variance * groups)), skewness


def proportion_difference(first: tuple[float, float], second: tuple[float, float], *, level: float = LEVEL) -> Interval:
    """Difference of two error rates on independent rows, first − second: Newcombe 1998, method 10.

    Args:
        first: (wrong, rows) of one set.
        second: (wrong, rows) of the other.
        level: Confidence of the interval.

    >>> gap = proportion_difference((56, 70), (48, 80))  # Newcombe's example (a): 0.0524 to 0.3339
    >>> round(gap.low, 4), round(gap.high, 4)
    (0.0524, 0.3339)
    """
    return difference(_wilson(*first, level=level), _wilson(*second, level=level))


def difference(first: Interval, second: Interval) -> Interval:
    """Difference first − second of two independent estimates from their intervals, which need not be symmetric.

    The method of variance estimates recovery (Zou and Donner 2008): each side's distance to its own end stands in for
    its standard error on that side. Newcombe's method 10 is the case of two Wilson intervals.
    """
    value = first.value - second.value
    low = np.hypot(first.value - first.low, second.high - second.value)
    high = np.hypot(first.high - first.value, second.value - second.low)
    return Interval(value, float(value - low), float(value + high))


def estimate(
    losses: ArrayLike,
    statistic: Statistic,
    *,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    level: float = LEVEL,
) -> Interval:
    """The interval that belongs to this kind of per-row loss: rate, RMSE or mean."""
    values = _losses(losses)
    if statistic == "error":
        if weights is None and groups is None:
            return proportion(float(values.sum()), len(values), level=level)
        return weighted_proportion(values, weights, groups=groups, level=level)
    kind = rmse if statistic == "rmse" else mean
    return kind(values, weights=weights, groups=groups, level=level)


def loss_difference(first: ArrayLike, second: ArrayLike, statistic: Statistic, *, level: float = LEVEL) -> Interval:
    """Difference first − second of an error measured on two independent sets of rows, as dev − train.

    Args:
        first: Per-row losses of one set, shape (rows,).
        second: Per-row losses of the other, shape (other rows,).
        statistic: What the losses are, and so the unit of the difference.
        level: Confidence of the interval.
    """
    one, other = _losses(first), _losses(second)
    if statistic == "error":
        return proportion_difference((one.sum(), len(one)), (other.sum(), len(other)), level=level)
    return difference(estimate(one, statistic, level=level), estimate(other, statistic, level=level))


def _hall_inverse(reach: float, skewness: float, rows: float) -> float:
    """Inverse of T ↦ T + γT²/3 + γ²T³/27 + γ/6n at `reach`, with T the standardised mean before multiplying by √n."""
    shifted = reach - skewness / (6 * rows)
    if abs(skewness) < SKEWNESS_TINY:
        return shifted
    return float(3 / skewness * (np.cbrt(1 + skewness * shifted) - 1))


def _wilson(wrong: float, rows: float, *, level: float) -> Interval:
    """Wilson's score interval (1927): the right ingredient of Newcombe's difference, where exact ones are too wide."""
    proportion(wrong, rows, level=level)  # the same rules for what is a rate
    z = _t(level, np.inf)
    rate = wrong / rows
    centre = rate + z**2 / (2 * rows)
    reach = z * np.sqrt(rate * (1 - rate) / rows + z**2 / (4 * rows**2))
    scale = 1 + z**2 / rows
    return Interval(float(rate), float((centre - reach) / scale), float((centre + reach) / scale))


def _t(level: float, degrees: float) -> float:
    """Quantile of Student's t for a two-sided interval; the normal quantile where `degrees` is infinite."""
    if np.isinf(degrees):
        return float(special.ndtri((1 + level) / 2))
    return float(special.stdtrit(degrees, (1 + level) / 2))


def _losses(values: ArrayLike) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64).ravel()
    if not len(numbers) or not np.isfinite(numbers).all():
        raise errors.DataError(
            "The interval of an error was asked for values that are missing, infinite, or not there at all.",
            f"Of {len(numbers)} values, {int(np.isfinite(numbers).sum())} are finite; all must be, and at least one.",
            "Give one finite loss for each row.",
        )
    return numbers


def _effective_rows(shares: NDArray[np.float64]) -> float:
    """Kish's effective sample size (Σw)² / Σw², in rows (Kish 1965)."""
    return float(1 / np.sum(shares**2))
