"""Judging: tell bias from variance, follow the basic recipe, keep what helps. Techniques A3 and A4.

Nothing here imports JAX.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from burnish.diagnosis import bias_variance as verdicts
from burnish.diagnosis import budget as budgets
from burnish.diagnosis import figures, learning_curve
from burnish.diagnosis.finding import Finding
from burnish.recipe import prescribe
from burnish.recipe.remedies import Remedy
from burnish.stats import interval, paired
from burnish.stats.interval import Interval
from burnish.train.configuration import Configuration


@dataclass(frozen=True, slots=True)
class BiasVariance:
    """A verdict with its evidence; errors are rates (0 to 1), or RMSE in the target's units."""

    label: figures.Label
    findings: tuple[Finding, ...]  # in plain sentences, mismatch and "dev is too small" too
    budget: budgets.ErrorBudget  # avoidable bias, variance, …, each with its 95 % interval


def error_interval(
    losses: ArrayLike,
    statistic: interval.Statistic,
    *,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> Interval:
    """A3: an error with its 95 % interval, from the losses of single rows.

    Better than from the figure alone (`bias_variance` takes both): for an RMSE the interval need not assume that
    errors are normal, and rows that belong together count as what they are worth.

    Args:
        losses: One for each row, shape (rows,): 0 or 1 ("error"), squared errors ("rmse"), or any ("mean").
        statistic: Which of these.
        weights: Of the rows, shape (rows,).
        groups: Labels of rows that belong together, shape (rows,).

    Returns:
        `value`, `low` and `high`: a rate, an RMSE (the root is taken here) or a mean.

    Reference: Clopper and Pearson 1934 for rates; Hall 1992 for the RMSE.

    >>> found = error_interval([0, 1, 0, 0, 0, 0, 0, 0, 0, 0], "error")
    >>> found.value, round(found.low, 4), round(found.high, 4)
    (0.1, 0.0025, 0.445)
    """
    return interval.estimate(losses, statistic, weights=weights, groups=groups)


def bias_variance(
    train: tuple[float, int] | Interval,
    dev: tuple[float, int] | Interval,
    *,
    baseline: float | tuple[float, float] | None = None,
    train_dev: tuple[float, int] | Interval | None = None,
    target_deviation: float | None = None,
) -> BiasVariance:
    """A3: high bias, high variance, both or neither, from errors on known numbers of rows.

    `avoidable bias = train error − baseline`, `variance = dev error − train error`; with a train-dev part
    `variance = train-dev − train` and `mismatch = dev − train-dev`. A part is high if its 95 % interval excludes 0 and
    its lower end exceeds what matters: a tenth of the dev error, at least 0.5 points, or 0.5 % of the target's
    standard deviation. So 0.3 points on 200 rows are not called a gap.

    Args:
        train: (error, rows) of the training rows, or the error's interval (`error_interval`).
        dev: The same for the dev rows.
        baseline: The error of people, or the least possible (Bayes); (low, high) where it is a range. None: unknown,
            anything from 0 to this network's own error, so that no bias can be shown.
        train_dev: The same as `train` for held-out rows from where the training rows come from.
        target_deviation: Regression: the target's standard deviation, in its units; errors are then RMSE in these
            units, and the interval of an (RMSE, rows) assumes normal errors. None: classification; errors are rates.

    Reference: Ng, Machine Learning Yearning, 2018, chapters 20 to 27 and 40; intervals: Clopper and Pearson 1934, Zou
    and Donner 2008 for differences.

    >>> bias_variance((0.01, 20_000), (0.11, 5_000), baseline=0.0).label
    'high variance'
    >>> bias_variance((0.15, 20_000), (0.16, 5_000), baseline=0.0).label
    'high bias'
    >>> bias_variance((0.15, 20_000), (0.16, 5_000), baseline=0.15).label
    'neither'
    """
    name: budgets.ErrorName = "misclassification rate" if target_deviation is None else "RMSE"
    known = figures.Figures(name, train, dev, train_dev)
    parts = figures.error_budget(known, baseline=baseline, target_deviation=target_deviation)
    findings = verdicts.verdict(parts)
    return BiasVariance(figures.label(findings), findings, parts)


def prescription(
    verdict: BiasVariance,
    *,
    configuration: Configuration | None = None,
    tried: Collection[str] = (),
    limit: int = 8,
) -> tuple[Remedy, ...]:
    """A4: what the basic recipe tries next, best first.

    High bias first: a larger network, longer training, other optimiser settings, another architecture. Then high
    variance: regularisation, another architecture (for more data see `learning_curve_forecast`). Repeat until neither
    is high or nothing helps. Within a step the order is by promise per cost. Keep a remedy only if an experiment says
    so beyond its noise (`paired_gain`).

    Args:
        verdict: Of `bias_variance`. Near the floor there is nothing to try, and () comes back.
        configuration: The network it is about: remedies that do not apply to it are left out. None: the defaults.
        tried: Names of remedies not to try again.
        limit: At most so many.

    Returns:
        Remedies with `name`, `title`, `cause`, `note` (why it may help) and `change`, a function from a configuration
        to the changed one.

    Reference: Ng, Machine Learning Yearning, 2018, chapters 25 to 27.

    >>> verdict = bias_variance((0.15, 20_000), (0.16, 5_000), baseline=0.0)
    >>> sorted({remedy.cause for remedy in prescription(verdict, limit=4)})
    ['bias', 'optimisation']
    """
    task: prescribe.Task = "classification" if verdict.budget.errors.name == "misclassification rate" else "regression"
    return prescribe.prescribe(verdict.findings, configuration or Configuration(), tried, limit=limit, task=task)


def paired_gain(
    control: ArrayLike, treatment: ArrayLike, *, statistic: interval.Statistic = "mean", groups: ArrayLike | None = None
) -> paired.Gain:
    """A4: by how much a remedy lowers the error, beyond the noise of seeds and of dev rows together.

    With D = control − treatment = μ + seed + row + residual, the interval of the gain reaches
    `√(t²·V_seed + t²·V_row)` each way. Many seeds on few rows would mistake the luck of the rows for a gain, many rows
    with one seed the luck of the seed.

    Args:
        control: Losses on the same dev rows, shape (seeds, rows) or (rows,): 0 or 1 ("error"), squared errors
            ("rmse") or any ("mean").
        treatment: The same with the remedy, and the same seeds.
        statistic: What the losses are.
        groups: Labels of rows that belong together, shape (rows,).

    Returns:
        `value`, `low` and `high` in the error's unit (positive is better), the one-sided `p_value`, and `positive`:
        whether to keep the remedy. Several remedies tried against one control need a smaller level: divide by their
        number.

    Reference: Bouthillier et al., Accounting for variance in machine learning benchmarks, 2021.

    >>> rng = np.random.default_rng(0)
    >>> before = rng.exponential(1.0, (6, 300))
    >>> paired_gain(before, before - 0.2 + rng.normal(0, 0.1, (6, 300))).positive
    True
    """
    return paired.gain(control, treatment, statistic=statistic, groups=groups)


def learning_curve_forecast(
    sizes: Sequence[int], losses: ArrayLike, *, statistic: interval.Statistic, multiples: Sequence[float] = (2.0, 4.0)
) -> learning_curve.Forecast:
    """A4: would more data help? The error at multiples of the present rows, with 90 % intervals, or why not.

    Power laws `a + b·n^−c`, sigmoids, and "it stays as it is" are weighed by how well they fit the errors at five sizes
    or more with three seeds or more. It declines where the curve rises, or where the same method would not have
    foretold the largest size from the others. On eleven real tables the intervals held (`bench/README.md`).

    Args:
        sizes: Training rows, rising, such as n/2^(k/2).
        losses: On the same dev rows, shape (seeds, sizes, dev rows): 0 or 1, or squared errors.
        statistic: "error", "rmse" or "mean".
        multiples: Of the largest size.

    Returns:
        `points`, by multiple: `error` and `gain` with intervals; or `declined`, the reason.

    Reference: Viering and Loog, The shape of learning curves: a review, 2023.

    >>> rng, sizes = np.random.default_rng(0), (200, 283, 400, 566, 800)
    >>> rates = [0.05 + 4 * rows**-0.6 for rows in sizes]
    >>> wrong = rng.random((3, 1, 2_000)) < np.array(rates)[:, None]
    >>> found = learning_curve_forecast(sizes, wrong, statistic="error")
    >>> found.points[2.0].gain.low > 0
    True
    """
    return learning_curve.forecast(sizes, np.asarray(losses, np.float64), statistic=statistic, multiples=multiples)
