"""Reads the curves of a training from a CSV, as whatever program has called its columns.

Keras, fastai, Lightning and the Hugging Face trainer each have names of their own; what a column was taken for is told.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from burnish import errors
from burnish.load import dialect, encoding

Floats = NDArray[np.float64]

NEEDED = ("train_loss", "dev_loss")
# What each column may be called, in lower case, with anything but letters and digits taken out. The first that is there
# is used.
_PARTS = {"train": ("train", "training", "trn", ""), "dev": ("dev", "val", "valid", "validation", "eval")}
_MEASURES = {"loss": ("loss", "cost"), "error": ("error", "err"), "accuracy": ("accuracy", "acc")}
_NAMES: dict[str, tuple[str, ...]] = {
    "epoch": ("epoch", "epochs", "ep"),
    **{
        f"{part}_{measure}": tuple(
            name for word in words for said in spellings for name in dict.fromkeys((word + said, said + word))
        )
        for part, words in _PARTS.items()
        for measure, spellings in _MEASURES.items()
    },
    "learning_rate": ("learningrate", "lr", "trainlearningrate", "trainlr"),
    "gradient_norm": ("gradientnorm", "gradnorm", "gnorm", "traingradnorm"),
}
_MISSING = {"", "na", "n/a", "none", "null"}
# Measures that some programs write without saying of which rows: of the training rows, if the same is there for dev.
_BARE = ("error", "accuracy")
# Column names that a message lists.
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class CurveFile:
    """The curves of one training: an entry for each epoch. NaN: not written; infinity: written as no finite number."""

    shown: str  # how messages call the file
    columns: Mapping[str, Floats]  # by the names in `NEEDED` and beside them; arrays of shape (epochs,)
    taken: Mapping[str, str]  # what each of them is called in the file
    ignored: tuple[str, ...]  # columns that stand for nothing here
    remarks: tuple[str, ...]  # sentences on what was done to the rows

    def column(self, name: str) -> Floats:
        """The column of this name; NaN for every epoch where there is none."""
        return self.columns.get(name, np.full(len(self.columns["epoch"]), np.nan))


def read(path: Path) -> CurveFile:
    """The curves in a file of delimited text, in any common dialect and encoding.

    An accuracy becomes an error, 1 − accuracy (in per cent if it exceeds 1). Rows of one epoch, as loggers of single
    steps write them, are averaged, and epochs without both losses left out. Without a column for it, the rows count
    the epochs.

    Raises:
        DataError: There is no such file, it has no train loss or dev loss, or a cell is no number.
    """
    shown = str(path)
    if not path.is_file():
        raise errors.DataError(
            f"There is no file {shown}.", f"It was looked for in {Path.cwd()}.", "Check the spelling and the folder."
        )
    name, _ = encoding.find(path, shown)
    text = path.read_text(name, errors="replace")
    reader = dialect.detect(text).reader(io.StringIO(text, newline=""), strict=False)
    records = [record for record in reader if any(record)]
    header, rows = [cell.strip() for cell in records[0]], records[1:]
    taken = _taken(header, shown)
    if not rows:
        raise errors.DataError(f"{shown} has no epochs.", "There is a header, and no row below it.", "Train first.")
    places = {role: header.index(column) for role, column in taken.items()}
    columns = {role: _numbers(rows, place, shown, header[place]) for role, place in places.items()}
    columns, remarks = _by_epoch(columns, shown)
    for part in _PARTS:
        accuracy = columns.pop(f"{part}_accuracy", None)
        if accuracy is not None and f"{part}_error" not in columns:
            columns[f"{part}_error"] = 1 - accuracy / (100 if np.nanmax(accuracy, initial=0) > 1 else 1)
    ignored = tuple(column for column in header if column not in taken.values())
    return CurveFile(shown, columns, taken, ignored, remarks)


def _taken(header: Sequence[str], shown: str) -> dict[str, str]:
    """The file's column for each of our names."""
    plain = {re.sub(r"[^a-z0-9]", "", column.lower()): column for column in reversed(header)}
    found = {role: next((plain[name] for name in names if name in plain), None) for role, names in _NAMES.items()}
    taken = {role: column for role, column in found.items() if column is not None}
    for measure in _BARE:
        if f"dev_{measure}" not in taken and taken.get(f"train_{measure}", "").lower() in _MEASURES[measure]:
            del taken[f"train_{measure}"]
    for role in NEEDED:
        if role not in taken:
            names = ", ".join(header[:_SHOWN]) + (", …" if len(header) > _SHOWN else "")
            known = "train_loss, loss" if role == "train_loss" else "dev_loss, val_loss, valid_loss, eval_loss"
            raise errors.DataError(
                f"{shown} has no column for the {role.replace('_', ' ')}.",
                f"Its columns are {names}; names such as {known} are known.",
                f"Call it {role}.",
            )
    return taken


def _numbers(rows: Sequence[Sequence[str]], place: int, shown: str, column: str) -> Floats:
    values = np.full(len(rows), np.nan)
    for number, row in enumerate(rows):
        cell = row[place].strip() if place < len(row) else ""
        if cell.lower() in _MISSING:
            continue
        try:
            value = float(cell)
        except ValueError as error:
            raise errors.DataError(
                f"{shown}, row {number + 1} below the header, column {column}: {cell!r} is no number.",
                "Curves are numbers with a decimal point; nan and inf are allowed, an empty cell is a missing value.",
                "Correct the cell.",
            ) from error
        values[number] = value if np.isfinite(value) else np.inf
    return values


def _by_epoch(columns: Mapping[str, Floats], shown: str) -> tuple[dict[str, Floats], tuple[str, ...]]:
    """One entry for each epoch with both losses, in order, and what had to be done for that."""
    count, remarks = len(columns["train_loss"]), []
    epochs = columns.get("epoch", np.full(count, np.nan))
    if not np.isfinite(epochs).all():
        epochs = np.arange(1.0, count + 1)
        remarks.append("No column counts the epochs, so the rows do.")
    both = ~np.isnan(columns["train_loss"]) & ~np.isnan(columns["dev_loss"])
    # Loggers of steps write parts of epochs, and dev in rows of its own: those belong to the epoch that they end in.
    numbers, place = np.unique(epochs if both.all() else np.ceil(epochs), return_inverse=True)
    merged = {role: _averaged(values, place, len(numbers)) for role, values in {**columns, "epoch": epochs}.items()}
    if len(numbers) < count:
        merged["epoch"] = numbers
        remarks.append(f"{count:,} rows were averaged to {len(numbers):,} epochs.")
    both = ~np.isnan(merged["train_loss"]) & ~np.isnan(merged["dev_loss"])
    if not both.any():
        raise errors.DataError(
            f"{shown} has no epoch with both a train loss and a dev loss.",
            "They are compared epoch by epoch.",
            "Write both into each row, or the number of the epoch beside them.",
        )
    if not both.all():
        remarks.append(f"{int((~both).sum()):,} epochs without both losses were left out.")
    return {role: values[both] for role, values in merged.items()}, tuple(remarks)


def _averaged(values: Floats, place: NDArray[np.int64], count: int) -> Floats:
    """The mean over the rows of each epoch that have a value; NaN where none has."""
    there = ~np.isnan(values)
    totals = np.bincount(place[there], values[there], minlength=count)
    rows = np.bincount(place[there], minlength=count)
    return np.divide(totals, rows, out=np.full(count, np.nan), where=rows > 0)
