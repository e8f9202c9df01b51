"""Networks that were trained on every screening fold: what stages hand to one another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from burnish.diagnosis.budget import Measured
from burnish.train.configuration import Configuration
from burnish.train.work import Ending, Outcome, Work
from burnish.workflow.problem import Problem

# Seeds of the first network: two, so that both cores have work and the noise of training shows from the start.
FIRST_SEEDS = (0, 1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One configuration under one seed, trained on each screening fold."""

    name: str
    configuration: Configuration
    seed: int
    outcomes: tuple[Outcome, ...]  # in fold order
    losses: NDArray[np.float64]  # choosing loss of each dev row, folds stacked
    cost: float  # their mean, in the metric's unit

    @property
    def key(self) -> str:
        """Tells it from every other candidate."""
        return f"{self.name}-s{self.seed}"

    @property
    def dev(self) -> NDArray[np.float32]:
        """Cross-fitted dev predictions, fold after fold; shape (dev rows, outputs)."""
        return np.concatenate([outcome.dev for outcome in self.outcomes])


def trial(name: str, seed: int, fold: int) -> str:
    """The unique name of one training."""
    return f"{name}-s{seed}-f{fold}"


def plan(
    name: str,
    configuration: Configuration,
    *,
    seeds: Iterable[int],
    folds: Iterable[int],
    share: float = 1.0,
    rows: int | None = None,
) -> list[Work]:
    """One piece of work for each seed and fold, up to `share` of the configuration's epochs, on all rows or so many."""
    until = max(1, math.ceil(share * configuration.epochs))
    return [Work(trial(name, seed, fold), configuration, fold, seed, until, rows) for seed in seeds for fold in folds]


def gather(
    problem: Problem,
    name: str,
    configuration: Configuration,
    *,
    seed: int,
    outcomes: Mapping[str, Outcome],
    folds: Sequence[int] | None = None,
) -> Candidate | None:
    """The candidate, if each of the folds (all screening folds, unless said) gave something to judge; else None.

    A training that the clock cut short, or that diverged, counts with the best weights it had reached.
    """
    wanted = tuple(problem.screening) if folds is None else folds
    found = [outcomes.get(trial(name, seed, fold)) for fold in wanted]
    usable = tuple(o for o in found if o is not None and o.ending is not Ending.FAILED and np.isfinite(o.dev).all())
    if len(usable) < len(found):
        return None
    rows = problem.dev_rows(wanted)
    losses = problem.judge.losses(np.concatenate([o.dev for o in usable]), rows)
    return Candidate(name, configuration, seed, usable, losses, problem.judge.cost(losses))


def measured(problem: Problem, candidate: Candidate) -> tuple[Measured, Measured, Measured | None]:
    """Losses on train (a sample), on dev, and on train-dev where there is one."""
    judge, folds = problem.judge, [problem.folds[k] for k in problem.screening]
    train = judge.measured(
        np.concatenate([o.train for o in candidate.outcomes]), np.concatenate([fold.sample for fold in folds])
    )
    dev = judge.measured(candidate.dev, problem.dev_rows(problem.screening))
    held = [o.train_dev for o in candidate.outcomes if o.train_dev is not None]
    rows = [fold.rows.train_dev for fold in folds if fold.rows.train_dev is not None]
    if not held:
        return train, dev, None
    return train, dev, judge.measured(np.concatenate(held), np.concatenate(rows))


def average(problem: Problem, seeds: Sequence[Candidate]) -> Candidate:
    """What the average of several trainings of one configuration predicts; to be judged, as it has no weights."""
    folds = []
    for same_fold in zip(*(candidate.outcomes for candidate in seeds), strict=True):
        held = [o.train_dev for o in same_fold if o.train_dev is not None]
        folds.append(
            replace(
                same_fold[0],
                dev=np.mean([o.dev for o in same_fold], axis=0),
                train=np.mean([o.train for o in same_fold], axis=0),
                train_dev=np.mean(held, axis=0) if held else None,
                weights="",
            )
        )
    first = seeds[0]
    losses = problem.judge.losses(np.concatenate([o.dev for o in folds]), problem.dev_rows(problem.screening))
    return Candidate(
        f"{first.name}-average", first.configuration, first.seed, tuple(folds), losses, problem.judge.cost(losses)
    )
