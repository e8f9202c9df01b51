"""The question in numbers: rows, truth, folds, and how predictions for them are judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from burnish.data.fold import Fold, Split
from burnish.data.inputs import InputSpec, Prepared
from burnish.data.kinds import Profile
from burnish.data.table import Table
from burnish.diagnosis import budget
from burnish.model.architecture import Architecture
from burnish.model.own_model import OwnModel
from burnish.preprocess.preparation import Preparation
from burnish.preprocess.target import TargetCoding
from burnish.stats import design, interval
from burnish.train import fold_data, hyperparameters
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, Part, TargetScale

Task = Literal["classification", "regression"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judge:
    """What counts as an error, and what choices are made by; arrays have one entry for each row of the table."""

    task: Task
    metric: str
    truth: NDArray[np.int64] | Floats  # class codes, or the target in its units
    weights: Floats | None  # of the rows in errors and costs, any scale; None: all alike
    groups: NDArray[np.int64] | None = None  # rows that belong together (--group, copies) share a number
    own_weights: Floats | None = None  # --weight alone: `weights` without what makes the classes count alike

    @property
    def chooses_by(self) -> interval.Statistic:
        """How the choosing losses of many rows become one number."""
        return "rmse" if self.metric in ("rmse", "r2") else "mean"

    @property
    def error_statistic(self) -> interval.Statistic:
        """How the rows' errors become the error that verdicts speak of."""
        return "rmse" if self.task == "regression" else "error"

    @property
    def error_name(self) -> str:
        if self.task == "regression":
            return "RMSE"
        return "1 - balanced accuracy" if self.metric == "balanced_accuracy" else "misclassification rate"

    def measured(self, predictions: NDArray[np.floating], rows: NDArray[np.integer]) -> budget.Measured:
        """Errors and log-losses (or squared errors) of predictions for these rows."""
        return budget.measure(
            self.task, predictions, self.truth[rows], _of(self.weights, rows), groups=_of(self.groups, rows)
        )

    def clumping(self, rows: NDArray[np.integer]) -> float:
        """How far groups and weights could widen the interval of these rows' error (`Design.clumping`)."""
        found = design.of(len(rows), _of(self.weights, rows), _of(self.groups, rows))
        return 1.0 if found is None else found.clumping

    def losses(self, predictions: NDArray[np.floating], rows: NDArray[np.integer]) -> Floats:
        """What choices are made by, one number a row, weighted so that its plain mean is the cost."""
        found = self.measured(predictions, rows)
        if self.metric in ("accuracy", "balanced_accuracy"):
            losses = found.error
        elif self.metric == "mae":
            losses = np.sqrt(found.error)
        else:
            losses = found.loss
        return losses if found.weights is None else losses * found.weights

    def row_weights(self, rows: NDArray[np.integer]) -> Floats:
        """Weights of these rows, mean 1."""
        if self.weights is None:
            return np.ones(len(rows))
        return self.weights[rows] / self.weights[rows].mean()

    def cost(self, losses: Floats) -> float:
        """One number from the rows' choosing losses, in the metric's unit; smaller is better."""
        mean = float(np.mean(losses))
        return float(np.sqrt(mean)) if self.chooses_by == "rmse" else mean


def _of(values: NDArray[Any] | None, rows: NDArray[np.integer]) -> NDArray[Any] | None:
    return None if values is None else values[rows]


