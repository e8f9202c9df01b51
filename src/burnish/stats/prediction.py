"""Where an error will lie when it is measured again, on fresh rows: a prediction interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from burnish.stats import design as designs
from burnish.stats import interval
from burnish.stats.design import Design
from burnish.stats.interval import LEVEL, Interval, Statistic

Floats = NDArray[np.float64]

# Quantiles of the true rate over which the number of wrong fresh rows is averaged; more move the ends by less than
# 1 % of the width.
NODES = 200
# What floating point may take from a whole number of rows.
ROUNDING = 1e-6


def of_fresh_rows(
    losses: ArrayLike,
    statistic: Statistic,
    *,
    rows: int,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    clumping: float | None = None,
    excess: float = 1.0,
    level: float = LEVEL,
) -> Interval:
    """The error of these losses, with the interval in which that of `rows` fresh rows of their distribution will lie.

    Args:
        losses: Per-row losses, shape (any rows,).
        statistic: What the losses are.
        rows: Size of the fresh set.
        weights: Of the rows of `losses`; None: all alike.
        groups: Labels of the rows of `losses` that belong together; None: each row is its own.
        clumping: `Design.clumping` of the fresh set; None: that of the rows of `losses`.
        excess: By what factor the variance of the error of `losses` exceeds what rows and groups show of it.
        level: Confidence.
    """
    values = np.asarray(losses, np.float64).ravel()
    now = interval.estimate(values, statistic, weights=weights, groups=groups, level=level)
    design = designs.of(len(values), weights, groups)
    if design is not None and design.alone:
        return now
    degrees, effect = _fresh(values, design, statistic, clumping)
    if statistic == "error":
        known = float(len(values)) if design is None else design.effective_rows(values, level=level)
        few = _quantile(np.inf, level) / _quantile(degrees, level)
        return _rate(now.value, known / excess, max(rows / effect * few**2, 1.0), level)
    reach = _quantile(degrees, level) / np.sqrt(rows / effect)
    low, high = (reach * _row_deviation(now.value, end, values, weights, statistic) for end in (now.low, now.high))
    wider = np.sqrt(excess)
    bottom = now.value - float(np.hypot(wider * (now.value - now.low), low))
    top = now.value + float(np.hypot(wider * (now.high - now.value), high))
    return Interval(now.value, max(bottom, 0.0) if statistic == "rmse" else bottom, top)


def _rate(rate: float, known: float, fresh: float, level: float) -> Interval:
    """Where the error rate of `fresh` rows will lie, if `known` rows had `rate`.

    The wrong rows among the fresh ones are binomial, and the true rate is as Clopper and Pearson (1934) have it: a beta
    distribution for each end. Together that is the exact test of whether both sets have one rate (Thatcher,
    "Relationships between Bayesian and confidence limits for predictions", JRSS B 26, 1964). Adding the two variances
    instead covered 0.93 at rates of 3 %: that few fresh rows hold nothing wrong is likelier than a normal distribution
    knows.
    """
    tail, wrong = (1 - level) / 2, rate * known
    shares = (np.arange(NODES) + 0.5) / NODES
    low, high = 0.0, fresh
    if wrong > 0:
        rates = special.betaincinv(wrong, known - wrong + 1, shares)
        low = np.floor(max(_count(rates, fresh, tail) + 1, 0.0) + ROUNDING)
    if wrong < known:
        rates = special.betaincinv(wrong + 1, known - wrong, shares)
        high = np.ceil(_count(rates, fresh, 1 - tail) - ROUNDING)
    return Interval(rate, float(min(low / fresh, rate)), float(max(min(high / fresh, 1.0), rate)))


def _count(rates: Floats, fresh: float, share: float) -> float:
    """The number of wrong fresh rows, −1 to all, that is not exceeded with probability `share`, averaged over rates."""

    def excess(wrong: float) -> float:
        return float(np.mean(special.betainc(fresh - wrong, wrong + 1, 1 - rates))) - share

    least, most = -1 + 1e-12, fresh * (1 - 1e-12)
    if excess(least) >= 0 or excess(most) <= 0:
        return -1.0 if excess(least) >= 0 else fresh
    return float(optimize.brentq(excess, least, most, xtol=1e-9 * fresh + 1e-9))


def _fresh(values: Floats, design: Design | None, statistic: Statistic, clumping: float | None) -> tuple[float, float]:
    """Degrees of freedom, and the design effect of a fresh set: how far groups agree here, at its clumping.

    A design effect is 1 + (clumping − 1)·ρ, with ρ the correlation within groups (Kish 1965); without groups to show ρ
    it is taken to be 1.
    """
    if design is None:
        return np.inf, 1.0 if clumping is None else clumping
    worth = design.of_rate(values) if statistic == "error" else design.of_mean(values)
    if clumping is None:
        return worth.degrees, worth.effect
    return worth.degrees, 1 + (clumping - 1) * (worth.effect - 1) / max(design.clumping - 1, designs.ALONE)


def _row_deviation(value: float, end: float, losses: Floats, weights: ArrayLike | None, statistic: Statistic) -> float:
    """Standard deviation that one fresh row brings into the error, if the true error were `end`; unit of the error."""
    if weights is None:
        spread = float(losses.std())
    else:
        shares = designs.shares_of(weights, len(losses))
        spread = float(np.sqrt((losses - losses @ shares) ** 2 @ shares))
    if statistic == "mean":
        return spread
    # Delta method: d√x = dx / 2√x; the squares' spread grows with the square of the RMSE.
    return spread / (2 * value) * (end / value) if value > 0 else 0.0


def _quantile(degrees: float, level: float) -> float:
    """Of Student's t, for a two-sided interval; of the normal distribution where `degrees` is infinite."""
    share = (1 + level) / 2
    return float(special.ndtri(share) if np.isinf(degrees) else special.stdtrit(degrees, share))
