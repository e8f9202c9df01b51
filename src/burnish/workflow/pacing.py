"""How long networks train where one training takes a large part of the time, as on many images.

The first network and the experiments then learn from a part of the training rows, in short trainings that come to
their small learning rates, and what they showed is trained on all rows in the time that is left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from burnish.train import fold_data
from burnish.train.configuration import Configuration
from burnish.train.work import Work
from burnish.workflow import candidates, start
from burnish.workflow.candidates import Candidate
from burnish.workflow.events import Stage
from burnish.workflow.problem import Problem
from burnish.workflow.session import Session

# Share of the core seconds from which on one training on all rows is too dear to be an experiment's: a round of four
# remedies makes about twenty.
DEAR = 0.05
# Share of them that an experiment's training takes instead: a round ends in little more than a third of the time.
TRIAL_TAKES = 0.012
# Training rows of such a training, by halves down to what the train error is measured on.
PART = 10_000
# Share of the time at which the recipe ends then; the networks that are delivered get most of it.
RECIPE_ENDS = 0.38
# Share at which the delivered networks should have ended, by what their steps took so far: a schedule that is cut off
# has never come to its small learning rates, and another program's load is not foreseen.
FULL_ENDS = 0.86
# Delivered networks at most, and how many times as long they train as a first network does where time is plenty. From
# there on another network to average is worth more.
MOST_NETWORKS, MOST_LONGER = 6, 2


@dataclass(frozen=True, slots=True)
class Pace:
    """How long trainings are until networks are trained to be delivered."""

    epochs: int
    rows: int | None = None  # training rows; None: all


def of_first(session: Session, problem: Problem, configuration: Configuration, *, until_share: float) -> Pace:
    """Rows and epochs of the first network, and of experiments.

    Args:
        session: Knows the budget, in time.
        problem: The question.
        configuration: The first network, with the epochs that it would train with time enough.
        until_share: Share of the time at which a first network on all rows should have ended.
    """

    def chosen() -> tuple[int, int | None]:
        budget = session.budget
        one = session.price_of(problem, Work("", configuration, 0, 0, until=1))
        if len(problem.screening) == 1 and _is_dear(session, problem, configuration.epochs * one):
            return _on_part(session, problem, configuration)
        trainings = len(candidates.FIRST_SEEDS) if problem.split.screen == 1 else problem.split.screen
        left = budget.left(until_share) - session.compiling(1)
        return max(1, min(configuration.epochs, int(left / (trainings * one)))), None

    epochs, rows = session.budget.decide("epochs and rows of the first network", chosen)
    if rows is not None:
        session.say(
            Stage.FIRST,
            f"An epoch of all {problem.training_rows:,} training rows is dear in this time: the first network and the "
            f"experiments train for {_counted(epochs)} of {rows:,} of them, the final networks on all.",
        )
    elif epochs < configuration.epochs:
        session.say(
            Stage.FIRST,
            f"The time lets the first network train for {epochs} of {configuration.epochs} epochs: raise --time-limit "
            "for a better one.",
            warning=True,
            lasting=True,
        )
    return Pace(int(epochs), None if rows is None else int(rows))


def _is_dear(session: Session, problem: Problem, price: float) -> bool:
    """Whether trainings of this price leave no room for experiments, and there are rows enough to do with a part."""
    assert session.budget.limit is not None
    everything = session.budget.limit * session.budget.jobs
    return price > DEAR * everything and problem.training_rows >= 2 * fold_data.TRAIN_SAMPLE


def _on_part(session: Session, problem: Problem, configuration: Configuration) -> tuple[int, int]:
    """Epochs and rows of a training that takes TRIAL_TAKES; the fewest there are where that is not enough."""
    assert session.budget.limit is not None
    means = TRIAL_TAKES * session.budget.limit * session.budget.jobs
    rows = min(PART, problem.training_rows // 2)
    while True:
        one = session.price_of(problem, Work("", configuration, 0, 0, until=1, rows=rows))
        if one <= means or rows // 2 < fold_data.TRAIN_SAMPLE:
            most = start.epochs(problem.task, rows, configuration.batch_size)
            return max(1, min(most, int(means / one))), rows
        rows //= 2


def in_full(
    session: Session, problem: Problem, kinds: Mapping[str, Configuration], *, until_share: float
) -> list[Candidate]:
    """The networks to deliver: as many as train at once, on all rows, for as many epochs as there is time; then more.

    Where there is no time for an epoch, they train on as many rows as there is time for.

    Args:
        session: Executes.
        problem: The question.
        kinds: Configurations by name, which take turns: what helped in short trainings on a part of the rows has its
            equal without it, for on all rows it may not.
        until_share: What trains is interrupted when this share of the time is used.

    Returns:
        The networks, with the configurations that they were trained by; none where the time is not enough for an
        epoch of more rows than the experiments had.
    """
    whole = replace(problem, part=None)
    names, configurations = tuple(kinds), tuple(kinds.values())

    def affordable() -> tuple[int, int | None, int]:
        wall, every = session.budget.left(FULL_ENDS) / session.budget.jobs, problem.training_rows
        one = _epoch(session, whole, configurations, every)
        longest = MOST_LONGER * start.epochs(problem.task, every, configurations[0].batch_size)
        at_once = min(session.budget.jobs, MOST_NETWORKS)
        turns = min(MOST_NETWORKS // at_once, max(1, math.ceil(wall / (longest * one))))
        if one <= wall:
            return min(longest, int(wall / (turns * one))), None, turns * at_once
        # Judging the dev rows takes as long however few are trained on.
        each = (one - _epoch(session, whole, configurations, every // 2)) / (every - every // 2)
        rows = int(every - (one - wall) / each)
        return 1, rows, at_once if rows > (problem.part or 0) else 0

    epochs, rows, count = session.budget.decide("epochs and rows of the final networks, and how many", affordable)
    if not count:
        session.say(Stage.FINISH, "No time is left for final networks: raise --time-limit.", warning=True, lasting=True)
        return []
    every = f"all {problem.training_rows:,}" if rows is None else f"{rows:,} of {problem.training_rows:,}"
    session.say(
        Stage.FINISH,
        f"Training {count} final network{'' if count == 1 else 's'} for {_counted(epochs)} of {every} rows.",
        warning=rows is not None,
    )
    made = []
    longer = [replace(each, epochs=int(epochs)) for each in configurations]
    planned = [(number % len(names), number // len(names)) for number in range(int(count))]
    work = [
        item
        for which, seed in planned
        for item in candidates.plan(names[which], longer[which], seeds=(seed,), folds=whole.screening, rows=rows)
    ]
    outcomes = session.train(whole, work, Stage.FINISH, until_share=until_share)
    for which, seed in planned:
        found = candidates.gather(whole, names[which], longer[which], seed=seed, outcomes=outcomes)
        made += [] if found is None else [found]
    return made


def _epoch(session: Session, problem: Problem, configurations: Sequence[Configuration], rows: int) -> float:
    """What an epoch of so many rows costs at most."""
    return max(session.price_of(problem, Work("", each, 0, 0, until=1, rows=rows)) for each in configurations)


def _counted(epochs: int) -> str:
    return f"{epochs} epoch{'' if epochs == 1 else 's'}"
