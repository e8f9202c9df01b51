"""A fold as the compiled program reads it: rows padded to few sizes, so that folds and small tables share programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.train.fold_data import FoldData, Part
from burnish.train.slice import Data, Rows

# Capacities have this many significant binary digits: at most 1/8 of the rows are padding, and tables of like size
# share a program.
CAPACITY_DIGITS = 4
SMALLEST_CAPACITY = 32


def capacity(rows: int) -> int:
    """The padded number of rows: the next number with CAPACITY_DIGITS significant binary digits."""
    rows = max(rows, SMALLEST_CAPACITY)
    unit = 1 << max(0, rows.bit_length() - CAPACITY_DIGITS)
    return -(-rows // unit) * unit


def padded(array: NDArray, size: int) -> Any:
    """The array with zeros after its rows, up to `size` rows; a host array, where the compiled program sees its own."""
    if len(array) == size:
        return array
    out = np.zeros((size, *array.shape[1:]), array.dtype)
    out[: len(array)] = array
    return out


def pack_part(part: Part, round_up: Callable[[int], int]) -> Rows:
    """A part with its padding."""
    rows = len(part.y)
    size = round_up(rows)
    return Rows(
        x=padded(part.inputs.x, size),
        codes=padded(part.inputs.codes, size),
        y=padded(part.y, size),
        weight=padded(part.weight, size),
        counted=padded(np.ones(rows, np.float32), size),
    )


def pack(fold: FoldData, round_up: Callable[[int], int] = capacity) -> Data:
    """What a slice reads, as host arrays padded to `round_up` of their rows; `rows` is all training rows."""
    dev = pack_part(fold.dev, round_up)
    size = round_up(len(fold.probe.x))
    rows: Any = np.int32(len(fold.train.y))
    return Data(
        train=pack_part(fold.train, round_up),
        rows=rows,
        dev=dev,
        half=padded(fold.half.astype(np.float32), len(dev.y)),
        probe_x=padded(fold.probe.x, size),
        probe_codes=padded(fold.probe.codes, size),
    )
