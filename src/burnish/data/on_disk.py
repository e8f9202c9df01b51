"""Rows of an array in a file, for arrays larger than memory."""

from __future__ import annotations

import math
import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class RowsOnDisk:
    """Some rows of an array in a file, in some order. What is asked for is read, and nothing else is kept.

    A map of the file would do the same, but its pages would count as memory of this process: all, after an epoch.
    """

    file: Path
    offset: int  # bytes before the first row
    dtype: np.dtype[Any]
    row: tuple[int, ...]  # shape of one
    rows: NDArray[np.int64]  # which of the file's

    @classmethod
    def of(cls, array: np.memmap) -> RowsOnDisk:
        """All rows of an array that was mapped as a whole from a file.

        Raises:
            ValueError: It is a part of another one, or its rows do not lie one behind the other.
        """
        if not is_mapped(array) or not array.flags.c_contiguous:
            raise ValueError("only an array that was mapped as a whole, in C order, can be read row by row")
        return cls(Path(str(array.filename)), array.offset, array.dtype, array.shape[1:], np.arange(len(array)))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.row)

    @property
    def ndim(self) -> int:
        return 1 + len(self.row)

    @property
    def row_bytes(self) -> int:
        """Bytes of one."""
        return math.prod(self.row) * self.dtype.itemsize

    def take(self, rows: NDArray[np.integer]) -> RowsOnDisk:
        """These of the rows, in this order; nothing is read."""
        return RowsOnDisk(self.file, self.offset, self.dtype, self.row, self.rows[rows])

    def __getitem__(self, places: slice | NDArray[np.integer]) -> NDArray[Any]:
        """Rows, read in the order in which they lie in the file."""
        rows = self.rows[places]
        out = np.empty((len(rows), *self.row), self.dtype)
        content = memoryview(out.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
        size = self.row_bytes
        with self.file.open("rb", buffering=0) as file:
            for place in np.argsort(rows, kind="stable").tolist():
                part = content[place * size : (place + 1) * size]
                if os.preadv(file.fileno(), [part], self.offset + int(rows[place]) * size) != size:
                    raise OSError(f"{self.file} ends before row {rows[place]}")
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of them in memory."""
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)


def is_mapped(array: Any) -> bool:
    """Whether an array was mapped from a file as a whole: a part of a map does not know where it begins."""
    return isinstance(array, np.memmap) and array.filename is not None and isinstance(array.base, mmap.mmap)


def read_by_rows(array: NDArray[Any]) -> NDArray[Any] | RowsOnDisk:
    """A map as rows that are read where they are asked for, in any order; any other array as it is.

    A map of a large file is read around each row too, in case that is asked for next.
    """
    if isinstance(array, np.memmap) and is_mapped(array) and array.flags.c_contiguous:
        return RowsOnDisk.of(array)
    return array


def give_back(array: Any) -> None:
    """Let the system have the pages that were read of a map, for as long as nobody reads them again.

    They count as memory of this process, though the file still has them.
    """
    if is_mapped(array) and array.mode != "c":  # a copy of its own would be lost
        array.base.madvise(mmap.MADV_DONTNEED)
