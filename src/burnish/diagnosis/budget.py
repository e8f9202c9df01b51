"""Bias, variance, mismatch: what share of the dev error has which cause, with intervals.

    floor ──avoidable bias──▶ train ──variance──▶ train-dev ──mismatch──▶ dev ──dev overfit──▶ test

The quantities are this network's own errors on rows that it did and did not learn from. They are misclassification
rates (0 to 1) or RMSE in the target's units, never log-loss, which only chooses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from burnish.stats import interval, prediction

Task = Literal["classification", "regression"]
ErrorName = Literal["misclassification rate", "RMSE"]

# Probabilities below this count as this in the log-loss, so that one row costs at most 13.8 nats. The usual clip of
# public benchmarks; float32 probabilities can be exactly zero.
PROBABILITY_FLOOR = 1e-6
# Confidence level of every interval here, two-sided, and the standard normal quantile that goes with it.
LEVEL = 0.95
Z_LEVEL = 1.959964
# Standard normal quantile of the power with which "the smallest gap that would have been found" would have been: 80 %.
Z_POWER = 0.841621
# A gap matters from this share of the present dev error on, or from this absolute size, whichever is larger: half a
# percentage point of rows, or 0.5 % of the target's standard deviation. A choice, not a law: `practical_size` takes
# others.
PRACTICAL_SHARE = 0.10
PRACTICAL_ABSOLUTE = 0.005
# Joint draws from which the probability of being the largest component is counted: standard error at most 0.8 points.
DRAWS = 4000


@dataclass(frozen=True, slots=True)
class Measured:
    """One network's losses on some rows; arrays of shape (rows,), smaller is better."""

    name: ErrorName
    error: NDArray[np.float64]  # 0 or 1 (wrong class), or squared error in the target's units squared
    loss: NDArray[np.float64]  # what chooses: log-loss in nats, or the squared error again
    weights: NDArray[np.float64] | None = None  # mean 1
    groups: NDArray[np.int64] | None = None  # rows of one number are one piece of evidence; None: each for itself

    @property
    def estimate(self) -> interval.Interval:
        """The error rate or RMSE on rows like these."""
        if self.name == "RMSE":
            return interval.rmse(self.error, weights=self.weights, groups=self.groups, level=LEVEL)
        return interval.weighted_proportion(self.error, self.weights, groups=self.groups, level=LEVEL)

    def promise(self, rows: int, *, clumping: float | None = None, excess: float = 1.0) -> interval.Interval:
        """Where the same error will lie on so many fresh rows; see `prediction.of_fresh_rows`."""
        return prediction.of_fresh_rows(
            self.error,
            "rmse" if self.name == "RMSE" else "error",
            rows=max(1, rows),
            weights=self.weights,
            groups=self.groups,
            clumping=clumping,
            excess=excess,
            level=LEVEL,
        )


@dataclass(frozen=True, slots=True)
class Errors:
    """The errors of one network on each part that exists."""

    name: ErrorName
    train: interval.Interval
    dev: interval.Interval
    train_dev: interval.Interval | None = None  # held out from the training distribution
    test: interval.Interval | None = None


@dataclass(frozen=True, slots=True)
class Floor:
    """What the best possible model could reach (the Bayes error): a range unless somebody knows it."""

    low: float
    high: float
    reason: str  # one sentence
    surpassed: bool = False  # an error was given that a model is surely below, so that it is no floor


@dataclass(frozen=True, slots=True)
class ErrorBudget:
    """Where the dev error comes from, each part with its 95 % interval.

    The bias's value is the distance of the train error from the floor's range (0 inside it), its interval covers
    every floor in the range. The keys of the two dictionaries are "bias", "variance", "mismatch" and "dev overfitting".
    """

    errors: Errors
    floor: Floor
    practical: float  # a gap below this size is of no interest; in the errors' unit
    avoidable_bias: interval.Interval
    variance: interval.Interval
    mismatch: interval.Interval | None
    dev_overfit: interval.Interval | None
    largest: Mapping[str, float]  # probability of being the largest part
    smallest_detectable: Mapping[str, float]  # the smallest gap found with 80 % power, in the errors' unit


