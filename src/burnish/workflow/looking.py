"""`burnish audit`: what is wrong with a table, without training anything."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from burnish import load
from burnish.data import audit as audits
from burnish.data import kinds
from burnish.data import split as splits
from burnish.data.table import Table
from burnish.diagnosis.finding import Finding
from burnish.preprocess import target as targets
from burnish.workflow import checking, reading, remarks
from burnish.workflow.settings import Settings

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Looked:
    """A table, its columns and what is wrong with it."""

    table: Table
    task: str
    profiles: tuple[kinds.Profile, ...]
    findings: tuple[Finding, ...]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "schema_version": SCHEMA_VERSION,
            "name": self.table.name,
            "rows": self.table.rows,
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
        said = remarks.of(self.table)
        out += ["", *said] if said else []
        out.append("")
        for finding in self.findings:
            where = f" [{finding.where}]" if finding.where else ""
            out += [f"{finding.severity.value}: {finding.code} {finding.title}{where}", f"    {finding.evidence}"]
            out += [f"    {finding.remedy}"] if finding.remedy else []
        return out if self.findings else [*out, "Nothing is wrong that the audit can see."]


def audit(source: Any, target: str) -> Looked:
    """Read a table strictly and audit it."""
    table = load.read(source)
    checking.column(table, target, "target")
    known = targets.usable(table[target])
    checking.targets_there(known, np.full(table.rows, checking.MAIN, np.int8), table.name, target)
    table = table.take(np.flatnonzero(known))
    profiles = kinds.profile(table, target=target)
    task, _ = targets.infer_task(table[target], next(p for p in profiles if p.name == target))
    checking.target_suits(Settings(), table[target], task)
    found = audits.audit(
        table,
        target,
        profiles,
        origin=np.zeros(table.rows, np.int8),
        classes=reading.classes_of(table, target, task),
        plan=splits.Plan(),
    )
    return Looked(table, task, profiles, tuple(map(reading.as_finding, found.observations)))
