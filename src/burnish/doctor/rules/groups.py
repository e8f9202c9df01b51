"""DA8: rows of one patient, machine or site in training and in dev: what is known of new ones is told too well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor.arms import Arm, of_part
from burnish.doctor.examination import FALSE_ALARMS, FRESH, LOOKS, PROBE_ALARMS, Examination
from burnish.doctor.rule import Found, Rule
from burnish.stats import interval, paired
from burnish.units import percent

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]

# One-sided chance of telling of a harm that there is not: a quarter of what rules on rows may spend, of which those
# that look at arrays leave more unused (DA9, DA13, and those of predictions).
ALPHA = (FALSE_ALARMS - PROBE_ALARMS) / 4
# Groups whose dev rows are compared, at least: fewer say little of others. Shares of the training rows that are left
# without one half of them, and without the other, at least: a network of far fewer rows would not be this one. Choices.
FEWEST_GROUPS, LEFT, SMALLEST = 8, 0.5, 0.4


class Parts(NamedTuple):
    """What is compared: two networks, of as many rows each, on dev rows of some groups."""

    apart: Arm  # learned from no row of these groups
    alike: Arm  # learned from as many of all rows
    judged: NDArray[np.bool_]  # dev rows of these groups


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
    parts = list(_parted(exam, train.groups, dev.groups))
    if not parts:
        why = f"What that does to the dev error was not tried: without {FEWEST_GROUPS} of them too few rows are left."
        yield DA8.found(f"{told} {why}", severity=Severity.NOTE)
        return
    judged = np.concatenate([dev.groups[one.judged] for one in parts])
    gain, without, having = _compared(exam, parts, judged)
    by = f"a difference of {_said(exam, gain.value)} ({_said(exam, gain.low)} to {_said(exam, gain.high)})"
    matters = gain.positive and gain.value > exam.practical
    grave = Severity.FAULT if gain.p_value < ALPHA else Severity.LIMIT
    yield DA8.found(
        f"{told} On dev rows of {len(np.unique(judged)):,} of them the error is {without} by networks that learned "
        f"from no row of their group, and {having} by networks of as many rows that did: {by} over {gain.seeds} fresh "
        "starts. "
        + (
            "Of groups that are new the network knows that much less." if matters else "That is no difference for sure."
        ),
        severity=grave if matters else Severity.NOTE,
    )


def _parted(exam: Examination, groups: Groups, groups_of_dev: Groups) -> Iterator[Parts]:
    """Twice as many groups, in a random order, as can be left out; none where these are too few."""
    train, rng = exam.subject.train, np.random.default_rng([8, exam.subject.seed])
    common = rng.permutation(np.intersect1d(groups, groups_of_dev))
    sizes = np.bincount(np.searchsorted(names := np.unique(groups), groups))[np.searchsorted(names, common)]
    halves = np.cumsum(sizes) <= (1 - LEFT) * len(train)
    for number, chosen in enumerate((common[halves], common[~halves])):
        kept = np.flatnonzero(~np.isin(groups, chosen))
        lost = exam.subject.kind == "classification" and len(np.unique(train.y[kept])) < len(np.unique(train.y))
        if len(chosen) < FEWEST_GROUPS or len(kept) < SMALLEST * len(train) or lost:
            continue
        drawn = rng.permutation(len(train))[: len(kept)]
        yield Parts(
            of_part(train, kept, f"no training row of {len(chosen)} groups ({number})"),
            of_part(train, drawn, f"as many training rows as without {len(chosen)} groups ({number})"),
            np.isin(groups_of_dev, chosen),
        )


def _compared(exam: Examination, parts: Sequence[Parts], groups: Groups) -> tuple[paired.Gain, str, str]:
    """What the second gains over the first, and the errors of both; groups are drawn, and not rows."""
    starts = range(FRESH, FRESH + LOOKS[0])
    exam.train_ahead([arm for one in parts for arm in (one.apart, one.alike)], starts)
    controls, treated = (
        np.stack([np.concatenate([exam.trained(arm, s).errors[seen] for arm, seen in side]) for s in starts])
        for side in ([(one.apart, one.judged) for one in parts], [(one.alike, one.judged) for one in parts])
    )
    statistic: interval.Statistic = "error" if exam.subject.kind == "classification" else "rmse"
    gain = paired.gain(controls, treated, statistic=statistic, groups=groups)
    return gain, _mean(exam, controls), _mean(exam, treated)


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
    "have a surely higher error on them than networks of as many rows; a limit where it is likely, and else a note.",
    "Divide by groups: all rows of one in training, or all in dev. Nothing where the network will only meet groups "
    "that it has learned from.",
    "No group is in both.",
    "Roberts et al., Ecography, 2017 (blocked cross-validation); the difference is that of the two ways to divide.",
    look=_leaks,
    to_the_end=True,
)
