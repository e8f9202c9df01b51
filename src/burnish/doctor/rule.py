"""A rule: one code, what it looks at, and how sure it can be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from burnish.diagnosis.finding import Finding, Severity

if TYPE_CHECKING:
    from burnish.doctor.examination import Examination


class Evidence(StrEnum):
    """The ladder: a proof or a probe confirms, a signal or a test alone makes suspicious."""

    PROOF = "proof"  # cannot be otherwise: a value that is not finite, two equal units, a gradient off its differences
    SIGNAL = "signal"  # something read off in passing
    TEST = "test"  # a hypothesis rejected, with the size of the effect
    PROBE = "probe"  # one thing changed, all else equal, and the losses compared


@dataclass(frozen=True, slots=True)
class Rule:
    """One problem that a network can have."""

    code: str  # of the catalogue: "NN1"
    title: str
    evidence: Evidence
    severity: Severity
    when: str  # what has to be seen, in one sentence
    remedy: str  # what cures it
    proven: str  # how the cure is proven
    source: str  # of the rule or its threshold
    look: Callable[[Examination], Iterable[Finding]]

    def finding(self, evidence: str, *, where: str = "", remedy: str | None = None) -> Finding:
        """What it found."""
        return Finding(self.code, self.title, self.severity, evidence, remedy or self.remedy, where)
