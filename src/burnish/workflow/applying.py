"""Using a delivered model: predictions and their judgement on new rows."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish import errors
from burnish.data import split as splits
from burnish.data.counting import Counting
from burnish.data.images import FILE, Shape, is_images, texts_of
from burnish.data.table import Reject, Table
from burnish.load import images, own_models
from burnish.load.image_tables import Paths
from burnish.predictor import predictor, seen, simple
from burnish.predictor.predictor import MODEL_FILE
from burnish.predictor.simple import AnyPredictor
from burnish.preprocess import numbers
from burnish.report.summary import Metric
from burnish.workflow import arriving, checking, image_reading, remarks, scoring
from burnish.workflow.problem import Judge

CHUNK = 8_192  # rows that are prepared at a time to be told from others: 100 MB of images of 64 x 64 pixels in colour
PREDICTION = "prediction"  # name of the column that holds the class or the number


def model_in(path: Path, *, model: Any = None) -> AnyPredictor:
    """The model of a run folder or of a model folder.

    Args:
        path: The folder.
        model: The functions of a person's own model (see `own_models.of`); None: from the file that the folder names,
            if it is there as it was.

    Raises:
        StoreError: There is none, or it cannot be read.
        ConfigError: It is of a person's own model, and that is missing or another one.
    """
    folder = _model_folder(path)
    if not path.exists():
        raise errors.StoreError(
            f"There is no run or model at {path}.", "The folder does not exist.", "See `burnish runs`."
        )
    kept = predictor.read_model(folder).get("own_model")
    if kept is None:
        return simple.load(folder)
    return simple.load(folder, own_models.again(kept) if model is None else own_models.of(model))


def _model_folder(path: Path) -> Path:
    """The model's folder in a run's folder, or the folder itself where it is one."""
    return path if (path / MODEL_FILE).exists() else path / "model"


def rows_for(model: AnyPredictor, source: Any) -> Table:
    """Rows to predict, every record of the source one row; of images a row for each that can be read.

    A table without rows is one of none, and so has no predictions.

    Raises:
        DataError: A record is no row: a prediction for it would shift all that follow. Or a column is absent, or is not
            what it was in training.
    """
    if (shape := _image_shape(model)) is not None:
        found = images.opened(source)
        if not images.are_images(found):
            raise _no_images(found)
        if isinstance(found, Paths):
            arriving.refuse_lost(found.table)
        return images.read(found, shape=shape, labelled=False)[0].table
    try:
        table = arriving.read(source, model)
    except errors.NoRows as empty:
        return arriving.none_of(empty, model)
    arriving.refuse_lost(table)
    return table


def _no_images(table: Table) -> errors.DataError:
    return errors.DataError(
        f"{table.name} holds no images, and the model reads nothing else.",
        f"No column of it names image files ({', '.join(map(repr, table.names[:12]))}).",
        "Give a folder of images, or a table with a column of their paths.",
    )


def without_image(rows: Table) -> tuple[Reject, ...]:
    """Records of a table of paths whose image cannot be read; none of a folder, whose files are no records."""
    return tuple(reject for reject in rows.rejects if reject.column is not None) if is_images(rows) else ()


def _image_shape(model: AnyPredictor) -> Shape | None:
    """What images have to be brought to; None: the model's rows are those of a table."""
    plan = model.preparations[0].image
    return None if plan is None else plan.shape


