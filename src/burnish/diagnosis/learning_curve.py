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
# first rows and so do not show it. Of independent draws it is at least as large (Bouthillier et al., "Accounting for
# Variance in Machine Learning Benchmarks", 2021), but here larger sizes hold the rows of smaller ones. Chosen on six
# tables of bench/learning_curve_coverage.py: 90 % intervals of gains held 98 % with 1, 96 % with a half, 93 % so.
CHOICE_OF_ROWS = 0.25
# Prior weight of "the error stays what it is", beside 1 for each family of falling curves: hardly any curve is flat.
FLAT = 0.1
# Continuations drawn for each resample of the dev rows.
CONTINUATIONS = 25
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
    """A family of curves: error = s·φ_θ(x), s ≥ 0, with φ_θ falling in x = rows / present rows and φ_θ(1) = 1."""

    name: str
    shapes: Callable[[Floats], Floats]  # (sizes,) to (θ, sizes): φ on a grid of θ, each as likely beforehand


@dataclass(frozen=True, slots=True)
class _Noise:
    """How far the measured curve may lie from the true one. All but `rows` are standard errors, shape (sizes,)."""

    rows: Floats  # (draws,): deviation by another choice of dev rows, common to all sizes, as a share of the error
    apart: Floats  # by dev rows, of each size for itself
    training: Floats  # by seeds and choice of training rows
    degrees: int  # of freedom of `training`

    def known(self, count: int) -> _Noise:
        """Of the first so many sizes."""
        return _Noise(self.rows, self.apart[:count], self.training[:count], self.degrees)


def _grid(
    fall: Callable[[Floats, Floats, Floats], Floats], first: Floats, second: Floats
) -> Callable[[Floats], Floats]:
    """Curves floor + (1 − floor)·fall(x)/fall(1), over both parameters of the fall and the floor."""
    axes = np.meshgrid(first, second, _FLOORS, indexing="ij")
    one, two, floor = (axis.reshape(-1, 1) for axis in axes)
    return lambda x: floor + (1 - floor) * fall(x, one, two) / fall(np.ones(1), one, two)


