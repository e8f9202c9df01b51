"""Stage 5: what simple models reach on the same rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from burnish.baseline import compare
from burnish.baseline.fitted import Fitted, Targets
from burnish.executors import fold_files
from burnish.report.summary import BaselineResult
from burnish.stats.interval import Interval
from burnish.workflow.events import Stage
from burnish.workflow.problem import Problem
from burnish.workflow.session import Session

# Delivered where it beats the network; boosting is a yardstick, always shown, never delivered.
Simple = Literal["majority", "mean", "linear"]
DELIVERABLE: tuple[Simple, ...] = ("majority", "mean", "linear")
# Boosting is left out where it has not ended when this share of the time is used: the rest is for what is delivered.
YARDSTICK_ENDS = 0.5
LEFT_OUT = "Boosting, the yardstick, was left out: half of the time had gone before it had ended."


@dataclass(frozen=True, slots=True)
class Baselines:
    """The simple models, fitted on the screening folds."""

    results: tuple[BaselineResult, ...]
    dev: Mapping[str, NDArray[np.float64]]  # predictions of the dev rows, folds stacked
    fitted: Mapping[str, tuple[Fitted, ...]]  # one for each screening fold

    @property
    def errors(self) -> dict[str, Interval]:
        """Dev error of each."""
        return {result.name: result.dev for result in self.results}

    def on(self, problem: Problem) -> Baselines:
        """The same models where the problem was narrowed to the first folds, judged on the dev rows of these alone."""
        rows, folds = problem.dev_rows(problem.screening), len(problem.screening)
        dev = {name: predicted[: len(rows)] for name, predicted in self.dev.items()}
        results = tuple(
            replace(result, dev=problem.judge.measured(dev[result.name], rows).estimate) for result in self.results
        )
        return Baselines(results, dev, {name: models[:folds] for name, models in self.fitted.items()})


def train_baselines(session: Session, problem: Problem, *, yardstick: bool = True) -> Baselines:
    """Fit majority or mean, linear and (as a yardstick) boosting, and judge them on dev."""
    classes = len(problem.target.classes) if problem.task == "classification" else None
    folds = [_fold(session, problem, number) for number in problem.screening]
    rows = problem.dev_rows(problem.screening)
    results, predictions, models = [], {}, {}
    simple = compare.compare(folds, classes=classes, seed=session.settings.seed, yardstick=False)
    for made in itertools.chain(simple, _yardstick(session, folds, classes) if yardstick else ()):
        if made.error is not None:
            session.say(Stage.BASELINES, f"The {made.name} baseline failed: {made.error}", warning=True, lasting=True)
            continue
        stacked = np.concatenate(made.dev)
        error = problem.judge.measured(stacked, rows).estimate
        results.append(BaselineResult(made.name, error, None, made.seconds))
        predictions[made.name], models[made.name] = stacked, made.fitted
        session.say(
            Stage.BASELINES,
            f"{made.name}: {problem.judge.error_name} {error.value:.4g} ({error.low:.4g} to {error.high:.4g}) on dev.",
        )
    return Baselines(tuple(results), predictions, models)


def _yardstick(
    session: Session, folds: Sequence[compare.FoldData], classes: int | None
) -> Iterator[compare.BaselineResult]:
    """Boosting, if it comes to its end in time; a resumed run has it where the run before had it."""
    seed, made = session.settings.seed, []

    def time_left() -> bool:
        return session.budget.left(YARDSTICK_ENDS) > 0

    def in_time() -> bool:
        made.append(compare.trees(folds, classes=classes, seed=seed, go_on=time_left))
        return bool(made[0].error != compare.STOPPED)

    if session.budget.decide("boosting", in_time):
        yield made[0] if made else compare.trees(folds, classes=classes, seed=seed)
    else:
        session.say(Stage.BASELINES, LEFT_OUT, lasting=True)


def _fold(session: Session, problem: Problem, number: int) -> compare.FoldData:
    """A fold as it was written for the workers: mapped, so that a large one is neither prepared again nor copied."""
    fold = fold_files.read(session.folder.scratch, number)
    y: Targets = fold.train.y.astype(np.int32, copy=False)
    if problem.task == "regression":
        y = fold.target.mean + fold.target.deviation * fold.train.y.astype(np.float64)
    w = None if problem.row_weights is None else fold.train.weight.astype(np.float64)
    return compare.FoldData(fold.train.inputs, y, fold.dev.inputs, w)
