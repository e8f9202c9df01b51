"""Which causes are likely: what gains in screening, and which of those that gain is the cause rather than a remedy.

Each rule's best arm is screened on a few starts. The one with the lowest error is the cause, and of those that gain
alike the more special one, by the order of the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from burnish.doctor import joint
from burnish.doctor.examination import PRACTICAL_SHARE, Examination
from burnish.doctor.probes import Probed
from burnish.doctor.rule import Rule, Trial
from burnish.doctor.rules import TRIALS
from burnish.stats import interval, paired

# Standard errors by which an arm has to be ahead of another to gain more: about 95 %, as nothing is called a fault so.
APART = 2.0
# Share of what a general cure regains with which a special one is the cause: as of a repair in the examination.
NEARLY = 0.9
# The same where the general one trains longer: a longer training does some good to nearly all, at a price. A choice.
AT_A_PRICE = 0.5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule whose best arm gained in screening."""

    rule: Rule
    trial: Trial
    probed: Probed
    others: tuple[tuple[Rule, Trial], ...] = ()  # without whose arms this one gains nothing

    @property
    def arms(self) -> int:
        """Among how many the best one was chosen, finer ones included."""
        return 1 if self.others else len(self.trial.arms) + (2 if self.rule.finer else 0)

    @property
    def general(self) -> int:
        """How little its gain says of the cause."""
        return self.rule.generality(self.trial)

    @property
    def causes(self) -> tuple[tuple[Rule, Trial], ...]:
        """All that it names."""
        return ((self.rule, self.trial), *self.others)


def candidates(exam: Examination, named: set[str]) -> list[Candidate]:
    """Rules whose best arm gains in screening by a size that matters, the likeliest cause first."""
    trials = [(rule, trial) for rule in TRIALS if rule.code not in named and (trial := rule.tried(exam))]
    exam.screen_ahead([arm for _, trial in trials for arm in trial.arms])
    hidden = joint.together(exam, trials)
    found = [] if hidden is None else [Candidate(*hidden[0][0], hidden[1], hidden[0][1:])]
    return ranked(exam, found + [one for rule, trial in trials for one in screened(exam, rule, trial)])


def ranked(exam: Examination, found: list[Candidate]) -> list[Candidate]:
    """Each time the one that gains most, or a more special one that gains as much."""
    ranked: list[Candidate] = []
    while found:
        best = min(found, key=lambda one: one.probed.treatment)
        cause = next(
            one
            for one in sorted(found, key=lambda one: one.general)
            if one is best or _alike(exam, one.probed, best.probed) or _regains(one, best)
        )
        ranked.append(cause)
        found.remove(cause)
    return ranked


def screened(exam: Examination, rule: Rule, trial: Trial) -> Iterator[Candidate]:
    thorough = trial.lucky or (bool(trial.why) and not rule.generality(trial))
    probed = [exam.screen(arm, thorough=thorough) for arm in trial.arms]
    good = [one for one in probed if exam.promising(one) and (one.fit_gain > 0 or not trial.optimises)]
    if not good:
        return
    best = min(good, key=lambda one: one.treatment)
    if rule.finer is not None:
        near = [exam.screen(arm) for arm in rule.finer(best.arm)]
        best = min((best, *(one for one in near if exam.promising(one))), key=lambda one: one.treatment)
    yield Candidate(rule, trial, best)


def _regains(one: Candidate, best: Candidate) -> bool:
    """Whether a special cause regains nearly what the best cure does: the rest is room for improvement."""
    gained, most = (each.probed.control - each.probed.treatment for each in (one, best))
    share = AT_A_PRICE if best.probed.steps > one.probed.steps else NEARLY
    return (not one.general or one.general < best.general) and gained >= share * most


def _alike(exam: Examination, one: Probed, best: Probed) -> bool:
    """Whether the best one is not better by a size that matters once it is applied, and by two standard errors."""
    if not exam.whole:
        return one.treatment <= best.treatment * (1 + PRACTICAL_SHARE)
    statistic: interval.Statistic = "error" if exam.subject.kind == "classification" else "rmse"
    starts = min(one.starts, best.starts)
    with np.errstate(over="ignore"):  # as in a probe
        ahead = paired.gain(
            one.errors[:starts], best.errors[:starts], statistic=statistic, groups=exam.subject.dev.groups
        )
    return ahead.value <= max(exam.matters(best.treatment), APART * ahead.standard_error)
