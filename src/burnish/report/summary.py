"""What a run found, as records: the workflow fills them; page, model card, JSON and the last lines read them.

Every error is in the unit of `Task.unit` (a share of 1 for classes), smaller is better, an `Interval` of 95 % unless
said otherwise. Whatever a run did not get to is None or empty, and is left out of the report with a sentence.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter

from burnish.diagnosis.finding import Finding
from burnish.stats.interval import Interval
from burnish.train.configuration import Configuration

FORMAT_VERSION = 1  # of the file that `to_json` writes


@dataclass(frozen=True, slots=True)
class Task:
    """The question, and how an answer is judged."""

    kind: Literal["classification", "regression"]
    error: str  # the error's name, smaller is better: "misclassification rate", "RMSE"
    metric: str  # what was asked for to choose by: "log_loss", "auc", "rmse"
    unit: str = ""  # of the error: the target's, such as "MPa"; "" for a share of 1 or an unknown unit
    classes: tuple[str, ...] = ()
    chosen_by: str = ""  # the cost that chose: "log-loss", "RMSE"
    stand_in: str = ""  # a sentence, where that is not the metric itself
    positive: str = ""  # a sentence: which class is the positive one, and why

    @property
    def shares(self) -> bool:
        """Whether errors are shares of 1, and so printed in per cent."""
        return self.kind == "classification"


@dataclass(frozen=True, slots=True)
class Run:
    """Where the report comes from."""

    name: str
    path: str
    data: str  # the data's name, such as "concrete.csv"
    target: str
    started: str  # ISO 8601
    elapsed_s: float
    limit_s: float | None
    seed: int
    command: str
    versions: tuple[tuple[str, str], ...] = ()
    model: str = "model"  # path of the model's folder
    report: str = "report.html"


@dataclass(frozen=True, slots=True)
class Rows:
    """How the rows were divided."""

    read: int
    rejected: int
    train: int
    dev: int
    train_dev: int | None = None
    test: int | None = None
    folds: int = 1
    reason: str = ""  # one sentence: why these sizes and this manner
    planned: int | None = None  # folds that were to judge, where only `folds` came to it


@dataclass(frozen=True, slots=True)
class ColumnNote:
    """One column, as it was understood and prepared."""

    name: str
    kind: str
    reason: str
    missing: int  # rows without a value
    treatment: str  # what the preparation did with it


@dataclass(frozen=True, slots=True)
class RejectNote:
    """A record of the file that could not become a row."""

    line: int
    column: str | None
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class BaselineResult:
    """A simple model, on the same dev rows as the first network."""

    name: str
    dev: Interval
    test: Interval | None = None
    seconds: float = 0.0
    excess: Interval | None = None  # of the final model's dev error over this one's, row by row; None: not compared


@dataclass(frozen=True, slots=True)
class FirstNetwork:
    """The network that the diagnosis looked at."""

    configuration: Configuration
    train: Interval
    dev: Interval
    train_dev: Interval | None = None
    rows: int | None = None  # training rows, where all were too dear for the first trainings; None: all


@dataclass(frozen=True, slots=True)
class Gap:
    """One part of the error budget: a difference of two errors."""

    name: str  # "avoidable bias", "variance", "mismatch", "dev overfitting"
    gap: Interval
    found: bool  # whether its interval excludes 0 and its lower end exceeds the practical size
    smallest: float | None = None  # the smallest gap that could have been found
    largest: float | None = None  # probability that it is the largest part of the error


@dataclass(frozen=True, slots=True)
class Budget:
    """Where the error of one network comes from: the floor, then gap on gap."""

    of: str  # "the first network"
    floor: Interval  # value: the level the gaps start from; low and high: the range of the lowest possible error
    floor_reason: str  # "given by --baseline-error", or how the range was estimated
    gaps: tuple[Gap, ...]
    verdict: str  # one plain sentence


@dataclass(frozen=True, slots=True)
class ExperimentResult:
    """A remedy tried as a paired experiment against the best so far."""

    remedy: str  # code: "wider"
    title: str  # "Twice the units per layer"
    cause: str  # what it was to cure: "avoidable bias"
    gain: float  # positive: better than the control
    low: float
    high: float
    pairs: int
    rows: int  # dev rows that both sides predicted
    kept: bool
    unit: str  # of the gain: "%" means a share of 1 shown in points; else "MPa", "nats"
    round: int = 1


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of the recipe."""

    number: int
    held_back: str  # a sentence: what held the current best back
    outcome: str  # a sentence: what was tried, what was kept
    dev: Interval | None = None  # of the best network before the round


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The error at a number of training rows."""

    rows: int
    dev: Interval
    train: Interval | None = None


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """What more rows were worth, and would be."""

    points: tuple[CurvePoint, ...]
    forecast: tuple[CurvePoint, ...]  # beyond the rows there are; empty where the forecast was declined
    sentence: str  # the forecast, or why there is none


@dataclass(frozen=True, slots=True)
class Draw:
    """One configuration that the search tried."""

    trial: str
    learning_rate: float
    dev: float  # the error, on the part that chooses; NaN or infinite where training diverged
    random: bool  # an independent draw, not a model's proposal
    full: bool  # trained to the end, not stopped by a rung


@dataclass(frozen=True, slots=True)
class Importance:
    """How much of the dev error's variation over the random draws one hyperparameter explains."""

    name: str
    share: Interval  # of 1
    course_order: int | None = None  # its tier in the course's order (1: tune first), None where that has no word on it


