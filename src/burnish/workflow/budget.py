"""What is left to spend: wall time from the start of the process, or epochs over all trials."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from burnish.train.configuration import Configuration
from burnish.train.work import Outcome

# A first guess of what compiling one program takes on one core, in seconds; measured values replace it.
COMPILE_SECONDS = 2.2
# From the persistent cache it still takes about this.
LEAST_COMPILE_SECONDS = 0.3
# A first guess of a training step: a fixed part and a rate of floating-point operations (single core, small matrices).
STEP_SECONDS = 2.5e-5
FLOPS = 1.2e10
# A run may take longer than its limit by this, whichever is more.
LATE_SECONDS, LATE_SHARE = 3.0, 0.1
# Part of that for which what still trains is waited for. A choice: finishing takes one to two seconds, even of images.
WAITED = 1 / 6


def allowed(limit: float) -> float:
    """Seconds by which a run may be later than its limit, before it has not kept it."""
    return max(LATE_SECONDS, LATE_SHARE * limit)


class Log(Protocol):
    """Where decisions that the clock made are kept, so that a resumed run makes them again."""

    def decide(self, name: str, choose: Callable[[], Any]) -> Any: ...


@dataclass(slots=True)
class Costs:
    """What training costs, learned as outcomes come in."""

    compile_seconds: float = COMPILE_SECONDS
    per_step: dict[tuple[Any, ...], float] = field(default_factory=dict)  # seconds, by program
    correction: float = 1.0  # measured over guessed, of the latest program

    def learn(self, outcome: Outcome, steps: float, operations: float) -> None:
        """Take in how long a trial took."""
        if steps < 1 or outcome.seconds <= 0:
            return
        program = outcome.work.configuration.program
        measured = outcome.seconds / steps
        before = self.per_step.get(program, measured)
        self.per_step[program] = 0.5 * (before + measured)
        self.correction = self.per_step[program] / _guess(operations)
        if outcome.compile_seconds > 0:
            self.compile_seconds = max(LEAST_COMPILE_SECONDS, outcome.compile_seconds)

    def seconds(self, configuration: Configuration, steps: float, operations: float) -> float:
        """Core seconds of a training of so many steps, without compiling."""
        known = self.per_step.get(configuration.program)
        return steps * (self.correction * _guess(operations) if known is None else known)


def _guess(operations: float) -> float:
    return STEP_SECONDS + operations / FLOPS


class Budget:
    """The run's means, spent stage by stage.

    Args:
        limit: Wall seconds, all included; None where `max_epochs` counts.
        max_epochs: Epochs over all trials; None where time counts. With neither there is no limit.
        began: When the process started, on the clock of `time.monotonic`.
        carried: Seconds that earlier sessions of a resumed run have used.
        jobs: Workers that spend at once.
        log: Where decisions by the clock are kept.
    """

    def __init__(
        self, limit: float | None, max_epochs: int | None, *, began: float, carried: float, jobs: int, log: Log
    ) -> None:
        self.limit, self.max_epochs, self.jobs = limit, max_epochs, jobs
        self._began, self._log = began - carried, log
        self.epochs = 0.0

    @property
    def elapsed(self) -> float:
        """Wall seconds since the start of the run."""
        return time.monotonic() - self._began

    def deadline(self, share: float) -> float | None:
        """The moment at which `share` of the time is used, on the clock of `time.monotonic`; None without a limit."""
        return None if self.limit is None else self._began + share * self.limit

    @property
    def latest(self) -> float | None:
        """The moment from which nothing that trains is waited for: finishing takes the rest of what is allowed."""
        return None if self.limit is None else self._began + self.limit + WAITED * allowed(self.limit)

    def left(self, share: float) -> float:
        """What remains until `share` is used: core seconds, or epochs."""
        if self.limit is None:
            return math.inf if self.max_epochs is None else share * self.max_epochs - self.epochs
        return (share * self.limit - self.elapsed) * self.jobs

    @property
    def epochs_left(self) -> float:
        """Epochs that may still be trained, over all trials; infinite where they are not counted."""
        return math.inf if self.max_epochs is None else self.max_epochs - self.epochs

    def decide(self, name: str, choose: Callable[[], Any]) -> Any:
        """A choice that looks at what is left. It is logged; in a resumed run the log answers instead.

        The value is JSON: a number, a string, a list of them.
        """
        return self._log.decide(name, choose)
