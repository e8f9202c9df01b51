"""Which rows a baseline is fitted on, and with how many threads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Rows × inputs below which one thread is used. Threads that wait for each other do so busily: where another process
# has one of their cores, a fit of a thousand rows took 50 times as long on two threads as on one (4.6 s for 0.09 s,
# digits).
CELLS_FOR_THREADS = 1e6


def threads_for(cells: int, threads: int) -> int:
    """How many of `threads` are worth it for so many rows × inputs."""
    return threads if cells >= CELLS_FOR_THREADS else 1


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
