"""The seam between deciding and executing: work goes out, outcomes come back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from burnish.train.configuration import Configuration


class Ending(IntEnum):
    """How a piece of training ended: an integer, since compiled programs know no other names."""

    COMPLETED = 0
    STOPPED_EARLY = 1
    DIVERGED = 2
    PAUSED = 3  # reached `until`, could go on
    INTERRUPTED = 4  # told to stop by the clock or the person; state kept
    FAILED = 5  # the worker died under it (out of memory, for one)


@dataclass(frozen=True, slots=True)
class Work:
    """Train one network on one fold, up to `until` epochs of its `configuration.epochs`.

    The same `trial` with a larger `until` goes on from where the smaller one paused. Results depend on (configuration,
    fold, seed, rows) alone: not on `trial`, the worker, the order, or the slices.
    """

    trial: str  # unique name, used in files and tables, such as "tune-003-f0-s1"
    configuration: Configuration
    fold: int
    seed: int
    until: int  # epochs
    rows: int | None = None  # train on the first so many rows of a fixed random order (learning curves); None: all
    # Look at some of its steps from inside. What is trained is the same to the bit, so it is the same work.
    observed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Curve:
    """One entry for each evaluation; all arrays have shape (evaluations,)."""

    epoch: NDArray[np.float64]
    train_loss: NDArray[np.float64]  # mean over the epoch's mini-batches, in training mode
    dev_loss: NDArray[np.float64]  # evaluation mode: cross-entropy in nats, or squared error in standardised units
    gradient_norm: NDArray[np.float64]
    learning_rate: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Some steps of a training from inside: 1, 8, 64, 512, … and the last. Names of arrays as in `telemetry.Sight`.

    Arrays have shape (steps,), (steps, leaves) or (steps, layers). Norms are Euclidean, of a leaf as a whole.
    """

    leaves: tuple[str, ...]  # each array that is learned, by its path, such as "hidden.0.w"
    layers: tuple[str, ...]  # hidden layers; () where the model is a person's own
    depth: tuple[int, ...]  # places of the layers' weights among the leaves, first layer first; () where not known
    step: NDArray[np.float64]
    loss: NDArray[np.float64]
    norm: NDArray[np.float64]
    clipped: NDArray[np.float64]
    gradient: NDArray[np.float64]
    weight: NDArray[np.float64]
    update: NDArray[np.float64]
    not_finite: NDArray[np.float64]
    rms: NDArray[np.float64]
    dead: NDArray[np.float64]
    saturated: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What training gave. Predictions are probabilities (rows, classes), or numbers in the target's units (rows, 1).

    `dev` is cross-fitted: the rows of half A are predicted by the weights that half B would have stopped at, and the
    other way round, so that no row helped to choose the weights that predict it.
    """

    work: Work
    ending: Ending
    epochs: float
    best_epoch: float
    dev_loss: float  # at the best epoch, as it was chosen by (raw, so a little too good)
    dev: NDArray[np.float32]
    train: NDArray[np.float32]  # for the fold's first TRAIN_SAMPLE training rows (in fold order), best weights
    train_dev: NDArray[np.float32] | None
    curve: Curve
    weights: str  # file with the best weights (safetensors)
    seconds: float  # training, without compilation
    compile_seconds: float  # getting the program: tracing it, then XLA's compiling or reading it from its cache
    trace_seconds: float = 0.0  # of compile_seconds, what Python's tracing took
    telemetry: Telemetry | None = None  # where the work asked for it


class Executor(Protocol):
    """Runs work in any order, on anything; yields outcomes as they come (an iterator, not a barrier).

    At `deadline` (of `time.monotonic`) running trials are interrupted and yielded; waiting ones are left out.
    """

    def __call__(self, work: Iterable[Work], *, deadline: float | None = None) -> Iterator[Outcome]: ...
