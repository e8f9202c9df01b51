"""Do two sets of rows come from one distribution? A classifier tries to tell them apart; and a look at each column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special
from sklearn import ensemble
from threadpoolctl import threadpool_limits

from burnish import errors
from burnish.stats import interval, multiplicity, ranking

MAX_ROWS = 10_000  # rows of each sample that are looked at: more only shows differences too small to matter

# Trees of the classifier, and leaves of each: enough for differences in pairs of columns, 0.5 s at 2 × 10,000 × 20.
TREES = 40
LEAVES = 15
LEAF_ROWS = 10  # fewest rows in a leaf

TOP_FEATURES = 5  # columns named at most
DRIFT_ALPHA = 0.01  # after Holm's correction over the columns

# With fewer different rows than this the columns have few values, and equal rows are taken for a meeting of values, not
# for copies: kept together they would leave nothing to judge by.
UNITS_FEWEST = 40

# Rows that one half of each sample needs before an AUC says anything; below, no test is made.
FEWEST_ROWS = 8


@dataclass(frozen=True, slots=True)
class Drift:
    """One column that differs between the samples."""

    index: int  # column number
    distance: float  # Kolmogorov–Smirnov distance, 0 to 1: largest difference of the two cumulated shares
    p_value: float  # after Holm's correction over all columns


@dataclass(frozen=True, slots=True)
class Shift:
    """How well two samples can be told apart: an AUC of 0.5 means not at all, 1 always."""

    auc: interval.Interval
    p_value: float  # one-sided, of "one distribution"
    drifts: tuple[Drift, ...]  # the columns that give it away, largest distance first, at most TOP_FEATURES
    rows: tuple[int, int]  # rows looked at of each sample


def classifier_two_sample(
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    *,
    groups: tuple[NDArray, NDArray] | None = None,
    seed: int = 0,
    level: float = interval.LEVEL,
) -> Shift:
    """Classifier two-sample test (Lopez-Paz and Oquab 2017): boosted trees learn on one half, the other gives the AUC.

    Rows of a group, and copies of a row, stay on one side, or a copy in each half would be recognised by heart and look
    like a difference of the distributions. The AUC's variance is DeLong's (1988) with rows of a group taken together
    (Obuchowski 1997).

    Args:
        a: One sample, shape (rows, columns), NaN where a value is missing.
        b: The other, shape (other rows, columns).
        groups: Labels of the rows of `a` and of `b` that belong together, or None: equal rows do.
        seed: Of the halves and of the samples above MAX_ROWS rows.
        level: Confidence of the AUC's interval.

    Raises:
        DataError: a sample has fewer than 2 × FEWEST_ROWS rows, or the columns differ.
    """
    _check(a, b)
    rng = np.random.default_rng(seed)
    picks = [np.sort(rng.permutation(len(sample))[:MAX_ROWS]) for sample in (a, b)]
    x = np.vstack([a[picks[0]], b[picks[1]]]).astype(np.float64)
    y = np.repeat([0, 1], [len(pick) for pick in picks])
    labels = (
        None if groups is None else np.concatenate([labels[pick] for labels, pick in zip(groups, picks, strict=True)])
    )
    units = _units(x, labels)
    fit = _half(units, y, rng)
    model = ensemble.HistGradientBoostingClassifier(
        max_iter=TREES, max_leaf_nodes=LEAVES, min_samples_leaf=LEAF_ROWS, early_stopping=False, random_state=seed
    )
    with threadpool_limits(limits=1):  # threads that wait for each other on busy cores make it 20 times slower
        filled = binnable(x, fit)
        score = model.fit(filled[fit], y[fit]).decision_function(filled[~fit])
    auc, p_value = clustered_auc(score, y[~fit] == 1, units[~fit], level=level)
    return Shift(auc, p_value, _drifts(x, y, units), (len(picks[0]), len(picks[1])))


def binnable(x: NDArray[np.float64], fit: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The same with 0 in columns that no row to learn from has a value of: boosted trees refuse to bin them.

    Args:
        x: Shape (rows, columns), NaN where a value is missing.
        fit: Rows to learn from, shape (rows,).
    """
    empty = np.isnan(x[fit]).all(axis=0)
    return np.where(empty, 0.0, x) if empty.any() else x


