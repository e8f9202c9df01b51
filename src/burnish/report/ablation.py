"""What each technique is worth, as one document: `ablation.json`, what `burnish ablate --json` prints, and its schema.

The page and the lines on the terminal are made from it. `docs/ablation.schema.json` is made from these records, and a
test holds the file to them.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from burnish.report.panel import Explanation

SCHEMA_VERSION = 1  # grows when a field is renamed, removed or changes its meaning; new fields do not count

Verdict = Literal["helps", "hurts", "no difference seen", "not judged"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class WorthRecord(_Record):
    """What having a technique gains; positive: it helps."""

    value: float
    low: float = Field(description="Lower end of the interval; all intervals of the document hold together.")
    high: float
    p_value: float = Field(description="Two-sided, of no difference, corrected for the number of techniques.")
    smallest_seen: float = Field(description="A true difference of this size would have been seen 4 times in 5.")


class RateRecord(_Record):
    """A learning rate that was tried for the other side, on a seed that judges nothing."""

    rate: float
    cost: float | None = Field(description="In the unit of the worth; null where training came to nothing.")


class TechniqueRecord(_Record):
    """One technique: the network with it and without it, on the same seeds and rows."""

    name: str
    title: str
    with_it: str = Field(description="What the side with the technique has.")
    without_it: str
    present: bool = Field(description="Whether the network has it; then it was taken away, else put in.")
    with_cost: float | None = Field(description="Mean over the seeds; null where it was not judged.")
    without_cost: float | None
    worth: WorthRecord | None = Field(description="In what networks are chosen by; null where it was not judged.")
    worth_error: WorthRecord | None = Field(description="In the error that verdicts speak of.")
    verdict: Verdict
    seeds: int
    rate: float | None = Field(description="Learning rate of the other side, where it had to have one of its own.")
    rates: list[RateRecord]
    diverged: int = Field(description="Trainings of the other side whose cost stopped being finite.")
    note: str


class LeftOutRecord(_Record):
    """A technique that was not tried."""

    title: str
    why: str


class Document(_Record):
    """What `burnish ablate --json` prints."""

    schema_version: int = Field(description=f"{SCHEMA_VERSION}: grows when a field changes its meaning or goes.")
    run: str = Field(description="Path of the run folder.")
    data: str
    target: str
    task: Literal["classification", "regression"]
    made: str = Field(description="When, ISO 8601.")
    network: str = Field(description="Name of the network that was taken apart: the run's best single one.")
    delivered: bool = Field(description="Whether it is one of the networks that the run delivers.")
    configuration: dict[str, Any]
    chosen_by: str = Field(description="What networks are chosen by, such as 'log-loss' or 'RMSE'.")
    unit: str = Field(description="Of it; '%' means shares of 1.")
    error: str = Field(description="The error that verdicts speak of.")
    error_unit: str
    level: float = Field(description="Of all intervals together.")
    seeds: int
    seeds_asked: int
    folds: int = Field(description="Each a dev part of its own.")
    folds_of_run: int
    dev_rows: int
    training_rows: int
    training_rows_of_run: int
    techniques: list[TechniqueRecord]
    left_out: list[LeftOutRecord]
    trainings: int
    elapsed_s: float
    limit_s: float | None = Field(description="Null without a time limit.")
    page: str = Field(description="Path of the HTML page.")
    explain: Explanation | None = Field(default=None, description="Why it works, where `--explain` asked for it.")

    @property
    def same_error(self) -> bool:
        """Whether what chooses is the error itself, so that one column says both."""
        return self.chosen_by == self.error

    @property
    def judged(self) -> tuple[TechniqueRecord, ...]:
        """The techniques with a worth."""
        return tuple(one for one in self.techniques if one.worth is not None)

    def ranked(self) -> tuple[TechniqueRecord, ...]:
        """The judged ones, the greatest worth first."""
        return tuple(sorted(self.judged, key=lambda one: -one.worth.value if one.worth else 0.0))


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Document.model_json_schema(mode="serialization"),
    }


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