@dataclass(frozen=True, slots=True)
class PreparedFold:
    """A fold and the preparation fitted on its training rows."""

    rows: Fold
    preparation: Preparation
    target: TargetCoding
    sample: NDArray[np.int64]  # training rows whose predictions a trial gives back, for the train error


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything that training and judging need, and nothing that changes while they go on."""

    table: Table
    profiles: tuple[Profile, ...]
    split: Split
    folds: tuple[PreparedFold, ...]  # one for each of split.folds
    inputs: InputSpec  # common to all folds
    judge: Judge
    part: int | None = None  # training rows of trainings that are not delivered, where all take too long; None: all
    own: OwnModel | None = None  # the person's own model, where it is trained in place of the perceptron
    planned: int | None = None  # folds that were to judge, where a network of fewer was trained; None: those that do

    def architecture(self, configuration: Configuration) -> Architecture:
        """What shapes the program of a configuration on these data."""
        return hyperparameters.architecture(
            configuration, self.inputs, outputs=self.outputs, task=self.task, own=self.own
        )

    @property
    def task(self) -> Task:
        return self.judge.task

    @property
    def of(self) -> Literal["tables", "images"]:
        """What rows are."""
        return "tables" if self.inputs.image is None else "images"

    @property
    def row_weights(self) -> Floats | None:
        """--weight; in the training cost too."""
        return self.judge.own_weights

    @property
    def groups(self) -> NDArray[np.int64] | None:
        """Rows that belong together share a number."""
        return self.judge.groups

    @property
    def target(self) -> TargetCoding:
        return self.folds[0].target

    @property
    def unit_of_gain(self) -> str:
        """Of what choices are made by."""
        return {"log_loss": "nats", "auc": "nats", "accuracy": "%", "balanced_accuracy": "%"}.get(self.judge.metric, "")

    @property
    def outputs(self) -> int:
        return len(self.target.classes) if self.task == "classification" else 1

    @property
    def screening(self) -> range:
        """Numbers of the folds that every trial is judged on."""
        return range(self.split.screen)

    def narrowed(self, folds: int) -> Problem:
        """The same question, with every model judged on the first so many folds only, as there was no time for all."""
        return replace(self, split=replace(self.split, screen=folds), planned=self.split.screen)

    @property
    def training_rows(self) -> int:
        """Rows that one network of the first fold trains on."""
        return len(self.split.primary.train)

    def dev_groups(self, folds: Sequence[int] | range) -> NDArray[np.int64] | None:
        """Groups of the dev rows of these folds, in their order; None where each row stands for itself.

        A single group gives no idea of how others differ: its rows are then taken for themselves too.
        """
        if self.groups is None:
            return None
        found = self.groups[self.dev_rows(folds)]
        return found if len(np.unique(found)) > 1 else None

    def dev_rows(self, folds: Sequence[int] | range) -> NDArray[np.int64]:
        """Positions of the dev rows of these folds, fold after fold: the order of stacked dev predictions."""
        return np.concatenate([self.folds[k].rows.dev for k in folds])


def sample_of(fold: Fold, number: int, seed: int) -> NDArray[np.int64]:
    """A fixed random part of the training rows, at most TRAIN_SAMPLE: a training on a part learns from them too."""
    return np.sort(_dealt(fold, number, seed)[0][: fold_data.TRAIN_SAMPLE])


def _dealt(fold: Fold, number: int, seed: int) -> tuple[NDArray[np.int64], np.random.Generator]:
    """The training rows in the order in which they are stored, so that the first so many are a random part."""
    rng = np.random.default_rng([seed, number, len(fold.train)])
    return rng.permutation(fold.train), rng


def assemble(problem: Problem, number: int, prepared: Prepared, seed: int) -> FoldData:
    """One fold as the engine trains on it.

    Args:
        problem: The question.
        number: Which fold.
        prepared: All rows of the table, as this fold's preparation gives them, widened to the common inputs.
        seed: Of the order in which training rows are stored and of the halves of dev.
    """
    fold = problem.folds[number]
    dealt, rng = _dealt(fold.rows, number, seed)
    weights = np.ones(problem.table.rows) if problem.row_weights is None else problem.row_weights
    if problem.task == "classification":
        y = problem.judge.truth.astype(np.int32)
        scale = TargetScale()
    else:
        y = ((problem.judge.truth - fold.target.mean) / fold.target.std).astype(np.float32)
        scale = TargetScale(fold.target.mean, fold.target.std, fold.target.low, fold.target.high)

    def part(rows: NDArray[np.int64]) -> Part:
        weight = weights[rows] / weights[rows].mean()
        return Part(prepared.take(rows), y[rows], weight.astype(np.float32))

    held = fold.sample if fold.rows.train_dev is None else np.concatenate([fold.sample, fold.rows.train_dev])
    return FoldData(
        inputs=problem.inputs,
        task=problem.task,
        outputs=problem.outputs,
        target=scale,
        train=part(dealt),
        dev=part(fold.rows.dev),
        half=_halves(len(fold.rows.dev), problem.dev_groups([number]), rng),
        probe=prepared.take(held),
        probe_train=len(fold.sample),
    )


def _halves(count: int, groups: NDArray[np.int64] | None, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which dev rows are in half A; rows of a group are in the same, or one would stop the training that predicts it.

    Groups are dealt by size, A B B A A B B A, so that no half gets all the large ones.
    """
    if groups is None:
        return rng.permutation(np.arange(count) % 2 == 0)
    _, units = np.unique(groups, return_inverse=True)
    sizes = np.bincount(units)
    in_a = np.empty(len(sizes), dtype=bool)
    in_a[np.lexsort((rng.random(len(sizes)), -sizes))] = np.arange(len(sizes)) % 4 % 3 == 0
    return in_a[units]
