"""What a run tells while it works: one record for each thing worth a line, and what is seen in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """The stages of the main job, in order."""

    READ = "read"
    AUDIT = "audit"
    SPLIT = "split"
    PREPARE = "prepare"
    BASELINES = "baselines"
    FIRST = "first network"
    RECIPE = "recipe"
    TUNE = "tune"
    FINISH = "finish"
    REPORT = "report"
    ABLATION = "ablation"  # of a run that has finished
    EXPLAIN = "why it works"  # the same


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence that stays on the screen and in the run's database."""

    stage: Stage
    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the run is; the next one replaces it."""

    stage: Stage
    done: int  # trainings finished in this stage
    planned: int  # trainings planned in this stage, as far as known
    running: int
    best: float | None  # best dev error so far, in its unit
    elapsed: float  # wall seconds
    remaining: float | None  # wall seconds until the limit, below 0 beyond it; None without one
    note: str = ""  # what else is spent, such as "120 of 900 epochs"


Emit = Callable[[Line | Progress], None]


def silent(_: Line | Progress) -> None:
    """Show nothing."""
