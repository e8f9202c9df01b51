"""Stage 5: what simple models reach on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from burnish.baseline import compare
from burnish.baseline.fitted import Fitted
from burnish.data.table import Table
from burnish.preprocess import padding
from burnish.report.summary import BaselineResult
from burnish.stats.interval import Interval
from burnish.workflow.events import Stage
from burnish.workflow.problem import Problem
from burnish.workflow.session import Session

# Delivered where it beats the network; boosting is a yardstick, always shown, never delivered.
DELIVERABLE: tuple[Literal["majority", "mean", "linear"], ...] = ("majority", "mean", "linear")

# Training rows from which boosting is quicker on several threads; below, they mostly wait for one another.
THREADS_FROM = 20_000


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

    def predict(self, name: str, problem: Problem, table: Table) -> NDArray[np.float64]:
        """Predictions of one of them for a table: the mean over its folds."""
        parts = []
        for number, fitted in zip(problem.screening, self.fitted[name], strict=True):
            preparation = problem.folds[number].preparation
            prepared = padding.widen(preparation.transform(table), preparation.inputs, problem.inputs)
            parts.append(fitted.predict(prepared))
        return np.mean(parts, axis=0)


def train_baselines(session: Session, problem: Problem, *, yardstick: bool = True) -> Baselines:
    """Fit majority or mean, linear and (as a yardstick) boosting, and judge them on dev."""
    truth, weights = problem.judge.truth, problem.row_weights
    classes = len(problem.target.classes) if problem.task == "classification" else None
    folds = []
    for number in problem.screening:
        fold = problem.folds[number]
        prepared = padding.widen(fold.preparation.transform(problem.table), fold.preparation.inputs, problem.inputs)
        train, dev = fold.rows.train, fold.rows.dev
        y = truth[train].astype(np.int32) if classes is not None else truth[train].astype(np.float64)
        w = None if weights is None else weights[train]
        folds.append(compare.FoldData(prepared.take(train), y, prepared.take(dev), w))
    rows = problem.dev_rows(problem.screening)
    results, predictions, models = [], {}, {}
    threads = 1 if problem.training_rows < THREADS_FROM else session.settings.workers
    for made in compare.compare(
        folds, classes=classes, seed=session.settings.seed, threads=threads, yardstick=yardstick
    ):
        if made.error is not None:
            session.say(Stage.BASELINES, f"The {made.name} baseline failed: {made.error}", warning=True)
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
