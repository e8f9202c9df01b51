"""What a baseline is once it is fitted, and the simplest ones: the class shares, and the mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from burnish.data.inputs import Prepared

Weights = NDArray[np.float64] | None  # of the rows, None: all alike
Targets = NDArray[np.int32] | NDArray[np.float64]  # class codes, or numbers in units


class Model(Protocol):
    """What predicts."""

    def predict(self, prepared: Prepared) -> NDArray[np.float64]:
        """Probabilities (rows, classes), or numbers in the target's units (rows, 1)."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted baseline."""

    name: str
    model: Model
    note: str = ""  # what a person should know about the fit (fewer rows, not converged), in one sentence

    def predict(self, prepared: Prepared) -> NDArray[np.float64]:
        """Probabilities (rows, classes), or numbers in the target's units (rows, 1)."""
        return self.model.predict(prepared)


@dataclass(frozen=True, slots=True)
class Constant:
    """The same prediction for every row."""

    outputs: tuple[float, ...]

    def predict(self, prepared: Prepared) -> NDArray[np.float64]:
        """Shape (rows, outputs)."""
        return np.tile(np.array(self.outputs), (len(prepared.x), 1))

    def to_json(self) -> dict[str, Any]:
        return {"outputs": list(self.outputs)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Constant:
        return cls(tuple(values["outputs"]))


def majority(y: Targets, w: Weights, classes: int) -> Fitted:
    """Predicts every class with its share of the training rows; its most probable class is the majority.

    One row is shared out among all classes beforehand (Perks 1947), so that a class that training did not see has a
    probability above 0 and the cross-entropy stays finite.
    """
    counts = np.bincount(y.astype(np.int64), weights=w, minlength=classes) + 1 / classes
    return Fitted("majority", Constant(tuple((counts / counts.sum()).tolist())))


def mean(y: Targets, w: Weights) -> Fitted:
    """Predicts the (weighted) mean of the training targets, in units."""
    return Fitted("mean", Constant((float(np.average(y, weights=w)),)))
