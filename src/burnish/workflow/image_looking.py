"""`burnish audit` on images: what is wrong with them, without training anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from burnish.data import image_audit, image_copies, images, kinds
from burnish.data import split as splits
from burnish.data.images import ImageDataset
from burnish.diagnosis.finding import Finding
from burnish.preprocess import target as targets
from burnish.workflow import checking, image_reading, reading, remarks
from burnish.workflow.checking import DEV, TEST
from burnish.workflow.image_reading import ImageSources
from burnish.workflow.looking import SCHEMA_VERSION, finding_lines
from burnish.workflow.settings import Settings

CLASSES_SHOWN = 12  # classes counted by name on the terminal; the document has all


@dataclass(frozen=True, slots=True)
class LookedAtImages:
    """Images, and what is wrong with them."""

    dataset: ImageDataset
    task: str
    facts: dict[str, Any]
    findings: tuple[Finding, ...]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        table = self.dataset.table
        return {
            "schema_version": SCHEMA_VERSION,
            "name": table.name,
            "rows": table.rows,
            "task": self.task,
            "images": self.facts,
            "rejects": [
                {"file": reject.text, "reason": reject.reason} | ({"line": reject.line} if reject.column else {})
                for reject in table.rejects
            ],
            "findings": [asdict(finding) for finding in self.findings],
        }

    def lines(self) -> list[str]:
        """As text."""
        table, facts = self.dataset.table, self.facts
        out = [f"{table.name}: {table.rows:,} images; a {self.task}", ""]
        told = {"formats": facts["formats"], "classes": facts.get("classes", {})}
        for name, counts in told.items():
            if counts:
                shown = [f"{key} {count:,}" for key, count in list(counts.items())[:CLASSES_SHOWN]]
                more = len(counts) - CLASSES_SHOWN
                out.append(f"  {name:<8}  {', '.join(shown)}" + (f" and {more} more" if more > 0 else ""))
        sides = [f"{name}s {low} to {high} (median {middle})" for name, (low, middle, high) in facts["sides"].items()]
        out += [f"  {'sides':<8}  {', '.join(sides)}", ""]
        return [*out, *remarks.of(table), "", *finding_lines(self.findings)]


def audit(sources: ImageSources, *, report: Callable[[int, int], None]) -> LookedAtImages:
    """Read images strictly and audit them.

    Args:
        sources: Where they are.
        report: Told how many are packed, and of how many.
    """
    dataset, origin = image_reading.read(sources, report=report)
    table, target = dataset.table, dataset.target
    assert target is not None
    profile = next(p for p in kinds.profile(table, target=target) if p.name == target)
    task, _ = targets.infer_task(table[target], profile)
    checking.target_suits(Settings(), table[target], task, of_folders=target == images.LABEL)
    classes = reading.classes_of(table, target, task)
    plan = splits.Plan(given_dev=bool((origin == DEV).any()), given_test=bool((origin == TEST).any()))
    copies = image_copies.find(dataset.pixels, seed=plan.seed)
    found = image_audit.audit(dataset, copies, origin=origin, classes=classes, plan=plan)
    observations = [*found.observations]
    if plan.given_dev or plan.given_test:
        where = splits.split(table, target, plan, origin=origin, classes=classes, keep_together=found.keep_together)
        observations += image_audit.across(dataset, where, found)
    return LookedAtImages(dataset, task, found.facts, tuple(map(reading.as_finding, observations)))
