"""What there is to say of a rule, whatever it looks at."""

from __future__ import annotations

from dataclasses import dataclass

from burnish.diagnosis.finding import Evidence, Finding, Severity


@dataclass(frozen=True, slots=True)
class Described:
    """One problem that data, a network, its training or its predictions can have."""

    code: str  # of the catalogue: "DA7"
    title: str
    evidence: Evidence
    severity: Severity
    when: str  # what has to be seen, in one sentence
    remedy: str  # what cures it
    proven: str  # how the cure is proven
    source: str  # of the rule or its threshold

    def finding(
        self,
        evidence: str,
        *,
        title: str | None = None,
        where: str = "",
        remedy: str | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        """What it found; title, remedy and severity are the rule's own unless the case is a special one."""
        return Finding(
            self.code, title or self.title, severity or self.severity, evidence, remedy or self.remedy, where
        )
