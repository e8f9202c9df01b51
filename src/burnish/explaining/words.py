"""Sentences from numbers, and curves from trainings, as the panels share them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from burnish.report import wording
from burnish.report.panel import Look, Series

# Beyond these a number is written as a power of ten.
LARGE, SMALL = 1e6, 1e-3
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float) -> str:
    """A number for reading, to three digits.

    >>> number(0.01234), number(1.06e10)
    ('0.0123', '1.06·10¹⁰')
    """
    if not math.isfinite(value) or abs(value) < LARGE:
        return wording.number(value)
    digits, exponent = f"{value:.2e}".split("e")
    return f"{digits}·10{str(int(exponent)).translate(SUPERSCRIPTS)}".replace("-", "−")


@dataclass(frozen=True, slots=True)
class Unit:
    """How costs are shown: as RMSE in the target's units, or as log-loss in nats."""

    name: str
    short: str  # behind a number
    scale: float | None  # standard deviation of the target; None for log-loss

    def of(self, cost: ArrayLike) -> NDArray[np.float64]:
        """Costs, shown."""
        values = np.asarray(cost, np.float64)
        return values if self.scale is None else self.scale * np.sqrt(np.maximum(values, 0.0))

    def said(self, cost: float) -> str:
        """A cost with its unit."""
        return f"{number(float(self.of(cost)))} {self.short}".rstrip()


def power(value: float) -> str:
    """A small number that is a power of ten.

    >>> power(1e-5), power(0.01)
    ('10⁻⁵', '0.01')
    """
    exponent = math.log10(value)
    if value >= SMALL or not exponent.is_integer():
        return f"{value:g}"
    return f"10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def finite(values: ArrayLike) -> list[float | None]:
    """Numbers for a record; null where there is none."""
    return [float(v) if math.isfinite(v) else None for v in np.asarray(values, np.float64).ravel()]


def one(value: float) -> float | None:
    """A number for a record; null where it is not finite."""
    return float(value) if math.isfinite(value) else None


def over_seeds(name: str, x: ArrayLike, y: ArrayLike, *, look: Look = "accent", dashed: bool = False) -> Series:
    """The mean of curves on a common grid, and their range.

    Args:
        name: Of the series.
        x: Shape (places,).
        y: Shape (seeds, places).
        look: Its colour.
        dashed: Whether it is drawn so.
    """
    values = np.asarray(y, np.float64)
    spread = len(values) > 1
    return Series(
        name=name,
        x=[float(v) for v in np.asarray(x, np.float64)],
        y=finite(values.mean(0)),
        low=finite(values.min(0)) if spread else [],
        high=finite(values.max(0)) if spread else [],
        look=look,
        dashed=dashed,
    )


def lower(ours: Sequence[float], theirs: Sequence[float]) -> int:
    """With how many seeds ours is the lower one; what is not finite is the highest."""
    a, b = (np.where(np.isfinite(v), v, np.inf) for v in (np.asarray(ours), np.asarray(theirs)))
    return int((a < b).sum())


def counted(count: int, of: int) -> str:
    """ "all 3 seeds", "2 of 3 seeds", "no seed"."""
    if count == of:
        return f"all {of} seeds" if of > 1 else "the one seed"
    return f"{count} of {of} seeds" if count else f"none of {of} seeds"
