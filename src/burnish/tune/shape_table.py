"""Depth × width against dev error, and the smallest network within noise of the best (technique E1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish.stats import interval, paired


@dataclass(frozen=True, slots=True)
class Tried:
    """One configuration that was trained in full."""

    depth: int  # hidden layers
    width: int  # units in each
    parameters: int
    losses: NDArray[
        np.float64
    ]  # per-row dev losses, shape (rows,), on the same rows for all: 0 or 1, or squared errors


@dataclass(frozen=True, slots=True)
class Cell:
    """The best of one depth and width."""

    depth: int
    width: int
    parameters: int
    error: interval.Interval  # dev error: as it was chosen by, so a little too good
    tried: int  # configurations of this shape; the more, the better their best looks
    within_noise: bool  # not shown to be worse than the best of all, row by row


@dataclass(frozen=True, slots=True)
class ShapeTable:
    """What was tried, by depth and then width; shapes that were not tried have no cell."""

    cells: tuple[Cell, ...]
    best: Cell
    smallest: Cell  # fewest parameters among the cells within noise of the best


def table(
    results: Sequence[Tried],
    statistic: interval.Statistic,
    *,
    weights: NDArray[np.float64] | None = None,
    groups: NDArray[np.integer] | None = None,
) -> ShapeTable | None:
    """The table of hidden layers; None where nothing was tried.

    Two networks scored on the same rows share most of their noise, so overlapping intervals say little: a cell is
    compared with the best one by the paired differences of its rows, and is within noise unless the 95 % interval of
    that difference lies on the worse side of zero. "Within noise" means that this dev set cannot tell the two apart,
    not that they are equal.

    Args:
        results: Configurations trained in full, scored on the same dev rows.
        statistic: What the losses are: "error" (0 or 1), "rmse" (squared errors) or "mean".
        weights: Of the rows, mean 1; None: all alike.
        groups: Labels of rows that belong together, at least two; None: each row is its own.

    Raises:
        DataError: the losses are not on the same rows, or not finite.
    """
    if not results:
        return None

    def weighted(item: Tried) -> NDArray[np.float64]:
        return item.losses if weights is None else item.losses * weights

    def order(item: Tried) -> tuple[float, int]:
        return float(np.mean(weighted(item))), item.parameters

    alike: dict[tuple[int, int], list[Tried]] = {}
    for item in results:
        alike.setdefault((item.depth, item.width), []).append(item)
    shapes = {shape: min(items, key=order) for shape, items in sorted(alike.items())}
    leader = min(shapes.values(), key=order)
    cells = {
        shape: Cell(
            depth=item.depth,
            width=item.width,
            parameters=item.parameters,
            error=interval.estimate(item.losses, statistic, weights=weights, groups=groups),
            tried=len(alike[shape]),
            within_noise=item is leader
            or paired.gain(weighted(item), weighted(leader), statistic=statistic, groups=groups).low <= 0,
        )
        for shape, item in shapes.items()
    }
    near = [cell for cell in cells.values() if cell.within_noise]
    smallest = min(near, key=lambda cell: (cell.parameters, cell.error.value, cell.depth))
    return ShapeTable(tuple(cells.values()), cells[leader.depth, leader.width], smallest)
