"""Would more data help? The error over the number of training rows, carried on to sizes that do not exist yet.

Real curves are not always well-behaved (Viering & Loog, "The Shape of Learning Curves: A Review", 2023), so a forecast
is given only where the curve does not rise and where the same method, shown all sizes but the largest, would have
foretold the largest. Otherwise it declines and says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

from burnish.diagnosis.finding import Finding, Severity
from burnish.stats import design as designs
from burnish.stats import interval
from burnish.stats.design import Design

Floats = NDArray[np.float64]

# A curve of fewer points or seeds says too little about its shape and its noise.
MIN_SIZES = 5
MIN_SEEDS = 3
# Rows of the smallest training set worth a network.
MIN_ROWS = 16
# Resamples of dev rows and seeds; a 90 % interval's ends then rest on 20 draws each.
DRAWS = 400
# Confidence of the forecast and of the back-test. A back-test at 90 % declines one good curve in ten.
LEVEL = 0.90
# One-sided chance that the test for a rising curve declines a falling one, over all pairs of sizes.
RISE_ALPHA = 0.05
# Variance by another choice of training rows, as a multiple of that by another seed. The seeds of a curve share their
# first rows and so do not show it; it is at least as large (Bouthillier et al., "Accounting for Variance in Machine
# Learning Benchmarks", 2021). On 36 real curves the
# 90 % intervals held the measured gain of 2 and 4 times the rows in 85 and 82 % without it, 89 and 91 % with it; on 36
# curves not used to choose, in 92 and 97 %.
CHOICE_OF_ROWS = 1.0
# No point of a curve is known better than to this share of its value: keeps weights finite where nothing varies.
LEAST_DEVIATION = 0.002


@dataclass(frozen=True, slots=True)
class Point:
    """What is foretold for one multiple of the present rows; intervals at 90 %, of what would be measured."""

    error: interval.Interval
    gain: interval.Interval  # present error less that error


@dataclass(frozen=True, slots=True)
class Forecast:
    """Errors at multiples of the present rows, or the reason for not giving them."""

    rows: int  # the largest size measured
    measured: tuple[float, ...]  # error at each size, mean over seeds
    points: Mapping[float, Point]  # empty where declined
    weights: Mapping[str, float]  # of each form of curve, sum 1; empty where declined
    declined: str = ""  # why, in one sentence

    @property
    def given(self) -> bool:
        return not self.declined


@dataclass(frozen=True, slots=True)
class Form:
    """A family of curves error = a + b·φ_θ(x), a ≥ 0, b ≥ 0, with φ_θ falling in x = rows / present rows."""

    name: str
    parameters: int
    shapes: Callable[[Floats], Floats]  # (sizes,) to (θ, sizes): φ on a grid of θ


@dataclass(frozen=True, slots=True)
class _Noise:
    """How far the measured curve may lie from the true one."""

    rows: Floats  # (draws, sizes): deviations by another choice of dev rows, common to all sizes
    training: Floats  # (sizes,): standard error by seeds and choice of training rows
    degrees: int  # of freedom of `training`
    shape: Floats  # (sizes,): standard error of a point relative to the rest of the curve


def _grid(
    shape: Callable[[Floats, Floats, Floats], Floats], first: Floats, second: Floats
) -> Callable[[Floats], Floats]:
    one, two = (axis.reshape(-1, 1) for axis in np.meshgrid(first, second, indexing="ij"))
    return lambda x: shape(x, one, two)


# In error space, as the review above writes them; exponents and offsets cover what its database of real curves shows.
_EXPONENTS = np.geomspace(0.05, 3.0, 30)
FORMS: tuple[Form, ...] = (
    Form("pow3", 3, _grid(lambda x, c, d: (x + d) ** -c, _EXPONENTS, np.zeros(1))),
    Form("pow4", 4, _grid(lambda x, c, d: (x + d) ** -c, 2 * _EXPONENTS, np.geomspace(0.03, 3.0, 6))),
    Form("mmf4", 4, _grid(lambda x, c, d: d / (d + x**c), _EXPONENTS, np.geomspace(0.01, 30.0, 8))),
)
LAST = "last1"  # the error stays what it is


def sizes(rows: int, *, count: int = MIN_SIZES) -> tuple[int, ...]:
    """Training sizes rows / 2^(k/2), rising to `rows`; fewer than `count` where they would fall below 16 rows.

    >>> sizes(800)
    (200, 283, 400, 566, 800)
    """
    found = {round(rows / 2 ** (k / 2)) for k in range(count)}
    return tuple(sorted(size for size in found if size >= MIN_ROWS))


def forecast(
    sizes: Sequence[int],
    losses: NDArray[np.floating],
    *,
    statistic: interval.Statistic,
    weights: NDArray[np.floating] | None = None,
    groups: NDArray[np.integer] | None = None,
    multiples: Sequence[float] = (2.0, 4.0),
) -> Forecast:
    """The error at multiples of the present rows, with 90 % intervals, or the reason for declining.

    Power laws and a sigmoid (see `FORMS`), and "it stays as it is", are fitted by least squares weighted with
    1/variance, to resamples over dev rows and seeds; the spread over the forms, weighted by Akaike's criterion, is
    part of the interval. Where the best power law fits worse than the noise explains,
    the noise is taken to be larger.

    Args:
        sizes: Training rows, rising; see `sizes`.
        losses: Per-row errors on the same dev rows, shape (seeds, sizes, dev rows): 0 or 1, or squared errors.
        statistic: "error" or "mean", or "rmse" for squared errors.
        weights: Of the dev rows; None: all alike.
        groups: Labels of dev rows that belong together; None: each row is its own.
        multiples: Of the largest size.
    """
    table: Floats = np.asarray(losses, np.float64)
    design = designs.of(table.shape[-1], weights, groups)
    curves = _errors(table, statistic, None if design is None else design.shares)
    measured = curves.mean(axis=0)
    rows, shown = int(sizes[-1]), tuple(float(error) for error in measured)
    reason = _unfit(sizes, table)
    if reason:
        return Forecast(rows, shown, {}, {}, reason)
    noise = _noise(table, curves, statistic, design)
    x = np.asarray(sizes, np.float64) / rows
    reason = _rises(sizes, measured, noise) or _back_test(x, measured, noise)
    if reason:
        return Forecast(rows, shown, {}, {}, reason)
    resampled, excess = _resampled(x, measured, noise, seed=0)
    foretold, weights = _extend(x, resampled, noise.shape * excess, np.array([1.0, *multiples]))
    points = {
        float(multiple): _point(foretold[..., 0], foretold[..., 1 + index], weights, noise.training[-1] * excess)
        for index, multiple in enumerate(multiples)
    }
    shares = weights.mean(axis=0)
    return Forecast(rows, shown, points, {name: float(s) for name, s in zip(_names(), shares, strict=True)})


def finding(forecast: Forecast, say: Callable[[float], str]) -> Finding | None:
    """BV9 where twice the data would surely lower the error; a note where it need not; None where declined.

    Args:
        forecast: At multiples that include 2.
        say: Writes an error with its unit.
    """
    if not forecast.given:
        return None
    told = "; ".join(
        f"{multiple:g} times the rows: {say(-point.gain.value)} [{say(-point.gain.high)} to {say(-point.gain.low)}]"
        for multiple, point in forecast.points.items()
    )
    evidence = (
        f"Change of the error, now {say(forecast.measured[-1])} with {forecast.rows} rows (90 % intervals). {told}."
    )
    if forecast.points[2.0].gain.low > 0:
        return Finding("BV9", "More data would help", Severity.LIMIT, evidence, "Collect more rows like these.")
    return Finding(
        "BV9", "More data need not help", Severity.NOTE, evidence, "More rows are not the first thing to buy."
    )


def _names() -> tuple[str, ...]:
    return (*(form.name for form in FORMS), LAST)


def _errors(losses: Floats, statistic: interval.Statistic, weights: Floats | None = None) -> Floats:
    """(seeds, sizes) from (seeds, sizes, rows), rows weighted by `weights` of sum 1."""
    means = losses.mean(axis=-1) if weights is None else losses @ weights
    return np.sqrt(means) if statistic == "rmse" else means


def _unfit(sizes: Sequence[int], losses: Floats) -> str:
    if len(sizes) < MIN_SIZES or losses.shape[0] < MIN_SEEDS:
        return f"{len(sizes)} sizes and {losses.shape[0]} seeds are too few: it takes {MIN_SIZES} and {MIN_SEEDS}."
    if not np.isfinite(losses).all():
        return "A training did not end in finite predictions."
    if not losses[:, -1].any():
        return "There is no error left to lower."
    return ""


def _noise(losses: Floats, curves: Floats, statistic: interval.Statistic, design: Design | None) -> _Noise:
    """Dev rows by resampling them, whole groups where they belong together; training by the spread over seeds.

    That is pooled over sizes as a share of the error: three seeds at one size say little about their spread; ten
    degrees of freedom over five sizes say more.
    """
    seeds, sizes, rows = losses.shape
    measured = curves.mean(axis=0)
    drawn = _drawn_rows(rows, design, np.random.default_rng(0))
    deviations = np.stack([_errors(losses, statistic, next(drawn)).mean(axis=0) - measured for _ in range(DRAWS)])
    level = np.maximum(measured, LEAST_DEVIATION * measured.max())
    pooled = float(np.sqrt(np.mean(np.var(curves, axis=0, ddof=1) / level**2)))
    training = level * pooled * math.sqrt(1 / seeds + CHOICE_OF_ROWS)
    shared = deviations.mean(axis=1, keepdims=True) / level.mean() * level
    shape = np.sqrt(training**2 + np.var(deviations - shared, axis=0) + (LEAST_DEVIATION * level) ** 2)
    return _Noise(deviations, training, sizes * (seeds - 1), shape)


def _drawn_rows(rows: int, design: Design | None, rng: np.random.Generator) -> Iterator[Floats]:
    """Weights, sum 1, of the rows of one resample after another; shape (rows,)."""
    if design is None:
        while True:
            yield rng.multinomial(rows, np.full(rows, 1 / rows)) / rows
    units = np.arange(rows) if design.units is None else design.units
    count = int(units.max()) + 1
    while True:
        weights = design.shares * rng.multinomial(count, np.full(count, 1 / count))[units]
        if weights.any():
            yield weights / weights.sum()


def _rises(sizes: Sequence[int], measured: Floats, noise: _Noise) -> str:
    """Why the curve cannot be called falling, if some larger size is surely worse than a smaller one."""
    pairs = [(i, j) for j in range(len(sizes)) for i in range(j)]
    critical = distributions.t.isf(RISE_ALPHA / len(pairs), noise.degrees)
    for i, j in pairs:
        spread = np.sqrt(noise.training[i] ** 2 + noise.training[j] ** 2 + np.var(noise.rows[:, j] - noise.rows[:, i]))
        if measured[j] - measured[i] > critical * spread:
            return f"The error rises from {sizes[i]} to {sizes[j]} rows, beyond noise: the curve is ill-behaved."
    return ""


def _back_test(x: Floats, measured: Floats, noise: _Noise) -> str:
    """Why the method cannot be trusted here, if it does not foretell the largest size from the others."""
    known = slice(None, -1)
    fewer = _Noise(noise.rows[:, known], noise.training[known], noise.degrees, noise.shape[known])
    resampled, excess = _resampled(x[known], measured[known], fewer, seed=1)
    foretold, weights = _extend(x[known], resampled, fewer.shape * excess, x[-1:])
    # Other dev rows would move the known sizes and the largest one together: only the difference counts.
    missed = foretold[..., 0] - (measured[-1] + noise.rows[:, -1:])
    spread = noise.training[-1] * excess
    low, high = _quantiles(missed, weights, spread)
    if low <= 0 <= high:
        return ""
    return "Shown all sizes but the largest, the forecast misses the largest: the curve is ill-behaved."


def _resampled(x: Floats, measured: Floats, noise: _Noise, *, seed: int) -> tuple[Floats, float]:
    """Curves that might have been measured, shape (draws, sizes), and by how much their noise exceeds that of seeds."""
    power = FORMS[0]
    chi_squared = _fit(power, x, measured[None], noise.shape, x)[1][0]
    excess = math.sqrt(max(1.0, chi_squared / max(1, len(x) - power.parameters)))
    rng = np.random.default_rng(seed)
    training = rng.standard_t(noise.degrees, noise.rows.shape) * noise.training * excess
    return np.maximum(measured + noise.rows + training, 0.0), excess


def _extend(x: Floats, curves: Floats, deviations: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Each curve carried on by each form: errors (draws, forms, targets), and the forms' weights (draws, forms).

    The weights are Akaike's, exp(−(χ² + 2 · parameters) / 2), for each curve of its own.
    """
    fits = [_fit(form, x, curves, deviations, targets) for form in FORMS]
    stays = np.repeat(curves[:, -1:], len(targets), axis=1)
    chi_squared = np.sum(np.square((curves - curves[:, -1:]) / deviations), axis=1)
    foretold = np.stack([*(fit[0] for fit in fits), stays], axis=1)
    information = np.stack(
        [*(fit[1] + 2 * form.parameters for fit, form in zip(fits, FORMS, strict=True)), chi_squared + 2], axis=1
    )
    weights = np.exp(-(information - information.min(axis=1, keepdims=True)) / 2)
    return foretold, weights / weights.sum(axis=1, keepdims=True)


