"""An error budget from figures alone: errors on known numbers of rows, of a network whose predictions are elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from burnish.diagnosis import budget
from burnish.diagnosis.budget import ErrorBudget, ErrorName, Errors
from burnish.diagnosis.finding import Finding
from burnish.stats import interval
from burnish.stats.interval import Interval

Label = Literal["high bias", "high variance", "high bias and high variance", "neither"]
Figure = tuple[float, int] | Interval  # an error and its number of rows, or the error's interval


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of one network; errors are rates (0 to 1), or RMSE in the target's units."""

    name: ErrorName
    train: Figure
    dev: Figure
    train_dev: Figure | None = None
    test: Figure | None = None


def error_budget(
    figures: Figures,
    *,
    baseline: float | tuple[float, float] | None = None,
    target_deviation: float | None = None,
) -> ErrorBudget:
    """Where the dev error comes from.

    Args:
        figures: Of one network.
        baseline: The least possible error, or a range (low, high); None: anything up to the network's own.
        target_deviation: Standard deviation of an RMSE's target, which says what size matters; None: a tenth of the
            dev error alone does.
    """
    held, test = figures.train_dev, figures.test
    errors = Errors(
        figures.name,
        estimated(figures.train, figures.name),
        estimated(figures.dev, figures.name),
        None if held is None else estimated(held, figures.name),
        None if test is None else estimated(test, figures.name),
    )
    scale = (target_deviation or 0.0) if figures.name == "RMSE" else None
    practical = budget.practical_size(errors.dev.value, scale)
    floor = budget.floor(baseline, {"this network": errors.train_dev or errors.dev})
    return budget.error_budget(errors, floor, practical=practical)


def estimated(figure: Figure, name: ErrorName) -> Interval:
    """The error with its interval: Clopper and Pearson's for a rate; for an RMSE, that of normal errors."""
    if isinstance(figure, Interval):
        return figure
    error, rows = figure
    return interval.normal_rmse(error, rows) if name == "RMSE" else interval.proportion(error * rows, rows)


def label(findings: Iterable[Finding]) -> Label:
    """The classic four cases."""
    codes = {finding.code for finding in findings}
    bias, variance = bool(codes & {"BV1", "BV3"}), bool(codes & {"BV2", "BV3"})
    if bias and variance:
        return "high bias and high variance"
    return "high bias" if bias else "high variance" if variance else "neither"
