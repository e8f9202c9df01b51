"""The shape of what a network reads: static, because another shape is another compiled program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


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

    x: NDArray[Any]  # float32 (rows, numbers + flags); of images uint8 (rows, height, width, channels)
    codes: NDArray[np.int32]  # (rows, len(vocabularies))

    def take(self, rows: NDArray[np.integer]) -> Prepared:
        return Prepared(self.x[rows], self.codes[rows])
