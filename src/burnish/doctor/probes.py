"""Probes: from the same start, on the same mini-batches and random numbers, one thing is changed. What did it gain?

Losses are compared row by row on the dev rows, and over several starts, so that neither the luck of the rows nor that
of the seeds is taken for an effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import PyTree
from numpy.typing import NDArray

from burnish.doctor.lab import NOTHING, Change, Lab, Training
from burnish.stats import paired

Floats = NDArray[np.float64]

# Starts of a probe. Of three, Student's t at 0.2 % reaches 22 standard errors, of six 4.9: no effect but the largest
# would be seen.
STARTS = 6
# A loss or squared error beyond so many times that of knowing nothing counts as this: one diverged training must not be
# the whole mean.
WORST = 10.0


@dataclass(frozen=True, slots=True)
class Arm:
    """One thing changed."""

    change: Change = NOTHING
    begin: Callable[[PyTree, int], PyTree] | None = None  # other initial parameters, from those and the seed
    lab: Lab | None = None  # another network or optimiser altogether; None: the same
    own_steps: int | None = None  # another number of steps


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


def compare(
    lab: Lab,
    arms: Mapping[str, Arm],
    steps: int,
    *,
    alpha: float,
    uninformed: float,
    starts: int = STARTS,
) -> dict[str, Probed]:
    """Train with and without each change, and compare on the dev rows.

    Args:
        lab: Of the subject.
        arms: What to change, by name.
        steps: Of each training.
        alpha: One-sided chance of calling a useless change a gain, over all arms together.
        uninformed: Loss without a look at the inputs.
        starts: Seeds.
    """
    control = [_losses(lab, Arm(), steps, seed, uninformed) for seed in range(starts)]
    found = {}
    for name, arm in arms.items():
        treatment = [_losses(lab, arm, steps, seed, uninformed) for seed in range(starts)]
        loss_gain, error_gain = (
            paired.gain(
                np.stack([one[k] for one in control]),
                np.stack([one[k] for one in treatment]),
                statistic="mean" if k == 0 else ("error" if lab.subject.kind == "classification" else "rmse"),
                alpha=alpha / len(arms),
            )
            for k in (0, 1)
        )
        found[name] = Probed(
            loss_gain,
            error_gain,
            float(np.mean([one[0].mean() for one in control])),
            float(np.mean([one[0].mean() for one in treatment])),
            steps,
        )
    return found


def _losses(lab: Lab, arm: Arm, steps: int, seed: int, uninformed: float) -> tuple[Floats, Floats]:
    """Loss and error of each dev row after the training."""
    used = arm.lab or lab
    training = used.start(seed)
    if arm.begin is not None:
        params = arm.begin(training.params, seed)
        training = Training(params, used.subject.optimizer.init(params), 0)
    training, _ = used.train(training, arm.own_steps or steps, change=arm.change, seed=seed)
    rows = used.subject.dev
    losses = used.losses(training.params, rows, arm.change)
    errors = used.errors(training.params, rows, arm.change)
    worst = 1.0 if used.subject.kind == "classification" else WORST * float(np.var(rows.y))
    return _bounded(losses, WORST * uninformed), _bounded(errors, worst)


def _bounded(losses: Floats, worst: float) -> Floats:
    return np.minimum(np.nan_to_num(losses, nan=worst, posinf=worst, neginf=worst), worst)