def clustered_auc(
    score: NDArray[np.floating],
    positive: NDArray[np.bool_],
    units: NDArray[np.integer] | None = None,
    *,
    level: float = interval.LEVEL,
) -> tuple[interval.Interval, float]:
    """Area under the ROC curve with its interval, and the one-sided p-value of 0.5.

    Args:
        score: Higher means positive, shape (rows,).
        positive: Shape (rows,).
        units: Rows with the same label are not independent; None: all are. Shape (rows,).
        level: Confidence of the interval.
    """
    ups, downs = int(positive.sum()), int((~positive).sum())
    auc, parts = ranking.placed(score, positive)
    _, ids = np.unique(np.arange(len(score)) if units is None else units, return_inverse=True)
    sums = np.bincount(ids, weights=parts).astype(np.float64)
    found, error = ranking.around(auc, sums, min(ups, downs), design=None, level=level)
    # All scores tie, or the order is perfect: the p-value then takes its error from chance, as Mann and Whitney (1947).
    error = error or float(np.sqrt((ups + downs + 1) / (12 * ups * downs)))
    return found, float(special.ndtr((0.5 - auc) / error))


def _units(x: NDArray[np.float64], labels: NDArray | None) -> NDArray[np.int64]:
    """Number of the unit that each row belongs to: its group, or the set of rows equal to it; shape (rows,).

    Where there are hardly any different rows, each row is its own unit.
    """
    if labels is not None:
        return np.unique(labels, return_inverse=True)[1].astype(np.int64)
    plain = np.ascontiguousarray(np.where(np.isnan(x), np.inf, x) + 0.0)  # one missing value, and one zero
    whole_rows = plain.view(np.dtype((np.void, plain.dtype.itemsize * plain.shape[1]))).ravel()
    units = np.unique(whole_rows, return_inverse=True)[1].astype(np.int64)
    return units if units.max() + 1 >= UNITS_FEWEST else np.arange(len(units))


def _half(units: NDArray[np.int64], y: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which rows the classifier learns from: half of each sample's own units, and half of those that hold both."""
    count = int(units.max()) + 1
    share = np.bincount(units, weights=y, minlength=count) / np.bincount(units, minlength=count)
    kind = np.ceil(share) + np.floor(share)  # 0: only a, 1: both, 2: only b
    order = np.lexsort((rng.random(count), kind))
    learn = np.zeros(count, dtype=bool)
    learn[order[::2]] = True
    fit = learn[units]
    if min(len(np.unique(y[fit])), len(np.unique(y[~fit]))) < 2:
        raise errors.DataError(
            "The two samples cannot be compared by a classifier.",
            f"Their rows form {count} groups, too few to have both samples in both halves.",
            "Name a finer group column, or none.",
        )
    return fit


def _drifts(x: NDArray[np.float64], y: NDArray[np.int64], units: NDArray[np.int64]) -> tuple[Drift, ...]:
    """Columns whose distributions differ (Kolmogorov, Smirnov; Holm); a missing value counts as the smallest."""
    filled = np.where(np.isnan(x), -np.inf, x)
    first, second = filled[y == 0], filled[y == 1]
    one, other = (len(np.unique(units[y == sample])) for sample in (0, 1))
    independent = one * other / (one + other)  # rows of a unit say the same thing again
    tests = [_smirnov(first[:, column], second[:, column], independent) for column in range(x.shape[1])]
    adjusted = multiplicity.holm_adjusted([p_value for _, p_value in tests])
    found = [Drift(i, tests[i][0], float(p)) for i, p in enumerate(adjusted) if p < DRIFT_ALPHA]
    return tuple(sorted(found, key=lambda drift: (-drift.distance, drift.index))[:TOP_FEATURES])


def _smirnov(first: NDArray[np.float64], second: NDArray[np.float64], independent: float) -> tuple[float, float]:
    """Distance and asymptotic p-value for n·m/(n+m) `independent` rows, cautious where values tie."""
    values = np.concatenate([first, second])
    values.sort()
    shares = [np.searchsorted(np.sort(part), values, side="right") / len(part) for part in (first, second)]
    distance = float(np.max(np.abs(shares[0] - shares[1])))
    return distance, float(np.clip(special.kolmogorov(np.sqrt(independent) * distance), 0, 1))


def _check(a: NDArray, b: NDArray) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not a.shape[1]:
        raise errors.DataError(
            "The two samples cannot be compared.",
            f"They have shapes {a.shape} and {b.shape}.",
            "Give two matrices with the same columns, at least one.",
        )
    if min(len(a), len(b)) < 2 * FEWEST_ROWS:
        raise errors.DataError(
            "The two samples are too small to be compared.",
            f"They have {len(a)} and {len(b)} rows; each needs {2 * FEWEST_ROWS}.",
            "Give more rows of each.",
        )
