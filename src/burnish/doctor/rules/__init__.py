"""All rules, in the order in which they are looked at.

Numerics and structure come first, since nothing else can be believed where they fail; then initialisation, inputs, the
learning rate, units on the way, and where the error comes from.
"""

from __future__ import annotations

from collections.abc import Iterator

from burnish.diagnosis.finding import Finding
from burnish.doctor.examination import Examination
from burnish.doctor.rule import Rule
from burnish.doctor.rules import generalisation, initialisation, inputs, numerics, scales, steps, structure

RULES: tuple[Rule, ...] = (
    *numerics.RULES,
    *structure.RULES,
    numerics.NU3,  # after the structure: of a constant output no parameter has a gradient
    *initialisation.RULES,
    *inputs.RULES,
    *steps.RULES,
    numerics.NU4,  # what made a training diverge has been looked for by now
    *scales.RULES,
    *generalisation.RULES,
)


def look(exam: Examination) -> Iterator[Finding]:
    """What the rules find, in their order; where the numbers are not there, nothing else can be judged."""
    for rule in RULES if exam.first.finite else (numerics.NU4,):
        yield from rule.look(exam)
