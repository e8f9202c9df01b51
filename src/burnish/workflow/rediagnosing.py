"""What held a run's network back, and whether anything is wrong with what it delivers: `burnish diagnose RUN`.

The first is in the run's folder: error budgets, findings, and remedies with their gains. For the second the delivered
configuration is trained anew on the run's own rows by the doctor: its proofs, then each rule's changes in turn until
the time is up. Nothing in the folder is changed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from burnish.diagnosis.data_rules import register as data_rules
from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.diagnosis.run_rules import register as run_rules
from burnish.doctor import course, screening
from burnish.doctor.course import Course
from burnish.doctor.diagnosis import Background, Diagnosis
from burnish.doctor.examination import Examination, TimeUp
from burnish.doctor.rules import TRIALS
from burnish.executors import fold_files
from burnish.report import diagnosis as records
from burnish.report import wording
from burnish.report.summary import Summary
from burnish.stats.interval import Interval
from burnish.store import run_folder
from burnish.store.database import Database
from burnish.train import hyperparameters
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData
from burnish.workflow import as_subject, reopening, rule_book
from burnish.workflow.budget import Budget
from burnish.workflow.events import silent
from burnish.workflow.reopening import Past
from burnish.workflow.session import Session

TIME_LIMIT = 120.0  # seconds, after which no further rule is tried
FOLD = 0
# Rules that are about code which a run does not have, or that batch norm without running averages cannot keep.
OF_BATCH_NORM = ("NU7",)


@dataclass(frozen=True, slots=True)
class Asked:
    """One diagnosis of a run."""

    run: Path
    time_limit: float | None = TIME_LIMIT  # seconds; None: as long as it takes
    baseline_error: float | None = None  # of what is achievable
    model: Any = None  # the run's own model, where its file is not there as it was


@dataclass(frozen=True, slots=True)
class Rediagnosed:
    """What a run says of itself, and what the doctor says of its delivered configuration."""

    summary: Summary
    found: Diagnosis | None  # None: nothing was trained anew
    examined: str  # what was, or why not

    @property
    def ok(self) -> bool:
        """Whether no fault was found in the examination."""
        return self.found is None or self.found.ok

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        found = self.found.document() if self.found is not None else _nothing()
        history = _history(self.summary)
        made = records.Document(run=self.summary.run.path, examined=self.examined, history=history, **found)
        return made.model_dump(mode="json")

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def run(asked: Asked, *, tell: Callable[[str], None]) -> Rediagnosed:
    """Diagnose a finished run.

    Args:
        asked: Which.
        tell: Told what is being done.

    Raises:
        ConfigError: The run has not finished, or its data have gone.
        DataError: Its data have changed.
        StoreError: There is no such run, or it is damaged.
    """
    began = time.monotonic()
    folder = run_folder.open(asked.run)
    with folder.lock():
        past = reopening.past(folder, model=asked.model)
        with Database(folder.database) as database:
            trials = database.trials()
        if not any(trial["ending"] in ("COMPLETED", "STOPPED_EARLY") for trial in trials):
            return Rediagnosed(past.summary, None, "nothing, as the run trained no network to its end.")
        best = reopening.best_network(past, trials)
        folder.tidy()
        folder.scratch.mkdir()
        try:
            exam, fold = _examination(past, best.configuration, asked, began)
        finally:
            folder.tidy()
    rows = len(fold.train.y)
    tell(f"Examining {best.name} on {len(exam.subject.train):,} of {rows:,} training rows.")
    until = math.inf if asked.time_limit is None else began + asked.time_limit
    skipped = OF_BATCH_NORM if best.configuration.norm == "batch" else ()
    found, left = _examined(exam, until, skipped)
    which = "one of the networks delivered" if best.delivered else "the best network, which is not delivered"
    said = (
        f"{best.name}, {which}, was trained anew for {exam.subject.steps:,} steps on {len(exam.subject.train):,} of "
        f"{rows:,} training rows."
    )
    if fold.task == "regression":
        said += f" Its errors are in standard deviations of the target, {fold.target.deviation:.4g} each."
    said = f"{said} {_reached(left)}".rstrip()
    return Rediagnosed(past.summary, _diagnosis(exam, found, began), said)


def _reached(left: list[str]) -> str:
    """What the time was too short for."""
    if not left:
        return ""
    if len(left) == len({rule.code for rule in TRIALS}):
        return "The time was up before anything was tried about it: a longer --time-limit tries."
    return f"The time was up before {len(left)} rules were tried: {', '.join(left)}."


def _examination(past: Past, configuration: Configuration, asked: Asked, began: float) -> tuple[Examination, FoldData]:
    """Of the configuration on the first fold, and that fold."""
    settings = past.settings.model_copy(update={"max_epochs": None, "time_limit": None})
    with Database(past.folder.scratch / "diagnose.sqlite") as log:
        budget = Budget(None, None, began=began, carried=0.0, jobs=1, log=log)
        # Nothing is trained by the session: its executor is asked for nothing.
        session = Session(settings, budget, past.folder, log, silent, lambda work, *, deadline=None: iter(()))
        reopening.question(session, past)
    fold = fold_files.read(past.folder.scratch, FOLD)
    shape = hyperparameters.architecture(
        configuration, fold.inputs, outputs=fold.outputs, task=fold.task, own=settings.model
    )
    subject = as_subject.subject(fold, configuration, shape)
    baseline = asked.baseline_error
    if baseline is not None and fold.task == "regression":
        baseline /= fold.target.deviation  # the examination is in standardised units
    return Examination(subject, baseline_error=baseline), fold


def _examined(
    exam: Examination, until: float, skipped: tuple[str, ...]
) -> tuple[list[tuple[Finding, Background]], list[str]]:
    """Findings, faults first, and the codes of the rules that the time did not reach."""
    found = [(one.finding, Background(one.by)) for one in course.proofs(exam) if one.finding.code not in skipped]
    left: list[str] = []
    if exam.first.finite:
        codes = [rule.code for rule in TRIALS]
        for code in codes:
            exam.until = until
            try:
                found += _tried(exam, {other for other in codes if other != code})
            except TimeUp:
                left.append(code)
        exam.until = math.inf  # what is read off the training needs its error
    # Of rows and predictions the run has spoken itself, by the names of its columns and classes.
    known = {finding.code for finding, _ in found}
    known |= {rule.code for rule in data_rules.RULES} | {rule.code for rule in run_rules.PREDICTIONS}
    found += [(one.finding, Background(one.by)) for one in Course(exam).readings if one.finding.code not in known]
    rank = {Severity.FAULT: 0, Severity.LIMIT: 1, Severity.NOTE: 2}
    found.sort(key=lambda one: rank[one[0].severity])
    return found, list(dict.fromkeys(left))


def _tried(exam: Examination, others: set[str]) -> Iterator[tuple[Finding, Background]]:
    """What the one rule that is not among the others finds; nothing is cured, as a run has tried its remedies."""
    for one in screening.candidates(exam, others):
        probed, sure = exam.confirm(one.probed, one.arms)
        if not sure:
            continue
        fault = exam.faulty(probed, general=bool(one.general)) and one.rule.severity is Severity.FAULT
        said = f"{one.trial.why} With {probed.arm.name} {exam.said(probed)}".strip()
        severity = Severity.FAULT if fault else Severity.LIMIT
        gain = (probed.told.value, probed.told.low, probed.told.high)
        finding = one.rule.finding(said, where=one.trial.where, severity=severity)
        yield finding, Background(Evidence.PROBE, probed.arm.name, gain, True)


def _diagnosis(exam: Examination, found: list[tuple[Finding, Background]], began: float) -> Diagnosis:
    return Diagnosis(
        tuple(finding for finding, _ in found),
        tuple(layer.name for layer in exam.gauger.layers),
        exam.subject.steps,
        exam.error,
        time.monotonic() - began,
        tuple(background for _, background in found),
        looked="Nothing found.",
    )


def _nothing() -> dict[str, Any]:
    return {
        "schema_version": records.SCHEMA_VERSION,
        "ok": True,
        "findings": [],
        "layers": [],
        "steps": 0,
        "dev_error": None,
        "repairs": [],
        "repaired_error": None,
        "seconds": 0.0,
    }


@cache
def _rungs() -> dict[str, Evidence]:
    """What the rules that a run asks stand on, by code; that a number is not finite needs no further evidence."""
    asked = [one for one in rule_book.entries() if "burnish improve" in one.asked_by]
    return {one.code: Evidence(one.evidence) for one in asked} | {"NU4": Evidence.PROOF}


def by(finding: Finding) -> Evidence:
    """The rung of the ladder that a finding of a run stands on; what is read off a training in passing is a signal."""
    return _rungs().get(finding.code, Evidence.SIGNAL)


def _history(summary: Summary) -> records.HistoryRecord:
    task, final, curve = summary.task, summary.final, summary.learning_curve
    return records.HistoryRecord(
        data=summary.run.data,
        target=summary.run.target,
        error=task.error,
        unit="%" if task.shares else task.unit,
        first=None if summary.first is None else _span(summary.first.dev),
        delivered=None if final is None else _span(final.dev),
        what=wording.model_sentence(summary),
        budgets=[
            records.BudgetRecord(
                of=one.of,
                parts=[
                    records.PartRecord(name=p.name, value=p.gap.value, low=p.gap.low, high=p.gap.high, found=p.found)
                    for p in one.gaps
                ],
                verdict=one.verdict,
            )
            for one in summary.budgets
        ],
        findings=[
            records.FoundRecord(
                code=one.code,
                title=one.title,
                severity=one.severity,
                evidence=one.evidence,
                remedy=one.remedy,
                where=one.where,
                by=by(one),
            )
            for one in wording.by_severity((*summary.audit, *summary.findings))
        ],
        tried=[
            records.TriedRecord(
                title=one.title,
                cause=one.cause,
                gain=records.SpanRecord(value=one.gain, low=one.low, high=one.high),
                unit=one.unit,
                kept=one.kept,
                round=one.round,
            )
            for one in summary.experiments
        ],
        more_data="" if curve is None else curve.sentence,
    )


def _span(found: Interval) -> records.SpanRecord:
    return records.SpanRecord(value=found.value, low=found.low, high=found.high)


def _lines(item: Rediagnosed) -> Iterator[str]:
    """History first, then the examination."""
    summary = item.summary
    unit = wording.unit_of(summary.task)
    yield wording.plain(f"{summary.run.data}, target {summary.run.target}: {wording.model_sentence(summary)}")
    for name, interval in (
        ("first network", summary.first.dev if summary.first else None),
        ("delivered (promised)", summary.final.dev if summary.final else None),
    ):
        if interval is not None:
            yield f"  {summary.task.error}, {name}: {wording.span(interval, unit)}"
    for budget in summary.budgets:
        parts = "; ".join(
            f"{part.name} {wording.difference(part.gap, unit)}{' (found)' if part.found else ''}"
            for part in budget.gaps
        )
        yield f"Error of {budget.of} (test): {parts}"
    findings = wording.by_severity((*summary.audit, *summary.findings))
    if findings:
        yield "Found in the run:"
    for one in findings:
        said = wording.plain(f"{one.code} {one.title} ({one.severity.value}, by {by(one).value}): {one.evidence}")
        yield f"  {said}"
    if summary.experiments:
        yield "Tried (probes, gain with its interval):"
    for tried in summary.experiments:
        yield f"  {'kept' if tried.kept else 'not kept':>8}  {tried.title}: {wording.gain(tried)}"
    if summary.learning_curve is not None:
        yield summary.learning_curve.sentence
    yield ""
    yield f"Examined again: {item.examined}"
    if item.found is not None:
        yield str(item.found)
