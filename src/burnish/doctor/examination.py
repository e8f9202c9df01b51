"""The examination of one training: what can be read off it and probed, each thing once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from burnish.diagnosis.budget import (
    ErrorBudget,
    ErrorName,
    Errors,
    Measured,
    error_budget,
    floor,
    practical_size,
)
from burnish.doctor import null as nulls
from burnish.doctor import probes
from burnish.doctor.gauges import Gauge, Gauger
from burnish.doctor.lab import Change, Lab, Trace, Training
from burnish.doctor.probes import Arm, Probed
from burnish.doctor.subject import Subject
from burnish.train.work import Curve

# Chance of any false alarm in one examination, over all rules that are not proofs.
FALSE_ALARMS = 0.01
# Probes among which it is divided: right weights, another network, inputs, targets, order, lower and higher rates. A
# signal that only decides whether to probe takes no part of it.
PROBES = 7
# Learning rates that a ladder tries, relative to the present one.
LOWER, HIGHER = (0.3, 0.1, 0.01), (3.0, 10.0)
# Steps of a probe: enough for an ill start to show, where a whole training would be too dear.
PROBE_STEPS = 200
# Operations of a training (6 a parameter and row: forward, backward, update) up to which probes train to the end. A
# choice: a perceptron of 17,000 parameters, 820 steps of 32 rows, has 3e9 of them.
CHEAP = 2e10
# An effect on the loss that matters: 10 % of it. A choice, as in the error budget.
PRACTICAL_SHARE = 0.10
# Epochs of the training at which the dev loss is read, at most.
READINGS = 24


@dataclass(frozen=True, slots=True)
class Followed:
    """The whole training, once."""

    trace: Trace
    steps: NDArray[np.int64]  # at which it was read
    gauges: tuple[Gauge, ...]
    train_loss: NDArray[np.float64]  # mean over the gauge rows, in evaluation mode
    dev_loss: NDArray[np.float64]
    end: Training
    best: Training  # of the lowest dev loss


class Examination:
    """One subject under examination; whatever is asked for twice is computed once."""

    def __init__(self, subject: Subject, *, baseline_error: float | None = None) -> None:
        subject.check()
        self.subject, self.baseline_error = subject, baseline_error
        self.lab = Lab(subject)
        self.gauger = Gauger(self.lab)
        self._controls: dict[int, probes.Trained] = {}  # by steps: one for all probes

    @property
    def alpha(self) -> float:
        """One-sided chance of a false alarm that one probe may spend, over all of its arms."""
        return FALSE_ALARMS / PROBES

    @cached_property
    def start(self) -> Training:
        """Before the first step."""
        return self.lab.start()

    @cached_property
    def first(self) -> Gauge:
        """Scales at the start."""
        return self.gauger.read(self.start.params)

    @cached_property
    def null(self) -> nulls.Null:
        """What is normal for this architecture."""
        return nulls.draw(self.gauger)

    @cached_property
    def uninformed(self) -> float:
        """Mean loss of the best constant output on the dev rows: the entropy of the class shares, or the variance."""
        y = self.subject.dev.y
        if self.subject.kind == "classification":
            _, counts = np.unique(y, return_counts=True)
            shares = counts / counts.sum()
            return float(-(shares * np.log(shares)).sum())
        return float(np.var(np.asarray(y, np.float64)))

    @cached_property
    def followed(self) -> Followed:
        """The training from start to end, read at geometric steps and a few in between."""
        total = self.subject.steps
        stops = np.unique(np.concatenate([2 ** np.arange(0, 31), np.linspace(0, total, READINGS).astype(int)]))
        stops = stops[(stops > 0) & (stops <= total)]
        at, gauges, traces = self.start, [self.first], []
        losses = [self._mean_losses(at)]
        best = (losses[0][1], at)
        for stop in stops:
            at, trace = self.lab.train(at, int(stop) - at.step)
            traces.append(trace)
            gauges.append(self.gauger.read(at.params))
            losses.append(self._mean_losses(at))
            if losses[-1][1] < best[0]:
                best = (losses[-1][1], at)
            if not np.isfinite(trace.loss).all():
                break
        trace = Trace(*(np.concatenate([getattr(one, name) for one in traces]) for name in Trace._fields))
        steps = np.concatenate([[0], stops[: len(traces)]])
        train, dev = np.array(losses).T
        return Followed(trace, steps, tuple(gauges), train, dev, at, best[1])

    @cached_property
    def curve(self) -> Curve:
        """The training as evenly spaced readings."""
        followed, per_epoch = self.followed, self.subject.per_epoch
        even = np.isin(followed.steps, np.linspace(0, self.subject.steps, READINGS).astype(int)) & (followed.steps > 0)
        at = followed.steps[even]
        return Curve(
            epoch=at / per_epoch,
            train_loss=followed.train_loss[even],
            dev_loss=followed.dev_loss[even],
            gradient_norm=followed.trace.gradient_norm[at - 1].astype(np.float64),
            learning_rate=np.full(len(at), np.nan),
        )

    @cached_property
    def budget(self) -> ErrorBudget:
        """Where the dev error of the best weights comes from; the floor is 0 at least and the dev error at most."""
        subject, best = self.subject, self.followed.best.params
        name: ErrorName = "misclassification rate" if subject.kind == "classification" else "RMSE"
        train, dev = (
            Measured(name, e, e).estimate for e in (self.lab.errors(best, r) for r in (self.lab.gauge, subject.dev))
        )
        errors = Errors(name, train, dev)
        return error_budget(errors, floor(self.baseline_error, {"the network": dev}), practical=self.practical)

    def _mean_losses(self, at: Training) -> tuple[float, float]:
        train = self.lab.losses(at.params, self.lab.gauge).mean()
        return float(train), float(self.lab.losses(at.params, self.subject.dev).mean())

    @cached_property
    def probe_steps(self) -> int:
        """Steps of one probe: the whole training where that is cheap, since what is only slower is no fault.

        By counting, not by the clock: the same examination has the same findings on a busy machine.
        """
        parameters = sum(leaf.size for leaf in jax.tree.leaves(self.start.params))
        operations = 6.0 * parameters * self.subject.batch_size * self.subject.steps
        return self.subject.steps if operations <= CHEAP else min(self.subject.steps, PROBE_STEPS)

    @cached_property
    def practical(self) -> float:
        """The smallest change of the dev error that matters, in its own unit: as in the error budget.

        A network that is worse than knowing nothing is measured by that.
        """
        y = self.subject.dev.y
        errors = float(self.lab.errors(self.followed.best.params, self.subject.dev).mean())
        if self.subject.kind == "classification":
            _, counts = np.unique(y, return_counts=True)
            return practical_size(min(errors, 1 - counts.max() / counts.sum()))
        deviation = float(np.std(np.asarray(y, np.float64)))
        return practical_size(min(float(np.sqrt(errors)), deviation), deviation)

    def matters(self, probed: Probed) -> bool:
        """Whether a probe gained for sure, and by a size that matters: of the error, where it trained to the end.

        The size is that of the estimate. The lower end of ten seeds lies far below it, and would hide faults that ruin
        one training and spare the next.
        """
        if probed.steps < self.subject.steps:
            return probed.share > PRACTICAL_SHARE
        return probed.error_gain.low > 0 and probed.error_gain.value > self.practical

    def probe(self, arms: Mapping[str, Arm], *, steps: int | None = None) -> dict[str, Probed]:
        """Compare each arm with doing nothing, at the level of one probe."""
        steps = steps or self.probe_steps
        if steps not in self._controls:
            self._controls[steps] = probes.train(self.lab, Arm(), steps, uninformed=self.uninformed)
        return {
            name: probes.compare(
                self._controls[steps],
                probes.train(self.lab, arm, steps, uninformed=self.uninformed),
                task=self.subject.kind,
                steps=steps,
                alpha=self.alpha / len(arms),
            )
            for name, arm in arms.items()
        }

    def said(self, probed: Probed) -> str:
        """What a probe gained, as the end of a sentence."""
        gain = probed.gain
        loss = (
            f"the dev loss after {probed.steps:,} steps is {probed.treatment:.3g} in place of {probed.control:.3g}, "
            f"a gain of {gain.value:.3g} ({gain.low:.3g} to {gain.high:.3g})"
        )
        if probed.steps < self.subject.steps:
            return loss + "."
        gain = probed.error_gain
        if self.subject.kind == "regression":
            return f"{loss}, and the RMSE lower by {gain.value:.3g} ({gain.low:.3g} to {gain.high:.3g})."
        return f"{loss}, and the error lower by {gain.value:.1%} ({gain.low:.1%} to {gain.high:.1%})."

    @cached_property
    def reinitialised(self) -> Probed:
        """What it gains to draw the initial parameters rightly."""

        def begin(params: Any, seed: int) -> Any:
            return nulls.rightly_initialised(self.gauger.layers, params, jax.random.key(1000 + seed))

        return self.probe({"right": Arm(begin=begin)})["right"]

    @cached_property
    def rescued(self) -> tuple[str, Probed]:
        """What it gains to put ReLU in the place of what squashes, rightly initialised, with batch norm or without."""

        def begin(params: Any, seed: int) -> Any:
            return nulls.rightly_initialised(self.gauger.layers, params, jax.random.key(1000 + seed), rectified=True)

        networks = {
            "ReLU and He's weights": self.gauger.rectified_apply,
            "batch norm, ReLU and He's weights": self.gauger.normalised_apply,
        }
        arms = {
            name: Arm(begin=begin, lab=Lab(replace(self.subject, apply=apply, apply_training=None)))
            for name, apply in networks.items()
        }
        return min(self.probe(arms).items(), key=lambda item: item[1].treatment)

    @cached_property
    def ladder(self) -> dict[str, Probed]:
        """What lower learning rates gain in a short training."""
        return self.probe({str(factor): Arm(change=Change(rate=factor)) for factor in LOWER})

    @cached_property
    def long_ladder(self) -> dict[str, Probed]:
        """What higher ones gain in a whole one."""
        arms = {str(factor): Arm(change=Change(rate=factor)) for factor in HIGHER}
        return self.probe(arms, steps=self.subject.steps)
