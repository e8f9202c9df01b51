"""BV12 to BV15 of a run's rules, asked about what the trained network says of the dev rows, and about its starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import special

from burnish.diagnosis.described import Described
from burnish.diagnosis.finding import Finding
from burnish.diagnosis.run_rules import calibration, seeds, slices, threshold
from burnish.doctor.examination import AT_ONCE, FALSE_ALARMS, MEASURED, NOTHING_CHANGED, PROBE_ALARMS, Examination
from burnish.doctor.rule import ROUNDING, Found, Rule
from burnish.stats import false_alarms

Floats = NDArray[np.float64]

# Columns among which slices are looked for.
MOST_COLUMNS = 200


def _alpha(code: str) -> float:
    return false_alarms.share(code, total=FALSE_ALARMS - PROBE_ALARMS)


def _probabilities(exam: Examination) -> Floats | None:
    """Of dev rows, (rows, classes), where the loss is the cross-entropy of softmax or sigmoid outputs; else None."""
    subject, y = exam.subject, np.asarray(exam.subject.dev.y)
    if subject.kind != "classification" or not exam.followed.finite or y.ndim != 1:
        return None
    outputs = exam.lab.outputs(exam.followed.end.params, subject.dev).astype(np.float64).reshape(len(y), -1)
    if outputs.shape[1] == 1:
        outputs = np.concatenate([np.zeros_like(outputs), outputs], axis=1)
    if int(y.max()) >= outputs.shape[1] or not np.isfinite(outputs).all():
        return None
    losses = -special.log_softmax(outputs, axis=1)[np.arange(len(y)), y]
    own = exam.lab.losses(exam.followed.end.params, subject.dev)
    same = np.abs(own - losses).max() < ROUNDING * max(1.0, float(own.max()))
    return np.asarray(special.softmax(outputs, axis=1)) if same else None


def _overconfident(exam: Examination) -> Iterator[Finding]:
    if (shares := _probabilities(exam)) is not None:
        yield from calibration.miscalibrated(shares, np.asarray(exam.subject.dev.y), alpha=_alpha("BV13"))


def _threshold(exam: Examination) -> Iterator[Finding]:
    """Of two classes, for the second one."""
    shares = _probabilities(exam)
    if shares is not None and shares.shape[1] == 2:
        positive = np.asarray(exam.subject.dev.y) == 1
        yield from threshold.shifted(shares[:, 1], positive, name="class 1", alpha=_alpha("BV14"))


def _weak_slice(exam: Examination) -> Iterator[Finding]:
    dev, numbers = exam.subject.dev, exam.subject.kind == "regression"
    x = np.asarray(dev.x)
    if x.ndim != 2 or x.shape[1] > MOST_COLUMNS or not np.issubdtype(x.dtype, np.number) or not exam.followed.finite:
        return
    errors = exam.lab.errors(exam.followed.end.params, dev)
    if not np.isfinite(errors).all():
        return
    yield from slices.weak(
        np.where(np.isfinite(x), x, np.nan).astype(np.float64),
        [f"input {place}" for place in range(x.shape[1])],
        [None] * x.shape[1],
        errors,
        statistic="rmse" if numbers else "error",
        practical=exam.practical,
        alpha=_alpha("BV12"),
    )


def _fragile(exam: Examination) -> Iterator[Finding]:
    """Over starts, and for cheap trainings only."""
    if exam.operations > AT_ONCE:
        return
    exam.train_ahead((NOTHING_CHANGED,), MEASURED)
    errors = np.array([exam.trained(NOTHING_CHANGED, seed).errors.mean() for seed in MEASURED])
    numbers = exam.subject.kind == "regression"
    yield from seeds.fragile(
        np.sqrt(errors) if numbers else errors, practical=exam.practical, alpha=_alpha("BV15"), percent=not numbers
    )


def _rule(given: Described, found: Callable[[Examination], Iterable[Finding]]) -> Rule:
    return Rule(
        given.code, given.title, given.evidence, given.severity, given.when, given.remedy, given.proven, given.source,
        look=lambda exam: [Found(one, given.evidence) for one in found(exam)],
    )  # fmt: skip


LIMITS = (
    _rule(slices.BV12, _weak_slice),
    _rule(calibration.BV13, _overconfident),
    _rule(threshold.BV14, _threshold),
    _rule(seeds.BV15, _fragile),
)