def measure(
    task: Task,
    predictions: NDArray[np.floating],
    y: NDArray[np.generic],
    weights: NDArray[np.floating] | None = None,
    groups: NDArray[np.int64] | None = None,
) -> Measured:
    """The losses of one network on some rows.

    Args:
        task: What is predicted.
        predictions: Probabilities (rows, classes), or numbers in the target's units (rows, 1) or (rows,).
        y: Class codes 0..classes−1, or numbers; shape (rows,).
        weights: Row weights of any scale, shape (rows,). Inverse class frequencies make the error 1 − balanced
            accuracy.
        groups: Rows that belong together share a number, shape (rows,); None: each stands for itself.

    Raises:
        ValueError: The numbers of rows differ, or there are none.
    """
    if len(predictions) != len(y) or len(y) == 0:
        raise ValueError(
            f"{len(predictions)} predictions for {len(y)} rows: there must be one for each, and at least one."
        )
    scaled = None if weights is None else np.asarray(weights, np.float64) / np.mean(weights, dtype=np.float64)
    if task == "regression":
        squared = np.square(np.asarray(predictions, np.float64).reshape(len(y)) - np.asarray(y, np.float64))
        return Measured("RMSE", squared, squared, scaled, groups)
    codes = np.asarray(y).astype(np.int64)
    of_truth = np.asarray(predictions, np.float64)[np.arange(len(codes)), codes]
    wrong = (np.argmax(predictions, axis=1) != codes).astype(np.float64)
    return Measured("misclassification rate", wrong, -np.log(np.clip(of_truth, PROBABILITY_FLOOR, 1.0)), scaled, groups)


def floor(
    baseline_error: float | tuple[float, float] | None,
    cross_fitted: Mapping[str, interval.Interval],
    conflicting_floor: float = 0.0,
) -> Floor:
    """The range in which the Bayes error lies.

    Given, it is what the person knows (human level, say), unless a model is surely better: then people are no floor for
    models, and nothing is known of it but what is known where none is given. That is: the lower end is the error that
    rows with equal inputs and different targets force on every model, and the upper end the upper confidence limit of
    the best model at hand: the best possible is no worse. Extrapolations (Cover & Hart's 1-NN bound, 1967, for one)
    hold only asymptotically and are not used.

    Args:
        baseline_error: An error rate in 0..1 or an RMSE in the target's units; a range (low, high); None: not known.
        cross_fitted: Errors of simple models and the network, on rows that they did not learn from, by name.
        conflicting_floor: The least error that conflicting duplicates leave, over all rows.

    Raises:
        ValueError: Nothing is known: neither a baseline error nor any model's.
    """
    if baseline_error is not None:
        low, high = baseline_error if isinstance(baseline_error, tuple) else (baseline_error, baseline_error)
        better = [name for name, error in cross_fitted.items() if error.high < low]
        if not better:
            return Floor(low, high, "The baseline error was given.")
        best = min(better, key=lambda name: (cross_fitted[name].value, name))
        return passed(low, best, cross_fitted[best], conflicting_floor)
    if not cross_fitted:
        raise ValueError(
            "The floor needs a baseline error or at least one model's error on rows it did not learn from."
        )
    best = min(cross_fitted, key=lambda name: (cross_fitted[name].value, name))
    lower = (
        "0, as nothing forces errors"
        if conflicting_floor <= 0
        else "what rows with equal inputs but different targets force"
    )
    return Floor(
        conflicting_floor,
        max(conflicting_floor, cross_fitted[best].high),
        f"No baseline error was given: it lies between {lower}, and the upper limit of the best model ({best}).",
    )


