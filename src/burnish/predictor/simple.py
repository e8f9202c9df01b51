"""A delivered model that is no network: class shares, the mean, or a linear model, where these win."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.baseline import linear
from burnish.baseline.fitted import Fitted
from burnish.data import inputs as input_shapes
from burnish.data.counting import ALIKE, Counting
from burnish.data.inputs import InputSpec
from burnish.data.table import Physical, Table
from burnish.model.own_model import OwnModel
from burnish.predictor import predictor
from burnish.preprocess import padding
from burnish.preprocess.preparation import Preparation
from burnish.preprocess.target import TargetCoding


@dataclass(frozen=True, slots=True)
class SimplePredictor:
    """The average of one simple model fitted on each fold."""

    target: TargetCoding
    preparations: tuple[Preparation, ...]
    models: tuple[Fitted, ...]  # one for each preparation
    inputs: InputSpec  # common shape that the preparations are widened to
    counting: Counting = ALIKE

    @property
    def schema(self) -> dict[str, Physical]:
        """Columns that prediction needs, and how a reader must give them."""
        return predictor.joint_schema(self.preparations)

    @property
    def target_schema(self) -> dict[str, Physical]:
        """How a reader must give the target, where it is to be compared: labels as text, so that "01" is not 1."""
        return {} if self.target.task == "regression" else {self.target.name: Physical.TEXT}

    @property
    def parameters(self) -> int:
        """A simple model has no weights worth counting beside a network's."""
        return 0

    def predict(self, table: Table) -> NDArray[np.float64]:
        """Probabilities (rows, classes), or numbers in the target's units (rows, 1): one row for each row, in order."""
        return np.mean([self.predict_by(fold, table) for fold in range(len(self.models))], axis=0)

    def predict_by(self, fold: int, table: Table) -> NDArray[np.float64]:
        """Predictions of the model that was fitted on one of the folds."""
        preparation = self.preparations[fold]
        return self.models[fold].predict(padding.widen(preparation.transform(table), preparation.inputs, self.inputs))

    def save(self, folder: Path) -> None:
        """Write the model as JSON."""
        model = {
            "format_version": predictor.FORMAT_VERSION,
            "kind": "simple",
            "target": self.target.to_json(),
            "preparations": [p.to_json() for p in self.preparations],
            "models": [linear.to_json(m) for m in self.models],
            "inputs": asdict(self.inputs),
            "counting": asdict(self.counting),
        }
        (folder / predictor.MODEL_FILE).write_text(json.dumps(model, allow_nan=False), "utf-8")

    @classmethod
    def from_json(cls, model: dict[str, Any]) -> SimplePredictor:
        """The predictor that `save` wrote."""
        return cls(
            target=TargetCoding.from_json(model["target"]),
            preparations=tuple(Preparation.from_json(p) for p in model["preparations"]),
            models=tuple(linear.from_json(m) for m in model["models"]),
            inputs=input_shapes.spec(model["inputs"]),
            counting=Counting.from_json(model),
        )


AnyPredictor = predictor.Predictor | SimplePredictor


def load(folder: Path, own: OwnModel | None = None) -> AnyPredictor:
    """The model in a folder, network or not.

    Args:
        folder: Where it lies.
        own: The functions of a person's own model, if it is of one.

    Raises:
        StoreError: There is none that can be read.
        ConfigError: It is of a person's own model, and that is missing or another one.
    """
    model = predictor.read_model(folder)
    if model["kind"] == "simple":
        return SimplePredictor.from_json(model)
    return predictor.Predictor.from_json(model, folder, own)
