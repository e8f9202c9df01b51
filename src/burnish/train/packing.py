"""A fold as the compiled program reads it: rows padded to few sizes, so that folds and small tables share programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from burnish.data.on_disk import RowsOnDisk
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


def padded(array: Any, size: int) -> Any:
    """The array with zeros after its rows, up to `size` rows; a host array, where the compiled program sees its own."""
    array = np.asarray(array)
    if len(array) == size:
        return array
    out = np.zeros((size, *array.shape[1:]), array.dtype)
    out[: len(array)] = array
    return out


def pack_part(part: Part, round_up: Callable[[int], int], *, handed: bool = False) -> Rows:
    """A part with its padding; `handed` as for `pack`."""
    rows = len(part.y)
    size = round_up(rows)
    return Rows(
        x=part.inputs.x[:0] if handed else padded(part.inputs.x, size),
        codes=padded(part.inputs.codes, size),
        y=padded(part.y, size),
        weight=padded(part.weight, size),
        counted=padded(np.ones(rows, np.float32), size),
    )


def is_handed(fold: FoldData) -> bool:
    """Whether inputs lie on disk, so that a training is handed those that it needs."""
    return isinstance(fold.train.inputs.x, RowsOnDisk)


def pack(fold: FoldData, round_up: Callable[[int], int] = capacity, *, handed: bool = False) -> Data:
    """What a slice reads, as host arrays padded to `round_up` of their rows; `rows` is all training rows.

    Args:
        fold: One fold.
        round_up: The padded number of rows of a part.
        handed: Inputs are left out: they come slice by slice (`slice.train_part`).
    """
    dev = pack_part(fold.dev, round_up, handed=handed)
    size = round_up(len(fold.probe.x))
    rows: Any = np.int32(len(fold.train.y))
    first: Any = np.int32(0)
    return Data(
        train=pack_part(fold.train, round_up, handed=handed),
        rows=rows,
        dev=dev,
        half=padded(fold.half.astype(np.float32), len(dev.y)),
        probe_x=fold.probe.x[:0] if handed else padded(fold.probe.x, size),
        probe_codes=padded(fold.probe.codes, size),
        first=first if handed else None,
    )
