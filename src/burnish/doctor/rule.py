"""A rule: one code, what it looks at, and how sure it can be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from burnish.diagnosis.finding import Evidence, Finding, Severity

if TYPE_CHECKING:
    from burnish.doctor.examination import Examination


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
