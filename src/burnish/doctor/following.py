"""The training once, from start to end, read as it goes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import PyTree
from numpy.typing import NDArray

from burnish.diagnosis.budget import ErrorName, Errors, Measured
from burnish.doctor.gauges import Gauge, Gauger
from burnish.doctor.lab import Lab, Trace, Training
from burnish.doctor.subject import Rows, Subject
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


class Following:
    """One training, followed in another thread: a first part of it, and on to its end once that is asked for.

    Args:
        lab: Of the subject.
        gauger: Of the lab.
        first: Read at the start.
        pool: Whose threads train.
        steps: Of the first part; all of them, where the whole training is followed at once.
    """

    def __init__(self, lab: Lab, gauger: Gauger, first: Gauge, pool: ThreadPoolExecutor, steps: int) -> None:
        self._lab, self._gauger, self._pool = lab, gauger, pool
        self.ended = steps >= lab.subject.steps  # whether it is followed to the end
        self._running = pool.submit(lambda: follow(lab, gauger, _begun(lab, first), min(steps, lab.subject.steps)))

    @property
    def so_far(self) -> Followed:
        """What was read; waits for the part that was begun."""
        return self._running.result()

    def finish(self) -> None:
        """Go on to the end, in the same thread as before; a training that diverged has ended."""
        if not self.ended:
            begun, self.ended = self.so_far, True
            if begun.finite:
                self._running = self._pool.submit(follow, self._lab, self._gauger, begun, self._lab.subject.steps)


def _begun(lab: Lab, first: Gauge) -> Followed:
    """Before the first step."""
    at, none = lab.start(), np.empty(0, np.float32)
    train, dev = _mean_losses(lab, at)
    return Followed(Trace(none, none, none), np.array([0]), (first,), np.array([train]), np.array([dev]), at)


def follow(lab: Lab, gauger: Gauger, begun: Followed, until: int) -> Followed:
    """Train on to a step, or until the cost is not finite.

    Args:
        lab: Of the subject.
        gauger: Of the lab.
        begun: How far it is.
        until: The step, one of 1 to that of the end.
    """
    at = begun.end
    stops = np.concatenate([2 ** np.arange(0, 31), np.linspace(0, lab.subject.steps, READINGS).astype(int), [until]])
    stops = np.unique(stops[(stops > at.step) & (stops <= until)])
    gauges, traces, losses = [], [], []
    for stop in stops:
        at, trace = lab.train(at, int(stop) - at.step)
        traces.append(trace)
        gauges.append(gauger.read(at.params))
        losses.append(_mean_losses(lab, at))
        if not np.isfinite(trace.loss).all():
            break
    trace = Trace(*(np.concatenate([getattr(one, name) for one in (begun.trace, *traces)]) for name in Trace._fields))
    steps = np.concatenate([begun.steps, stops[: len(traces)]])
    train, dev = np.array(losses).reshape(-1, 2).T
    train_loss, dev_loss = np.concatenate([begun.train_loss, train]), np.concatenate([begun.dev_loss, dev])
    return Followed(trace, steps, (*begun.gauges, *gauges), train_loss, dev_loss, at)


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


def errors(lab: Lab, params: PyTree, *held_out: Rows) -> Errors | None:
    """Of a trained network, on rows that it learned from and on dev rows; None: some are no finite numbers.

    Args:
        lab: Of the subject.
        params: Of the network.
        held_out: Rows like those that it learned from, if there are any.
    """
    name: ErrorName = "misclassification rate" if lab.subject.kind == "classification" else "RMSE"
    parts = (lab.gauge, lab.subject.dev, *held_out)
    found = [lab.errors(params, rows) for rows in parts]
    if not all(np.isfinite(one).all() for one in found):
        return None
    measured = (Measured(name, one, one, groups=rows.groups) for one, rows in zip(found, parts, strict=True))
    return Errors(name, *(one.estimate for one in measured))