def _fit(form: Form, x: Floats, curves: Floats, deviations: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """The best θ of the grid for each curve, with a and b solved exactly: errors at the targets, and χ².

    Returns:
        Errors (curves, targets), and the weighted sum of squares (curves,).
    """
    weights = deviations**-2.0 / np.sum(deviations**-2.0)
    shapes = form.shapes(x)  # (θ, sizes)
    centre, mean = shapes @ weights, curves @ weights
    apart = shapes - centre[:, None]
    slope = (curves * weights) @ apart.T / np.maximum((apart**2) @ weights, 1e-12)
    slope = np.maximum(slope, 0.0)  # (curves, θ)
    asymptote = mean[:, None] - slope * centre
    through_zero = (curves * weights) @ shapes.T / np.maximum((shapes**2) @ weights, 1e-12)
    slope = np.where(asymptote < 0, through_zero, slope)
    asymptote = np.maximum(asymptote, 0.0)
    residuals = curves[:, None] - asymptote[..., None] - slope[..., None] * shapes
    chi_squared = np.sum(np.square(residuals / deviations), axis=-1)
    best = np.argmin(chi_squared, axis=1)
    chosen = np.arange(len(curves)), best
    errors = asymptote[chosen][:, None] + slope[chosen][:, None] * form.shapes(targets)[best]
    return errors, chi_squared[chosen]


def _point(present: Floats, foretold: Floats, weights: Floats, deviation: float) -> Point:
    """From (draws, forms): the weighted median and the ends that hold 90 % of the weight."""
    gain = present - foretold
    return Point(_summary(foretold, weights, deviation, least=0.0), _summary(gain, weights, deviation))


def _summary(values: Floats, weights: Floats, deviation: float, *, least: float = -math.inf) -> interval.Interval:
    low, high = _quantiles(values, weights, deviation)
    return interval.Interval(_weighted_quantile(values, weights, 0.5), max(low, least), max(high, least))


def _quantiles(values: Floats, weights: Floats, deviation: float) -> tuple[float, float]:
    """The middle 90 % of values to which the noise of a new measurement is added, in fixed random draws."""
    noisy = values + deviation * np.random.default_rng(2).standard_normal(values.shape)
    tail = (1 - LEVEL) / 2
    return _weighted_quantile(noisy, weights, tail), _weighted_quantile(noisy, weights, 1 - tail)


def _weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    order = np.argsort(values, axis=None)
    cumulative = np.cumsum(weights.ravel()[order])
    place = np.searchsorted(cumulative, share * cumulative[-1])
    return float(values.ravel()[order][min(place, len(order) - 1)])
