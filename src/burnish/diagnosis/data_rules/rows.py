"""What the rules look at: rows to learn from and rows to judge by, as arrays of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from burnish import errors
from burnish.data.table import Column, Kind, Physical, Table

Task = Literal["classification", "regression"]
Floats = NDArray[np.float64]

# Rows and cells (rows × columns) that one rule reads at most: seconds on one core, and an effect that shows on more
# rows only is too small to matter.
MOST_ROWS, MOST_CELLS = 5_000, 1_000_000

# Larger magnitudes count as this, so that squares and their sums stay finite.
LARGEST = 1e100

PREDICTABLE = (Kind.NUMBER, Kind.CATEGORY, Kind.BOOLEAN, Kind.DATE)  # columns that a model could read


@dataclass(frozen=True, slots=True)
class Rows:
    """Training and dev rows of one question. Values are numbers or codes, NaN where missing; `of` makes one."""

    x_train: Floats  # (rows, columns)
    y_train: Floats  # (rows,): class codes 0, 1, ... or the target
    x_dev: Floats  # (dev rows, columns); no rows where there is no dev part
    y_dev: Floats
    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    task: Task
    classes: tuple[str, ...] = ()  # names of the class codes
    seed: int = 0  # of samples, halves and permutations
    x_augmented: Floats | None = None  # the training rows once augmented, in their order
    prepared: bool = False  # inputs will be standardised, and their tails bent, before a network sees them
    row_ids: NDArray[np.integer] | None = None  # of the training rows, as a person knows them; None: counted from 0
    groups: tuple[NDArray[np.integer], NDArray[np.integer]] | None = None  # training and dev rows of one number belong
    # together; None: each is by itself

    @property
    def apart(self) -> Rows:
        """One row of each group in each part, drawn at random, for tests that take rows for independent ones."""
        if self.groups is None:
            return self
        train, dev = (one_of_each(groups, self.seed) for groups in self.groups)
        chosen = replace(self, x_train=self.x_train[train], y_train=self.y_train[train], x_augmented=None, row_ids=None)
        return replace(chosen, x_dev=self.x_dev[dev], y_dev=self.y_dev[dev], groups=None)

    @property
    def has_dev(self) -> bool:
        """Whether there are dev rows."""
        return len(self.y_dev) > 0

    @property
    def numbers(self) -> tuple[int, ...]:
        """Places of the columns that are measured, rather than codes or flags."""
        return tuple(place for place, kind in enumerate(self.kinds) if kind in (Kind.NUMBER, Kind.DATE))

    @property
    def most_rows(self) -> int:
        """Rows that one rule reads at most, of so many columns."""
        return max(500, min(MOST_ROWS, MOST_CELLS // max(1, len(self.names))))

    def named(self, places: NDArray[np.integer]) -> str:
        """The training rows at these places, as a person finds them again."""
        shown = places if self.row_ids is None else self.row_ids[places]
        return ", ".join(map(str, shown)) + (" (counted from 0)" if self.row_ids is None else "")

    def class_name(self, code: float) -> str:
        """What a class is called."""
        return self.classes[int(code)] if int(code) < len(self.classes) else f"{code:g}"

    def table(self, *, dev: bool = False) -> Table:
        """The training rows (and then the dev rows) as a table whose last column is the target."""
        x = np.vstack([self.x_train, self.x_dev]) if dev else self.x_train
        y = np.concatenate([self.y_train, self.y_dev]) if dev else self.y_train
        columns = [Column(name, Physical.NUMBER, x[:, place]) for place, name in enumerate(self.names)]
        return Table("rows", (*columns, Column(target_name(self.names), Physical.NUMBER, y)), np.arange(len(y)))


def one_of_each(groups: NDArray[np.integer], seed: int) -> NDArray[np.integer]:
    """Places of one row of each group, drawn at random, in their order."""
    order = np.random.default_rng([seed, 8]).permutation(len(groups))
    return np.sort(order[np.unique(groups[order], return_index=True)[1]])


def target_name(names: Sequence[str]) -> str:
    """A name for the target's column that no other has."""
    name = "target"
    while name in names:
        name += "_"
    return name


