"""The arrays that one fold trains on, packed so that folds and small tables share compiled programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.data.inputs import InputSpec, Prepared
from burnish.model.architecture import Task
from burnish.train.slice import Data, Rows

# Capacities have this many significant binary digits: at most 1/8 of the rows are padding, and tables of like size
# share a program.
CAPACITY_DIGITS = 4
SMALLEST_CAPACITY = 32

# Training rows predicted for the train error: enough for a standard error of 0.7 points at an error rate of 50 %.
TRAIN_SAMPLE = 5_000


@dataclass(frozen=True, slots=True)
class TargetScale:
    """From the network's standardised output to the target's units; for classification mean 0 and deviation 1."""

    mean: float = 0.0
    deviation: float = 1.0
    low: float = -np.inf  # smallest and largest target of the training rows: predictions are kept inside
    high: float = np.inf


@dataclass(frozen=True, slots=True)
class Part:
    """Rows with their targets: int32 classes or float32 standardised numbers, and weights with mean 1."""

    inputs: Prepared
    y: NDArray[np.int32] | NDArray[np.float32]
    weight: NDArray[np.float32]

    def take(self, rows: NDArray[np.integer]) -> Part:
        return Part(self.inputs.take(rows), self.y[rows], self.weight[rows])


@dataclass(frozen=True, slots=True)
class FoldData:
    """One fold, ready to be trained on."""

    inputs: InputSpec
    task: Task
    outputs: int
    target: TargetScale
    train: Part  # in a fixed random order, so that the first n rows are a random sample
    dev: Part
    half: NDArray[np.bool_]  # which dev rows are in half A of the cross-fitting
    probe: Prepared  # training rows for the train error, then train-dev rows
    probe_train: int  # how many of the probe's rows are training rows


def capacity(rows: int) -> int:
    """The padded number of rows: the next number with CAPACITY_DIGITS significant binary digits."""
    rows = max(rows, SMALLEST_CAPACITY)
    unit = 1 << max(0, rows.bit_length() - CAPACITY_DIGITS)
    return -(-rows // unit) * unit


def padded(array: NDArray, size: int) -> Any:
    """The array with zeros after its rows, up to `size` rows; a host array, where the compiled program sees its own."""
    if len(array) == size:
        return array
    out = np.zeros((size, *array.shape[1:]), array.dtype)
    out[: len(array)] = array
    return out


def pack_part(part: Part, round_up: Callable[[int], int]) -> Rows:
    """A part with its padding."""
    rows = len(part.y)
    size = round_up(rows)
    return Rows(
        x=padded(part.inputs.x, size),
        codes=padded(part.inputs.codes, size),
        y=padded(part.y, size),
        weight=padded(part.weight, size),
        counted=padded(np.ones(rows, np.float32), size),
    )


def pack(fold: FoldData, round_up: Callable[[int], int] = capacity) -> Data:
    """What a slice reads, as host arrays padded to `round_up` of their rows; `rows` is all training rows."""
    dev = pack_part(fold.dev, round_up)
    size = round_up(len(fold.probe.x))
    rows: Any = np.int32(len(fold.train.y))
    return Data(
        train=pack_part(fold.train, round_up),
        rows=rows,
        dev=dev,
        half=padded(fold.half.astype(np.float32), len(dev.y)),
        probe_x=padded(fold.probe.x, size),
        probe_codes=padded(fold.probe.codes, size),
    )
