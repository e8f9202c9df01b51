"""The delivered model: one or more networks, each behind its own preparation, averaged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from burnish import errors
from burnish.data.counting import ALIKE, Counting
from burnish.data.inputs import Prepared
from burnish.data.table import Physical, Table
from burnish.model import kinds, rules
from burnish.model.architecture import Architecture
from burnish.model.own_model import OwnModel
from burnish.predictor import outputs, shapes, weights
from burnish.preprocess import padding
from burnish.preprocess.preparation import Preparation
from burnish.preprocess.target import TargetCoding
from burnish.train import packing
from burnish.train.fold_data import TargetScale

FORMAT_VERSION = 1
MODEL_FILE, WEIGHTS_FILE = "model.json", "networks.safetensors"

# Rows that go through a network at a time: 4096 rows at width 512 are 8 MB of activations.
CHUNK = 4096
# Made-up rows that show whether an own model's functions compute what they did, and how far rounding on another
# processor may move a prediction, as a share of the largest.
PROBE_ROWS, PROBE_TOLERANCE = 4, 1e-3
# Rows are padded to a power of two, and to so many at least: a few microseconds of a network that predicts, against a
# twentieth of a second for each further size that is compiled. Images go through in as many at a time, so that one size
# does for all: to compile a network of them takes ten seconds and more.
FEWEST = 128


@dataclass(frozen=True, slots=True)
class Member:
    """One network of an ensemble."""

    preparation: int  # which of the predictor's preparations feeds it
    architecture: Architecture
    scale: TargetScale
    share: float  # of the average; the members' shares sum to 1
    arrays: weights.Flat


@dataclass(frozen=True, slots=True)
class Predictor:
    """What turns rows into predictions. Frozen: the same object in training and at prediction."""

    target: TargetCoding
    preparations: tuple[Preparation, ...]
    members: tuple[Member, ...]
    counting: Counting = ALIKE

    @property
    def target_schema(self) -> dict[str, Physical]:
        """How a reader must give the target, where it is to be compared: labels as text, so that "01" is not 1."""
        return {} if self.target.task == "regression" else {self.target.name: Physical.TEXT}

    @property
    def parameters(self) -> int:
        """Learned numbers of all members together."""
        return sum(member.architecture.parameters for member in self.members)

    @property
    def own(self) -> OwnModel | None:
        """The person's own model, if the networks are of one."""
        return shapes.own_of(self.members[0].architecture)

    @property
    def schema(self) -> dict[str, Physical]:
        """Columns that prediction needs, and how a reader must give them."""
        return joint_schema(self.preparations)

    def predict(self, table: Table) -> NDArray[np.float64]:
        """Probabilities (rows, classes), or numbers in the target's units (rows, 1): one row for each row, in order."""
        total = np.zeros((table.rows, max(1, len(self.target.classes))))
        for index, preparation in enumerate(self.preparations):
            fed = [member for member in self.members if member.preparation == index]
            if not fed:
                continue
            prepared = preparation.transform(table)
            for member in fed:
                widened = padding.widen(prepared, preparation.inputs, member.architecture.inputs)
                total += member.share * apply(member, widened, self.target.task)
        return total

    def predict_by(self, preparation: int, table: Table) -> NDArray[np.float64]:
        """The same, of the networks behind one of the preparations alone."""
        fed = [member for member in self.members if member.preparation == preparation]
        made = self.preparations[preparation]
        prepared, total = made.transform(table), np.zeros((table.rows, max(1, len(self.target.classes))))
        for member in fed:
            widened = padding.widen(prepared, made.inputs, member.architecture.inputs)
            total += member.share * apply(member, widened, self.target.task)
        return total / sum(member.share for member in fed)

    def save(self, folder: Path) -> None:
        """Write the model as data: JSON and safetensors."""
        flat = {
            f"{index}.{name}": array
            for index, member in enumerate(self.members)
            for name, array in member.arrays.items()
        }
        weights.save(folder / WEIGHTS_FILE, flat)
        described = [
            {
                "preparation": member.preparation,
                "architecture": shapes.to_json(member.architecture),
                "scale": {k: v if np.isfinite(v) else None for k, v in asdict(member.scale).items()},
                "share": member.share,
            }
            for member in self.members
        ]
        model = {
            "format_version": FORMAT_VERSION,
            "kind": "network",
            "target": self.target.to_json(),
            "preparations": [p.to_json() for p in self.preparations],
            "members": described,
            "counting": asdict(self.counting),
            "own_model": None if self.own is None else {**self.own.to_json(), "probe": self._probe().tolist()},
        }
        (folder / MODEL_FILE).write_text(json.dumps(model, allow_nan=False), "utf-8")

    @classmethod
    def from_json(cls, model: dict[str, Any], folder: Path, own: OwnModel | None = None) -> Predictor:
        """The predictor that `save` wrote into `folder`; `own` is the person's own model, if it is of one.

        Raises:
            ConfigError: It is of an own model, which is missing, makes other parameters, or computes something else.
        """
        flat = weights.load(folder / WEIGHTS_FILE)
        members = []
        for index, described in enumerate(model["members"]):
            prefix = f"{index}."
            arrays = {k.removeprefix(prefix): v for k, v in flat.items() if k.startswith(prefix)}
            shape = shapes.from_json(described["architecture"], own)
            weights.unflatten(shape, arrays)  # refuses arrays that do not fit
            bounds = {"low": -np.inf, "high": np.inf}
            scale = TargetScale(**{k: bounds[k] if v is None else v for k, v in described["scale"].items()})
            members.append(Member(described["preparation"], shape, scale, described["share"], arrays))
        made = cls(
            target=TargetCoding.from_json(model["target"]),
            preparations=tuple(Preparation.from_json(p) for p in model["preparations"]),
            members=tuple(members),
            counting=Counting.from_json(model),
        )
        if made.own is not None:
            made._compare(np.asarray(model["own_model"]["probe"]))
        return made

    def _probe(self) -> NDArray[np.float64]:
        """What the first network says to made-up rows, the same ones at any time."""
        first = self.members[0]
        inputs, rng = first.architecture.inputs, np.random.Generator(np.random.Philox(0))
        x = rng.standard_normal((PROBE_ROWS, inputs.width), dtype=np.float32)
        return apply(first, Prepared(x, np.zeros((PROBE_ROWS, len(inputs.vocabularies)), np.int32)), self.target.task)

    def _compare(self, then: NDArray[np.float64]) -> None:
        """Refuse functions of an own model that fit the arrays and compute something else."""
        assert self.own is not None
        moved = float(np.abs(self._probe() - then).max())
        if not moved <= PROBE_TOLERANCE * float(np.abs(then).max()):
            raise errors.ConfigError(
                f"The functions of {self.own.name} are not those that the model was trained with.",
                f"On made-up rows their predictions differ by up to {moved:.3g} from those of the run.",
                "Give them as they were then, with all that they import.",
            )


