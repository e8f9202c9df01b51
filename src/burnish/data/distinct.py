"""Numbers 0, 1, … for the distinct values of an array, without sorting where the values allow it.

`numpy.unique` sorts, or hashes, all values: seconds at ten million rows, where a look-up takes a fraction of one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# A table that is looked up in may have so many entries for each value: a choice, so that it takes no more memory than
# sorting would.
ENTRIES = 4


def taken_apart(values: NDArray) -> tuple[NDArray, NDArray[np.int64]]:
    """The distinct values, sorted, and the place of each value among them; both one-dimensional.

    Args:
        values: Numbers, booleans or text, shape (rows,). NaN counts as one value, the last.
    """
    if not _is_whole(values):
        distinct, codes = np.unique(values, return_inverse=True)
        return distinct, codes.astype(np.int64)
    low = int(values.min())
    offsets = values.astype(np.int64) - low
    held = np.zeros(int(offsets.max()) + 1, bool)
    held[offsets] = True
    place = np.cumsum(held) - 1
    return (np.flatnonzero(held) + low).astype(values.dtype), place[offsets]


def codes(values: NDArray) -> NDArray[np.int64]:
    """The place of each value among the sorted distinct ones, shape (rows,)."""
    return taken_apart(values)[1]


def _is_whole(values: NDArray) -> bool:
    """Whether the values are whole numbers that lie so near to each other that a look-up pays."""
    if not len(values) or values.dtype.kind not in "biuf":
        return False
    low, high = float(values.min()), float(values.max())
    # Beyond 2^53 two whole numbers may be one float64.
    if not (max(abs(low), abs(high)) < 2.0**53 and high - low < ENTRIES * len(values)):
        return False
    return values.dtype.kind != "f" or bool((values == np.trunc(values)).all())
