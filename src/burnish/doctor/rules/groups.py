"""DA8: rows of one patient, machine or site in training and in dev: what is known of new ones is told too well."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor.arms import Arm, of_part
from burnish.doctor.examination import FRESH, LOOKS, PROBE_ALARMS, PROBE_FAMILIES, Examination
from burnish.doctor.rule import Found, Rule
from burnish.stats import interval, paired
from burnish.units import percent

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]

# One-sided chance of telling of a harm that there is not, as of a probe: it is spent where groups are known alone.
ALPHA = PROBE_ALARMS / PROBE_FAMILIES
# Groups whose dev rows are compared, at least: fewer say little of others. Share of the training rows that are left
# without them, at least, as a network of far fewer rows would not be this one. Choices.
FEWEST_GROUPS, LEFT = 8, 0.5


class Parts(NamedTuple):
    """What is compared: two networks, of as many rows each, on dev rows of some groups."""

    apart: Arm  # learned from no row of these groups
    alike: Arm  # learned from as many of all rows
    judged: NDArray[np.bool_]  # dev rows of these groups
    groups: int


def _leaks(exam: Examination) -> Iterable[Found]:
    """Does it answer dev rows better for having learned from others of their groups?"""
    train, dev = exam.subject.train, exam.subject.dev
    if train.groups is None or dev.groups is None or not exam.followed.finite:
        return
    common = np.isin(dev.groups, train.groups)
    if not common.any():
        return
    count = len(np.unique(dev.groups[common]))
    told = f"{common.sum():,} of {len(dev):,} dev rows are of {count:,} groups that training rows are of, too."
    parts = _parted(exam, train.groups, dev.groups)
    if parts is None:
        why = f"What that does to the dev error was not tried: without {FEWEST_GROUPS} of them too few rows are left."
        yield DA8.found(f"{told} {why}", severity=Severity.NOTE)
        return
    gain, controls, treated = _compared(exam, parts, dev.groups[parts.judged])
    without, having = (_mean(exam, errors) for errors in (controls, treated))
    by = f"a difference of {_said(exam, gain.value)} ({_said(exam, gain.low)} to {_said(exam, gain.high)})"
    grave = gain.p_value < ALPHA and gain.value > exam.practical
    yield DA8.found(
        f"{told} On dev rows of {parts.groups:,} of them the error is {without} by networks that learned from no row "
        f"of these groups, and {having} by networks of as many rows that did: {by} over {gain.seeds} fresh starts. "
        + ("Of groups that are new the network knows that much less." if grave else "That is no difference for sure."),
        severity=Severity.FAULT if grave else Severity.NOTE,
    )


def _parted(exam: Examination, groups: Groups, groups_of_dev: Groups) -> Parts | None:
    """As many groups, in a random order, as can be left out; None: these are too few."""
    train, rng = exam.subject.train, np.random.default_rng([8, exam.subject.seed])
    common = rng.permutation(np.intersect1d(groups, groups_of_dev))
    sizes = np.bincount(np.searchsorted(names := np.unique(groups), groups))[np.searchsorted(names, common)]
    chosen = common[np.cumsum(sizes) <= (1 - LEFT) * len(train)]
    kept = np.flatnonzero(~np.isin(groups, chosen))
    lost = exam.subject.kind == "classification" and len(np.unique(train.y[kept])) < len(np.unique(train.y))
    if len(chosen) < FEWEST_GROUPS or lost:
        return None
    drawn = rng.permutation(len(train))[: len(kept)]
    return Parts(
        of_part(train, kept, f"no training row of {len(chosen)} groups"),
        of_part(train, drawn, f"as many training rows as without {len(chosen)} groups"),
        np.isin(groups_of_dev, chosen),
        len(chosen),
    )


def _compared(exam: Examination, parts: Parts, groups: Groups) -> tuple[paired.Gain, Floats, Floats]:
    """What the second gains over the first, and the errors of both, (starts, rows); groups are drawn, and not rows."""
    starts = range(FRESH, FRESH + LOOKS[0])
    exam.train_ahead((parts.apart, parts.alike), starts)
    controls, treated = (
        np.stack([exam.trained(arm, start).errors[parts.judged] for start in starts])
        for arm in (parts.apart, parts.alike)
    )
    statistic: interval.Statistic = "error" if exam.subject.kind == "classification" else "rmse"
    return paired.gain(controls, treated, statistic=statistic, groups=groups), controls, treated


def _mean(exam: Examination, errors: Floats) -> str:
    of_starts = errors.mean(axis=1)
    return _said(exam, float((of_starts if exam.subject.kind == "classification" else np.sqrt(of_starts)).mean()))


def _said(exam: Examination, error: float) -> str:
    return percent(error, 1) if exam.subject.kind == "classification" else f"{error:.4g}"


DA8 = Rule(
    "DA8",
    "Rows of one group are in training and in dev",
    Evidence.TEST,
    Severity.FAULT,
    "Groups were named, dev rows are of groups that training rows are of, and networks that learned from none of these "
    "have a surely higher error on them than networks of as many rows; a note where they have not.",
    "Divide by groups: all rows of one in training, or all in dev. Nothing where the network will only meet groups "
    "that it has learned from.",
    "No group is in both.",
    "Roberts et al., Ecography, 2017 (blocked cross-validation); the difference is that of the two ways to divide.",
    look=_leaks,
    to_the_end=True,
)