def predictions_csv(model: AnyPredictor, rows: Table, *, probabilities: bool) -> str:
    """Predictions as CSV text: a header, then one line for each row, in order; of images with the file before it.

    A record of a table of paths without an image has empty cells, so that lines stay those of the table.
    """
    predicted = model.predict(rows)
    if model.target.task == "regression":
        header, cells = [PREDICTION], [[repr(float(value))] for value in predicted[:, 0]]
    elif probabilities:
        header, cells = list(model.target.classes), [[f"{p:.9g}" for p in row] for row in predicted]
    else:
        header, cells = [PREDICTION], [[label] for label in labels(model, predicted)]
    if is_images(rows):  # whose order nobody else knows, and of which broken files have no row
        header, names = [FILE, *header], texts_of(rows[FILE])
        lines = [(line, [name, *row]) for line, name, row in zip(rows.row_ids.tolist(), names, cells, strict=True)]
        lines += [(lost.line, [lost.text, *[""] * (len(header) - 1)]) for lost in without_image(rows)]
        cells = [row for _, row in sorted(lines, key=lambda line: line[0])]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(cells)
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class Model:
    """A delivered model on tables of any kind: paths, data frames, dicts of columns, arrays."""

    predictor: AnyPredictor

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in the order of `predict_proba`'s columns; empty where the target is a number."""
        return self.predictor.target.classes

    def predict(self, data: Any) -> NDArray[Any]:
        """The most probable class (as text) or the number for each row, in order; shape (rows,).

        Raises:
            DataError: A column is absent, or a record is no row.
        """
        predicted = self._predict(data)
        return np.array(labels(self.predictor, predicted)) if self.classes else predicted[:, 0]

    def predict_proba(self, data: Any) -> NDArray[np.float64]:
        """The probability of each class; shape (rows, classes).

        Raises:
            ConfigError: The target is a number.
            DataError: A column is absent, or a record is no row.
        """
        if not self.classes:
            raise no_probabilities(self.predictor)
        return self._predict(data)

    def _predict(self, data: Any) -> NDArray[np.float64]:
        rows = rows_for(self.predictor, data)
        if lost := without_image(rows):
            raise errors.DataError(
                f"Line {lost[0].line} of {rows.name} has no image: {lost[0].reason}.",
                f"{len(lost):,} of its records have none, so rows and predictions would not match.",
                "Mend what is named, or use `burnish predict`, which leaves their cells empty.",
            )
        return self.predictor.predict(rows)


def no_probabilities(model: AnyPredictor) -> errors.ConfigError:
    """Why there are none."""
    return errors.ConfigError(
        "This model has no probabilities.",
        f"Its target {model.target.name!r} is a number.",
        "Ask for the predictions themselves.",
    )


