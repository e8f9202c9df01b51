"""Which rows a baseline is fitted on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rows(count: int, most: int, *, seed: int) -> NDArray[np.int64]:
    """Positions of at most `most` of `count` rows, drawn at random without replacement, sorted."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, size=most, replace=False))


def stratified_folds(y: NDArray[np.generic], folds: int, *, seed: int) -> NDArray[np.int64]:
    """For each row its fold: each class is dealt out in turn, so that a class of one row is allowed; shape (rows,)."""
    order = np.lexsort((np.random.default_rng(seed).permutation(len(y)), y))
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = np.arange(len(y)) % folds
    return fold
