"""A rule about data: one code, what has to be seen, how sure it can be, and what cures it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from burnish.diagnosis.data_rules.rows import Rows
from burnish.diagnosis.finding import Evidence, Finding, Severity


@dataclass(frozen=True, slots=True)
class DataRule:
    """One problem that data can have. The fields are those of the doctor's rules."""

    code: str  # of the catalogue: "DA7"
    title: str
    evidence: Evidence
    severity: Severity
    when: str  # what has to be seen, in one sentence
    remedy: str  # what cures it
    proven: str  # how the cure is proven
    source: str  # of the rule or its threshold
    look: Callable[[Rows, float], Iterable[Finding]]  # rows, and the chance of a false alarm that it may use
    unless: tuple[str, ...] = ()  # codes that explain what it would see: where they were found, it does not look

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
