"""What there is to say of a rule, whatever it looks at."""

from __future__ import annotations

from dataclasses import dataclass

from burnish.diagnosis.finding import Evidence, Finding, Severity


@dataclass(frozen=True, slots=True)
class Described:
    """One problem that a run can have. The fields are those of the doctor's rules and of the rules about data."""

    code: str
    title: str
    evidence: Evidence
    severity: Severity
    when: str  # what has to be seen, in one sentence
    remedy: str  # what cures it
    proven: str  # how the cure is proven
    source: str  # of the rule or its threshold

    def finding(self, evidence: str, *, where: str = "", remedy: str | None = None) -> Finding:
        """What it found."""
        return Finding(self.code, self.title, self.severity, evidence, remedy or self.remedy, where)
