"""The arrays that one fold trains on. Needs no JAX: who only writes them need not wait for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish.data.inputs import InputSpec, Prepared
from burnish.model.architecture import Task

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
