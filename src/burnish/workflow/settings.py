"""What a person can ask of a run, checked once, at the door."""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_serializer, field_validator, model_validator
from pydantic_core import ErrorDetails

from burnish import cores, errors
from burnish.data.images import SHORTEST_SIDE
from burnish.load import STANDARD_INPUT, own_models
from burnish.model.own_model import OwnModel
from burnish.train.configuration import Configuration
from burnish.units import NUMBER, parse_duration, parse_image_size, parse_size
from burnish.workflow import own_configuration

# Wall time of a run whose limit nobody gave, in seconds.
PRESET_SECONDS = {"quick": 30.0, "default": 120.0, "thorough": 1200.0}

CLASSIFICATION_METRICS = ("log_loss", "accuracy", "balanced_accuracy", "auc")
REGRESSION_METRICS = ("rmse", "mae", "r2")
METRICS = {"classification": CLASSIFICATION_METRICS, "regression": REGRESSION_METRICS}

# The cost that chooses between networks, for each metric, and what to say where it is not the metric itself.
CHOOSES_BY = {
    "log_loss": "log-loss",
    "accuracy": "misclassification rate",
    "balanced_accuracy": "1 - balanced accuracy",
    "auc": "log-loss",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "RMSE",
}
STAND_INS = {
    "auc": "A row by itself has no AUC, so networks are chosen by log-loss instead; the test rows tell the AUC itself.",
    "r2": "Networks are chosen by RMSE, which is the same: on the same rows R² is higher exactly where RMSE is lower.",
}

# What speaks of the positive class alone.
OF_THE_POSITIVE = ("1 - precision", "1 - recall", "1 - F1", "1 - average precision")

# What `--require` can bound: the error that verdicts speak of, and every measure of the test rows.
REQUIRABLE = {
    "classification": (
        *("error", "misclassification rate", "log-loss", "1 - balanced accuracy", "1 - AUC"),
        *OF_THE_POSITIVE,
    ),
    "regression": ("error", "RMSE", "MAE", "1 - R²"),
}

# Sides of images in pixels: up to what still trains in a day.
LARGEST_SIDE = 1024

