"""Three families of small models that learn one part of the rows and predict another: quick, and none of them alone.

A rule that says "nothing can be learned" or "this label is wrong" must not rest on one family's blind spot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy import stats as distributions
from sklearn import ensemble, neighbors

from burnish.data.table import Kind

Floats = NDArray[np.float64]

# Levels of a category that get a flag of their own, most frequent first.
FLAGGED_LEVELS = 20
# Columns beyond which distances and trees look at principal components: pictures have hundreds of alike columns.
WIDE = 100
COMPONENTS = 50
# Share of the largest second moment below which one is rounding: float64 through a sum of squares.
RANK = 1e-12
# L2 penalty of the linear model, in rows: little, and enough where columns repeat each other.
RIDGE_ROWS = 1.0
# Neighbours that vote: ten vote alike where one in ten labels is wrong.
NEIGHBOURS = 25
TREES, LEAF_ROWS = 60, 3
# Share of the columns that a tree looks at for each split of a number; for classes it is their square root (Geurts et
# al. 2006; a third instead of all, as numbers are no worse for it and three times quicker).
COLUMNS_TRIED = 1 / 3


@dataclass(frozen=True, slots=True)
class Encoder:
    """Standardised numbers and flags, with means and deviations of the rows that it was fitted on."""

    mean: Floats
    deviation: Floats
    flags: tuple[tuple[int, Floats], ...]  # a category's place, and its levels that have a flag
    numbers: tuple[int, ...]
    axes: Floats | None  # principal axes where there are many columns, shape (encoded columns, COMPONENTS)

    def encode(self, x: Floats) -> Floats:
        """Shape (rows, encoded columns); a missing number is the mean, a missing level has no flag."""
        wide = self._wide(x)
        return wide if self.axes is None else wide @ self.axes

    def _wide(self, x: Floats) -> Floats:
        numbers = (x[:, self.numbers] - self.mean) / self.deviation
        flags = [x[:, place, None] == levels for place, levels in self.flags]
        return np.hstack([np.clip(np.nan_to_num(numbers), -10, 10), *flags]).astype(np.float64)


def encoder(x: Floats, kinds: Sequence[Kind]) -> Encoder:
    """Fits an encoder on rows of shape (rows, columns)."""
    varied = varying(x)
    numbers = tuple(place for place in varied if kinds[place] is not Kind.CATEGORY)
    flags = []
    for place in varied:
        if kinds[place] is Kind.CATEGORY:
            levels, counts = np.unique(x[~np.isnan(x[:, place]), place], return_counts=True)
            flags.append((place, levels[np.argsort(-counts, kind="stable")[:FLAGGED_LEVELS]]))
    mean = np.nanmean(x[:, numbers], axis=0) if numbers else np.empty(0)
    deviation = np.nanstd(x[:, numbers], axis=0) if numbers else np.empty(0)
    plain = Encoder(mean, np.where(deviation > 0, deviation, 1.0), tuple(flags), numbers, None)
    wide = plain.encode(x)
    if wide.shape[1] <= WIDE:
        return plain
    return Encoder(plain.mean, plain.deviation, plain.flags, plain.numbers, _principal_axes(wide))


def varying(x: Floats) -> list[int]:
    """The places of the columns that have two different values."""
    low, high = np.fmin.reduce(x, axis=0), np.fmax.reduce(x, axis=0)  # NaN where a column has no value
    return [int(place) for place in np.flatnonzero(low < high)]


def _principal_axes(wide: Floats) -> Floats:
    """Of the largest second moments, shape (columns, at most COMPONENTS): by rows, where these are fewer."""
    if wide.shape[1] <= wide.shape[0]:
        values, axes = np.linalg.eigh(wide.T @ wide)
        return axes[:, np.argsort(-values)[:COMPONENTS]]
    values, sides = np.linalg.eigh(wide @ wide.T)
    best = [place for place in np.argsort(-values)[:COMPONENTS] if values[place] > RANK * values[-1]]
    return wide.T @ sides[:, best] / np.sqrt(values[best])


Predict = Callable[[Floats, Floats, Floats, int], Floats]  # encoded rows to fit, their truth, rows to predict, seed


def linear(x: Floats, truth: Floats, other: Floats, seed: int) -> Floats:
    """Ridge regression of `truth`, shape (rows, outputs), at `other`."""
    joined, there = (np.hstack([np.ones((len(part), 1)), part]) for part in (x, other))
    penalty = RIDGE_ROWS * np.eye(joined.shape[1])
    penalty[0, 0] = 0.0
    weights = np.linalg.lstsq(joined.T @ joined + penalty, joined.T @ truth, rcond=None)[0]
    return there @ weights


def neighbours(x: Floats, truth: Floats, other: Floats, seed: int) -> Floats:
    """Mean truth of the nearest rows."""
    nearest = neighbors.NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(x))).fit(x)
    places = nearest.kneighbors(other, return_distance=False)
    return truth[places].mean(axis=1)


def trees(x: Floats, truth: Floats, other: Floats, seed: int) -> Floats:
    """Extremely randomised trees (Geurts, Ernst and Wehenkel 2006)."""
    tried = "sqrt" if truth.shape[1] > 1 else max(1, round(COLUMNS_TRIED * x.shape[1]))
    model: Any = ensemble.ExtraTreesRegressor(TREES, min_samples_leaf=LEAF_ROWS, max_features=tried, random_state=seed)
    return model.fit(x, truth if truth.shape[1] > 1 else truth[:, 0]).predict(other).reshape(len(other), -1)


FAMILIES: dict[str, Predict] = {"linear": linear, "nearest neighbours": neighbours, "trees": trees}


def truth_of(y: Floats, classes: int) -> Floats:
    """One column a class, 0 or 1; of a regression the target itself. Shape (rows, outputs)."""
    return np.eye(classes)[y.astype(np.int64)] if classes else y[:, None]


def crossed(
    predict: Predict, x: Floats, truth: Floats, kinds: Sequence[Kind], parts: NDArray[np.integer], seed: int
) -> Floats:
    """Each part as the model of all others predicts it; shape (rows, outputs)."""
    out = np.empty_like(truth)
    for part in np.unique(parts):
        here = parts == part
        fitted = encoder(x[~here], kinds)
        out[here] = predict(fitted.encode(x[~here]), truth[~here], fitted.encode(x[here]), seed)
    return out


def dealt(y: Floats, parts: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Part of each row, from 0 on: every part has its share of each class, or of the target's range."""
    out = np.empty(len(y), dtype=np.int64)
    out[np.lexsort((rng.random(len(y)), y))] = np.arange(len(y)) % parts
    return out


