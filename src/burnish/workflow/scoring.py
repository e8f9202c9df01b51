"""Every usual measure of predictions on rows that chose nothing, each as an error: smaller is better."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from burnish.report.summary import Metric
from burnish.stats import interval, two_sample
from burnish.workflow.problem import Judge

# Bootstrap draws for measures without an interval of their own: percentile ends are stable to about 5 % of the width.
DRAWS = 300
# The bootstrap looks at this many rows at most; beyond, its interval is as narrow as anyone needs.
BOOTSTRAP_ROWS = 20_000

Arrays = NDArray[np.float64]


def metrics(judge: Judge, predictions: Arrays, rows: NDArray[np.integer]) -> tuple[Metric, ...]:
    """The measures with their 95 % intervals.

    Args:
        judge: The truth, and the kind of question.
        predictions: Probabilities (rows, classes), or numbers in units (rows, 1).
        rows: Their positions in the table.
    """
    truth = judge.truth[rows]
    found = judge.measured(predictions, rows)
    if judge.task == "regression":
        predicted = predictions[:, 0]
        errors = np.abs(truth - predicted)
        return (
            Metric("RMSE", found.estimate),
            Metric("MAE", _at_least_zero(interval.mean(errors))),
            Metric("1 - R²", _bootstrap(_unexplained, truth, predicted)),
        )
    known = truth >= 0
    truth, shown = truth[known].astype(np.int64), predictions[known]
    wrong = (shown.argmax(1) != truth).astype(np.float64)
    made = [
        Metric("misclassification rate", interval.estimate(wrong, "error"), "%"),
        Metric("log-loss", _at_least_zero(interval.mean(found.loss[known])), "nats"),
        Metric("1 - balanced accuracy", _bootstrap(_unbalanced, truth, wrong), "%"),
    ]
    if len(np.unique(truth)) == shown.shape[1]:
        made.append(Metric("1 - AUC", _unranked(truth, shown), "%"))
    return tuple(made)


def _bootstrap(statistic: Callable[..., float], truth: NDArray, other: Arrays) -> interval.Interval:
    """The ends are unknown (NaN) where resamples say nothing of them: of a single row, or where all come out alike."""
    part = np.sort(np.random.default_rng(0).permutation(len(truth))[:BOOTSTRAP_ROWS])
    if len(part) > 1:
        found = interval.bootstrap(statistic, truth[part], other[part], seed=0, draws=DRAWS)
        if found.low < found.high:
            return found
    return interval.Interval(float(statistic(truth[part], other[part])), float("nan"), float("nan"))


def _at_least_zero(found: interval.Interval) -> interval.Interval:
    """Errors are never negative, which an interval of a mean cannot know."""
    return interval.Interval(found.value, max(0.0, found.low), found.high)


def _unexplained(truth: Arrays, predicted: Arrays) -> float:
    spread = float(np.square(truth - truth.mean()).sum())
    return float(np.square(truth - predicted).sum()) / spread if spread > 0 else float("nan")


def _unbalanced(truth: NDArray[np.int64], wrong: Arrays) -> float:
    """Mean over the classes that a resample holds of the share that is wrong."""
    rows = np.bincount(truth)
    missed = np.bincount(truth, weights=wrong)
    return float(np.mean(missed[rows > 0] / rows[rows > 0]))


def _unranked(truth: NDArray[np.int64], predicted: Arrays) -> interval.Interval:
    """1 − AUC, one class against the rest, averaged over the classes; each of them occurs."""
    area = two_sample.mean_auc(predicted, truth)
    return interval.Interval(1 - area.value, 1 - area.high, 1 - area.low)
