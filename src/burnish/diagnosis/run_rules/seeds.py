"""BV15: the same training with another seed gives another network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import special

from burnish.diagnosis.described import Described
from burnish.diagnosis.finding import Evidence, Finding, Severity

# Fewer say too little of their spread.
FEWEST_SEEDS = 5


def fragile(errors: NDArray[np.float64], *, practical: float, alpha: float, percent: bool) -> Iterator[Finding]:
    """Whether the spread over seeds surely exceeds what matters, or one seed lies far off the others.

    Args:
        errors: On the same rows, one for each seed, shape (seeds,).
        practical: Difference of the error that matters.
        alpha: Chance of a false alarm.
        percent: Whether errors are shares of rows.
    """
    count = len(errors)
    if count < FEWEST_SEEDS or not np.isfinite(errors).all():
        return
    deviation = float(errors.std(ddof=1))
    low = deviation * float(np.sqrt((count - 1) / special.chdtri(count - 1, alpha / 2)))
    high = deviation * float(np.sqrt((count - 1) / special.chdtri(count - 1, 1 - alpha / 2)))
    worst = float(errors.max() - np.median(errors))
    off = worst > practical and _outlying(errors, alpha / 2)
    if low <= practical and not off:
        return
    shown = (lambda value: f"{100 * value:.1f} %") if percent else (lambda value: f"{value:.4g}")
    told = f"; the worst lies {shown(worst)} above the middle one, too far for the others' spread" if off else ""
    ends = [shown(float(end)) for end in (errors.min(), errors.max())]
    yield BV15.finding(
        f"Over {count} seeds of one training the dev error is {ends[0]} to {ends[1]}, with a standard "
        f"deviation of {shown(deviation)} ({shown(low)} to {shown(high)}){told}."
    )


def _outlying(errors: NDArray[np.float64], alpha: float) -> bool:
    """Whether the largest is an outlier of a normal sample (Grubbs 1950, one-sided)."""
    count, deviation = len(errors), float(errors.std(ddof=1))
    if deviation == 0:
        return False
    t = float(special.stdtrit(count - 2, 1 - alpha / count))
    limit = (count - 1) / np.sqrt(count) * np.sqrt(t**2 / (count - 2 + t**2))
    return bool((errors.max() - errors.mean()) / deviation > limit)


BV15 = Described(
    "BV15",
    "The seed decides how good the network becomes",
    Evidence.TEST,
    Severity.NOTE,
    "The spread of the dev error over seeds surely exceeds what matters, or one seed lies far off the others.",
    "Warm-up, normalisation, a lower learning rate, or an average of several seeds.",
    "The spread over fresh seeds is smaller.",
    "Bouthillier et al., 2021 (variance of seeds); Grubbs, 1950 (outliers).",
)