def association(predicted: Floats, y: Floats, classes: int) -> tuple[float, float]:
    """How well predictions go with the truth, from −1 to 1, and its distance from 0 in standard errors.

    The null is that targets are dealt to the rows at random: mean and variance of such a sum over all permutations are
    exact (Hoeffding 1951), its shape is taken as normal. For numbers, of ranks: Spearman's correlation. For classes,
    of the predicted share of each row's own class.
    """
    rows = len(y)
    if rows < 3:
        return 0.0, 0.0
    if not classes:
        if predicted[:, 0].min() == predicted[:, 0].max() or y.min() == y.max():
            return 0.0, 0.0
        ranks = [distributions.rankdata(values) for values in (predicted[:, 0], y)]
        correlation = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
        return correlation, correlation * float(np.sqrt(rows - 1))
    counts = np.bincount(y.astype(np.int64), minlength=classes).astype(np.float64)
    centred = predicted - predicted.mean(axis=0)
    centred = centred - (centred @ counts / rows)[:, None]
    variance = float((centred**2 @ counts).sum()) / (rows - 1)
    if variance <= 0:
        return 0.0, 0.0
    distance = float(centred[np.arange(rows), y.astype(np.int64)].sum()) / np.sqrt(variance)
    return min(1.0, distance / float(np.sqrt((rows - 1) * (classes - 1)))), distance


def p_value(distance: float) -> float:
    """One-sided, of so many standard errors above 0."""
    return float(special.ndtr(-distance))
