"""Rows that equal each other: how many, whether they are copies, and what they imply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish.data.fold import Split
from burnish.data.observation import Observation, View, blocks, counted
from burnish.data.table import Column, Physical
from burnish.stats import false_alarms, interval
from burnish.units import percent

# Leaving out a column of values that meet by chance makes many more rows meet; leaving one out of copies makes none.
# Copies: less than so many times as many equal pairs without any one column. One of few values, such as yes and no,
# cannot bring about so many: of it half of what chance brings about is enough, where that is a fifth or more. Choices.
PAIRS_GROW, LEAST_GROW = 2.0, 1.2
COLUMNS_LEFT_OUT = 10  # so many columns with the most distinct values are left out in turn; the others tell less

PROBE_ROWS = 10_000  # rows that distinct values are counted in

# Share of dev or test rows below which rows seen in training cannot move their error by half a point.
SEEN_MATTERS = 0.005

# Share of rows that contradict others below which the pair or two is not worth a sentence.
CONFLICTS_MATTER = 0.001

# Floor under the error rate (half a point), or under the unexplained share of the variance, that makes it a limit.
FLOOR_MATTERS = 0.005

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Copies:
    """Rows with the same features."""

    ids: NDArray[np.int64]  # rows with the same features share a number, shape (rows,)
    distinct: int  # number of different rows
    alike: int  # rows that repeat an earlier one in the target too
    copied: bool  # whether there are copies, rather than columns with few values that meet by chance

    @property
    def repeats(self) -> int:
        """Rows beyond the first of their kind."""
        return len(self.ids) - self.distinct


def find(features: Sequence[Column], target: Column) -> Copies:
    """Finds equal rows by 64-bit hashes: at a million rows the chance of one false match is 3 in 100 million.

    Args:
        features: What has to be equal, missing values included.
        target: Rows of columns with few values may meet by chance; if they agree in the target too, it was not chance.
    """
    if not features:  # rows without features are neither equal nor unequal
        return Copies(np.arange(len(target.values)), len(target.values), 0, False)
    total = np.zeros(len(target.values), dtype=np.uint64)
    first = 0
    for some in blocks(features, len(total)):
        total += _mixed(some, first).sum(axis=0, dtype=np.uint64)  # a sum, so that a column can be taken out again
        first += len(some)
    ids = np.unique(total, return_inverse=True)[1].astype(np.int64)
    distinct = int(ids.max()) + 1 if len(ids) else 0
    if distinct == len(ids):
        return Copies(ids, distinct, 0, False)
    answer = _mixed([target], len(features))[0]
    places = sorted(range(len(features)), key=lambda place: -_distinct(features[place]))[:COLUMNS_LEFT_OUT]
    kept = ~_usual(features, ids)
    telling = [(_mixed([features[place]], place)[0][kept], _grow(features[place])) for place in places]
    answers = (answer[kept], _grow(target))
    copied = _copied(total[kept], telling) or _copied((total + answer)[kept], [*telling, answers])
    return Copies(ids, distinct, len(ids) - len(_sizes(total + answer)), copied)


def _usual(features: Sequence[Column], ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Rows with the commonest value of every column, if more equal each other so than in any other way.

    Columns that are mostly 0 put many rows there by chance, and to leave one of them out adds few: no sign of copies.
    """
    alike = ids == np.bincount(ids).argmax()
    row = int(np.argmax(alike))
    for column in features:
        values, counts = np.unique(_values(column, PROBE_ROWS), return_counts=True)
        own = _values(column)[row]
        if not (values[counts.argmax()] == own or np.isnan([values[counts.argmax()], own]).all()):
            return np.zeros(len(ids), dtype=bool)
    return np.asarray(alike)


