"""Probes: from the same start, on the same mini-batches and random numbers, one thing is changed. What did it gain?

Losses are compared row by row on the dev rows, and over several starts, so that neither the luck of the rows nor that
of the seeds is taken for an effect.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import PyTree
from numpy.typing import NDArray

from burnish.doctor.lab import NOTHING, Change, Lab, Training
from burnish.doctor.subject import Task
from burnish.stats import paired
from burnish.stats.interval import Statistic

Floats = NDArray[np.float64]

# Starts of a probe. Student's t at 0.07 %, what one of two arms may spend, reaches 26 standard errors with three, 6.4
# with six and 4.5 with ten: with six a learning rate fifteen times too low went unseen.
STARTS = 10
# A loss or squared error beyond so many times that of knowing nothing counts as this: one diverged training must not be
# the whole mean.
WORST = 10.0


@dataclass(frozen=True, slots=True)
class Arm:
    """One thing changed."""

    change: Change = NOTHING
    begin: Callable[[PyTree, int], PyTree] | None = None  # other initial parameters, from those and the seed
    lab: Lab | None = None  # another network or order of rows altogether; None: the same


@dataclass(frozen=True, slots=True)
class Probed:
    """What an arm gained over doing nothing; positive is better, in units of the loss or of the error."""

    gain: paired.Gain
    error_gain: paired.Gain
    control: float  # mean loss without the change
    treatment: float
    steps: int

    @property
    def share(self) -> float:
        """The least gain, as a share of the control's loss."""
        return self.gain.low / self.control if self.control > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Trained:
    """What several starts of one arm led to; arrays of shape (starts, dev rows)."""

    losses: Floats
    errors: Floats  # 0 or 1, or squared errors in the targets' own unit


def train(lab: Lab, arm: Arm, steps: int, *, uninformed: float, starts: int = STARTS) -> Trained:
    """Train one arm from several starts.

    Args:
        lab: Of the subject.
        arm: What to change.
        steps: Of each training.
        uninformed: Loss without a look at the inputs.
        starts: Seeds.
    """
    found = [_losses(lab, arm, steps, seed, uninformed) for seed in range(starts)]
    return Trained(np.stack([losses for losses, _ in found]), np.stack([errors for _, errors in found]))


def compare(control: Trained, treatment: Trained, *, task: Task, steps: int, alpha: float) -> Probed:
    """What the treatment gained.

    Args:
        control: Without the change.
        treatment: With it, from the same starts and on the same rows.
        task: What is predicted.
        steps: That both trained for.
        alpha: One-sided chance of calling a useless change a gain.
    """
    statistic: Statistic = "error" if task == "classification" else "rmse"
    return Probed(
        paired.gain(control.losses, treatment.losses, alpha=alpha),
        paired.gain(control.errors, treatment.errors, statistic=statistic, alpha=alpha),
        float(control.losses.mean()),
        float(treatment.losses.mean()),
        steps,
    )


def _losses(lab: Lab, arm: Arm, steps: int, seed: int, uninformed: float) -> tuple[Floats, Floats]:
    """Loss and error of each dev row after the training."""
    used = arm.lab or lab
    training = used.start(seed)
    if arm.begin is not None:
        params = arm.begin(training.params, seed)
        training = Training(params, used.subject.optimizer.init(params), 0)
    training, _ = used.train(training, steps, change=arm.change, seed=seed)
    rows = used.subject.dev
    losses = used.losses(training.params, rows, arm.change)
    errors = used.errors(training.params, rows, arm.change)
    worst = 1.0 if used.subject.kind == "classification" else WORST * float(np.var(rows.y))
    return _bounded(losses, WORST * uninformed), _bounded(errors, worst)


def _bounded(losses: Floats, worst: float) -> Floats:
    return np.minimum(np.nan_to_num(losses, nan=worst, posinf=worst, neginf=worst), worst)