# What the command line and `burnish.improve` take beside the settings: where things are, and how they are shown.
NO_SETTINGS = ("data", "dev", "out", "json", "config", "quiet", "verbose")


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
    image_size: tuple[int, int] | None = None  # height and width that images are brought to
    test: bool = True
    folds: int | None = Field(default=None, ge=2, le=50)
    start: Configuration | None = None
    model: OwnModel | None = None
    require: str | None = None
    jobs: int | None = Field(default=None, ge=1, le=1024)
    device: Literal["auto", "cpu", "gpu"] = "auto"
    memory_limit: int | None = Field(default=None, gt=0)  # bytes, of all workers together
    baseline_error: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    time_limit: float | None = Field(default=None, gt=0, allow_inf_nan=False)  # seconds
    max_epochs: int | None = Field(default=None, ge=1)
    preset: Literal["quick", "default", "thorough"] = "default"
    seed: int = Field(default=0, ge=0, lt=1 << 32)

    @field_validator("time_limit", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        return parse_duration(value) if isinstance(value, str) else value

    @field_validator("memory_limit", mode="before")
    @classmethod
    def _bytes(cls, value: Any) -> Any:
        return parse_size(value) if isinstance(value, str) else value

    @field_validator("image_size", mode="before")
    @classmethod
    def _sides(cls, value: Any) -> Any:
        return parse_image_size(str(value)) if isinstance(value, str | int) else value

    @field_validator("image_size")
    @classmethod
    def _small_enough(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not all(SHORTEST_SIDE <= side <= LARGEST_SIDE for side in value):
            raise ValueError(f"{value[0]}x{value[1]} is out of range: sides are from {SHORTEST_SIDE} to {LARGEST_SIDE}")
        return value

    @field_validator("drop", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("start", mode="before")
    @classmethod
    def _start(cls, value: Any) -> Any:
        return own_configuration.parse(value) if isinstance(value, dict) else value

    @field_serializer("model")
    def _origin(self, value: OwnModel | None) -> dict[str, str] | None:
        return None if value is None else value.to_json()

    @field_validator("metric")
    @classmethod
    def _metric(cls, value: str | None) -> str | None:
        known = CLASSIFICATION_METRICS + REGRESSION_METRICS
        if value is not None and value not in known:
            raise ValueError(f"{value!r} is not one of {', '.join(known)}")
        return value

    @field_validator("require")
    @classmethod
    def _require(cls, value: str | None) -> str | None:
        if value is not None:
            parse_requirement(value)
        return value

    @model_validator(mode="after")
    def _agree(self) -> Settings:
        if self.time_limit is not None and self.max_epochs is not None:
            raise ValueError(
                "time_limit and max_epochs cannot both be given: one answer depends on the clock, the other not"
            )
        if self.time is not None and self.group is not None:
            raise ValueError("time and group cannot both order the split: give the one that matters for new rows")
        if told := self._two_roles() or self._of_another_task():
            raise ValueError(told)
        if self.start is not None and self.start.model:
            raise ValueError("a configuration to start from names no model: give it as model, beside start")
        return self

    def _two_roles(self) -> str | None:
        """Of a column that was named twice."""
        named = [(name, getattr(self, name)) for name in ("target", "source", "group", "time", "weight")]
        taken: dict[str, str] = {}
        for role, column in (*named, *(("drop", column) for column in self.drop)):
            if column is not None and taken.setdefault(column, role) != role:
                return f"column {column!r} cannot have two roles, and was named by --{taken[column]} and by --{role}"
        return None

    def _of_another_task(self) -> str | None:
        """Of what was asked for and does not fit the task that was named."""
        if self.task == "auto":
            return None
        if self.metric is not None and self.metric not in METRICS[self.task]:
            return f"the metric {self.metric!r} does not fit a {self.task}, where it is {', '.join(METRICS[self.task])}"
        bound = None if self.require is None else parse_requirement(self.require)[0]
        if bound is not None and bound not in REQUIRABLE[self.task]:
            return f"--require bounds {bound!r}, which a {self.task} does not have"
        if self.positive is not None and self.task == "regression":
            return f"--positive {self.positive!r} names a class, and a regression has none"
        return None

    @property
    def limit(self) -> float | None:
        """Wall seconds of the run; None where epochs are counted instead."""
        if self.max_epochs is not None:
            return None
        return self.time_limit if self.time_limit is not None else PRESET_SECONDS[self.preset]

    @property
    def workers(self) -> int:
        """Worker processes: one for each core that this process may use."""
        return self.jobs or cores.available()


def make(**values: Any) -> Settings:
    """Settings from plain values; ConfigError names the first one that is wrong."""
    if values.get("model") is not None:
        values["model"] = own_models.of(values["model"])
    try:
        return Settings(**values)
    except ValidationError as error:
        raise _refusal(error.errors()[0]) from error


def _refusal(first: ErrorDetails) -> errors.ConfigError:
    """What pydantic found, in three lines."""
    help_line = "See `burnish improve --help` for what there is."
    message = first["msg"]
    if not first["loc"]:
        return errors.ConfigError(
            "The settings do not go together.", message.removeprefix("Value error, ") + ".", "Leave one of them out."
        )
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        near = get_close_matches(name, Settings.model_fields, 1)
        advice = f"Did you mean {near[0]!r}?" if near else help_line
        if name in NO_SETTINGS:
            advice = f"Give {name} beside the settings: `--{name}` on the command line."
        return errors.ConfigError(
            f"There is no setting {name!r}.", f"There are {', '.join(Settings.model_fields)}.", advice
        )
    own = message.startswith("Value error, ")
    asked = message.removeprefix("Input ").partition(", ")[0]
    why = message.removeprefix("Value error, ") if own else f"It {asked}, not {first['input']!r}"
    return errors.ConfigError(f"The setting {name} cannot be used.", why.removesuffix(".") + ".", help_line)


def sources_agree(settings: Settings, main: Any, dev: Any, test: Any) -> None:
    """The sources go together, with one another and with the settings.

    Raises:
        ConfigError: Test rows are given and not wanted, or standard input is to be read twice.
    """
    if test is not None and not settings.test:
        raise errors.ConfigError(
            "There cannot be a test file and no test set.", "--test and --no-test were both given.", "Leave one out."
        )
    if sum(isinstance(one, str | Path) and str(one) == STANDARD_INPUT for one in (main, dev, test)) > 1:
        raise errors.ConfigError(
            "Standard input was given twice.", "It can be read once only.", "Write one of the tables into a file."
        )


def from_file(path: Path) -> dict[str, Any]:
    """Values of a burnish.toml; ConfigError where it is missing or not TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))  # as Windows editors write it
    except OSError as error:
        raise errors.ConfigError(
            f"The file {path} cannot be read.",
            f"The system says: {error.strerror}.",
            "Check the path and its spelling.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise errors.ConfigError(f"The file {path} is not TOML.", str(error), "Mend the line it names.") from error


def parse_requirement(text: str) -> tuple[str, float]:
    """What "error<=0.05" bounds, as `REQUIRABLE` spells it, and the bound.

    Raises:
        ValueError: It has another form, or bounds nothing that is measured.
    """
    found = re.fullmatch(rf"\s*([^<>=]+?)\s*<=\s*({NUMBER}(?:[eE][+-]?\d+)?)\s*", text)
    if not found:
        raise ValueError(f"{text!r} is not a requirement: write error<=0.05 (errors are smaller when better)")
    known = {key_of(name): name for names in REQUIRABLE.values() for name in names}
    if key_of(found[1]) not in known:
        raise ValueError(f"{text!r} bounds {found[1]!r}, which is none of {', '.join(known.values())}")
    return known[key_of(found[1])], float(found[2])


def key_of(measure: str) -> str:
    """The name of a measure without case, spaces and signs: "1 - R²" and "1-r2" are one."""
    return re.sub(r"[^a-z0-9]", "", measure.lower().replace("²", "2"))
