"""Many looks at the same data: how small a p-value must be so that one false alarm in all stays rare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from burnish import errors


def bonferroni(p_values: Sequence[float], alpha: float) -> tuple[bool, ...]:
    """Which hypotheses fall when each is tested at `alpha` divided by their number. In the order given."""
    p = _checked(p_values)
    return tuple(bool(value <= alpha / len(p)) for value in p)


def holm(p_values: Sequence[float], alpha: float) -> tuple[bool, ...]:
    """Which hypotheses fall under Holm's step-down procedure (1979), never fewer than under Bonferroni's.

    The chance that any true hypothesis falls is at most `alpha`, whatever their dependence. In the order given.

    >>> holm([0.01, 0.04, 0.03, 0.005], 0.05)
    (True, False, False, True)
    """
    return tuple(bool(value <= alpha) for value in holm_adjusted(p_values))


def holm_adjusted(p_values: Sequence[float]) -> NDArray[np.float64]:
    """P-values that can be compared with any α directly, after Holm (1979); shape (hypotheses,), in the order given."""
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def spend(alpha: float, look: int) -> float:
    """The share of `alpha` that look number `look` (1, 2, ...) may use: α / 2^look, which sums to α over endless looks.

    >>> [spend(0.05, look) for look in (1, 2, 3)]
    [0.025, 0.0125, 0.00625]
    """
    if look < 1:
        raise errors.ConfigError(
            f"Look number {look} does not exist.", "Looks at the data count from 1.", "Pass 1 for the first look."
        )
    return alpha / 2**look


def _checked(p_values: Sequence[float]) -> NDArray[np.float64]:
    p = np.asarray(p_values, dtype=np.float64)
    if not np.all((p >= 0) & (p <= 1)):
        raise errors.DataError(
            "A p-value is missing or outside 0 to 1.",
            f"The values are {p.tolist()}.",
            "Leave out tests that did not run.",
        )
    return p
