"""Which rows train, which choose, which are opened once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]  # positions in the table, sorted


@dataclass(frozen=True, slots=True)
class Fold:
    """One way to train and to choose."""

    train: Rows
    dev: Rows
    train_dev: Rows | None = None  # held out from the training distribution, where dev comes from elsewhere


@dataclass(frozen=True, slots=True)
class Split:
    """How a table is divided.

    `folds` always holds every rotation of the train/dev boundary that makes sense (one where dev was given, or where
    time
    orders the rows). A trial is run on the first `screen` of them: all where a single dev part would be too small to
    tell models apart, else one.
    """

    folds: tuple[Fold, ...]
    screen: int
    test: Rows | None
    reason: str  # one sentence: why these sizes and this manner

    @property
    def primary(self) -> Fold:
        return self.folds[0]

    @property
    def screening(self) -> tuple[Fold, ...]:
        return self.folds[: self.screen]
