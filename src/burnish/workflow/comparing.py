"""The delivered model beside the simple ones, row by row, on the dev rows that all of them have predicted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burnish.stats import paired
from burnish.stats.interval import Interval
from burnish.workflow.baselines import Baselines
from burnish.workflow.problem import Problem

FEWEST_ROWS = 2  # fewer have no spread


def excess(problem: Problem, errors: NDArray[np.float64], baselines: Baselines) -> dict[str, Interval]:
    """By how much the delivered model's error is above that of each simple model; below 0: it is better.

    Paired, as all predicted the same rows: what makes a row hard for both says nothing of the difference. That each
    model has an interval of its own which overlaps the other's says less.

    Args:
        problem: The question.
        errors: What the delivered model's errors on the screening folds' dev rows are: 0 to 1 (wrong class), or squared
            errors in the target's units squared; shape (dev rows,).
        baselines: The simple models, on the same rows.

    Returns:
        By the name of the simple model, in the unit of the error. A model whose errors are not finite is left out.
    """
    rows = problem.dev_rows(problem.screening)
    if len(rows) < FEWEST_ROWS:
        return {}
    found = {}
    for name, predictions in baselines.dev.items():
        other = problem.judge.measured(predictions, rows)
        weights = 1.0 if other.weights is None else other.weights
        if not (np.isfinite(errors).all() and np.isfinite(other.error).all()):
            continue
        made = paired.gain(
            errors * weights,
            other.error * weights,
            statistic=problem.judge.error_statistic,
            groups=problem.dev_groups(problem.screening),
        )
        found[name] = Interval(made.value, made.low, made.high)
    return found
