"""Rows that equal each other: how many, whether they are copies, and what they imply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish.data.fold import Split
from burnish.data.observation import Observation, View, counted, percent
from burnish.data.table import Column
from burnish.stats import interval

# Leaving out a column of values that meet by chance makes many more rows meet; leaving one out of copies makes none.
# Copies: less than so many times as many equal pairs without any one column.
PAIRS_GROW = 2.0
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
    hashed = [_mixed(column, number) for number, column in enumerate(features)]
    total = np.zeros(len(target.values), dtype=np.uint64)
    for one in hashed:
        total += one  # a sum, so that a column can be taken out again
    answer = _mixed(target, len(hashed))
    ids = np.unique(total, return_inverse=True)[1].astype(np.int64)
    distinct = int(ids.max()) + 1 if len(ids) else 0
    if distinct == len(ids) or not hashed:
        return Copies(ids, distinct, 0, False)
    telling = sorted(hashed, key=lambda one: -len(np.unique(one[:PROBE_ROWS])))[:COLUMNS_LEFT_OUT]
    copied = _copied(total, telling) or _copied(total + answer, [*telling, answer])
    return Copies(ids, distinct, len(ids) - len(np.unique(total + answer)), copied)


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
            f"{percent(copies.repeats / rows)} of {rows:,}; {copies.alike:,} of them in the target too. In effect there are "
            f"{copies.distinct:,} different rows.",
            "Copies are kept on one side of the split, so that no dev or test row was seen in training. If they come "
            "from joining files twice, remove them.",
        ),
    )


def observe_conflicts(view: View, copies: Copies) -> tuple[Observation, ...]:
    """DA28: equal rows with unequal targets, and the floor that they put under the error."""
    if not copies.repeats:
        return ()
    involved, told, floor = _spread_of_equals(view, copies) if view.classes is None else _minority(view, copies)
    rows = len(copies.ids)
    if involved < CONFLICTS_MATTER * rows or not involved:
        return ()
    return (
        Observation(
            "DA28",
            "Rows with equal features have different targets",
            "limit" if floor >= FLOOR_MATTERS else "note",
            f"{counted(involved, 'row')} of {rows:,} ({percent(involved / rows)}) equal another row in every feature and "
            f"differ from it in the target. {told}",
            "Check how these rows were labelled, or add a column that tells them apart; else take this floor as part of "
            "the error that cannot be avoided.",
        ),
    )


def _spread_of_equals(view: View, copies: Copies) -> tuple[int, str, float]:
    """Rows involved, the floor in words, and the floor as a share of the target's variance over all rows."""
    order, starts, sizes = _grouped(copies.ids)
    y = view.target.values.astype(np.float64)[order]
    deviations = y - np.repeat(np.add.reduceat(y, starts) / sizes, sizes)
    differing = np.maximum.reduceat(y, starts) > np.minimum.reduceat(y, starts)
    # Pooled variance within sets of equal rows; each set loses one degree of freedom to its mean.
    variance = float(np.sum(deviations**2)) / copies.repeats
    repeated = float(sizes[sizes > 1].sum()) / len(y)
    told = (
        f"Equal rows lie {np.sqrt(variance):.3g} around their mean (standard deviation, in the target's unit): on such rows "
        "no model has a lower RMSE."
    )
    return int(sizes[differing].sum()), told, variance / max(float(y.var()), np.finfo(float).tiny) * repeated


def _minority(view: View, copies: Copies) -> tuple[int, str, float]:
    """Rows involved, the floor in words, and the floor as an error rate over all rows."""
    cells, counts = np.unique(np.stack([copies.ids, np.asarray(view.classes)], axis=1), axis=0, return_counts=True)
    majority = np.zeros(copies.distinct, dtype=np.int64)
    np.maximum.at(majority, cells[:, 0], counts)
    sizes = np.bincount(copies.ids)
    wrong, rows = int((sizes - majority).sum()), len(copies.ids)
    told = f"Any model is wrong on at least {counted(wrong, 'row')} of them, {percent(wrong / rows)} of all rows."
    return int(sizes[majority < sizes].sum()), told, wrong / rows


def observe_across(ids: NDArray[np.int64], split: Split, *, copied: bool) -> tuple[Observation, ...]:
    """DA7: dev and test rows that are also in training, beyond what chance brings into columns with few values.

    The yardstick for "chance" is how many training rows equal another training row: a random split of the same rows would
    show that share. Copies have no such excuse.
    """
    found = []
    fold = split.primary
    for name, rows in (("dev", fold.dev), ("test", split.test)):
        if rows is None or not len(rows):
            continue
        seen = int(np.isin(ids[rows], ids[fold.train]).sum())
        if not seen or not (copied or _beyond_chance(ids, fold.train, seen, len(rows))):
            continue
        share = interval.proportion(seen, len(rows))
        found.append(
            Observation(
                "DA7",
                f"Some {name} rows are also in the training rows",
                "fault" if share.value >= SEEN_MATTERS else "note",
                f"{counted(seen, f'{name} row')} of {len(rows):,} ({percent(share.value)}) equal a training row in every "
                "feature: a network can know their answer by heart.",
                f"Remove them from the training rows or from {name}. The honest {name} error, without them, is most often "
                "higher.",
                where=name,
            )
        )
    return tuple(found)


def _beyond_chance(ids: NDArray[np.int64], train: NDArray[np.int64], seen: int, rows: int) -> bool:
    """Whether more rows equal a training row than training rows equal each other, by more than matters."""
    counts = np.bincount(ids[train], minlength=int(ids.max()) + 1)
    meeting = int((counts[ids[train]] > 1).sum())
    return interval.proportion_difference((seen, rows), (meeting, len(train))).low > SEEN_MATTERS


def _mixed(column: Column, number: int) -> Hashes:
    """A random-looking 64-bit number for each value; equal values of one column, and all missing ones, give the same."""
    values = column.values.astype(np.float64) + 0.0  # -0.0 is 0.0
    values[column.missing] = np.nan  # one NaN: there are many bit patterns
    bits = values.view(np.uint64) + np.uint64((0x9E3779B97F4A7C15 * (number + 1)) % 2**64)
    # The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _copied(total: Hashes, parts: Sequence[Hashes]) -> bool:
    """Whether equal rows stay about as many when any one part is left out of the comparison."""
    pairs = _pairs(total)
    return pairs > 0 and all(_pairs(total - part) < PAIRS_GROW * pairs for part in parts)


def _pairs(hashes: Hashes) -> float:
    """Number of pairs of equal rows."""
    counts = np.unique(hashes, return_counts=True)[1].astype(np.float64)
    return float(np.sum(counts * (counts - 1) / 2))


def _grouped(ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows ordered by their number, where each number starts, and how many rows it has."""
    order = np.argsort(ids, kind="stable")
    _, starts, sizes = np.unique(ids[order], return_index=True, return_counts=True)
    return order, starts, sizes
