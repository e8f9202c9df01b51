"""The whole training once, from start to end, read as it goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish.diagnosis.budget import ErrorName, Errors, Measured
from burnish.doctor.gauges import Gauge, Gauger
from burnish.doctor.lab import Lab, Trace, Training
from burnish.doctor.subject import Subject
from burnish.train.work import Curve

# Moments of the training at which it is read, evenly spaced, at most; and at steps 1, 2, 4, ….
READINGS = 24


@dataclass(frozen=True, slots=True)
class Followed:
    """What was read."""

    trace: Trace
    steps: NDArray[np.int64]  # at which it was read
    gauges: tuple[Gauge, ...]
    train_loss: NDArray[np.float64]  # mean over the gauge rows, in evaluation mode
    dev_loss: NDArray[np.float64]
    end: Training

    @property
    def finite(self) -> bool:
        """Whether the cost was, in every step."""
        return bool(np.isfinite(self.trace.loss).all())


def follow(lab: Lab, gauger: Gauger, first: Gauge) -> Followed:
    """Train to the end, or until the cost is not finite.

    Args:
        lab: Of the subject.
        gauger: Of the lab.
        first: Read at the start.
    """
    subject, at = lab.subject, lab.start()
    total = subject.steps
    stops = np.unique(np.concatenate([2 ** np.arange(0, 31), np.linspace(0, total, READINGS).astype(int)]))
    stops = stops[(stops > 0) & (stops <= total)]
    gauges, traces, losses = [first], [], [_mean_losses(lab, at)]
    for stop in stops:
        at, trace = lab.train(at, int(stop) - at.step)
        traces.append(trace)
        gauges.append(gauger.read(at.params))
        losses.append(_mean_losses(lab, at))
        if not np.isfinite(trace.loss).all():
            break
    trace = Trace(*(np.concatenate([getattr(one, name) for one in traces]) for name in Trace._fields))
    steps = np.concatenate([[0], stops[: len(traces)]])
    train, dev = np.array(losses).T
    return Followed(trace, steps, tuple(gauges), train, dev, at)


def _mean_losses(lab: Lab, at: Training) -> tuple[float, float]:
    return float(lab.losses(at.params, lab.gauge).mean()), float(lab.losses(at.params, lab.subject.dev).mean())


def curve(followed: Followed, subject: Subject) -> Curve:
    """The same as evenly spaced readings."""
    even = np.isin(followed.steps, np.linspace(0, subject.steps, READINGS).astype(int)) & (followed.steps > 0)
    at = followed.steps[even]
    return Curve(
        epoch=at / subject.per_epoch,
        train_loss=followed.train_loss[even],
        dev_loss=followed.dev_loss[even],
        gradient_norm=followed.trace.gradient_norm[at - 1].astype(np.float64),
        learning_rate=np.full(len(at), np.nan),
    )


def errors(lab: Lab, followed: Followed) -> Errors | None:
    """Of the trained network, on rows that it learned from and on dev rows; None: some are no finite numbers."""
    name: ErrorName = "misclassification rate" if lab.subject.kind == "classification" else "RMSE"
    found = [lab.errors(followed.end.params, rows) for rows in (lab.gauge, lab.subject.dev)]
    if not followed.finite or not all(np.isfinite(one).all() for one in found):
        return None
    return Errors(name, *(Measured(name, one, one).estimate for one in found))