def joint_schema(preparations: Sequence[Preparation]) -> dict[str, Physical]:
    """The columns that any of these preparations reads: a fold may have left out one that is constant in its rows."""
    return {name: physical for preparation in preparations for name, physical in preparation.schema.items()}


def read_model(folder: Path) -> dict[str, Any]:
    """The JSON of a model folder.

    Raises:
        StoreError: It is no model, is damaged, or was written by a newer version.
    """
    path = folder / MODEL_FILE
    try:
        model = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise errors.StoreError(
            f"There is no model in {folder}.",
            f"{MODEL_FILE} is missing.",
            "Give a run folder, or the model folder in it.",
        ) from error
    except (OSError, ValueError) as error:
        raise errors.StoreError(
            f"The model file {path} cannot be read.", str(error), "Restore it from a copy, or train again."
        ) from error
    if not isinstance(model, dict) or model.get("format_version") != FORMAT_VERSION:
        found = model.get("format_version") if isinstance(model, dict) else None
        raise errors.StoreError(
            f"The model file {path} has format version {found}.",
            f"This burnish reads version {FORMAT_VERSION}.",
            "Use the burnish version that wrote it, or train again.",
        )
    return model


@rules.own()
def apply(member: Member, prepared: Prepared, task: str) -> NDArray[np.float64]:
    """One network's predictions, in chunks of rows padded to few sizes, so that few programs are compiled."""
    params, statistics = weights.unflatten(member.architecture, member.arrays)
    run = _program(member.architecture)
    parts: list[NDArray[np.float64]] = []
    most = CHUNK if member.architecture.inputs.image is None else FEWEST
    for begin in range(0, len(prepared.x), most):
        x, codes = prepared.x[begin : begin + most], prepared.codes[begin : begin + most]
        size = max(FEWEST, 1 << (len(x) - 1).bit_length())
        z = run(params, statistics, packing.padded(x, size), packing.padded(codes, size))
        parts.append(outputs.predictions(np.asarray(z)[: len(x)], task, member.scale).astype(np.float64))
    empty = np.zeros((0, member.architecture.outputs))
    return np.concatenate([empty, *parts])


_PROGRAMS: dict[Architecture, Any] = {}


def _program(shape: Architecture) -> Any:
    """Compiled once per architecture: jax.jit forgets what it compiled when its function goes."""
    if shape not in _PROGRAMS:
        _PROGRAMS[shape] = jax.jit(partial(kinds.of(shape).evaluation, shape))
    return _PROGRAMS[shape]
