"""The order in which causes are named: what is largest, then what is still there once that is cured.

One fault hides another, and causes others that are none of their own: inputs a hundred times too large want a lower
learning rate, until they are standardised. So a cause is cured as soon as it is named, and everything is looked at
again. What was found before and is not found after was a consequence, and is told as one.

1. Proofs, in the order of the table. The first that can be cured from here is, and the proofs are looked at anew; those
   that cannot be are named beside.
2. Trials. Each rule's best arm is screened on a few starts. The one with the lowest error is the cause, and of those
   that gain alike the more special one, by the order of the table. It is confirmed on fresh starts, at a level that
   allows for all arms of all rules, and cured. If it is only room for improvement, a few more are told, and no more;
   of these the cure that gains most is the last one of the repaired training.

What is handed back has no cure in it that did harm: a proof stands whatever comes of it, its cure does not.

Where the time is limited, rules screen one by one in the order of the table, for a part of it; what is left confirms.
Who gained in screening and could not be confirmed is suspected, and who was not reached is named.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.doctor import screening
from burnish.doctor.arms import Arm, for_rows_as_they_were
from burnish.doctor.examination import (
    FRESH,
    LOOKS,
    NOTHING_CHANGED,
    OF_DRAWS,
    OF_ROWS,
    OF_STEPS,
    OF_TRAINED,
    Examination,
    TimeUp,
)
from burnish.doctor.probes import Probed, compare
from burnish.doctor.rule import Found, Rule
from burnish.doctor.rules import PROOFS, READINGS, RULES, TRIALS, data, gradients, scales
from burnish.doctor.subject import Subject
from burnish.stats import paired

# Causes after which nothing more is looked for, and how often of them is room for improvement.
MOST, IMPROVEMENTS = 12, 3
# How what is found without a probe is told.
FOUND = {Evidence.PROOF: "Proved", Evidence.TEST: "Found by a test"}
# Proofs that depend on the optimiser, the order of rows or the length of the training.
STEPS = ("NU4", "NU2", "NU3", "NN1")
# Of the others those that wait for the end of the training, and so look last; and all that do. Before the end they say
# what they would of a network that is not trained.
TRAINED = ("NU7", "NN8", "NN22", "DA33", "DA5")
ENDED = (*TRAINED, "NU3")
# Share of the time that is left in which rules screen, where it is limited: the rest confirms what they suspect.
SCREENING = 0.6


Tell = Callable[[str], None]


@dataclass(slots=True)
class Cause:
    """One thing that is wrong, by itself."""

    finding: Finding
    by: Evidence
    cured: Probed | None = None  # what the cure gains on fresh starts; None: it could not be tried
    confirmed: bool = False
    explains: list[str] = field(default_factory=list)  # "OP1 The learning rate is too high": gone once it is cured


def silent(sentence: str) -> None:
    """Tells nobody."""


class Course:
    """An examination from the first look to the last.

    Args:
        exam: Of the training as it is.
        tell: Told what is suspected, proved and confirmed, sentence by sentence, as soon as it is.
    """

    def __init__(self, exam: Examination, tell: Tell = silent) -> None:
        self.first = self.exam = exam
        self._tell = tell
        self.causes: list[Cause] = []
        self.arms: list[Arm] = []  # that were applied, in order
        self.late: list[str] = []  # codes of rules that the time did not reach
        self._room: list[Probed] = []  # cures of what is only room for improvement, of the training that is left
        self.improved: Probed | None = None  # the best of them
        self._cured: list[tuple[Cause, Examination, Examination]] = []  # and what was examined before and after
        self._tried: dict[Examination, list[screening.Candidate]] = {}  # what screening let through
        self._named: set[tuple[str, str]] = set()

    def run(self) -> Course:
        """Until nothing more is found that can be cured."""
        self._tell(f"Looking at a training of {self.exam.subject.steps:,} steps.")
        try:
            while len(self.causes) < MOST and (self._prove() or self._try() or self._finish()):
                pass
        except TimeUp:  # before anything was tried
            self.late = [rule.code for rule in TRIALS]
        self.exam.finish()
        with contextlib.suppress(TimeUp):  # it is not known then what a cure has explained
            self._improve()
            self._explain()
        return self

    def _finish(self) -> bool:
        """Follow a dear training to its end, once its first steps have told what they can; False: that was done."""
        if self.exam.following.ended:
            return False
        self._tell("Following the training to its end.")
        self.exam.finish()
        return True

    def _explain(self) -> None:
        """What was found before a cure and not after it was a consequence."""
        for cause, before, after in self._cured:
            trials = before in self._tried and after in self._tried
            seen, left = (self._seen(exam, trials=trials) for exam in (before, after))
            causes = [_name(one.finding) for one in self.causes]
            cause.explains = [one for one in seen if one not in (*left, *causes)]

    @property
    def readings(self) -> tuple[Found, ...]:
        """What is read off the training that is left: that it still diverges, bias, variance, units.

        Of what was named already and not cured it says nothing more.
        """
        seen = [one for one in proofs(self.exam) if one.by is Evidence.SIGNAL]
        for rule in READINGS if self.exam.first.finite else ():
            if (
                rule.look
                and rule.asked(self.exam)
                and not self._explained(rule.code, {one.finding.code for one in seen})
            ):
                try:
                    seen += rule.look(self.exam)
                except TimeUp:
                    self.late.append(rule.code)
        known = self._uncured()
        return tuple(one for one in seen if one.finding.code not in known)

    def _explained(self, code: str, others: set[str]) -> bool:
        """Whether something that was found explains what the rule of this code sees, and could not be cured."""
        unless = {one for rule in RULES if rule.code == code for one in rule.unless}
        return bool(unless & (self._uncured() | others))

    def _uncured(self) -> set[str]:
        """Codes of causes that nothing was done about."""
        return {one.finding.code for one in self.causes} - {one.finding.code for one, _, _ in self._cured}

    def _seen(self, exam: Examination, *, trials: bool) -> list[str]:
        """What was found on one training, by name, whatever causes it; by its trials too, if asked for."""
        found = [one.finding for one in proofs(exam)]
        if exam.first.finite:
            found += [one.finding for rule in scales.UNITS if rule.look for one in rule.look(exam)]
        screened = self._tried[exam] if trials else []
        return [_name(one) for one in found] + [f"{one.rule.code} {one.rule.title}" for one in screened]

    @property
    def repaired(self) -> Subject | None:
        """The training with all cures in it, for rows as they were; None: nothing was cured."""
        arms, cured = list(self.arms), self.exam.subject
        if self.improved is not None:
            arms, cured = [*arms, self.improved.arm], self.improved.arm.cured(cured)
        return for_rows_as_they_were(self.first.subject, arms, cured) if arms else None

    @property
    def error(self) -> float:
        """Dev error of the training as it was, a mean over starts; of a dear one over the one that was followed, which
        it was to its end only where nothing was cured before that. nan: it is not known.
        """
        return self.first.error if self.first.whole else _ended(self.first)

    @property
    def repaired_error(self) -> float | None:
        """That of the repaired one, over the fresh starts that confirmed its cures; None: nothing was cured."""
        if self.improved is not None:
            return self.improved.treatment
        if not self.arms:
            return None
        found = self.exam.fresh_error if self.exam.whole else _ended(self.exam)
        return None if math.isnan(found) else found

    @property
    def repairs(self) -> tuple[str, ...]:
        """All cures in it, by name, in their order."""
        return tuple(arm.name for arm in (*self.arms, *([] if self.improved is None else [self.improved.arm])))

    def _improve(self) -> None:
        """Of the cures of what is only room for improvement, the cheapest of those that gain most by all that matters.

        None where one input may tell the target (DA10): to lean on it more is a gain on these dev rows alone.
        """
        able = [] if "DA10" in self._uncured() else [one for one in self._room if one.arm.cures]
        if able and self.exam.whole:
            best = min(able, key=lambda one: one.treatment)
            alike = [one for one in able if one.treatment <= best.treatment + self.exam.matters(best.treatment)]
            self.improved = min(alike, key=lambda one: (one.steps, one.treatment))

    def _prove(self) -> bool:
        found = [
            one
            for one in proofs(self.exam)
            if (one.finding.code, one.finding.where) not in self._named and one.by is not Evidence.SIGNAL
        ]
        seen = {one.finding.code for one in found}
        found = [one for one in found if not self._explained(one.finding.code, seen)]
        arm = next((one.arm for one in found if one.arm is not None), None)
        told = [one for one in found if one.arm is arm]  # all, if nothing can be cured
        self._named |= {(one.finding.code, one.finding.where) for one in told}
        self.causes += [Cause(one.finding, one.by) for one in told]
        for one in told:
            self._tell(f"{FOUND.get(one.by, 'Found')}: {_name(one.finding)}.")
        if arm is None:
            return False
        before = self.exam
        self._cure(arm)
        gained = self._gain(before, arm)
        for cause, one in zip(self.causes[-len(told) :], told, strict=True):
            cause.cured, cause.confirmed = gained, gained is not None and gained.error_gain.low > 0
            if one.grave and gained is not None and before.faulty(gained, general=False):
                cause.finding = replace(cause.finding, severity=Severity.FAULT)
        if self._refused(arm, gained, told):
            for cause, one in zip(self.causes[-len(told) :], told, strict=True):
                if one.otherwise is not None:
                    cause.finding, cause.by, cause.cured = one.otherwise, Evidence.TEST, None
            self._tell(f"It is left as it is: {arm.name} did not help.")
            self.exam = before
            self.arms.pop()
            self._cured.pop()
        return True

    def _refused(self, arm: Arm, gained: Probed | None, told: list[Found]) -> bool:
        """Whether a proof's cure is left out again: where it does harm for sure, and of a limit where it is not sure to
        help.
        """
        if arm.quarantines:
            return False
        if any(one.finding.severity is Severity.FAULT for one in told):
            return gained is not None and gained.error_gain.high < 0
        return gained is None or gained.error_gain.low <= 0

    def _gain(self, before: Examination, arm: Arm) -> Probed | None:
        """Of a proof's cure: this examination's trainings against those of the one before, from the same starts."""
        if not (before.first.finite and self.exam.first.finite and before.whole):
            return None
        starts = range(FRESH, FRESH + LOOKS[0])
        try:
            for exam in (before, self.exam):
                exam.train_ahead((NOTHING_CHANGED,), starts)
            control, treatment = (
                [exam.trained(NOTHING_CHANGED, one) for one in starts] for exam in (before, self.exam)
            )
        except TimeUp:
            return None
        kind, steps = before.subject.kind, self.exam.subject.steps
        return compare(
            arm,
            control,
            treatment,
            task=kind,
            steps=steps,
            whole=True,
            alpha=paired.ALPHA,
            groups=before.subject.dev.groups,
        )

    def _try(self) -> bool:
        if self.exam in self._tried or not self.exam.first.finite:
            return False
        self._room = []
        named = {one.finding.code for one in self.causes if one.finding.severity is not Severity.NOTE}
        self._tell("Trying on a few starts what may be wrong.")
        self._tried[self.exam] = self._candidates(named)
        for one in self._tried[self.exam]:
            names = " and ".join(f"{rule.code} {rule.title}" for rule, _ in one.causes)
            self._tell(f"Suspected: {names}. With {one.probed.arm.name} {self.exam.said(one.probed)}")
            try:
                probed, sure = self.exam.confirm(one.probed, one.arms)
            except TimeUp:
                self._suspect(one)
                continue
            if not sure:
                self._tell("Not confirmed.")
                continue
            self._tell(f"Confirmed: with {probed.arm.name} {self.exam.said(probed)}")
            fault = self.exam.faulty(probed, general=bool(one.general))
            for rule, trial in one.causes:
                self._named.add((rule.code, trial.where))
                # A note of the same code was of the rows alone, and says less.
                self.causes = [each for each in self.causes if each.finding.code != rule.code]
                alone = " Without any one of them most of it is lost." if one.others else ""
                said = f"{trial.why} With {probed.arm.name} {self.exam.said(probed)}{alone}".strip()
                severity = Severity.FAULT if fault and rule.severity is Severity.FAULT else Severity.LIMIT
                found = rule.found(said, where=trial.where, severity=severity)
                self.causes.append(Cause(found.finding, Evidence.PROBE, probed, True))
            if fault and probed.arm.cures:
                self._cure(probed.arm)
                return True
            self._room.append(probed)
            if len(self._room) == IMPROVEMENTS:
                break
        return False

    def _candidates(self, named: set[str]) -> list[screening.Candidate]:
        """All of them, or those that the time is enough for."""
        exam, end = self.exam, self.exam.until
        if end == math.inf:
            return screening.candidates(exam, named)
        exam.until = (now := time.monotonic()) + SCREENING * (end - now)
        codes, found = {rule.code for rule in TRIALS}, []
        self.late = []
        for code in dict.fromkeys(rule.code for rule in TRIALS if rule.code not in named):
            try:
                found += screening.candidates(exam, named | (codes - {code}))
            except TimeUp:
                self.late.append(code)
        exam.until = end
        return screening.ranked(exam, found)

    def _suspect(self, one: screening.Candidate) -> None:
        """A cause that gained in screening, and that there was no time to confirm."""
        said = f"{one.trial.why} With {one.probed.arm.name} {self.exam.said(one.probed)}".strip()
        told = f"{said} These starts have chosen it: there was no time to confirm it on others."
        finding = one.rule.finding(told, title=f"{one.rule.title} (suspected)", severity=Severity.LIMIT)
        self.causes.append(Cause(finding, Evidence.PROBE, one.probed))

    def _cure(self, arm: Arm) -> None:
        self._tell(f"Looking again, with {arm.name}.")
        self.arms.append(arm)
        before = self.exam
        self.exam = Examination(arm.cured(before.subject), baseline_error=before.baseline_error, after=before)
        self.exam.until = before.until
        self._cured.append((self.causes[-1], before, self.exam))


def proofs(exam: Examination) -> tuple[Found, ...]:
    """What is true of the program; of numbers that are not finite nothing else can be judged."""
    if exam.first.finite:
        _begin(exam)
    rules = [rule for rule in PROOFS if rule.look]
    steps, trained = ([rule for rule in rules if rule.code in codes] for codes in (STEPS, TRAINED))
    others = [rule for rule in rules if rule.code not in (*STEPS, *TRAINED)]
    found: tuple[Found, ...] = ()
    if exam.first.finite:
        # A cure of the steps leaves these as they were.
        found = exam.once("proofs", lambda: _looked(exam, others))
        found += exam.once(OF_TRAINED, lambda: _looked(exam, trained))
    else:
        steps = [rule for rule in steps if rule.code == "NU4"]
    found += exam.once(OF_STEPS, lambda: _looked(exam, steps))
    order = [rule.code for rule in rules]
    return tuple(sorted(found, key=lambda one: order.index(one.finding.code)))


def _begin(exam: Examination) -> None:
    """What takes longest, in other threads, while rules look that need none of it."""
    _ = exam.following
    exam.ahead(gradients.CHECKED, lambda: gradients.wrong_leaves(exam))
    exam.ahead(OF_ROWS, lambda: data.looked(exam))
    exam.ahead(OF_DRAWS, exam.draw)


def _looked(exam: Examination, rules: Sequence[Rule]) -> tuple[Found, ...]:
    """What they find in the training as far as it has been followed."""
    early = exam.first.finite and not exam.following.ended
    asked = [rule.untrained if early and rule.code in ENDED else rule.look for rule in rules]
    return tuple(found.able(exam.subject) for look in asked if look is not None for found in look(exam))


def _ended(exam: Examination) -> float:
    """Dev error at the end of the training that was followed; nan: it was not, or diverged."""
    return exam.measured.dev.value if exam.following.ended and exam.measured is not None else math.nan


def _name(finding: Finding) -> str:
    return f"{finding.code} {finding.title}"