def observe(copies: Copies) -> tuple[Observation, ...]:
    """DA6: copies among the rows, and how many rows there are in effect."""
    if not copies.copied:
        return ()
    rows = len(copies.ids)
    return (
        Observation(
            "DA6",
            "Some rows are exact copies of others",
            "note",
            f"{counted(copies.repeats, 'row repeats', 'rows repeat')} an earlier one in every feature, "
            f"{percent(copies.repeats / rows)} of {rows:,}; {copies.alike:,} of them in the target too. In effect "
            f"there are {copies.distinct:,} different rows.",
            "Copies are kept on one side of the split, so that no dev or test row was seen in training. If they come "
            "from joining files twice, remove them.",
        ),
    )


@dataclass(frozen=True, slots=True)
class Conflicts:
    """Rows that equal another in every feature and differ from it in the target."""

    rows: int
    floor: float  # least error over all rows that they leave to any model: error rate, or RMSE in the target's unit
    share: float  # the floor as a share of all rows, or of the target's variance
    told: str  # the floor in words


def conflicts(view: View, copies: Copies) -> Conflicts:
    """Measures how much equal rows disagree. The floor is seen in the sample, and so rather too low than too high."""
    if view.classes is None:
        return floor_of_numbers(copies, view.target.values.astype(np.float64))
    return floor_of_classes(copies, np.asarray(view.classes, dtype=np.int64))


def observe_conflicts(found: Conflicts, rows: int) -> tuple[Observation, ...]:
    """DA28: equal rows with unequal targets, and the floor that they put under the error. `rows` counts all rows."""
    if found.rows < max(CONFLICTS_MATTER * rows, 2):
        return ()
    return (
        Observation(
            "DA28",
            "Rows with equal features have different targets",
            "limit" if found.share >= FLOOR_MATTERS else "note",
            f"{counted(found.rows, 'row')} of {rows:,} ({percent(found.rows / rows)}) equal another row in every "
            f"feature and differ from it in the target. {found.told}",
            "Check how these rows were labelled, or add a column that tells them apart; else take this floor as part "
            "of the error that cannot be avoided.",
        ),
    )


def floor_of_numbers(copies: Copies, y: NDArray[np.float64]) -> Conflicts:
    """The same for numbers of shape (rows,)."""
    if not copies.repeats:
        return Conflicts(0, 0.0, 0.0, "")
    order = np.argsort(copies.ids, kind="stable")
    _, starts, sizes = np.unique(copies.ids[order], return_index=True, return_counts=True)
    y = y[order]
    deviations = y - np.repeat(np.add.reduceat(y, starts) / sizes, sizes)
    differing = np.maximum.reduceat(y, starts) > np.minimum.reduceat(y, starts)
    squares = float(np.sum(deviations**2))
    # Each set of equal rows loses one degree of freedom to its mean.
    spread = float(np.sqrt(squares / copies.repeats))
    told = (
        f"Equal rows lie {spread:.3g} around their mean (standard deviation, in the target's unit): on such rows no "
        "model has a lower RMSE."
    )
    unexplained = squares / max(float(np.sum((y - y.mean()) ** 2)), np.finfo(float).tiny)
    return Conflicts(int(sizes[differing].sum()), float(np.sqrt(squares / len(y))), unexplained, told)