def of(
    x_train: ArrayLike,
    y_train: ArrayLike,
    x_dev: ArrayLike | None = None,
    y_dev: ArrayLike | None = None,
    *,
    names: Sequence[str] | None = None,
    kinds: Sequence[Kind] | None = None,
    task: Task | None = None,
    classes: Sequence[str] = (),
    seed: int = 0,
    x_augmented: ArrayLike | None = None,
    row_ids: NDArray[np.integer] | None = None,
    groups: tuple[NDArray[np.integer], NDArray[np.integer]] | None = None,
    prepared: bool = False,
) -> Rows:
    """Rows from anything array-like.

    Args:
        x_train: Shape (rows, ...): what follows the first axis is laid out in one row of numbers, as pictures are.
        y_train: Class codes or numbers, shape (rows,); or one-hot, shape (rows, classes).
        x_dev: The same of the dev rows, or None.
        y_dev: The same of the dev rows, or None.
        names: Of the columns; None: "input 0", "input 1" and so on.
        kinds: Of the columns; None: all are numbers.
        task: None: classification where targets are of an integer type, or one-hot.
        classes: Names of the class codes.
        seed: Of samples, halves and permutations.
        x_augmented: The training rows as augmentation makes them once, in their order; None: there is none.
        row_ids: Numbers by which a person finds training rows again, such as lines of a file; None: counted from 0.
        groups: What training rows and dev rows belong to, by numbers; None: each is by itself.
        prepared: Whether inputs are standardised, and their tails bent, before a network sees them.

    Raises:
        DataError: numbers of rows, columns or names disagree.
    """
    x, y = _wide(x_train), np.asarray(y_train)
    x_other = np.empty((0, x.shape[1])) if x_dev is None else _wide(x_dev)
    y_other = np.empty(0) if y_dev is None else np.asarray(y_dev)
    one_hot = y.ndim == 2 and y.shape[1] > 1
    if task is None:
        task = "classification" if one_hot or np.issubdtype(y.dtype, np.integer) else "regression"
    named = tuple(f"input {place}" for place in range(x.shape[1])) if names is None else tuple(names)
    kinded = (Kind.NUMBER,) * x.shape[1] if kinds is None else tuple(kinds)
    made = Rows(x, _flat(y), x_other, _flat(y_other), named, kinded, task, tuple(classes), seed, prepared=prepared)
    if x_augmented is not None:
        made = replace(made, x_augmented=_wide(x_augmented))
    if row_ids is not None:
        made = replace(made, row_ids=row_ids)
    if groups is not None:
        made = replace(made, groups=groups)
    _check(made)
    return made


def _wide(x: Any) -> Floats:
    values = np.asarray(x, np.float64)
    values = values.reshape(len(values), math.prod(values.shape[1:]))
    return np.clip(np.where(np.isfinite(values), values, np.nan), -LARGEST, LARGEST)


def _flat(y: NDArray[Any]) -> Floats:
    if y.ndim == 2 and y.shape[1] > 1:
        y = y.argmax(axis=1)
    return np.asarray(y, np.float64).reshape(len(y))


def _check(rows: Rows) -> None:
    wide = rows.x_train.shape[1]
    fits = (
        len(rows.x_train) == len(rows.y_train)
        and len(rows.x_dev) == len(rows.y_dev)
        and rows.x_dev.shape[1] == wide == len(rows.names) == len(rows.kinds)
        and (rows.x_augmented is None or rows.x_augmented.shape == rows.x_train.shape)
    )
    if not fits:
        raise errors.DataError(
            "The rows do not go together.",
            f"Inputs {rows.x_train.shape} and {rows.x_dev.shape}, targets {rows.y_train.shape} and "
            f"{rows.y_dev.shape}, {len(rows.names)} names and {len(rows.kinds)} kinds.",
            "Give one target for each row, and one name and kind for each column.",
        )


def some(count: int, at_most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Places of a random part of so many rows, sorted."""
    return np.arange(count) if count <= at_most else np.sort(rng.choice(count, at_most, replace=False))
