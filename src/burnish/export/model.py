"""A whole delivered model as one ONNX graph: columns in, predictions out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from burnish.data.table import Column, Physical, Table
from burnish.errors import StoreError
from burnish.export import columns, networks
from burnish.export.graph import DOUBLE, STRING, Graph
from burnish.predictor.predictor import Predictor
from burnish.predictor.simple import AnyPredictor
from burnish.preprocess import categories, dates, numbers

LABEL, PROBABILITIES, PREDICTION = "label", "probabilities", "prediction"

# Made-up rows on which a file is compared with its model before it is given out.
PROBE_ROWS = 256
# Rounding of float32 through a network, as a share of the largest prediction: a thousand times its precision, 1.2e-7,
# since made-up rows may give logits of some hundreds.
TOLERANCE = 1e-4
TYPES = {"tensor(double)": "float64", "tensor(string)": "text"}
UNKNOWN_LEVEL = "\u2007a level that training never saw"


@dataclass(frozen=True, slots=True)
class Checked:
    """How far a file's predictions lie from those of its model, on made-up rows."""

    rows: int
    difference: float  # the largest, of a probability or in the target's units
    scale: float  # the largest prediction
    inputs: tuple[tuple[str, str], ...]  # name and type of each column
    outputs: tuple[str, ...]


def write(model: AnyPredictor, path: Path) -> Checked:
    """Write a delivered model as ONNX, once it is seen to predict what the model predicts.

    The file reads each column as a tensor (rows, 1) of its own name: float64 for numbers, for yes or no (1 or 0) and
    for dates (seconds since 1970, UTC), NaN where missing; text for categories, empty where missing. It gives `label`
    (rows,) and `probabilities` (rows, classes), or `prediction` (rows, 1) in the target's units.

    Raises:
        ConfigError: The model is of a kind that cannot be written yet.
        StoreError: The file cannot be written, or would predict something else.
    """
    made = build(model)
    data = made.SerializeToString()
    checked = compare(model, data)
    if not checked.difference <= TOLERANCE * checked.scale:
        raise StoreError(
            "The ONNX file would not predict what the model predicts.",
            f"On {checked.rows} made-up rows they differ by up to {checked.difference:.3g}.",
            "This is a fault of burnish; please report it. Nothing was written.",
        )
    try:
        path.write_bytes(data)
    except OSError as error:
        raise StoreError(f"{path} cannot be written.", str(error), "Give another place with --output.") from error
    return checked


def build(model: AnyPredictor) -> Any:
    """The graph of a model, an `onnx.ModelProto`."""
    graph, classes = Graph(), model.target.classes
    parts = []
    for index, preparation in enumerate(model.preparations):
        ready = columns.prepared(graph, preparation)
        zeros = columns.rows_of_zeros(graph, preparation.plans[0], preparation.physical[0])
        if not isinstance(model, Predictor):
            x = networks.placed(graph, ready, preparation.inputs, model.inputs, zeros)
            codes = networks.coded(graph, ready, model.inputs, zeros)
            value = networks.simple(graph, model.models[index].model, x, codes, zeros)
            parts.append(_times(graph, value, 1 / len(model.preparations)))
            continue
        for member in model.members:
            if member.preparation == index:
                shape = member.architecture.inputs
                x = networks.placed(graph, ready, preparation.inputs, shape, zeros)
                codes = networks.coded(graph, ready, shape, zeros)
                value = networks.outputs(graph, member, x, codes, classes=bool(classes))
                parts.append(_times(graph, value, member.share))
    total = graph.add("Sum", *parts)
    note = f"burnish: predicts {model.target.name} from {len(graph.inputs)} columns"
    if not classes:
        return graph.finish([(PREDICTION, total, DOUBLE, (1,))], note)
    names = graph.constant(np.array(classes, object), object)
    label = graph.add("Gather", names, graph.add("ArgMax", total, axis=1, keepdims=0), axis=0)
    return graph.finish([(LABEL, label, STRING, ()), (PROBABILITIES, total, DOUBLE, (len(classes),))], note)


def _times(graph: Graph, value: str, share: float) -> str:
    return graph.add("Mul", value, graph.constant(share, np.float64))


def compare(model: AnyPredictor, data: bytes) -> Checked:
    """How far the file's predictions lie from the model's on rows made up of what its columns can hold."""
    table = made_up(model, PROBE_ROWS)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    wanted = model.predict(table)
    found = session.run([PROBABILITIES if model.target.classes else PREDICTION], feed(table, session))[0]
    scale = float(np.abs(wanted).max())
    return Checked(
        table.rows,
        float(np.abs(found - wanted).max()),
        scale,
        tuple((given.name, TYPES[given.type]) for given in session.get_inputs()),
        tuple(given.name for given in session.get_outputs()),
    )


def feed(table: Table, session: Any) -> dict[str, NDArray[Any]]:
    """The columns of a table as the file reads them."""
    return {given.name: _tensor(table[given.name]) for given in session.get_inputs()}


def _tensor(column: Column) -> NDArray[Any]:
    if column.physical is not Physical.TEXT:
        return np.asarray(column.values, np.float64)[:, None]
    levels = np.array([*column.levels, ""], object)  # code −1 is the last: missing
    return levels[column.values][:, None]


def made_up(model: AnyPredictor, rows: int) -> Table:
    """Rows of every column's typical, extreme, unseen and missing values, the same ones at any time."""
    rng = np.random.Generator(np.random.Philox(0))
    made: dict[str, Column] = {}
    for preparation in model.preparations:
        for plan, physical in zip(preparation.plans, preparation.physical, strict=True):
            if plan.name not in made:
                made[plan.name] = _column(plan, physical, rows, rng)
    return Table("made-up rows", tuple(made.values()), np.arange(rows))


def _column(plan: Any, physical: Physical, rows: int, rng: np.random.Generator) -> Column:
    missing = rng.random(rows) < 0.1
    if isinstance(plan, categories.FlagsPlan | categories.CodesPlan):
        if physical is Physical.TEXT:
            levels = (*plan.levels, UNKNOWN_LEVEL)
            codes = rng.integers(0, len(levels), rows)
            return Column(plan.name, physical, np.where(missing, -1, codes).astype(np.int32), levels)
        numbers_ = np.array([*(float(level) for level in plan.levels), 0.123456789])
        return Column(plan.name, physical, np.where(missing, np.nan, rng.choice(numbers_, rows)))
    if isinstance(plan, numbers.BooleanPlan):
        return Column(plan.name, physical, np.where(missing, np.nan, rng.integers(0, 2, rows)))
    if isinstance(plan, dates.DatePlan):
        return Column(plan.name, physical, np.where(missing, np.nan, rng.uniform(-4e9, 8e9, rows).round()))
    scaling = plan.scaling
    center, scale = (scaling.center, scaling.scale) if scaling else (0.0, 1.0)
    # Mostly near the training rows, some far out: Cauchy's tails.
    return Column(plan.name, physical, np.where(missing, np.nan, center + scale * rng.standard_cauchy(rows)))