def floor_of_classes(copies: Copies, classes: NDArray[np.int64]) -> Conflicts:
    """The same for class codes of shape (rows,)."""
    if not copies.repeats:
        return Conflicts(0, 0.0, 0.0, "")
    count = int(classes.max()) + 1
    cells, counts = np.unique(copies.ids * count + classes, return_counts=True)
    majority = np.zeros(copies.distinct, dtype=np.int64)
    np.maximum.at(majority, cells // count, counts)
    sizes = np.bincount(copies.ids)
    wrong, rows = int((sizes - majority).sum()), len(copies.ids)
    told = f"Any model is wrong on at least {wrong:,} of them, {percent(wrong / rows)} of all rows."
    return Conflicts(int(sizes[majority < sizes].sum()), wrong / rows, wrong / rows, told)


def observe_across(ids: NDArray[np.int64], split: Split, *, copied: bool) -> tuple[Observation, ...]:
    """DA7: dev and test rows that are also in training, beyond what chance brings into columns with few values.

    The yardstick for "chance" is how many training rows equal another training row: a random split of the same rows
    would show that share. Copies have no such excuse.

    Args:
        ids: Rows with the same features share a number, shape (rows,).
        split: How the rows are divided; its first fold is looked at.
        copied: Whether equal rows are copies.
    """
    found = []
    fold = split.primary
    for name, rows in (("dev", fold.dev), ("test", split.test)):
        if rows is None or not len(rows):
            continue
        seen = int(np.isin(ids[rows], ids[fold.train]).sum())
        if not seen or not (copied or _beyond_chance(ids, fold.train, seen, len(rows))):
            continue
        share = seen / len(rows)
        found.append(
            Observation(
                "DA7",
                f"Some {name} rows are also in the training rows",
                "fault" if share >= SEEN_MATTERS else "note",
                f"A training row equals {seen:,} of {counted(len(rows), f'{name} row')} ({percent(share)}) in every "
                "feature: a network can know the answer by heart.",
                f"Remove them from the training rows or from {name}. The honest {name} error, without them, is most "
                "often higher.",
                where=name,
            )
        )
    return tuple(found)


def _beyond_chance(ids: NDArray[np.int64], train: NDArray[np.int64], seen: int, rows: int) -> bool:
    """Whether more rows equal a training row than training rows equal each other, and by more than matters."""
    counts = np.bincount(ids[train], minlength=int(ids.max()) + 1)
    meeting = int((counts[ids[train]] > 1).sum())
    level = 1 - 2 * false_alarms.share("DA7")
    return interval.proportion_difference((seen, rows), (meeting, len(train)), level=level).low > SEEN_MATTERS


def _values(column: Column, most: int | None = None) -> NDArray[np.float64]:
    """The first values of a column as numbers, NaN where missing."""
    values = column.values[:most].astype(np.float64, copy=False)
    return np.where(values < 0, np.nan, values) if column.physical is Physical.TEXT else values


def _distinct(column: Column) -> int:
    """How many different values its first rows have; missing is one."""
    return len(np.unique(_values(column, PROBE_ROWS)))


def _mixed(columns: Sequence[Column], first: int) -> Hashes:
    """A random-looking 64-bit number for each value, of columns from place `first` on; shape (columns, rows).

    Equal values of a column, and all missing ones, share one.
    """
    values = np.concatenate([_values(column) for column in columns]).reshape(len(columns), -1) + 0.0  # -0.0 is 0.0
    values[np.isnan(values)] = np.nan  # one NaN: there are many bit patterns
    steps = np.uint64(0x9E3779B97F4A7C15) * np.arange(first + 1, first + 1 + len(columns), dtype=np.uint64)
    bits = values.view(np.uint64) + steps[:, None]
    # The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _copied(total: Hashes, parts: Sequence[tuple[Hashes, float]]) -> bool:
    """Whether equal rows stay about as many, less than so many times, when any one part is left out."""
    pairs = _pairs(total)
    return pairs > 0 and all(_pairs(total - part) < grow * pairs for part, grow in parts)


def _grow(column: Column) -> float:
    """Times as many equal pairs without it from which these are no copies.

    Without a column that has nothing to do with the others there are 1/Σp² times as many, p being its values' shares.
    """
    counts = np.unique(_values(column, PROBE_ROWS), return_counts=True)[1]
    half = 1 + (1 / float(np.square(counts / counts.sum()).sum()) - 1) / 2
    return half if LEAST_GROW <= half < PAIRS_GROW else PAIRS_GROW


def _pairs(hashes: Hashes) -> float:
    """Number of pairs of equal rows."""
    counts = _sizes(hashes).astype(np.float64)
    return float(np.sum(counts * (counts - 1) / 2))


def _sizes(hashes: Hashes) -> NDArray[np.int64]:
    """How often each distinct number occurs. By sorting: the hash table of `np.unique` takes ten times as long here."""
    ordered = np.sort(hashes)
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return np.diff(np.append(starts, len(ordered)))
