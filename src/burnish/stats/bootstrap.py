"""The interval of any statistic, by resampling rows, or whole groups of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from burnish.stats import design as designs
from burnish.stats.interval import LEVEL, Interval

# The acceleration of the BCa bootstrap needs a jackknife; more blocks than this no longer move it visibly.
JACKKNIFE_BLOCKS = 200


def bootstrap(
    statistic: Callable[..., float],
    *arrays: NDArray,
    groups: ArrayLike | None = None,
    seed: int = 0,
    draws: int = 1000,
    level: float = LEVEL,
) -> Interval:
    """Any statistic of rows, by the bias-corrected and accelerated bootstrap (Efron 1987), deterministic by `seed`.

    Whole groups are drawn where rows belong together. The bootstrap of G units is too narrow by √((G − 1) / G) and by
    the difference of Student's t from the normal distribution, which matters where groups are few: they widen it
    (Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69, 2015).

    Args:
        statistic: Called with one resampled array for each of `arrays`; returns a number.
        *arrays: Arrays with the same rows first; a row is drawn in all of them together.
        groups: Labels of rows that belong together, shape (rows,); None: each row is its own.
        seed: Where the random draws start.
        draws: Number of resamples.
        level: Confidence of the interval.
    """
    rows = len(arrays[0])
    value = float(statistic(*arrays))
    design = None if groups is None else designs.of(rows, None, groups)
    units = None if design is None else design.units
    if design is not None and design.alone:
        return Interval(value, float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    count, drawn = _drawing(rows, units)
    resamples = np.empty(draws)
    for draw in range(draws):
        chosen = drawn(rng.integers(count, size=count))
        resamples[draw] = statistic(*(array[chosen] for array in arrays))
    below = (np.sum(resamples < value) + np.sum(resamples == value) / 2) / draws
    bias = special.ndtri(np.clip(below, 1 / (2 * draws), 1 - 1 / (2 * draws)))
    acceleration = _acceleration(statistic, arrays, rng.permutation(count), units)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if design is None:
        ends = special.ndtri(tails) + bias
    else:
        ends = special.stdtrit(design.groups - 1, tails) * np.sqrt(count / (count - 1)) + bias
    shares = special.ndtr(bias + ends / np.maximum(1 - acceleration * ends, designs.ALONE))
    low, high = np.quantile(resamples, shares)
    return Interval(value, float(low), float(high))


def _drawing(
    rows: int, units: NDArray[np.int64] | None
) -> tuple[int, Callable[[NDArray[np.int64]], NDArray[np.int64]]]:
    """How many units there are to draw, and the rows that belong to drawn ones."""
    if units is None:
        return rows, lambda chosen: chosen
    order, sizes = np.argsort(units, kind="stable"), np.bincount(units)
    starts = np.cumsum(sizes) - sizes

    def members(chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        lengths = sizes[chosen]
        ends = np.cumsum(lengths)
        return order[np.arange(ends[-1]) + np.repeat(starts[chosen] - (ends - lengths), lengths)]

    return len(sizes), members


def _acceleration(
    statistic: Callable[..., float],
    arrays: tuple[NDArray, ...],
    order: NDArray[np.int64],
    units: NDArray[np.int64] | None,
) -> float:
    """Skewness of the statistic over blocks left out, divided by 6 (Efron 1987, eq. 6.6, with blocks of units)."""
    blocks = np.array_split(order, min(JACKKNIFE_BLOCKS, len(order)))
    kept = np.ones(len(order), dtype=bool)
    left_out = np.empty(len(blocks))
    for number, block in enumerate(blocks):
        kept[block] = False
        rows = kept if units is None else kept[units]
        left_out[number] = statistic(*(array[rows] for array in arrays))
        kept[block] = True
    deviations = left_out.mean() - left_out
    scale = float(np.sum(deviations**2)) ** 1.5
    return float(np.sum(deviations**3)) / (6 * scale) if scale > 0 else 0.0
