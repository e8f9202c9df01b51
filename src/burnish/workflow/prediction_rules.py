"""What the dev predictions of the delivered model, and the seeds of its training, show: BV12 to BV15."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from burnish.data import observation
from burnish.data.table import Column, Kind, Physical
from burnish.diagnosis import budget as budgets
from burnish.diagnosis.finding import Finding
from burnish.diagnosis.run_rules import calibration, seeds, slices, threshold
from burnish.report.summary import Delivered
from burnish.stats import false_alarms
from burnish.workflow.baselines import Baselines
from burnish.workflow.candidates import Candidate
from burnish.workflow.finishing import Chosen
from burnish.workflow.problem import Problem

# Kinds of columns whose values make slices that a person can read.
READABLE = (Kind.NUMBER, Kind.CATEGORY, Kind.BOOLEAN)
# Columns that slices are looked for in; of more, as pixels are, none says anything by itself.
MOST_COLUMNS = 200


def findings(
    problem: Problem, chosen: Chosen | None, baselines: Baselines, delivered: Delivered, *, seed: int
) -> tuple[Finding, ...]:
    """What is found in dev predictions of what is delivered; each row was predicted by models that it did not train."""
    if chosen is not None and delivered.what == "network":
        predictions, folds = chosen.dev, chosen.folds
    else:
        predictions, folds = baselines.dev[delivered.what], tuple(problem.screening)
    rows, groups = problem.dev_rows(folds), problem.dev_groups(folds)
    losses = problem.judge.measured(predictions, rows).error
    found = list(_slices(problem, rows, losses, groups, seed))
    if problem.task == "classification":
        found += _probabilities(problem, predictions, rows, groups, seed)
    return tuple(found)


def _slices(
    problem: Problem,
    rows: NDArray[np.int64],
    losses: NDArray[np.float64],
    groups: NDArray[np.int64] | None,
    seed: int,
) -> Iterator[Finding]:
    kinds = {profile.name: profile.kind for profile in problem.profiles}
    inputs = {entry["column"] for entry in problem.folds[0].preparation.describe()}
    columns = [c for c in problem.table.columns if c.name in inputs and kinds[c.name] in READABLE]
    if not columns or len(columns) > MOST_COLUMNS:
        return iter(())
    regression = problem.task == "regression"
    error = float(np.sqrt(losses.mean())) if regression else float(losses.mean())
    return slices.weak(
        np.stack([observation.numbers(column, rows) for column in columns], axis=1),
        [column.name for column in columns],
        [_levels(column) for column in columns],
        losses,
        statistic="rmse" if regression else "error",
        practical=budgets.practical_size(error, float(np.std(problem.judge.truth)) if regression else None),
        alpha=false_alarms.share("BV12"),
        groups=groups,
        seed=seed,
    )


def _levels(column: Column) -> Sequence[str] | None:
    """How a category's codes, or no and yes, are written; None for numbers."""
    if column.physical is Physical.TEXT:
        return column.levels
    if column.physical is Physical.BOOLEAN:
        return column.words or ("no", "yes")
    return None


def _probabilities(
    problem: Problem,
    predictions: NDArray[np.floating],
    rows: NDArray[np.int64],
    groups: NDArray[np.int64] | None,
    seed: int,
) -> list[Finding]:
    shares, truth = np.asarray(predictions, np.float64), problem.judge.truth[rows].astype(np.int64)
    found = list(calibration.miscalibrated(shares, truth, alpha=false_alarms.share("BV13"), groups=groups, seed=seed))
    name = problem.target.positive
    if name is not None:
        code = problem.target.classes.index(name)
        found += threshold.shifted(
            shares[:, code], truth == code, name=name, alpha=false_alarms.share("BV14"), groups=groups, seed=seed
        )
    return found


def of_seeds(problem: Problem, name: str, pool: Sequence[Candidate]) -> tuple[Finding, ...]:
    """BV15: the spread of one configuration over the seeds that the recipe's experiments have trained.

    Args:
        problem: The question.
        name: Of the configuration's trainings.
        pool: All that was trained on every screening fold.
    """
    rows = problem.dev_rows(problem.screening)
    same = {one.seed: one for one in pool if one.name == name and len(one.dev) == len(rows)}
    if len(same) < seeds.FEWEST_SEEDS:
        return ()
    errors = np.array([problem.judge.measured(one.dev, rows).estimate.value for _, one in sorted(same.items())])
    regression = problem.task == "regression"
    deviation = float(np.std(problem.judge.truth)) if regression else None
    practical = budgets.practical_size(float(np.median(errors)), deviation)
    alpha = false_alarms.share("BV15")
    return tuple(seeds.fragile(errors, practical=practical, alpha=alpha, percent=not regression))
