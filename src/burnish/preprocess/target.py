"""The target: which task it makes, and how it is written for training and read back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from burnish.data.dressed import dressed
from burnish.data.kinds import Profile
from burnish.data.table import Column, Kind, Physical, Table
from burnish.errors import ConfigError, DataError
from burnish.preprocess import categories, numbers

Task = Literal["classification", "regression"]

# Whole numbers with no more distinct values than this may be class numbers: the ten digits are the classic case.
CLASS_NUMBERS = 10
# ... if each value stands for this many rows on average; ten values in thirty rows are measurements.
ROWS_PER_CLASS_NUMBER = 10
# Text of which more than this share of the rows is distinct names rows: a class needs rows to learn from.
DISTINCT_SHARE = 0.5
# With so few known rows a share says nothing.
DISTINCT_ROWS = 20
# Words that mean "yes", in lower case: such a class is the positive one.
YES = frozenset({"1", "true", "yes", "y", "positive", "pos"})


@dataclass(frozen=True, slots=True)
class TargetCoding:
    """How a target is written for training, and read back. The fields of the other task are empty."""

    name: str
    task: Task
    classes: tuple[str, ...] = ()  # sorted, as numbers where all are numbers; a class's place is its code
    positive: str | None = None  # of two classes, the one that precision and recall speak of
    mean: float = 0.0  # of the training rows, in units
    std: float = 1.0
    low: float = 0.0  # the smallest target of the training rows
    high: float = 0.0

    def encode(self, column: Column, of: Table | None = None) -> NDArray[np.int32] | NDArray[np.float32]:
        """Class codes (−1 = missing), or standardised numbers (NaN = missing); shape (rows,).

        Args:
            column: The target.
            of: The table that it is a column of, for an error to name the line; None: it names the row, from 0.

        Raises:
            DataError: a label that is no class, or text where numbers are due.
        """
        if self.task == "regression":
            return ((numbers.values_of(column) - self.mean) / self.std).astype(np.float32)
        text = categories.text_of(column)
        codes = categories.places(text, {label: k for k, label in enumerate(self.classes)}, unseen=-2, missing=-1)
        if bool(np.any(codes == -2)):
            row = int(np.flatnonzero(codes == -2)[0])
            where = f"row {row}" if of is None else f"{of.counts} {of.row_ids[row]}"
            raise DataError(
                f"Target {self.name!r} holds an unknown class: {text.levels[int(text.values[row])][:80]!r}.",
                f"It is in {where}, the first of {np.count_nonzero(codes == -2)} such rows.",
                "Correct the labels, or train with rows of this class.",
            )
        return codes

    def units(self, column: Column) -> NDArray[np.float64]:
        """The numbers themselves, for a regression; shape (rows,), NaN = missing."""
        return numbers.values_of(column)

    def decode(self, predictions: NDArray[np.floating]) -> NDArray[Any]:
        """Reads predictions back.

        Args:
            predictions: Probabilities (rows, classes), or standardised numbers (rows, 1).

        Returns:
            The most probable class as text (the first of equals), or the number in units; shape (rows,).
        """
        if self.task == "classification":
            return np.array(self.classes, dtype=object)[predictions.argmax(axis=1)]
        return predictions[:, 0].astype(np.float64) * self.std + self.mean

    def why_positive(self, *, asked: bool) -> str:
        """Which class is the positive one, and why, in one sentence; "" where there is none."""
        if self.positive is None:
            return ""
        if asked:
            why = "as --positive says"
        elif self.positive.strip().lower() in YES:
            why = "as it is the one that means yes"
        else:
            why = "the rarer of the two"
        named = "" if asked else "; --positive names the other"
        return f"The positive class is {self.positive!r}, {why}{named}."

    def to_json(self) -> dict[str, Any]:
        """A dictionary of JSON values; `from_json` reads it back to an equal object."""
        return {**asdict(self), "classes": list(self.classes)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TargetCoding:
        return cls(**{**values, "classes": tuple(values["classes"])})


def usable(column: Column) -> NDArray[np.bool_]:
    """Which rows have a target; the others can neither train nor judge. Shape (rows,)."""
    return ~column.missing


def infer_task(column: Column, profile: Profile) -> tuple[Task, str]:
    """What is to be predicted, a class or a number, and why, in one sentence.

    Raises:
        DataError: the target is constant, a date, or names the rows.
    """
    known = np.asarray(column.values)[usable(column)]
    distinct = len(np.unique(known))
    _check_varies(column, distinct)
    if column.physical is Physical.DATE:
        raise DataError(
            f"Target {column.name!r} holds dates.",
            "burnish predicts classes or numbers.",
            "Turn the date into a number, such as the days since a fixed day.",
        )
    if column.physical is Physical.TEXT:
        if profile.kind is Kind.IDENTIFIER or (len(known) > DISTINCT_ROWS and distinct > DISTINCT_SHARE * len(known)):
            raise _identifier(column, distinct, len(known))
        return "classification", f"the target is text with {distinct} distinct values"
    if column.physical is Physical.BOOLEAN:
        return "classification", f"the target is {' or '.join(column.words or ('false', 'true'))}"
    return _task_of_numbers(column, np.asarray(known, dtype=np.float64), distinct)


def _task_of_numbers(column: Column, known: NDArray[np.float64], distinct: int) -> tuple[Task, str]:
    if distinct == 2:
        return "classification", "the target has two distinct values"
    if not bool(np.all(known == np.floor(known))):
        return "regression", "the target is a number with fractions"
    if len(known) > DISTINCT_ROWS and distinct == len(known) == known.max() - known.min() + 1:
        raise _identifier(column, distinct, len(known))
    if distinct > CLASS_NUMBERS:
        return "regression", f"the target is a whole number with {distinct} distinct values, more than {CLASS_NUMBERS}"
    if len(known) < ROWS_PER_CLASS_NUMBER * distinct:
        return (
            "regression",
            f"the target has {distinct} distinct whole numbers, but fewer than {ROWS_PER_CLASS_NUMBER} rows for each",
        )
    return (
        "classification",
        f"the target has only {distinct} distinct whole numbers in {len(known)} rows; "
        "say --task regression if they are amounts",
    )


def _check_varies(column: Column, distinct: int) -> None:
    if distinct < 2:
        raise DataError(
            f"Target {column.name!r} is constant." if distinct else f"Target {column.name!r} has no value at all.",
            "All rows that have a target have the same one, so there is nothing to learn."
            if distinct
            else "Every row is missing.",
            "Name another column with --target, or bring rows with other outcomes.",
        )


def _identifier(column: Column, distinct: int, rows: int) -> DataError:
    if column.physical is Physical.TEXT and dressed(column.levels):
        return DataError(
            f"Target {column.name!r} is text, and looks like numbers.",
            f"Its values have signs or commas in them, such as {column.levels[0]!r}.",
            "Write them with digits and a decimal point alone.",
        )
    return DataError(
        f"Target {column.name!r} names the rows; it is an identifier.",
        f"It has {distinct} distinct values in {rows} rows, so no value can be learnt from others.",
        "Name another column with --target, or group the values into fewer classes.",
    )


def fit(column: Column, rows: NDArray[np.integer], task: Task, *, positive: str | None = None) -> TargetCoding:
    """The coding of a target.

    Classes are taken from all rows, because the list of possible answers is known beforehand and every split must
    agree on it; mean, standard deviation and range from the training rows alone.

    Args:
        column: The target of the whole table.
        rows: Positions of the training rows.
        task: Class or number.
        positive: Of two classes, the positive one; None: the one that means yes, else the rarer.

    Raises:
        DataError: the target is constant (in the training rows, for a number), or text is to be a number.
        ConfigError: `positive` is no class.
    """
    if task == "classification":
        return _fit_classes(column, positive)
    if column.physical is Physical.TEXT:
        raise DataError(
            f"Target {column.name!r} is text, and a regression needs a number.",
            f"One of its values is {column.levels[0][:80]!r}." if column.levels else "",
            "Leave out --task regression, or write the target as numbers.",
        )
    values = numbers.values_of(column)[rows]
    values = values[~np.isnan(values)]
    _check_varies(column, len(np.unique(values)))
    return TargetCoding(
        column.name,
        "regression",
        mean=float(values.mean()),
        std=float(values.std()),
        low=float(values.min()),
        high=float(values.max()),
    )


def _fit_classes(column: Column, positive: str | None) -> TargetCoding:
    text = categories.text_of(column)
    counts = np.bincount(np.asarray(text.values, dtype=np.int64) + 1, minlength=len(text.levels) + 1)[1:]
    labels = {level: int(n) for level, n in zip(text.levels, counts, strict=True) if n}
    _check_varies(column, len(labels))
    classes = _in_order(tuple(labels))
    if positive is not None and positive not in classes:
        raise ConfigError(
            f"The positive label {positive!r} is no class of target {column.name!r}.",
            f"Its classes are {', '.join(repr(label) for label in classes[:10])}.",
            "Name one of them with --positive.",
        )
    if positive is None and len(classes) == 2:
        positive = _positive(classes, labels)
    return TargetCoding(column.name, "classification", classes=classes, positive=positive)


def _in_order(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Sorted as numbers where all are numbers, else as text."""
    try:
        return tuple(sorted(labels, key=lambda label: (float(label), label)))
    except ValueError:
        return tuple(sorted(labels))


def _positive(classes: tuple[str, ...], counts: dict[str, int]) -> str:
    yes = [label for label in classes if label.strip().lower() in YES]
    if len(yes) == 1:
        return yes[0]
    return min(reversed(classes), key=lambda label: counts[label])
