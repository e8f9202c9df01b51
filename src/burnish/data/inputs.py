"""The shape of what a network reads: static, because another shape is another compiled program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.data.on_disk import RowsOnDisk


@dataclass(frozen=True, slots=True)
class InputSpec:
    """Columns of the prepared matrix: continuous ones first, then 0/1 flags; and coded categories of many levels."""

    numbers: int  # continuous columns, zero mean and unit variance on the training rows
    flags: int = 0  # 0/1 columns: booleans, one-hot categories, missing-value indicators
    vocabularies: tuple[int, ...] = ()  # for each coded category: how many codes there are (code 0: unseen or missing)
    image: tuple[int, int, int] | None = None  # height, width and channels, where rows are images; then no columns

    @property
    def width(self) -> int:
        return self.numbers + self.flags


def spec(values: Mapping[str, Any]) -> InputSpec:
    """The shape that `dataclasses.asdict` made a dictionary of, through JSON or not."""
    image = values.get("image")
    return InputSpec(
        values["numbers"], values["flags"], tuple(values["vocabularies"]), None if image is None else tuple(image)
    )


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows as a network reads them."""

    # An array: float32 (rows, numbers + flags), of images uint8 (rows, height, width, channels). Or `RowsOnDisk`, where
    # images are too many for memory: rows can be taken of it, and nothing else.
    x: Any
    codes: NDArray[np.int32]  # (rows, len(vocabularies))

    def take(self, rows: NDArray[np.integer]) -> Prepared:
        x = self.x.take(rows) if isinstance(self.x, RowsOnDisk) else self.x[rows]
        return Prepared(x, self.codes[rows])

    def first(self, rows: int) -> Prepared:
        """The first so many rows, not copied."""
        x = self.x.take(np.arange(rows)) if isinstance(self.x, RowsOnDisk) else self.x[:rows]
        return Prepared(x, self.codes[:rows])
