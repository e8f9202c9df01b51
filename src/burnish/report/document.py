"""The one JSON document of `burnish improve --json`, and its schema.

The records below are the contract: `docs/output.schema.json` is made from them, and a test holds the file to them.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from burnish.diagnosis.finding import Finding
from burnish.report.summary import BaselineResult, ExperimentResult, Final, FirstNetwork, Summary
from burnish.stats.interval import Interval

SCHEMA_VERSION = 1  # grows when a field is renamed, removed or changes its meaning; new fields do not count


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ErrorRecord(_Record):
    """An error with its 95 % interval; smaller is better."""

    name: str = Field(description="Which error: 'misclassification rate', 'RMSE', or '1 - …' where larger is better.")
    value: float
    low: float | None = Field(description="Lower end; null where it could not be computed.")
    high: float | None = Field(description="Upper end; null where it could not be computed.")


class RowsRecord(_Record):
    """How many rows each part has; null where the part is not used."""

    train: int
    train_dev: int | None
    dev: int
    test: int | None


class DifferenceRecord(_Record):
    """A difference of two errors with its 95 % interval."""

    value: float
    low: float | None
    high: float | None


class BaselineRecord(_Record):
    """A simple model, on the same dev rows as the first network."""

    name: str
    dev: ErrorRecord | None
    excess: DifferenceRecord | None = Field(
        description="Of the final model's dev error over this one's, row by row; negative: the final model is better. "
        "Null for the final model itself, and where they were not compared."
    )


class DeliveredRecord(_Record):
    """What the model is."""

    what: Literal["network", "linear", "majority", "mean"]
    members: int = Field(description="Networks, or fits of a simple model, that are averaged.")
    parameters: int = Field(description="Of all members together; 0 for a simple model.")
    reason: str = Field(description="Why a simple model is delivered; empty for networks.")


class FirstRecord(_Record):
    """The first network, before any remedy."""

    train: ErrorRecord | None
    train_dev: ErrorRecord | None
    dev: ErrorRecord | None


class FinalRecord(_Record):
    """What is delivered."""

    train: ErrorRecord | None
    train_dev: ErrorRecord | None
    dev: ErrorRecord | None = Field(description="Corrected for choosing the best of many: the promise for new rows.")
    dev_raw: ErrorRecord | None = Field(
        description="As it was chosen by: too good as the best of many, and, where networks of several rotations of "
        "train and dev are averaged, too bad as each row is judged by one of them alone."
    )
    dev_rows: int = Field(description="Rows that dev and dev_raw come from.")
    practical_size: float | None = Field(
        description="A difference of errors that may be smaller than this is of no interest."
    )
    test: ErrorRecord | None = Field(description="Opened once, at the end; null without a test set.")
    test_metrics: dict[str, ErrorRecord] = Field(
        description="Further measures on the test rows, smaller is better; of two classes also what depends on the "
        "positive one, named with its label: \"1 - recall of 'yes'\"."
    )


class FindingRecord(_Record):
    """One thing found in the data or in the network."""

    code: str
    title: str
    severity: Literal["fault", "limit", "note"]
    evidence: str
    remedy: str


class ExperimentRecord(_Record):
    """A remedy tried against the best so far on the same seeds and rows."""

    remedy: str
    cause: str
    gain: float | None = Field(description="Positive: better than the control.")
    low: float | None
    high: float | None
    pairs: int = Field(description="Pairs of control and treatment, same seed and fold.")
    kept: bool


class Document(_Record):
    """What `burnish improve --json` prints."""

    schema_version: int = Field(description=f"{SCHEMA_VERSION}: grows when a field changes its meaning or goes.")
    run: str = Field(description="Path of the run folder.")
    task: Literal["classification", "regression"]
    metric: str = Field(description="What was asked for to choose by.")
    chosen_by: str = Field(description="The cost that chose: log-loss for 'auc', RMSE for 'r2', else the metric's own.")
    rows: RowsRecord
    baselines: list[BaselineRecord]
    first: FirstRecord | None = Field(description="Null where the run ended before it.")
    final: FinalRecord | None = Field(description="Null where the run ended before it.")
    delivered: DeliveredRecord | None = Field(description="Null where nothing was delivered.")
    findings: list[FindingRecord]
    experiments: list[ExperimentRecord]
    warnings: list[str] = Field(
        description="What was left out or cut short for lack of time, or went wrong: sentences."
    )
    trials: int = Field(description="Trainings that began, each counted once.")
    epochs: float = Field(description="Trained over all trials.")
    elapsed_s: float
    limit_s: float | None = Field(description="Null without a time limit.")
    model: str | None = Field(description="Path of the model's folder; null where nothing was delivered.")
    report: str = Field(description="Path of the report.")


def document(summary: Summary) -> dict[str, Any]:
    """The document as plain JSON values: no NaN, no infinity (null stands for what could not be computed)."""
    name, rows, run = summary.task.error, summary.rows, summary.run
    return Document(
        schema_version=SCHEMA_VERSION,
        run=run.path,
        task=summary.task.kind,
        metric=summary.task.metric,
        chosen_by=summary.task.chosen_by or summary.task.metric,
        rows=RowsRecord(train=rows.train, train_dev=rows.train_dev, dev=rows.dev, test=rows.test),
        baselines=[_baseline(name, item) for item in summary.baselines],
        first=None if summary.first is None else _first(name, summary.first),
        final=None if summary.final is None else _final(name, summary.final, rows.dev),
        delivered=None if summary.delivered is None else DeliveredRecord(**asdict(summary.delivered)),
        findings=[_finding(item) for item in (*summary.audit, *summary.findings)],
        experiments=[_experiment(item) for item in summary.experiments],
        warnings=list(summary.warnings),
        trials=summary.trials,
        epochs=summary.epochs,
        elapsed_s=run.elapsed_s,
        limit_s=run.limit_s,
        model=None if summary.delivered is None else run.model,
        report=run.report,
    ).model_dump(mode="json")


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Document.model_json_schema(mode="serialization"),
    }


def _error(name: str, interval: Interval | None) -> ErrorRecord | None:
    if interval is None or not math.isfinite(interval.value):
        return None
    return ErrorRecord(name=name, value=float(interval.value), low=_finite(interval.low), high=_finite(interval.high))


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _baseline(name: str, item: BaselineResult) -> BaselineRecord:
    return BaselineRecord(name=item.name, dev=_error(name, item.dev), excess=_difference(item.excess))


def _difference(interval: Interval | None) -> DifferenceRecord | None:
    if interval is None or not math.isfinite(interval.value):
        return None
    return DifferenceRecord(value=interval.value, low=_finite(interval.low), high=_finite(interval.high))


def _first(name: str, first: FirstNetwork) -> FirstRecord:
    return FirstRecord(
        train=_error(name, first.train), train_dev=_error(name, first.train_dev), dev=_error(name, first.dev)
    )


def _final(name: str, final: Final, dev_rows: int) -> FinalRecord:
    metrics = {item.name: _error(item.name, item.value) for item in final.test_metrics}
    return FinalRecord(
        train=_error(name, final.train),
        train_dev=_error(name, final.train_dev),
        dev=_error(name, final.dev),
        dev_raw=_error(name, final.dev_raw),
        dev_rows=final.dev_rows or dev_rows,
        practical_size=_finite(final.practical),
        test=_error(name, final.test),
        test_metrics={key: value for key, value in metrics.items() if value is not None},
    )


def _finding(item: Finding) -> FindingRecord:
    return FindingRecord(
        code=item.code, title=item.title, severity=item.severity.value, evidence=item.evidence, remedy=item.remedy
    )


def _experiment(item: ExperimentResult) -> ExperimentRecord:
    return ExperimentRecord(
        remedy=item.remedy,
        cause=item.cause,
        gain=_finite(item.gain),
        low=_finite(item.low),
        high=_finite(item.high),
        pairs=int(item.pairs),
        kept=bool(item.kept),
    )


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
