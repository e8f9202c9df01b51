"""OP1 and OP2: the learning rate, by a ladder of rates from the same start on the same mini-batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from burnish.diagnosis.finding import Finding, Severity
from burnish.doctor.examination import Examination
from burnish.doctor.probes import Probed
from burnish.doctor.rule import Evidence, Rule


def _too_high(exam: Examination) -> Iterable[Finding]:
    yield from _better(exam, exam.ladder, OP1)


def _too_low(exam: Examination) -> Iterable[Finding]:
    """A higher rate is quicker in short probes even where the training is right: only whole trainings count."""
    yield from _better(exam, exam.long_ladder, OP2)


def _better(exam: Examination, probed: Mapping[str, Probed], rule: Rule) -> Iterable[Finding]:
    """The rung with the lowest loss of those whose gain matters."""
    gains = [name for name, found in probed.items() if exam.matters(found)]
    if gains:
        best = min(gains, key=lambda name: probed[name].treatment)
        yield rule.finding(f"With {best} times the learning rate {exam.said(probed[best])}")


OP1 = Rule(
    "OP1",
    "The learning rate is too high",
    Evidence.PROBE,
    Severity.FAULT,
    "A third, a tenth or a hundredth of it reaches a lower dev error in as many steps.",
    "A lower learning rate, or warm-up and decay.",
    "The dev loss of the whole training is lower.",
    "Smith, 2017 (range test), with common random numbers.",
    _too_high,
)
OP2 = Rule(
    "OP2",
    "The learning rate is too low",
    Evidence.PROBE,
    Severity.FAULT,
    "Three or ten times as much reaches a lower dev error by the end of the whole training.",
    "A higher learning rate, or more epochs.",
    "The dev loss of the whole training is lower.",
    "Smith, 2017 (range test), with common random numbers.",
    _too_low,
)
RULES = (OP1, OP2)
