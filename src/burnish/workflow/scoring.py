"""Every usual measure of predictions on rows that chose nothing, each as an error: smaller is better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.preprocess.target import TargetCoding
from burnish.report.summary import Metric
from burnish.stats import bootstrap, interval, ranking
from burnish.workflow.problem import Judge

# Bootstrap draws for measures without an interval of their own: percentile ends are stable to about 5 % of the width.
DRAWS = 300
# The bootstrap looks at this many rows at most; beyond, its interval is as narrow as anyone needs.
BOOTSTRAP_ROWS = 20_000

Arrays = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows with a known target, their predictions, and how they count."""

    truth: NDArray[Any]
    said: Arrays  # probabilities (rows, classes), or numbers in units (rows, 1)
    weights: Arrays | None
    groups: NDArray[np.int64] | None

    def only(self, kept: NDArray[np.bool_]) -> _Rows:
        """Some of them."""
        weights = None if self.weights is None else self.weights[kept]
        groups = None if self.groups is None else self.groups[kept]
        return _Rows(self.truth[kept], self.said[kept], weights, groups)

    def error_rate(self, wrong: NDArray[np.bool_]) -> interval.Interval:
        """Share of the rows that is wrong."""
        return interval.estimate(wrong, "error", weights=self.weights, groups=self.groups)

    def mean(self, losses: Arrays) -> interval.Interval:
        """Mean of losses, which are never negative, as an interval of a mean cannot know."""
        found = interval.mean(losses, weights=self.weights, groups=self.groups)
        return interval.Interval(found.value, max(0.0, found.low), found.high)


def metrics(judge: Judge, predictions: Arrays, rows: NDArray[np.integer], target: TargetCoding) -> tuple[Metric, ...]:
    """The measures with their 95 % intervals.

    Args:
        judge: The truth, and the kind of question.
        predictions: Probabilities (rows, classes), or numbers in units (rows, 1).
        rows: Their positions in the table.
        target: Names the positive class, of two.
    """
    weights, groups = (None if of is None else of[rows] for of in (judge.own_weights, judge.groups))
    of = _Rows(judge.truth[rows], predictions, weights, groups)
    counted = np.ones(len(rows), dtype=bool) if weights is None else weights > 0
    if judge.task == "regression":
        return _of_numbers(of.only(counted), judge.measured(predictions, rows).estimate)
    counted &= of.truth >= 0
    return _of_classes(of.only(counted), judge.measured(predictions, rows).loss[counted], target)


def _of_numbers(of: _Rows, root: interval.Interval) -> tuple[Metric, ...]:
    said = of.said[:, 0]
    return (
        Metric("RMSE", root),
        Metric("MAE", of.mean(np.abs(of.truth - said))),
        Metric("1 - R²", _bootstrap(_unexplained, of, said)),
    )


def _of_classes(of: _Rows, losses: Arrays, target: TargetCoding) -> tuple[Metric, ...]:
    codes = of.truth.astype(np.int64)
    wrong = of.said.argmax(1) != codes
    made = [
        Metric("misclassification rate", of.error_rate(wrong), "%"),
        Metric("log-loss", of.mean(losses), "nats"),
        Metric("1 - balanced accuracy", _bootstrap(_unbalanced, of, wrong.astype(np.float64)), "%"),
    ]
    if len(np.unique(codes)) == of.said.shape[1]:
        area = ranking.mean_auc(of.said, codes, weights=of.weights, groups=of.groups)
        made.append(Metric("1 - AUC", _turned(area), "%"))
    if target.positive is not None:
        made += _of_the_positive(of, target.classes.index(target.positive), target.positive)
    return tuple(made)


def _of_the_positive(of: _Rows, code: int, label: str) -> list[Metric]:
    """What depends on which class is the positive one; a measure of no rows is left out."""
    positive, called = of.truth == code, of.said.argmax(1) == code
    made = []
    for name, among in (("precision", called), ("recall", positive), ("F1", positive | called)):
        if among.any():
            share = of.only(among).error_rate((positive != called)[among])
            made.append(Metric(positive_name(name, label), _missed_f1(share) if name == "F1" else share, "%"))
    if positive.any():
        area = ranking.average_precision(of.said[:, code], positive, weights=of.weights, groups=of.groups)
        made.append(Metric(positive_name("average precision", label), _turned(area), "%"))
    return made


def positive_name(measure: str, label: str) -> str:
    """What an error is called that depends on the positive class.

    >>> positive_name("recall", "yes")
    "1 - recall of 'yes'"
    """
    return f"1 - {measure} of {label!r}"


def _missed_f1(wrong: interval.Interval) -> interval.Interval:
    """1 − F1 from the share q of wrong rows among those that are positive or called so: q / (2 − q).

    F1 = 2 TP / (2 TP + FP + FN) rises with TP / (TP + FP + FN) = 1 − q alone, so the exact interval of that share
    becomes one of F1.
    """
    return interval.Interval(*(q / (2 - q) for q in (wrong.value, wrong.low, wrong.high)))


def _bootstrap(statistic: Callable[..., float], of: _Rows, other: Arrays) -> interval.Interval:
    """The ends are unknown (NaN) where resamples say nothing of them: of a single row, or where all come out alike."""
    part = _part(of)
    arrays = [of.truth[part], other[part], *([] if of.weights is None else [of.weights[part]])]
    groups = None if of.groups is None else of.groups[part]
    if len(part) > 1:
        found = bootstrap.bootstrap(statistic, *arrays, groups=groups, seed=0, draws=DRAWS)
        if found.low < found.high:
            return found
    return interval.Interval(float(statistic(*arrays)), float("nan"), float("nan"))


def _part(of: _Rows) -> NDArray[np.intp]:
    """Positions of the rows that the bootstrap looks at: at random, and whole groups as long as they fit."""
    rng = np.random.default_rng(0)
    if of.groups is None:
        return np.sort(rng.permutation(len(of.truth))[:BOOTSTRAP_ROWS])
    _, units = np.unique(of.groups, return_inverse=True)
    order = rng.permutation(int(units.max()) + 1)
    rows_so_far = np.cumsum(np.bincount(units)[order])
    taken = order[: max(2, int(np.searchsorted(rows_so_far, BOOTSTRAP_ROWS, side="right")))]
    return np.flatnonzero(np.isin(units, taken))


def _turned(area: interval.Interval) -> interval.Interval:
    """1 − area, as an error."""
    return interval.Interval(1 - area.value, 1 - area.high, 1 - area.low)


def _unexplained(truth: Arrays, predicted: Arrays, weights: Arrays | None = None) -> float:
    if weights is None:
        spread = float(np.square(truth - truth.mean()).sum())
        missed = float(np.square(truth - predicted).sum())
    else:
        spread = float(np.square(truth - np.average(truth, weights=weights)) @ weights)
        missed = float(np.square(truth - predicted) @ weights)
    return missed / spread if spread > 0 else float("nan")


def _unbalanced(truth: NDArray[np.int64], wrong: Arrays, weights: Arrays | None = None) -> float:
    """Mean over the classes that a resample holds of the share that is wrong."""
    rows = np.bincount(truth, weights=weights)
    missed = np.bincount(truth, weights=wrong if weights is None else wrong * weights)
    return float(np.mean(missed[rows > 0] / rows[rows > 0]))
