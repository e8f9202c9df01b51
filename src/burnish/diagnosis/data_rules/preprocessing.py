"""DA2 and DA11: were dev rows prepared as the training rows were, and by numbers of the training rows alone?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

from burnish.data.observation import counted, listed
from burnish.diagnosis.data_rules.rows import Rows, some
from burnish.diagnosis.data_rules.rule import DataRule
from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.stats import multiplicity

Floats = NDArray[np.float64]

# Known values of a column that each part needs, and distinct ones: a flag has no scale to compare.
FEWEST_ROWS, FEWEST_VALUES = 20, 8
# Half as large again, or two deviations away, is asked of the interval's end nearest to none: sampling stays within it.
# Twice that, or in half of the columns, is no drift any more: other units, or another standardisation. A choice.
FACTOR, DISTANCE = 1.5, 2.0
# A map explains the difference if after it the distributions are as near as two samples of one would be with this
# chance, and exactly so if the quantiles lie on a line with this R² (the catalogue's).
EXPLAINED, EXACT = 0.01, 0.999
LINE = np.linspace(0.05, 0.95, 19)
SPREAD_OF_NORMAL = float(np.sqrt(np.pi / 2))  # standard deviations in one mean distance from the median
# Mean 0 and deviation 1 to such a precision come from a computation on these very rows: a sample of n rows misses them
# by about 1/√n and 1/√(2n). Two columns at least, and most of them.
COMPUTED_MEAN, COMPUTED_DEVIATION, COMPUTED_COLUMNS = 1e-4, 1e-3, 2


@dataclass(frozen=True, slots=True)
class Map:
    """dev = factor · train + shift, as the quantiles say."""

    factor: float
    shift: float
    r_squared: float  # of the quantiles on that line
    least_factor: float  # the end nearest to 1 of the factor's interval, as a ratio ≥ 1
    least_distance: float  # the end nearest to 0 of the medians' distance, in deviations of the training rows


def differs(rows: Rows, alpha: float) -> Iterable[Finding]:
    """DA2: dev columns that are a scaled and shifted copy of the training ones in their distribution."""
    if not rows.has_dev:
        return
    own = _standardised_by_itself(rows)
    if own:
        yield own
        return
    tested = [(place, *_columns(rows, place)) for place in rows.numbers]
    able = [(place, train, dev) for place, train, dev in tested if _comparable(train, dev)]
    if not able:
        return
    p_values = [float(distributions.ks_2samp(train, dev, method="asymp").pvalue) for _, train, dev in able]
    beyond = multiplicity.holm(p_values, alpha)
    found = []
    for (place, train, dev), significant in zip(able, beyond, strict=True):
        mapped = fitted(train, dev, level=1 - alpha / len(able)) if significant else None
        if mapped is not None and _matters(mapped) and _explains(mapped, train, dev):
            found.append((rows.names[place], mapped))
    if found:
        yield _other_scale(found, len(able))


def _columns(rows: Rows, place: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng([rows.seed, 2])
    parts = []
    for x in (rows.x_train, rows.x_dev):
        known = x[~np.isnan(x[:, place]), place]
        parts.append(known[some(len(known), 2 * rows.most_rows, rng)])
    return parts[0], parts[1]


def _comparable(train: Floats, dev: Floats) -> bool:
    return min(len(train), len(dev)) >= FEWEST_ROWS and len(np.unique(train)) >= FEWEST_VALUES and dev.min() < dev.max()


def fitted(train: Floats, dev: Floats, *, level: float) -> Map | None:
    """The line from one distribution to the other, by medians and mean distances from them, with intervals.

    Args:
        train: Values of a column, shape (rows,).
        dev: The same of dev.
        level: Confidence of each interval.
    """
    spreads = [_spread(values) for values in (train, dev)]
    if any(spread is None for spread in spreads):
        return None
    (train_spread, train_error), (dev_spread, dev_error) = (spread for spread in spreads if spread is not None)
    factor = dev_spread / train_spread
    reach = float(distributions.norm.ppf((1 + level) / 2)) * float(np.hypot(train_error, dev_error))
    medians = [_median(values, level) for values in (train, dev)]
    apart = max(medians[1][0] - medians[0][2], medians[0][0] - medians[1][2], 0.0) / (SPREAD_OF_NORMAL * train_spread)
    lines = [np.quantile(values, LINE) for values in (train, dev)]
    correlation = float(np.corrcoef(lines[0], lines[1])[0, 1]) if min(np.ptp(line) for line in lines) > 0 else 0.0
    shift = medians[1][1] - factor * medians[0][1]
    return Map(factor, shift, correlation**2, float(np.exp(max(abs(np.log(factor)) - reach, 0.0))), apart)


def _spread(values: Floats) -> tuple[float, float] | None:
    """Mean distance from the median, and the standard error of its logarithm; None where it is 0."""
    away = np.abs(values - np.median(values))
    spread = float(away.mean())
    return (spread, float(away.std()) / spread / float(np.sqrt(len(away)))) if spread > 0 else None


def _median(values: Floats, level: float) -> tuple[float, float, float]:
    """The median between the order statistics around it (David and Nagaraja 2003, 7.1)."""
    ordered = np.sort(values)
    ranks = distributions.binom.ppf([(1 - level) / 4, (3 + level) / 4], len(ordered), 0.5).astype(np.int64)
    ends = ordered[np.clip([ranks[0] - 1, ranks[1]], 0, len(ordered) - 1)]
    return float(ends[0]), float(np.median(ordered)), float(ends[1])


def _matters(mapped: Map) -> bool:
    return mapped.least_factor > FACTOR or mapped.least_distance > DISTANCE


def _explains(mapped: Map, train: Floats, dev: Floats) -> bool:
    undone = (dev - mapped.shift) / mapped.factor
    near = distributions.ks_2samp(train, undone, method="asymp").pvalue > EXPLAINED
    return mapped.r_squared > EXACT or bool(near)


def _other_scale(found: list[tuple[str, Map]], tested: int) -> Finding:
    exact = all(mapped.r_squared > EXACT for _, mapped in found)
    extreme = any(m.least_factor > 2 * FACTOR or m.least_distance > 2 * DISTANCE for _, m in found)
    told = [f"{name}: dev ≈ {mapped.factor:.3g} × train {mapped.shift:+.3g}" for name, mapped in found]
    return DA2.finding(
        f"In {counted(len(found), 'column')} of {tested} compared, dev values are training values on another scale: "
        f"{listed(told)}. Undone, the two distributions agree.",
        title=DA2.title if exact else f"{DA2.title} (suspected)",
        where=listed([name for name, _ in found]),
        severity=Severity.FAULT if extreme or 2 * len(found) >= tested else Severity.LIMIT,
    )


def _standardised_by_itself(rows: Rows) -> Finding | None:
    """Proof: both parts have mean 0 and deviation 1 exactly, which one fitted transformation cannot give to both."""
    train, dev = _computed(rows.x_train, rows), _computed(rows.x_dev, rows)
    both = train & dev
    if both.sum() < COMPUTED_COLUMNS or both.sum() <= len(rows.numbers) / 2 or len(rows.x_dev) < FEWEST_ROWS:
        return None
    names = [rows.names[place] for place in np.flatnonzero(both)]
    return DA2.finding(
        f"{counted(len(names), 'column has', 'columns have')} mean 0 and standard deviation 1 to four digits in the "
        "training rows and in the dev rows as well: each part was standardised by its own numbers.",
        where=listed(names),
    )


def _computed(x: Floats, rows: Rows) -> NDArray[np.bool_]:
    """Columns whose mean and deviation are 0 and 1 to the precision of a computation."""
    out = np.zeros(x.shape[1], dtype=bool)
    known = ~np.isnan(x)
    count = known.sum(axis=0)
    mean = x.sum(axis=0, where=known) / np.maximum(count, 1)
    for place in rows.numbers:
        if count[place] < FEWEST_ROWS or abs(mean[place]) >= COMPUTED_MEAN:  # nearly all columns
            continue
        values = x[known[:, place], place]
        if len(np.unique(values[: 10 * FEWEST_VALUES])) >= FEWEST_VALUES:
            deviation = min(abs(values.std() - 1), abs(values.std(ddof=1) - 1))
            out[place] = deviation < COMPUTED_DEVIATION
    return out


def fitted_on_all(rows: Rows, alpha: float) -> Iterator[Finding]:
    """DA11: training and dev rows together have mean 0 and deviation 1 exactly, and the training rows alone do not."""
    if not rows.has_dev:
        return
    together = _computed(np.vstack([rows.x_train, rows.x_dev]), rows)
    alone = _computed(rows.x_train, rows)
    if together.sum() < COMPUTED_COLUMNS or together.sum() <= len(rows.numbers) / 2 or (alone & together).any():
        return
    names = [rows.names[place] for place in np.flatnonzero(together)]
    yield DA11.finding(
        f"{counted(len(names), 'column has', 'columns have')} mean 0 and standard deviation 1 over all rows "
        "together, to four digits, and not over the training rows alone: dev and test rows had a part in the numbers.",
        where=listed(names),
    )


DA2 = DataRule(
    "DA2",
    "Dev rows were prepared otherwise than training rows",
    Evidence.PROOF,
    Severity.FAULT,
    "Dev columns are training columns times 1.5 or more, or moved by 2 deviations or more, in their "
    "distribution; or both parts have mean 0 and deviation 1 exactly.",
    "Fit one transformation on the training rows, and apply the same numbers to all others.",
    "The distributions agree, and the dev error falls.",
    "Kolmogorov, 1933, and Smirnov, 1948, with Holm's correction; intervals of medians by order statistics.",
    differs,
)
DA11 = DataRule(
    "DA11",
    "Inputs were standardised on training and dev rows together",
    Evidence.PROOF,
    Severity.NOTE,
    "Mean 0 and deviation 1 hold exactly over both parts together, and over the training rows alone do not.",
    "Fit the transformation on the training rows. The dev error is then honest; it rarely changes much.",
    "The dev error of a training on inputs that were fitted anew.",
    "Kaufman et al., Leakage in data mining, 2012.",
    fitted_on_all,
)
RULES = (DA2, DA11)
