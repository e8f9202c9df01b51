"""What a person can ask of a run, checked once, at the door."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from burnish import errors
from burnish.train.configuration import Configuration

# Wall time of a run whose limit nobody gave, in seconds.
PRESET_SECONDS = {"quick": 30.0, "default": 120.0, "thorough": 1200.0}

CLASSIFICATION_METRICS = ("log_loss", "accuracy", "balanced_accuracy", "auc")
REGRESSION_METRICS = ("rmse", "mae", "r2")

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Settings(BaseModel):
    """Everything that decides what a run does, and nothing that decides how it is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    target: str | None = None
    task: Literal["auto", "classification", "regression"] = "auto"
    metric: str | None = None
    source: str | None = None
    group: str | None = None
    time: str | None = None
    drop: tuple[str, ...] = ()
    weight: str | None = None
    positive: str | None = None
    test: bool = True
    folds: int | None = Field(default=None, ge=2, le=50)
    start: Configuration | None = None
    require: str | None = None
    jobs: int | None = Field(default=None, ge=1, le=1024)
    device: Literal["auto", "cpu", "gpu"] = "auto"
    memory_limit: int | None = Field(default=None, gt=0)  # bytes, of all workers together
    baseline_error: float | None = Field(default=None, ge=0)
    time_limit: float | None = Field(default=None, gt=0)  # seconds
    max_epochs: int | None = Field(default=None, ge=1)
    preset: Literal["quick", "default", "thorough"] = "default"
    seed: int = Field(default=0, ge=0)

    @field_validator("time_limit", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        return parse_duration(value) if isinstance(value, str) else value

    @field_validator("memory_limit", mode="before")
    @classmethod
    def _bytes(cls, value: Any) -> Any:
        return parse_size(value) if isinstance(value, str) else value

    @field_validator("start", mode="before")
    @classmethod
    def _start(cls, value: Any) -> Any:
        return Configuration.from_json(value) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _agree(self) -> Settings:
        if self.time_limit is not None and self.max_epochs is not None:
            raise ValueError(
                "time_limit and max_epochs cannot both be given: one answer depends on the clock, the other not"
            )
        if self.metric is not None and self.metric not in CLASSIFICATION_METRICS + REGRESSION_METRICS:
            known = ", ".join(CLASSIFICATION_METRICS + REGRESSION_METRICS)
            raise ValueError(f"metric {self.metric!r} is not one of {known}")
        if self.require is not None:
            parse_requirement(self.require)
        if self.time is not None and self.group is not None:
            raise ValueError("time and group cannot both order the split: give the one that matters for new rows")
        return self

    @property
    def limit(self) -> float | None:
        """Wall seconds of the run; None where epochs are counted instead."""
        if self.max_epochs is not None:
            return None
        return self.time_limit if self.time_limit is not None else PRESET_SECONDS[self.preset]

    @property
    def workers(self) -> int:
        """Worker processes: one for each core that this process may use."""
        return self.jobs or len(os.sched_getaffinity(0))


def make(**values: Any) -> Settings:
    """Settings from plain values; ConfigError names the first one that is wrong."""
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "settings"
        raise errors.ConfigError(
            f"The setting {name} cannot be used.",
            first["msg"].removeprefix("Value error, "),
            "See `burnish improve --help` for what it takes.",
        ) from error
    except TypeError as error:
        raise errors.ConfigError(
            "The starting configuration cannot be used.", str(error), "Use the names that a run's config.json shows."
        ) from error


def from_file(path: Path) -> dict[str, Any]:
    """Values of a burnish.toml; ConfigError where it is missing or not TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise errors.ConfigError(f"The file {path} cannot be read.", str(error), "Check --config.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise errors.ConfigError(f"The file {path} is not TOML.", str(error), "Mend the line it names.") from error


def parse_duration(text: str) -> float:
    """Seconds of "90", "90s", "2m", "1.5h"."""
    found = re.fullmatch(r"\s*([0-9.]+)\s*(s|m|min|h|)\s*", text)
    if not found:
        raise ValueError(f"{text!r} is not a time: write 90s, 2m or 1h")
    return float(found[1]) * UNITS[found[2]]


def parse_size(text: str) -> int:
    """Bytes of "4G", "500M"."""
    found = re.fullmatch(r"\s*([0-9.]+)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    if not found:
        raise ValueError(f"{text!r} is not a size: write 4G or 500M")
    return int(float(found[1]) * SIZES[found[2].upper()])


def parse_requirement(text: str) -> tuple[str, float]:
    """Name and bound of "error<=0.05"."""
    found = re.fullmatch(r"\s*([a-z0-9_ -]+?)\s*<=\s*([0-9.eE+-]+)\s*", text)
    if not found:
        raise ValueError(f"{text!r} is not a requirement: write error<=0.05 (errors are smaller when better)")
    return found[1], float(found[2])
