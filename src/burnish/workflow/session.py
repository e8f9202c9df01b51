"""The effects of a run in one place: training, the clock, the database, what is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from burnish.store.database import Database
from burnish.store.run_folder import RunFolder
from burnish.train.configuration import Configuration
from burnish.train.work import Ending, Executor, Outcome, Work
from burnish.workflow.budget import LEAST_COMPILE_SECONDS, Budget, Costs
from burnish.workflow.events import Emit, Line, Progress, Stage
from burnish.workflow.problem import Problem
from burnish.workflow.settings import Settings

# What evaluating a row takes, in parts of training on it: one matrix product where a step has three.
EVALUATING = 1 / 3


class Interrupted(Exception):
    """The person, or the system, asked the run to stop. States are kept; `resume` goes on from them."""

    def __init__(self, signal_number: int, path: Path) -> None:
        self.signal_number, self.path = signal_number, path
        super().__init__(f"stopped by signal {signal_number}; the run in {path} can be resumed")


@dataclass(slots=True)
class Session:
    """What the stages share."""

    settings: Settings
    budget: Budget
    folder: RunFolder
    database: Database
    emit: Emit
    execute: Executor
    costs: Costs = field(default_factory=Costs)
    reached: dict[str, float] = field(default_factory=dict)  # epochs of each trial that were counted
    ended: set[str] = field(default_factory=set)  # trials that no further epoch would change
    best: float | None = None  # best dev error so far, for the eye only
    warnings: list[str] = field(default_factory=list)  # what the report and the JSON document are to say, too

    def say(self, stage: Stage, text: str, *, warning: bool = False, lasting: bool = False) -> None:
        """Show a sentence and keep it.

        Args:
            stage: Where the run is.
            text: The sentence.
            warning: Whether it is shown to who wants to see warnings only.
            lasting: Whether the report and the JSON document are to say it, too, and have it from nowhere else.
        """
        if lasting:
            self.warnings.append(text)
        self.database.record_event(stage.value, "warning" if warning else "info", text)
        self.emit(Line(stage, text, warning))

    @property
    def trials(self) -> int:
        """Trainings, each counted once however often it paused."""
        return len(self.reached)

    def operations(self, problem: Problem, configuration: Configuration) -> float:
        """Floating-point operations of one training step: three matrix products where evaluation has one."""
        shape = problem.architecture(configuration)
        return 6.0 * shape.batch_size * shape.multiplications

    def steps(self, problem: Problem, work: Work) -> float:
        """Mini-batches of a piece of work, with those that evaluating dev after each epoch takes as long as."""
        fold, batch = problem.folds[work.fold].rows, work.configuration.batch_size
        return work.until * (math.ceil((work.rows or len(fold.train)) / batch) + EVALUATING * len(fold.dev) / batch)

    def price(self, problem: Problem, configuration: Configuration, *, folds: int = 1) -> float:
        """What training a configuration costs in the budget's unit: core seconds, or epochs."""
        return folds * self.price_of(problem, Work("", configuration, 0, 0, configuration.epochs, problem.part))

    def price_of(self, problem: Problem, work: Work) -> float:
        """What a piece of work costs in the budget's unit, from its beginning."""
        if self.budget.limit is None:
            return work.until
        configuration = work.configuration
        return self.costs.seconds(configuration, self.steps(problem, work), self.operations(problem, configuration))

    def compiling(self, programs: int) -> float:
        """What compiling new programs costs in the budget's unit: core seconds, or nothing in epochs.

        One worker compiles, the others read what it made.
        """
        if self.budget.limit is None:
            return 0.0
        return programs * (self.costs.compile_seconds + LEAST_COMPILE_SECONDS * (self.budget.jobs - 1))

    def train(
        self, problem: Problem, work: Sequence[Work], stage: Stage, *, until_share: float = 1.0
    ) -> dict[str, Outcome]:
        """Execute work, record it, show progress; outcomes by trial, in the order of the work.

        At `until_share` of the budget's time what runs is interrupted (its outcome is what it had reached) and what
        waits is left out. Where epochs are counted, what does not fit into those that are left is left out.
        """
        outcomes: dict[str, Outcome] = {}
        fitting, waiting = self._fitting(work)
        while fitting:
            for outcome in self.execute(fitting, deadline=self.budget.deadline(until_share)):
                outcomes[outcome.work.trial] = outcome
                self._account(problem, outcome, stage)
                self.emit(self._progress(stage, len(outcomes), len(work)))
            fitting, waiting = self._fitting(waiting)  # trainings that stopped early have left epochs over
        return {item.trial: outcomes[item.trial] for item in work if item.trial in outcomes}

    def _progress(self, stage: Stage, done: int, planned: int) -> Progress:
        budget = self.budget
        elapsed, running = budget.elapsed, min(budget.jobs, planned - done)
        left = None if budget.limit is None else budget.limit - elapsed
        spent = "" if budget.max_epochs is None else f"{budget.epochs:,.0f} of {budget.max_epochs:,} epochs"
        return Progress(stage, done, planned, running, self.best, elapsed, left, spent)

    def _fitting(self, work: Sequence[Work]) -> tuple[list[Work], list[Work]]:
        """The work that fits into the epochs that are left, and the rest.

        Settled before any of it is executed, first in line first, so that no order of arrival decides. Nothing
        overtakes what does not fit, for what is compared is asked for in turn; but what is trained already costs
        nothing.
        """
        left = self.budget.epochs_left
        fitting: list[Work] = []
        waiting: list[Work] = []
        for item in work:
            fresh = self._fresh(item)
            if fresh > 0 and (waiting or fresh > left):
                waiting.append(item)
            else:
                fitting.append(item)
                left -= fresh
        return fitting, waiting

    def _fresh(self, work: Work) -> float:
        """Epochs that a piece of work may train at most: it goes on from where its trial paused."""
        if work.trial in self.ended:
            return 0.0
        return max(0.0, min(work.until, work.configuration.epochs) - self.reached.get(work.trial, 0.0))

    def _account(self, problem: Problem, outcome: Outcome, stage: Stage) -> None:
        """Count what is new in an outcome: a trial goes on from where it paused, and may be asked for again."""
        work = outcome.work
        if outcome.ending not in (Ending.PAUSED, Ending.INTERRUPTED):
            self.ended.add(work.trial)
        fresh = outcome.epochs - self.reached.get(work.trial, 0.0)
        if work.trial in self.reached and fresh <= 0:
            return
        self.reached[work.trial] = outcome.epochs
        self.budget.epochs = math.fsum(self.reached.values())  # to the last bit the same in any order of arrival
        self.database.record_outcome(outcome, stage.value)
        self.database.set("elapsed", self.budget.elapsed)
        steps = fresh * self.steps(problem, work) / max(1, work.until)
        self.costs.learn(outcome, steps, self.operations(problem, work.configuration))
        if outcome.ending is Ending.FAILED:
            self.say(
                stage,
                f"Training {outcome.work.trial} ran out of memory, or its process died.",
                warning=True,
                lasting=True,
            )
            return
        if not np.isfinite(outcome.dev_loss):
            return
        error = problem.judge.measured(outcome.dev, problem.folds[outcome.work.fold].rows.dev).estimate.value
        self.best = error if self.best is None else min(self.best, error)
