"""Setting up: divide the rows, and see whether the parts are alike. Techniques A1 and A2; nothing imports JAX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from burnish import errors, load
from burnish.data import distribution, kinds, observation
from burnish.data import split as splits
from burnish.data.fold import Split
from burnish.data.table import Column, Kind, Physical, Table
from burnish.stats import two_sample
from burnish.stats.interval import Interval

# Columns that tell where a row comes from by naming it, or that say nothing.
LEFT_OUT = (Kind.TEXT, Kind.IDENTIFIER, Kind.CONSTANT)


def split_sizes(rows: int, *, test: bool = True, smallest_difference: float | None = None) -> splits.Sizes:
    """A1: how many rows train, choose (dev) and are opened once (test).

    `dev = test = min(20 % of m, 10,000)`; without a test set `dev = min(30 % of m, 10,000)`. The rule behind it: the
    standard error of the dev error, at most √(0.25/n), has to be small against the differences that dev has to tell
    apart. Where the smallest such difference δ is named, dev grows beyond 10,000 rows up to `n = (2.8 · 0.5/δ)²`
    (5 % two-sided, 80 % power), and not beyond its share. Where dev has under 500 rows let all rows take turns
    (`split` does so).

    Args:
        rows: m, all rows.
        test: Whether there is a test part.
        smallest_difference: δ, a difference of error rates, in (0, 1).

    Reference: Ng, Machine Learning Yearning, 2018, chapter 7.

    >>> split_sizes(1_000)
    Sizes(train=600, dev=200, test=200)
    >>> split_sizes(1_000_000)
    Sizes(train=980000, dev=10000, test=10000)
    >>> split_sizes(1_000, test=False)
    Sizes(train=700, dev=300, test=0)
    """
    if rows < 1:
        raise errors.ConfigError(f"{rows} rows cannot be divided.", "There must be at least one.", "Count the rows.")
    if smallest_difference is not None and not 0 < smallest_difference < 1:
        raise errors.ConfigError(
            f"Dev cannot be sized to tell a difference of {smallest_difference}.",
            "It is one of error rates, above 0 and below 1.",
            "Give 0.01 for one point.",
        )
    return splits.sizes(rows, test=test, smallest_difference=smallest_difference)


def split(
    y: ArrayLike,
    *,
    group: ArrayLike | None = None,
    time: ArrayLike | None = None,
    source: ArrayLike | None = None,
    test: bool = True,
    folds: int | None = None,
    seed: int = 0,
) -> Split:
    """A1 and A2: which rows train, choose and are opened once, as positions in `y`.

    Stratified by class, or by the quantiles of a number; rows of a group stay on one side; with times the earliest
    rows train and the latest are the test set; each part has its share of each source. Where dev would be under 500
    rows, the rows outside of test take turns as dev in five folds. All arrays have shape (rows,).

    Args:
        y: The target. Floating-point numbers are a regression's; anything else are classes.
        group: What belongs together (a patient); None: every row for itself.
        time: When a row came about: numbers, datetime64, or text that sorts in time.
        source: Where a row comes from.
        test: Whether to keep a test set.
        folds: Turns to take; None: as the number of rows calls for.
        seed: The same seed and rows give the same parts.

    Returns:
        `folds`, each with `train` and `dev`; `test` or None; and the `reason` in one sentence.

    Raises:
        DataError: The rows cannot be divided so, or an array is of another length.
        ConfigError: `folds` is below 2, or given beside `time`.

    Reference: Kohavi, A study of cross-validation and bootstrap for accuracy estimation, 1995.

    >>> parts = split(np.arange(2_500) % 3, seed=1)
    >>> len(parts.folds[0].train), len(parts.folds[0].dev), len(parts.test)
    (1500, 500, 500)
    >>> bool(np.isin(parts.test, parts.folds[0].train).any())
    False
    """
    target = np.asarray(y)
    columns = [Column("target", Physical.NUMBER, _numbers(target))]
    given = {"group": group, "time": time, "source": source}
    columns += [Column(n, Physical.NUMBER, _numbers(np.asarray(v))) for n, v in given.items() if v is not None]
    _check_lengths(columns)
    if columns[0].missing.any():
        raise errors.DataError(
            "The rows cannot be divided by this target.",
            f"{int(columns[0].missing.sum())} of its values are missing.",
            "Leave these rows out: they can neither train nor judge.",
        )
    numbers = columns[0].values
    classes = None if target.dtype.kind == "f" else np.unique(numbers, return_inverse=True)[1]
    names = {name: None if values is None else name for name, values in given.items()}
    plan = splits.Plan(
        test=test, folds=folds, group=names["group"], time=names["time"], source=names["source"], seed=seed
    )
    rows = len(target)
    table = Table("rows", tuple(columns), np.arange(rows))
    return splits.split(table, "target", plan, origin=np.full(rows, splits.MAIN), classes=classes)


def _numbers(values: NDArray) -> NDArray[np.float64]:
    """Numbers that are equal and ordered as the values are; NaN for those missing. Shape (rows,)."""
    if values.ndim != 1:
        raise errors.DataError(
            f"An array of shape {values.shape} does not say one thing of each row.", "", "Give one of shape (rows,)."
        )
    kind = values.dtype.kind
    if kind in "fb":
        return values.astype(np.float64)
    if kind in "iu":  # numbered, and not cast: long numbers of customers would fall together
        return np.unique(values, return_inverse=True)[1].astype(np.float64)
    absent = np.isnat(values) if kind in "mM" else np.array([_is_missing(v) for v in values], bool)
    numbers = np.full(len(values), np.nan)
    known = values[~absent]
    known = known.astype(str) if known.dtype.kind == "O" else known
    numbers[~absent] = np.unique(known, return_inverse=True)[1]
    return numbers


def _is_missing(value: Any) -> bool:
    try:
        return value is None or bool(value != value)  # NaN alone is not itself
    except TypeError:  # pandas' NA says neither yes nor no
        return True


def _check_lengths(columns: Sequence[Column]) -> None:
    lengths = {column.name: len(column.values) for column in columns}
    if len(set(lengths.values())) > 1 or lengths["target"] == 0:
        raise errors.DataError(
            "The rows cannot be divided.",
            "Lengths: " + ", ".join(f"{name} {length}" for name, length in lengths.items()) + ".",
            "Give one value of each for every row, and at least one row.",
        )


@dataclass(frozen=True, slots=True)
class TellingFeature:
    """A column by which two tables can be told apart."""

    name: str
    distance: float  # Kolmogorov–Smirnov distance, 0 to 1: largest difference of the two cumulated shares
    p_value: float  # after Holm's correction over all columns


@dataclass(frozen=True, slots=True)
class Mismatch:
    """How well two tables can be told apart."""

    auc: Interval  # of a classifier on rows that it had not seen; 0.5: not at all, 1: always
    p_value: float  # one-sided, of "one distribution"
    features: tuple[TellingFeature, ...]  # at most five, the largest distance first
    rows: tuple[int, int]  # rows looked at of each table

    @property
    def differs(self) -> bool:
        """Whether they differ beyond chance (p below 0.01) and by more than matters (AUC surely above 0.55)."""
        return self.p_value < distribution.ALPHA and self.auc.low > distribution.AUC_MATTERS

    @property
    def advice(self) -> str:
        """What to do, in plain words."""
        if not self.differs:
            return "Nothing: the two look like one distribution."
        return (
            "Mix the rows and split them again, so that train, dev and test are alike; or, if the dev rows show what "
            "the network will meet, keep them, skip the test set and score on dev only."
        )


def mismatch(first: Any, second: Any, *, group: str | None = None, seed: int = 0) -> Mismatch:
    """A2: do two tables come from one distribution, as dev and test must? By which columns can they be told apart?

    A classifier learns on half of the rows which table a row is from; its AUC on the other half, with its 95 %
    interval, says how well that can be told. Copies, or rows of a group, stay in one half. Beside it each column is
    tested by itself (Kolmogorov and Smirnov; Holm). Leave the target out to compare the inputs alone. Free text,
    identifiers and constants are not looked at; at most 10,000 rows of each table are.

    Args:
        first: A path, data frame, dict of columns or array of shape (rows, columns), as `burnish.improve` takes it.
        second: Another with the same columns.
        group: Column whose equal values belong together; it is not compared.
        seed: Of the halves.

    Raises:
        DataError: A table has fewer than 16 rows, lacks columns of the other, or has none that can be compared.

    Reference: Lopez-Paz and Oquab, Revisiting classifier two-sample tests, 2017; DeLong et al. 1988 for the interval.

    >>> rng = np.random.default_rng(0)
    >>> web = {"light": rng.normal(0, 1, 400), "angle": rng.normal(0, 1, 400)}
    >>> camera = {"light": rng.normal(1, 1, 400), "angle": rng.normal(0, 1, 400)}
    >>> found = mismatch(web, camera)
    >>> found.differs, [feature.name for feature in found.features]
    (True, ['light'])
    """
    one = load.read(first, name="the first table")
    types = {column.name: column.physical for column in one.columns}
    other = load.align(one, load.read(second, name="the second table", types=types))
    both = load.concatenate([one, other])
    ends = np.arange(one.rows), one.rows + np.arange(other.rows)
    units = None if group is None else splits.group_labels(both, _named(both, group))
    names = [p.name for p in kinds.profile(both) if p.kind not in LEFT_OUT and p.name != group]
    if not names:
        raise errors.DataError(
            "The two tables cannot be compared.",
            "They have no column but free text, identifiers and constants.",
            "Give tables with numbers, categories or dates.",
        )
    a, b = (np.stack([observation.numbers(both[name], rows) for name in names], axis=1) for rows in ends)
    found = two_sample.classifier_two_sample(
        a, b, groups=None if units is None else (units[ends[0]], units[ends[1]]), seed=seed
    )
    features = tuple(TellingFeature(names[drift.index], drift.distance, drift.p_value) for drift in found.drifts)
    return Mismatch(found.auc, found.p_value, features, found.rows)


def _named(table: Table, name: str) -> str:
    if name not in table.names:
        raise errors.DataError(
            f"There is no column {name!r}.", f"There are {', '.join(table.names)}.", "Correct the name."
        )
    return name