def passed(given: float, name: str, error: interval.Interval, conflicting_floor: float = 0.0) -> Floor:
    """The floor where a model is surely better than the error that was given for it.

    Args:
        given: That error.
        name: What the model is called.
        error: Of the model, on rows that it did not learn from.
        conflicting_floor: As for `floor`.
    """
    return Floor(
        conflicting_floor,
        max(conflicting_floor, error.high),
        f"The baseline error that was given, {given:.3g}, is not the lowest possible: {name} has {error.value:.3g} "
        f"({error.low:.3g} to {error.high:.3g}). How much lower it can get is not known.",
        surpassed=True,
    )


def practical_size(dev_error: float, target_deviation: float | None = None) -> float:
    """The smallest gap worth a cure: 10 % of the dev error, at least 0.5 point or 0.5 % of the target's deviation."""
    scale = 1.0 if target_deviation is None else target_deviation
    return max(PRACTICAL_SHARE * dev_error, PRACTICAL_ABSOLUTE * scale)


def error_budget(errors: Errors, floor: Floor, *, practical: float) -> ErrorBudget:
    """Divides the dev error into avoidable bias, variance and mismatch; with test rows, theirs, overfitting to dev too.

    Args:
        errors: Of one network. Without `train_dev`, train and dev rows come from one distribution and mismatch is None;
            without `test` nothing tells whether choosing has used up the dev rows.
        floor: Where the best possible model stands.
        practical: See `practical_size`; in the errors' unit.
    """
    train, held_out = errors.train, errors.train_dev or errors.dev
    bias = interval.Interval(
        train.value - min(max(train.value, floor.low), floor.high), train.low - floor.high, train.high - floor.low
    )
    variance = interval.difference(held_out, train)
    mismatch = None if errors.train_dev is None else interval.difference(errors.dev, errors.train_dev)
    overfit = None if errors.test is None else interval.difference(errors.test, errors.dev)
    gaps = {"variance": variance} | ({} if mismatch is None else {"mismatch": mismatch})
    gaps |= {} if overfit is None else {"dev overfitting": overfit}
    detectable = {name: practical + _reach(gap) for name, gap in gaps.items()}
    return ErrorBudget(
        errors=errors,
        floor=floor,
        practical=practical,
        avoidable_bias=bias,
        variance=variance,
        mismatch=mismatch,
        dev_overfit=overfit,
        largest=_probability_of_largest(errors, floor),
        smallest_detectable={"bias": practical + _reach(train)} | detectable,
    )


def _reach(gap: interval.Interval) -> float:
    """How far above the practical size a gap has to lie to be found with 80 % power."""
    return (Z_LEVEL + Z_POWER) * (gap.high - gap.low) / (2 * Z_LEVEL)


def _probability_of_largest(errors: Errors, floor: Floor) -> dict[str, float]:
    """From joint draws: two-piece normal errors whose halves match their intervals, a floor uniform on its range.

    A train error below the floor counts as no bias, as no cure for bias could lower it. An end that is not known (of a
    single group) lies as far out as the error is large.
    """
    rng = np.random.default_rng(0)

    def draws(estimate: interval.Interval) -> NDArray[np.float64]:
        z = rng.standard_normal(DRAWS) / Z_LEVEL
        high = estimate.high if np.isfinite(estimate.high) else 2 * estimate.value
        return estimate.value + np.where(z < 0, z * (estimate.value - estimate.low), z * (high - estimate.value))

    train, dev = draws(errors.train), draws(errors.dev)
    held_out = dev if errors.train_dev is None else draws(errors.train_dev)
    most = floor.high if np.isfinite(floor.high) else max(2 * errors.dev.value, floor.low)
    bias = np.maximum(train - rng.uniform(floor.low, most, DRAWS), 0.0)
    parts = {"bias": bias, "variance": held_out - train}
    if errors.train_dev is not None:
        parts["mismatch"] = dev - held_out
    if errors.test is not None:
        parts["dev overfitting"] = draws(errors.test) - dev
    winner = np.argmax(np.stack(list(parts.values())), axis=0)
    return {name: float(np.mean(winner == index)) for index, name in enumerate(parts)}
