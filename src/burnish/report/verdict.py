"""The verdict on a network from elsewhere as one document: what `burnish verdict --json` prints, and its schema.

`docs/verdict.schema.json` is made from these records, and a test holds the file to them.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from burnish.report.document import FindingRecord

SCHEMA_VERSION = 1  # grows when a field is renamed, removed or changes its meaning; new fields do not count

Part = Literal["train", "train-dev", "dev", "test"]
Gap = Literal["avoidable bias", "variance", "mismatch", "dev overfitting"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PartRecord(_Record):
    """The error on one part of the rows, with its 95 % interval."""

    part: Part
    rows: int
    value: float
    low: float
    high: float


class FloorRecord(_Record):
    """The least error possible: one number, or a range."""

    low: float
    high: float
    given: bool = Field(description="Whether it was given; else it may be anything up to the network's own error.")


class GapRecord(_Record):
    """One part of the error: the difference of two errors, with its 95 % interval."""

    name: Gap
    value: float
    low: float
    high: float
    found: bool = Field(description="Whether the lower end exceeds `practical_size`.")
    smallest_found: float | None = Field(
        description="The smallest gap that would have been found with 80 % power; null for a bias where nothing is "
        "known of the least error possible."
    )
    largest: float = Field(description="Probability that this is the largest of the gaps.")


class BudgetRecord(_Record):
    """Where the error comes from."""

    error: Literal["misclassification rate", "RMSE"]
    practical_size: float = Field(description="A gap below this size is of no interest; in the error's unit.")
    errors: list[PartRecord]
    floor: FloorRecord
    gaps: list[GapRecord]


class RemedyRecord(_Record):
    """One thing to try."""

    name: str
    title: str
    cause: str
    note: str


class CurveRecord(_Record):
    """The file of curves, as it was understood."""

    file: str
    epochs: int
    columns: dict[str, str] = Field(description="What each of our columns is called in the file.")
    ignored: list[str]


class Document(_Record):
    """What `burnish verdict --json` prints."""

    schema_version: int = Field(description=f"{SCHEMA_VERSION}: grows when a field changes its meaning or goes.")
    task: Literal["classification", "regression"]
    label: Literal["high bias", "high variance", "high bias and high variance", "neither"] | None = Field(
        description="Null where only curves were given."
    )
    budget: BudgetRecord | None = Field(description="Null where only curves were given.")
    findings: list[FindingRecord] = Field(description="In the order in which to cure them.")
    remedies: list[RemedyRecord] = Field(description="In the order in which to try them.")
    curve: CurveRecord | None
    remarks: list[str] = Field(description="What the verdict rests on.")


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Document.model_json_schema(mode="serialization"),
    }


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
