"""The shape of what a network reads: static, because another shape is another compiled program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class InputSpec:
    """Columns of the prepared matrix: continuous ones first, then 0/1 flags; and coded categories of many levels."""

    numbers: int  # continuous columns, zero mean and unit variance on the training rows
    flags: int = 0  # 0/1 columns: booleans, one-hot categories, missing-value indicators
    vocabularies: tuple[int, ...] = ()  # for each coded category: how many codes there are (code 0: unseen or missing)

    @property
    def width(self) -> int:
        return self.numbers + self.flags


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows as a network reads them."""

    x: NDArray[np.float32]  # (rows, numbers + flags)
    codes: NDArray[np.int32]  # (rows, len(vocabularies))

    def take(self, rows: NDArray[np.integer]) -> Prepared:
        return Prepared(self.x[rows], self.codes[rows])