# In error space, as the review above writes them; exponents and offsets cover what its database of real curves shows.
_EXPONENTS = np.geomspace(0.1, 2.0, 12)
_FLOORS = np.linspace(0.0, 0.975, 14)  # error that no rows would remove, as a share of the present one
_NOTHING = np.zeros(1)
FORMS: tuple[Form, ...] = (
    Form("pow3", _grid(lambda x, c, _: x**-c, _EXPONENTS, _NOTHING)),
    Form("pow4", _grid(lambda x, c, d: (x + d) ** -c, 2 * _EXPONENTS, np.geomspace(0.1, 3.0, 4))),
    Form("mmf4", _grid(lambda x, c, d: d / (d + x**c), 2 * _EXPONENTS, np.geomspace(0.1, 10.0, 5))),
    Form("wbl4", _grid(lambda x, c, d: np.exp(-d * x**c), _EXPONENTS, np.geomspace(0.1, 3.0, 5))),
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

    Power laws and sigmoids (see `FORMS`), and "it stays as it is", are weighed by how likely they make the measured
    errors, Student's t with the variances of seeds, choice of training rows and dev rows; continuations are drawn from
    all of them in that proportion, and what a new measurement would add of noise is added.

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
    drawn = _continued(x, measured, noise, np.asarray(multiples, np.float64))
    points = {
        float(multiple): Point(
            _summary(drawn.errors[:, place], least=0.0), _summary(drawn.present - drawn.errors[:, place])
        )
        for place, multiple in enumerate(multiples)
    }
    return Forecast(rows, shown, points, drawn.shares)


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
    training = level * np.hypot(pooled * math.sqrt(1 / seeds + CHOICE_OF_ROWS), LEAST_DEVIATION)
    shared = deviations.mean(axis=1) / level.mean()
    apart = np.std(deviations - shared[:, None] * level, axis=0)
    return _Noise(shared, apart, training, sizes * (seeds - 1))


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
        spread = math.hypot(noise.training[i], noise.training[j], noise.apart[i], noise.apart[j])
        if measured[j] - measured[i] > critical * spread:
            return f"The error rises from {sizes[i]} to {sizes[j]} rows, beyond noise: the curve is ill-behaved."
    return ""


def _back_test(x: Floats, measured: Floats, noise: _Noise) -> str:
    """Why the method cannot be trusted here, if it does not foretell the largest size from the others."""
    known = len(x) - 1
    # Other dev rows would move the known sizes and the largest one together.
    foretold = _continued(x[:known] / x[known - 1], measured[:known], noise.known(known), x[known:] / x[known - 1])
    missed = foretold.errors[:, 0] - measured[-1] * foretold.moved
    missed += noise.apart[-1] * np.random.default_rng(3).standard_normal(len(missed))
    found = _summary(missed)
    if found.low <= 0 <= found.high:
        return ""
    return "A forecast from the other sizes misses the largest: the curve is ill-behaved."


@dataclass(frozen=True, slots=True)
class _Continued:
    """Continuations of one curve, as likely as the measured errors make them."""

    errors: Floats  # (draws, targets), as networks trained on so many rows would have them on endless dev rows
    present: Floats  # (draws,): error of the present networks on endless dev rows
    moved: Floats  # (draws,): what other dev rows would multiply all errors with
    shares: Mapping[str, float]  # of each form


def _continued(x: Floats, measured: Floats, noise: _Noise, targets: Floats) -> _Continued:
    """Draw forms, levels and noise.

    The likelihood of a shape is that of its best level s, Student's t since the noise is itself an estimate (Gelman et
    al., "Bayesian Data Analysis", 2013, section 3.2).
    """
    rng = np.random.default_rng(0)
    shapes, ahead, prior, owner = _shapes(x, targets)
    weights = 1 / (noise.training**2 + noise.apart**2)
    moved = np.maximum(1 + noise.rows, 0.0).repeat(CONTINUATIONS)
    information = np.square(shapes) @ weights
    level = (shapes * weights) @ measured / information
    chi_squared = np.maximum(np.square(measured) @ weights - level**2 * information, 0.0)
    likelihood = prior * (1 + chi_squared / noise.degrees) ** (-(noise.degrees + len(x) - 1) / 2)
    posterior = likelihood / likelihood.sum()
    chosen = rng.choice(len(posterior), len(moved), p=posterior)
    scale = np.sqrt((noise.degrees + chi_squared) / (noise.degrees + len(x) - 1))[chosen]
    student, plain = rng.standard_t(noise.degrees + len(x) - 1, len(moved)), rng.standard_normal(len(moved))
    levels = np.maximum(level[chosen] + student * scale / np.sqrt(information[chosen]), 0.0)
    fresh = rng.standard_normal((len(moved), len(targets))) * scale[:, None] * noise.training[-1] / measured[-1]
    errors = levels[:, None] * ahead[chosen] * (1 + fresh) * moved[:, None]
    # Of the present networks the training's noise is known as far as dev rows can tell it.
    told = noise.training[-1] ** 2 / (noise.training[-1] ** 2 + noise.apart[-1] ** 2)
    present = levels + told * (measured[-1] - levels) + plain * math.sqrt(told) * noise.apart[-1]
    shares = np.bincount(owner, weights=posterior, minlength=len(FORMS) + 1)
    names = (*(form.name for form in FORMS), LAST)
    return _Continued(errors, present * moved, moved, dict(zip(names, map(float, shares), strict=True)))


def _shapes(x: Floats, targets: Floats) -> tuple[Floats, Floats, Floats, NDArray[np.int64]]:
    """All shapes at the sizes and at the targets, their prior weights, and which form each is of."""
    grids = [(form.shapes(x), form.shapes(targets)) for form in FORMS]
    grids.append((np.ones((1, len(x))), np.ones((1, len(targets)))))
    priors = [*(1.0 for _ in FORMS), FLAT]
    prior = np.concatenate([np.full(len(at), one / len(at)) for (at, _), one in zip(grids, priors, strict=True)])
    owner = np.concatenate([np.full(len(at), place) for place, (at, _) in enumerate(grids)])
    return np.concatenate([at for at, _ in grids]), np.concatenate([ahead for _, ahead in grids]), prior, owner


def _summary(values: Floats, *, least: float = -math.inf) -> interval.Interval:
    """The median and the middle 90 % of draws."""
    tail = (1 - LEVEL) / 2
    low, middle, high = np.quantile(values, [tail, 0.5, 1 - tail])
    return interval.Interval(float(middle), max(float(low), least), max(float(high), least))
