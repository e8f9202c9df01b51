"""A diagnosis as one document: what `burnish diagnose --json` prints, and its schema.

`docs/diagnosis.schema.json` is made from these records, and a test holds the file to them.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from burnish.diagnosis.finding import Evidence, Severity

SCHEMA_VERSION = 2  # that of `doctor.diagnosis`, which a test compares


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SpanRecord(_Record):
    """A measured number with its interval: of 95 %, unless said otherwise."""

    value: float
    low: float
    high: float


class FoundRecord(_Record):
    """One finding, the first things first."""

    code: str = Field(description="Of the rules that `burnish rules` lists, such as NN3.")
    title: str
    severity: Severity = Field(description="Only a fault is false of a healthy training.")
    evidence: str = Field(description="What was measured, as sentences.")
    remedy: str
    where: str = Field(description="Layer, leaf, column or row by name; empty where there is none.")
    by: Evidence | None = Field(default=None, description="The rung of the ladder; proof and probe confirm.")
    repair: str | None = Field(default=None, description="What was tried against it.")
    gain: SpanRecord | None = Field(default=None, description="Of the dev error, by that repair on fresh starts.")
    confirmed: bool = Field(default=False, description="Whether that gain is sure.")
    explains: list[str] = Field(default_factory=list, description="What was found too, and is gone with it.")


class PartRecord(_Record):
    """One part of an error."""

    name: str
    value: float
    low: float
    high: float
    found: bool = Field(description="Whether it is sure, and large enough to matter.")


class BudgetRecord(_Record):
    """Where the error of one network comes from."""

    of: str
    parts: list[PartRecord]
    verdict: str


class TriedRecord(_Record):
    """A remedy that the run tried as a paired experiment: a probe."""

    title: str
    cause: str = Field(description="What it was to cure.")
    gain: SpanRecord = Field(description="Positive: better. The interval allows for how many were tried.")
    unit: str = Field(description="Of the gain: % of a share, the target's unit, nats.")
    kept: bool
    round: int


class HistoryRecord(_Record):
    """What a run of `burnish improve` found and did, read from its folder."""

    data: str
    target: str
    error: str = Field(description="Which error, smaller is better.")
    unit: str
    first: SpanRecord | None = Field(description="Dev error of the first network.")
    delivered: SpanRecord | None = Field(description="Promised dev error of what is delivered.")
    what: str = Field(description="What that is, as a sentence.")
    budgets: list[BudgetRecord]
    findings: list[FoundRecord] = Field(description="Of the run, on data and networks.")
    tried: list[TriedRecord]
    more_data: str = Field(description="What the learning curve says; empty where there was none.")


class Document(_Record):
    """What `burnish diagnose --json` prints."""

    schema_version: int = Field(description=f"{SCHEMA_VERSION}: grows when a field changes its meaning or goes.")
    function: str | None = Field(default=None, description="FILE.py:FUNCTION, where a training of one's own.")
    run: str | None = Field(default=None, description="The run's folder, where a run.")
    ok: bool = Field(description="Whether no fault was found.")
    findings: list[FoundRecord] = Field(description="Of the training that was examined; of a run, the delivered one's.")
    layers: list[str] = Field(description="Names of the weights of each layer that was seen.")
    steps: int
    dev_error: float | None = Field(description="Of the training as it is; null where nobody measured it.")
    repairs: list[str] = Field(default=[], description="What is in the repaired training, in order, as in 'with …'.")
    repaired_error: float | None = Field(default=None, description="With all repairs; null where there were none.")
    seconds: float
    left_out: list[str] = Field(
        default=[], description="Of a watched loop: what was not looked for, and what was missing for it."
    )
    examined: str | None = Field(default=None, description="Of a run: what was trained again, and what not.")
    history: HistoryRecord | None = None


def schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Document.model_json_schema()}


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
