"""`burnish audit`: what is wrong with a table, without training anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from burnish.data import audit as audits
from burnish.data import kinds
from burnish.data import split as splits
from burnish.data.table import Table
from burnish.diagnosis.finding import Finding
from burnish.preprocess import target as targets
from burnish.workflow import checking, data_rules, reading, remarks
from burnish.workflow.settings import Settings

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Looked:
    """A table, its columns and what is wrong with it."""

    table: Table
    task: str
    profiles: tuple[kinds.Profile, ...]
    findings: tuple[Finding, ...]
    without_target: int = 0  # rows left out

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "schema_version": SCHEMA_VERSION,
            "name": self.table.name,
            "rows": self.table.rows,
            "without_target": self.without_target,
            "task": self.task,
            "columns": [
                {"name": p.name, "kind": p.kind.value, "reason": p.reason, "missing": p.missing} for p in self.profiles
            ],
            "rejects": [asdict(reject) for reject in self.table.rejects],
            "findings": [asdict(finding) for finding in self.findings],
        }

    def lines(self) -> list[str]:
        """As text."""
        out = [f"{self.table.name}: {self.table.rows:,} rows, {len(self.profiles)} columns; a {self.task}", ""]
        width = max(len(p.name) for p in self.profiles)
        out += [f"  {p.name:<{width}}  {p.kind.value:<10}  {p.reason}" for p in self.profiles]
        said = (*remarks.without_target(self.without_target), *remarks.of(self.table))
        out += ["", *said] if said else []
        return [*out, "", *finding_lines(self.findings)]


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """Findings as text, two or three lines each."""
    out = []
    for finding in findings:
        where = f" [{finding.where}]" if finding.where else ""
        out += [f"{finding.severity.value}: {finding.code} {finding.title}{where}", f"    {finding.evidence}"]
        out += [f"    {finding.remedy}"] if finding.remedy else []
    return out or ["Nothing is wrong that the audit can see."]


def audit(table: Table, target: str | None) -> Looked:
    """Audit a table as it was read."""
    target = checking.column(table, target, "target")
    known = targets.usable(table[target])
    checking.targets_there(known, np.full(table.rows, checking.MAIN, np.int8), table.name, target)
    table = table.take(np.flatnonzero(known))
    profiles = kinds.profile(table, target=target)
    task, _ = targets.infer_task(table[target], next(p for p in profiles if p.name == target))
    checking.target_suits(Settings(), table[target], task)
    origin, classes, plan = np.zeros(table.rows, np.int8), reading.classes_of(table, target, task), splits.Plan()
    found = audits.audit(table, target, profiles, origin=origin, classes=classes, plan=plan)
    copied = found.keep_together is not None
    more = data_rules.alone(table, target, profiles, origin=origin, classes=classes, plan=plan, copied=copied)
    findings = data_rules.with_more(tuple(map(reading.as_finding, found.observations)), more)
    return Looked(table, task, profiles, findings, int((~known).sum()))
