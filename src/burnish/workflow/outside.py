"""The verdict on a network from elsewhere: from errors and numbers of rows, from the curves of its training, or both.

The budget, the findings and the recipe are those of the main job. Nothing here imports JAX.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from burnish import errors
from burnish.diagnosis import bias_variance, figures
from burnish.diagnosis.budget import ErrorBudget
from burnish.diagnosis.figures import Figure, Figures, Label
from burnish.diagnosis.finding import Finding
from burnish.recipe import prescribe
from burnish.recipe.remedies import REMEDIES, Remedy
from burnish.report import verdict as records
from burnish.report import verdict_text
from burnish.report.document import FindingRecord
from burnish.stats.interval import Interval
from burnish.train.configuration import Configuration
from burnish.workflow import outside_figures as given
from burnish.workflow.outside_figures import Baseline, Number, Task

if TYPE_CHECKING:
    from burnish.workflow.outside_curves import Trained

# In which order findings are cured: the groups of the recipe, then where the rows come from.
ORDER = (*(code for group in prescribe.RECIPE for code in group), "BV4", "BV5", "BV8", "BV6")
PARTS = ("train", "train-dev", "dev", "test")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What holds a network back, with the evidence. Printed, it is what `burnish verdict` says."""

    task: Task
    label: Label | None  # None: curves alone were given
    budget: ErrorBudget | None
    findings: tuple[Finding, ...]  # in the order in which to cure them
    remedies: tuple[Remedy, ...]  # in the order in which to try them
    rows: dict[str, int]  # of each part
    knows_floor: bool  # a baseline error was given, and the network is not surely better
    curves: Trained | None
    remarks: tuple[str, ...]  # what the verdict rests on

    def document(self) -> dict[str, Any]:
        """What `burnish verdict --json` prints; docs/verdict.schema.json describes it."""
        return _record(self).model_dump(mode="json")

    def lines(self) -> tuple[str, ...]:
        """What `burnish verdict` prints."""
        return verdict_text.lines(_record(self))

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        """The lines, for notebooks."""
        return f"<pre>{html.escape(str(self))}</pre>"


def verdict(
    *,
    train_error: Number | None = None,
    train_rows: Number | None = None,
    dev_error: Number | None = None,
    dev_rows: Number | None = None,
    baseline_error: Baseline | None = None,
    train_dev_error: Number | None = None,
    train_dev_rows: Number | None = None,
    test_error: Number | None = None,
    test_rows: Number | None = None,
    task: Task = "classification",
    target_sd: Number | None = None,
    curves: str | PathLike[str] | None = None,
) -> Verdict:
    """What holds a network back that lives elsewhere, from its errors, its curves, or both.

    Args:
        train_error: On the rows that it learned from: a rate (0.01, "1%") or an RMSE; None: the curves' best epoch's.
        train_rows: How many rows that is.
        dev_error: The same on rows that it did not learn from.
        dev_rows: How many.
        baseline_error: Of people, or the least possible; (low, high) or "1%..3%"; None: no bias can be shown.
        train_dev_error: On held-out rows from where the training rows come from; tells mismatch from variance.
        train_dev_rows: How many.
        test_error: On rows that chose nothing; tells overfitting to dev.
        test_rows: How many.
        task: "regression" for RMSEs. Of an RMSE and its rows alone an interval takes the errors to be normal.
        target_sd: Standard deviation of the target; says which RMSE matters.
        curves: A CSV with a row for each epoch; tells of the optimisation.

    Raises:
        ConfigError: A figure is missing, or cannot be what it should be.
        DataError: The curves cannot be read.

    >>> verdict(train_error="1%", train_rows=5_000, dev_error="11%", dev_rows=1_000, baseline_error=0).label
    'high variance'
    """
    if task not in ("classification", "regression"):
        raise errors.ConfigError(f"{task!r} is no task.", "It is classification or regression.", "Name one of them.")
    named = {
        "train": (train_error, train_rows),
        "train-dev": (train_dev_error, train_dev_rows),
        "dev": (dev_error, dev_rows),
        "test": (test_error, test_rows),
    }
    trained = None if curves is None else _read(curves)
    if trained is not None:
        named = {part: trained.completed(part, *figure) for part, figure in named.items()}
    known = {part: figure for part in PARTS if (figure := given.figure(part, *named[part], task)) is not None}
    floor = given.baseline(baseline_error, task)
    deviation = given.deviation(target_sd, task)
    budget = _budget(known, task, floor, deviation) if known or trained is None else None
    of_budget = () if budget is None else bias_variance.verdict(budget)
    of_curves = () if trained is None else trained.findings
    findings = tuple(sorted((*of_curves, *of_budget), key=lambda finding: ORDER.index(finding.code)))
    return Verdict(
        task=task,
        label=None if budget is None else figures.label(findings),
        budget=budget,
        findings=findings,
        remedies=_remedies(findings, task),
        rows={part: figure[1] for part, figure in known.items() if not isinstance(figure, Interval)},
        knows_floor=floor is not None and not (budget is not None and budget.floor.surpassed),
        curves=trained,
        remarks=(
            *_remarks(budget, task, deviation, knows_floor=floor is not None),
            *(() if trained is None else trained.remarks(known)),
        ),
    )


