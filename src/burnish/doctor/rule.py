"""A rule: one code, what it looks at, and how sure it can be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from burnish.diagnosis.described import Described
from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.doctor.arms import Arm
from burnish.doctor.subject import Subject

# Relative size up to which two float32 evaluations of the same thing differ by rounding alone.
ROUNDING = 1e-3

if TYPE_CHECKING:
    from burnish.doctor.examination import Examination


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule found, and what would cure it."""

    finding: Finding
    by: Evidence
    arm: Arm | None = None  # None: nothing that can be done from here
    grave: bool = False  # whether a limit is a fault where its cure removes as much of the error as a fault's does
    otherwise: Finding | None = None  # what it is if the cure does harm for sure; None: what it is all the same

    def able(self, subject: Subject) -> Found:
        """The same, without a cure that the network does not bear."""
        return self if self.arm is None or self.arm.borne(subject) else replace(self, arm=None)


@dataclass(frozen=True, slots=True)
class Trial:
    """What a rule wants to be tried, and why."""

    why: str  # what calls for it, as one or more sentences; "": nothing does, it is always tried
    arms: tuple[Arm, ...]  # of which the best counts
    where: str = ""
    optimises: bool = True  # whether rows that were learned from have to gain too: their loss is what it is about
    general: int = 0  # as of a rule, where what calls for it says less than it can say
    lucky: bool = False  # whether the start at hand may have been spared what ruins others: then more of them are tried


@dataclass(frozen=True, slots=True)
class Rule(Described):
    """One problem that a network can have. It looks by itself, or says what has to be tried."""

    look: Callable[[Examination], Iterable[Found]] | None = None
    # What of `look` is asked of the network and its loss alone, without a step of training: of watched loops, too.
    untrained: Callable[[Examination], Iterable[Found]] | None = None
    trial: Callable[[Examination], Trial | None] | None = None
    finer: Callable[[Arm], tuple[Arm, ...]] | None = None  # further arms, near the best one of the trial
    general: int = 0  # 1: its cure does some good to much, 2: to nearly everything, and says little of the cause
    to_the_end: bool = False  # only by trainings to their end: not asked where these are too dear
    unless: tuple[str, ...] = ()  # codes that explain what it sees, and that nothing cures from here

    def asked(self, exam: Examination) -> bool:
        """Whether this training is cheap enough for it."""
        return exam.whole or not self.to_the_end

    def tried(self, exam: Examination) -> Trial | None:
        """What it wants to be tried of this training, by arms that the network bears; None: nothing."""
        trial = self.trial(exam) if self.trial is not None and self.asked(exam) else None
        if trial is None:
            return None
        borne = tuple(arm for arm in trial.arms if arm.borne(exam.subject))
        for arm in trial.arms:
            if arm not in borne:
                exam.unable[self.code] = f"the network does not run with {arm.name}"
        return replace(trial, arms=borne) if borne else None

    def generality(self, trial: Trial) -> int:
        """How little a gain in this trial says of the cause."""
        return max(self.general, trial.general)

    def found(
        self, evidence: str, *, where: str = "", remedy: str | None = None, arm: Arm | None = None,
        severity: Severity | None = None,
    ) -> Found:  # fmt: skip
        """What it found, and the arm that would cure it."""
        told = self.finding(evidence, where=where, remedy=remedy, severity=severity)
        return Found(told, self.evidence, arm)