def labels(model: AnyPredictor, predicted: NDArray[np.floating]) -> list[str]:
    """The most probable class of each row."""
    return [model.target.classes[k] for k in predicted.argmax(1)]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model on rows with known targets."""

    rows: int
    metrics: tuple[Metric, ...]
    remarks: tuple[str, ...]  # on what could not be read as it stands
    seen: int = 0  # rows that the model was made from
    unseen: tuple[Metric, ...] = ()  # on the others, where there are both

    def document(self) -> dict[str, Any]:
        """As JSON: each error with its interval, smaller is better; null where rows are too few for it."""
        return {
            "rows": self.rows,
            "metrics": _records(self.metrics),
            "seen_rows": self.seen,
            "unseen_metrics": _records(self.unseen),
        }


def _records(metrics: tuple[Metric, ...]) -> list[dict[str, Any]]:
    return [
        {"name": m.name, **{key: _finite(getattr(m.value, key)) for key in ("value", "low", "high")}} for m in metrics
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def evaluate(
    path: Path,
    source: Any,
    *,
    group: str | None = None,
    weight: str | None = None,
    labels: str | None = None,
    own: Any = None,
) -> Evaluation:
    """Errors of a model on the rows of a source that have a target.

    Args:
        path: The run's folder, or its model's.
        source: The rows.
        group: Column whose rows of one value are one piece of evidence; None: the one that the run was told of, if any.
        weight: Column of row weights, likewise.
        labels: Table of the labels of images.
        own: The functions of a person's own model, as for `model_in`.
    """
    model = model_in(path, model=own)
    table = _labelled(model, source, labels, Counting(group or model.counting.group, weight or model.counting.weight))
    name = model.target.name
    if name not in table.names:
        raise errors.DataError(
            f"{table.name} has no column {name!r}.", "Errors can only be measured where the target is known.", "Add it."
        )
    missing = table[name].missing
    counting = _counting(model.counting, table, Counting(group, weight))
    said = (
        *arriving.said(model, table),
        *remarks.without_target(int(missing.sum())),
        *remarks.not_counted(model.counting, counting),
    )
    if missing.any():  # else nothing is copied
        table = table.take(np.flatnonzero(~missing))
    if table.rows == 0:
        raise errors.DataError(f"No row of {table.name} has a target.", f"Column {name!r} is empty.", "Fill it.")
    regression = model.target.task == "regression"
    column = table[name]
    truth = numbers.values_of(column) if regression else model.target.encode(column, table).astype(np.int64)
    weights = None if counting.weight is None else checking.weights(table, counting.weight)
    groups = None if counting.group is None else splits.group_labels(table, counting.group)
    judge = Judge(model.target.task, "rmse" if regression else "log_loss", truth, weights, groups, weights)
    predicted, rows = model.predict(table), np.arange(table.rows)
    known = seen.among(_model_folder(path), fingerprints(model, table, rows, truth.astype(np.float64)))
    new = np.flatnonzero(~known)
    return Evaluation(
        table.rows,
        scoring.metrics(judge, predicted, rows, model.target),
        said,
        int(known.sum()),
        scoring.metrics(judge, predicted[new], new, model.target) if 0 < len(new) < table.rows else (),
    )


def _labelled(model: AnyPredictor, source: Any, labels: str | None, counting: Counting) -> Table:
    """Rows with their target, and where images come as a table with the columns that say how they count."""
    shape = _image_shape(model)
    if shape is None:
        image_reading.refuse_for_tables(labels, None, str(source))
        return arriving.read(source, model, beside=model.target_schema)
    found, target = images.opened(source, but=(model.target.name,), types=model.target_schema), None
    if isinstance(found, Paths):
        image_reading.refuse_labels(labels, found)
        target = checking.column(found.table, model.target.name, "target")
    elif not images.are_images(found):
        raise _no_images(found)
    elif labels is not None:
        target = model.target.name
    others = found.others if isinstance(found, Paths) else ()
    kept = tuple(name for name in (counting.group, counting.weight) if name is not None and name in others)
    dataset, beside = images.read(found, images.Ask(labels, target, columns=kept), shape=shape)
    table = (beside or dataset).table
    known = beside.target if beside else dataset.target
    assert known is not None
    return replace(
        table, columns=tuple(replace(c, name=model.target.name) if c.name == known else c for c in table.columns)
    )


def fingerprints(
    model: AnyPredictor, table: Table, rows: NDArray[np.integer], truth: NDArray[np.float64]
) -> NDArray[np.uint64]:
    """What tells a row of the model's own making from a new one: see `seen.fingerprints`; a chunk of rows at a time.

    Args:
        model: The model.
        table: Where rows are.
        rows: Which of them, shape (rows,).
        truth: Class number or target of each of these, shape (rows,).
    """
    made, found = model.preparations[0], [np.zeros(0, np.uint64)]
    for begin in range(0, len(rows), CHUNK):
        some = made.transform(table.take(rows[begin : begin + CHUNK]))
        found.append(seen.fingerprints(some, truth[begin : begin + CHUNK]))
    return np.concatenate(found)


def _counting(known: Counting, table: Table, asked: Counting) -> Counting:
    """The columns that say how rows count: those asked for, which have to be there, or those of the run that are."""
    for name, what in ((asked.group, "group column"), (asked.weight, "weight column")):
        if name is not None:
            checking.column(table, name, what)
    return Counting(
        asked.group or (known.group if known.group in table.names else None),
        asked.weight or (known.weight if known.weight in table.names else None),
    )
