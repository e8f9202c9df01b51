"""Probes: from the same start, on the same mini-batches and random numbers, one thing is changed. What did it gain?

Losses are compared row by row on the dev rows, and over several starts, so that neither the luck of the rows nor that
of the seeds is taken for an effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np
from numpy.typing import NDArray

from burnish.doctor import ignorance
from burnish.doctor.arms import Arm
from burnish.doctor.lab import Lab, Training
from burnish.doctor.subject import Task
from burnish.stats import paired
from burnish.stats.interval import Statistic
from burnish.units import percent

Floats = NDArray[np.float64]

# A loss or squared error beyond so many times that of knowing nothing counts as this: one diverged training must not be
# the whole mean.
WORST = 10.0
# Moments of the last part of a training whose parameters are averaged.
AVERAGED = 8


@dataclass(frozen=True, slots=True)
class Trained:
    """What one start of one arm led to."""

    losses: Floats  # of each dev row, in evaluation mode; for numbers the same as the errors
    errors: Floats  # of each dev row: 0 or 1, or the squared error in the targets' own unit
    fit: float  # mean loss on the gauge rows, which it learned from; for numbers the squared error


@dataclass(frozen=True, slots=True)
class Probed:
    """What an arm gained over doing nothing; positive is better, in units of the loss or of the error."""

    arm: Arm
    gain: paired.Gain  # of the dev loss, at the probe's own level
    error_gain: paired.Gain  # of the dev error
    told: paired.Gain  # the one of the two that counts, with the interval at 95 % that people are told
    fit_gain: float  # of the loss on rows that were learned from
    control: float  # mean error without the change, or mean loss of a short probe
    treatment: float
    errors: Floats  # of the treatment, (starts, dev rows), to compare arms with each other
    steps: int
    starts: int

    @property
    def share(self) -> float:
        """Of the error without the change, that which is removed."""
        return self.told.value / self.control if self.control > 0 else 0.0


def train(lab: Lab, arm: Arm, seed: int, *, steps: int, uninformed: float) -> Trained:
    """Train one arm from one start.

    Args:
        lab: Of the subject that the arm's program makes.
        arm: What to change.
        seed: Of the start and the order of rows.
        steps: Of the training.
        uninformed: Loss without a look at the inputs; of numbers the squared error counts, and that of knowing nothing.
            Where neither is a positive number, ten times 1 is the worst.
    """
    params = _ended(lab, arm, seed, steps)
    subject = lab.subject
    rows, numbers = subject.dev, subject.kind == "regression"
    worst = WORST * (ignorance.spread(subject) if numbers else uninformed)
    worst = worst if 0 < worst < np.inf else WORST
    errors = _bounded(lab.errors(params, rows, arm.change), worst if numbers else 1.0)
    losses = errors if numbers else _bounded(lab.losses(params, rows, arm.change), worst)
    fit = (lab.errors if numbers else lab.losses)(params, lab.gauge, arm.change)
    return Trained(losses, errors, float(_bounded(fit, worst).mean()))


def _ended(lab: Lab, arm: Arm, seed: int, steps: int) -> object:
    """The parameters at the end, or their mean over the last part."""
    start = lab.start(seed)
    if not arm.average:
        return lab.train(start, steps, change=arm.change, seed=seed)[0].params
    alone = round(steps * (1 - arm.average))
    at: Training
    at, _ = lab.train(start, alone, change=arm.change, seed=seed)
    kept = []
    for stop in np.linspace(alone, steps, AVERAGED + 1).astype(int)[1:]:
        at, _ = lab.train(at, int(stop) - at.step, change=arm.change, seed=seed)
        kept.append(jax.device_get(at.params))
    return jax.tree.map(lambda *leaves: np.mean(leaves, axis=0, dtype=np.float64).astype(leaves[0].dtype), *kept)


def compare(
    arm: Arm, control: Sequence[Trained], treatment: Sequence[Trained], *, task: Task, steps: int, whole: bool,
    alpha: float, groups: NDArray[np.int64] | None = None,
) -> Probed:  # fmt: skip
    """What the treatment gained.

    Args:
        arm: The treatment.
        control: Without the change.
        treatment: With it, from the same starts and on the same rows.
        task: What is predicted.
        steps: That the treatment trained for.
        whole: Whether they were trained to the end, so that the error counts; else the loss does.
        alpha: One-sided chance of calling a useless change a gain.
        groups: Dev rows of one number are one piece of evidence, shape (rows,); None: each is by itself.
    """
    statistic: Statistic = "error" if task == "classification" else "rmse"
    losses, errors = (
        [np.stack([getattr(one, name) for one in side]) for side in (control, treatment)]
        for name in ("losses", "errors")
    )
    counted = errors if whole else losses
    with np.errstate(over="ignore"):  # t at the smallest p-value, with one degree of freedom, squared
        told = paired.gain(*counted, statistic=statistic if whole else "mean", groups=groups)
        gain = paired.gain(*losses, alpha=alpha, groups=groups)
        error_gain = paired.gain(*errors, statistic=statistic, alpha=alpha, groups=groups)

    def mean(side: Floats) -> float:
        return float(np.sqrt(side.mean(axis=1)).mean()) if whole and task == "regression" else float(side.mean())

    return Probed(
        arm,
        gain,
        error_gain,
        told,
        float(np.mean([a.fit - b.fit for a, b in zip(control, treatment, strict=True)])),
        mean(counted[0]),
        mean(counted[1]),
        errors[1],
        steps,
        len(control),
    )


def said(probed: Probed, *, task: Task, whole: bool) -> str:
    """What a probe gained, as the end of a sentence."""
    gain, starts = probed.told, f"over {probed.starts} fresh starts"
    if not whole:
        return (
            f"the dev loss after {probed.steps:,} steps is {probed.treatment:.3g} in place of "
            f"{probed.control:.3g}, lower by {gain.value:.3g} ({gain.low:.3g} to {gain.high:.3g}) {starts}."
        )
    if task == "regression":
        return (
            f"the dev RMSE is {probed.treatment:.4g} in place of {probed.control:.4g}, lower by {gain.value:.3g} "
            f"({gain.low:.3g} to {gain.high:.3g}) {starts}."
        )
    return (
        f"the dev error is {percent(probed.treatment, 1)} in place of {percent(probed.control, 1)}, lower by "
        f"{100 * gain.value:.1f} points ({100 * gain.low:.1f} to {100 * gain.high:.1f}) {starts}."
    )


def _bounded(losses: Floats, worst: float) -> Floats:
    return np.minimum(np.nan_to_num(losses, nan=worst, posinf=worst, neginf=worst), worst)