def _read(curves: str | PathLike[str]) -> Trained:
    # Here, since SciPy's statistics and DuckDB take longer to import than all else that a verdict does.
    from burnish.workflow import outside_curves

    return outside_curves.read(Path(curves))


def _budget(
    known: dict[str, Figure], task: Task, floor: float | tuple[float, float] | None, deviation: float | None
) -> ErrorBudget:
    for part in ("train", "dev"):
        if part not in known:
            raise errors.ConfigError(
                f"A verdict needs the {part} error.",
                "Bias is seen on the rows that the network learned from, variance on new ones beside them.",
                f"Give --{part}-error and --{part}-rows, or a file of --curves alone.",
            )
    of = Figures(
        "misclassification rate" if task == "classification" else "RMSE",
        known["train"],
        known["dev"],
        known.get("train-dev"),
        known.get("test"),
    )
    return figures.error_budget(of, baseline=floor, target_deviation=deviation)


def _remedies(findings: tuple[Finding, ...], task: Task) -> tuple[Remedy, ...]:
    """What answers the findings, as the recipe orders it, for a plain network."""
    codes = {finding.code for finding in findings}
    ordered = prescribe.prescribe(findings, Configuration(), (), limit=len(REMEDIES), task=task)
    return tuple(remedy for remedy in ordered if codes & set(remedy.answers))


def _remarks(budget: ErrorBudget | None, task: Task, deviation: float | None, *, knows_floor: bool) -> tuple[str, ...]:
    """What the budget takes for granted."""
    if budget is None:
        return ()
    said = []
    if budget.floor.surpassed:
        said.append(budget.floor.reason)
    elif not knows_floor:
        shown = "only a bias beyond that can" if budget.avoidable_bias.low > budget.practical else "no bias can"
        said.append(
            "Without a baseline error the lowest possible one may be anything from 0 to its own error on new rows, "
            f"so {shown} be shown. Give --baseline-error, the error of people, say."
        )
    if budget.variance.high < 0:
        said.append(verdict_text.REVERSED)
    if task == "regression":
        said.append(
            "Of an RMSE and its number of rows alone, an interval takes the errors to be normal; with heavier tails it "
            "is too narrow. techniques.error_interval takes the squared errors row by row, and need not assume that."
        )
    if task == "regression" and deviation is None:
        said.append("Without --target-sd a gap matters from a tenth of the dev error on, however small that is.")
    return tuple(said)


def _record(found: Verdict) -> records.Document:
    curves = found.curves
    return records.Document(
        schema_version=records.SCHEMA_VERSION,
        task=found.task,
        label=found.label,
        budget=None if found.budget is None else _budget_record(found, found.budget),
        findings=[_finding(item) for item in found.findings],
        remedies=[
            records.RemedyRecord(name=one.name, title=one.title, cause=one.cause, note=one.note)
            for one in found.remedies
        ],
        curve=None
        if curves is None
        else records.CurveRecord(
            file=curves.file.shown,
            epochs=len(curves.file.columns["epoch"]),
            columns=dict(curves.file.taken),
            ignored=list(curves.file.ignored),
        ),
        remarks=list(found.remarks),
    )


def _finding(item: Finding) -> FindingRecord:
    return FindingRecord(
        code=item.code, title=item.title, severity=item.severity.value, evidence=item.evidence, remedy=item.remedy
    )


def _budget_record(found: Verdict, budget: ErrorBudget) -> records.BudgetRecord:
    e = budget.errors
    parts: tuple[tuple[records.Part, Interval | None], ...] = (
        ("train", e.train),
        ("train-dev", e.train_dev),
        ("dev", e.dev),
        ("test", e.test),
    )
    gaps: tuple[tuple[records.Gap, str, Interval | None], ...] = (
        ("avoidable bias", "bias", budget.avoidable_bias),
        ("variance", "variance", budget.variance),
        ("mismatch", "mismatch", budget.mismatch),
        ("dev overfitting", "dev overfitting", budget.dev_overfit),
    )
    return records.BudgetRecord(
        error=e.name,
        practical_size=budget.practical,
        errors=[
            records.PartRecord(part=part, rows=found.rows[part], value=one.value, low=one.low, high=one.high)
            for part, one in parts
            if one is not None
        ],
        floor=records.FloorRecord(low=budget.floor.low, high=budget.floor.high, given=found.knows_floor),
        gaps=[
            records.GapRecord(
                name=name,
                value=gap.value,
                low=gap.low,
                high=gap.high,
                found=gap.low > budget.practical,
                smallest_found=None if key == "bias" and not found.knows_floor else budget.smallest_detectable[key],
                largest=budget.largest[key],
            )
            for name, key, gap in gaps
            if gap is not None
        ],
    )