@dataclass(frozen=True, slots=True)
class Shape:
    """Dev error of networks of one depth and width."""

    depth: int
    width: int
    dev: Interval
    trials: int
    smallest: bool = False  # the smallest network within noise of the best


@dataclass(frozen=True, slots=True)
class Search:
    """What the search did, found and can promise."""

    draws: tuple[Draw, ...]
    programs: int  # distinct compiled programs
    guarantee: str  # honest sentences
    importance: tuple[Importance, ...] = ()
    shapes: tuple[Shape, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingCurve:
    """Cost by epoch of one delivered network; all tuples have the same length."""

    name: str
    epoch: tuple[float, ...]
    train: tuple[float, ...]
    dev: tuple[float, ...]
    best_epoch: float


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure on the test rows, smaller is better: "mae", "1 - r2", "log_loss", "1 - auc"."""

    name: str
    value: Interval
    unit: str = ""  # "%" for a share of 1


@dataclass(frozen=True, slots=True)
class Final:
    """What is delivered, judged."""

    train: Interval
    dev: Interval  # corrected for choosing: the promise, for a fresh test set of this size
    dev_raw: Interval  # as it was chosen by: too good as the best of many; of rotations too bad, one judging each row
    train_dev: Interval | None = None
    test: Interval | None = None
    test_metrics: tuple[Metric, ...] = ()
    test_openings: int = 1  # how often the run's test set has been opened
    practical: float = 0.0  # a difference of errors that is not surely larger than this is of no interest
    dev_rows: int | None = None  # that `dev` and `dev_raw` come from; None: those of `Rows.dev`


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions for rows that trained nothing. For large sets a random part is enough (a few thousand rows)."""

    part: str  # "test" or "dev"
    observed: tuple[float, ...]  # class number, or the target's value; (rows,)
    predicted: tuple[tuple[float, ...], ...]  # probabilities, (rows, classes), or (rows, 1)


@dataclass(frozen=True, slots=True)
class Mistake:
    """A picture that trained nothing, and that the model took for another class."""

    name: str  # its file, or its row
    image: str  # a PNG in base64, as `pictures.png` writes it
    observed: int  # class number
    predicted: int
    probability: float  # of the predicted class
    carried: str = ""  # a PNG of what the predicted class's probability rests on, of the same size


@dataclass(frozen=True, slots=True)
class Alike:
    """Two pictures that are nearly the same."""

    names: tuple[str, str]
    images: tuple[str, str]  # PNGs in base64


@dataclass(frozen=True, slots=True)
class Pictures:
    """What a report shows of images."""

    part: str  # of the mistakes: "test" or "dev"
    mistakes: tuple[Mistake, ...] = ()  # the most confident first
    augmented: tuple[tuple[str, ...], ...] = ()  # PNGs: an image of the training part, then what training saw of it
    augmentation: str = ""  # a sentence: what is done to them, and how much
    near: tuple[Alike, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivered:
    """What the run leaves behind."""

    what: Literal["network", "linear", "majority", "mean"]
    members: int = 1  # networks, or fits of a simple model, that are averaged
    parameters: int = 0  # of all members together
    reason: str = ""  # a sentence, where something simpler than the network was delivered


@dataclass(frozen=True, slots=True)
class Summary:
    """All that a report says."""

    run: Run
    task: Task
    rows: Rows
    columns: tuple[ColumnNote, ...] = ()
    rejects: tuple[RejectNote, ...] = ()  # the first 50 are shown
    audit: tuple[Finding, ...] = ()  # findings about the data
    baselines: tuple[BaselineResult, ...] = ()
    first: FirstNetwork | None = None
    budgets: tuple[Budget, ...] = ()  # the first network's, then, where there is one, the final model's
    findings: tuple[Finding, ...] = ()  # findings about the network
    rounds: tuple[Round, ...] = ()
    experiments: tuple[ExperimentResult, ...] = ()
    learning_curve: LearningCurve | None = None
    search: Search | None = None
    training: tuple[TrainingCurve, ...] = ()
    final: Final | None = None
    predictions: Predictions | None = None
    pictures: Pictures | None = None
    delivered: Delivered | None = None
    advice: tuple[str, ...] = ()  # what to do next, in order
    warnings: tuple[str, ...] = ()  # what was left out, cut short or went wrong, and no other part says
    clock_decisions: tuple[str, ...] = ()  # what the time limit decided
    trials: int = 0
    epochs: float = 0.0  # over all trials
    reproduce: str = ""  # the command that does it again

    def to_json(self) -> str:
        """A file's text; `from_json` reads it back. NaN and infinities become strings, so it is strict JSON."""
        return json.dumps({"format_version": FORMAT_VERSION, "summary": _strict(self)}, allow_nan=False)


def from_json(text: str) -> Summary:
    """Reads what `Summary.to_json` wrote.

    Raises:
        ValueError: the text is not a summary, or is of another format version.
    """
    values = json.loads(text)
    if not isinstance(values, dict) or values.get("format_version") != FORMAT_VERSION:
        raise ValueError(f"this is not a summary of format version {FORMAT_VERSION}")
    return _adapter().validate_python(values["summary"])


@cache
def _adapter() -> TypeAdapter[Summary]:
    return TypeAdapter(Summary)


def _strict(value: Any) -> Any:
    known = getattr(value, "__dataclass_fields__", None)
    if known is not None:  # `asdict` would copy every text of every column
        return {name: _strict(getattr(value, name)) for name in known}
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    if isinstance(value, np.generic):  # a measured number that was not made a plain one
        return _strict(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value
