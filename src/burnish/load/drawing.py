"""Which records of a source are read, where there is no time for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from burnish.data.table import Table

CELL = 8  # bytes of a value of a table in memory
# Rows that are read in any case, where there are so many: errors of 10 % are then known to 1.9 points from a fifth.
FEWEST = 5_000


@dataclass(frozen=True, slots=True)
class Draw:
    """Draws records at random, each with the same chance."""

    # Of a source that takes as long as so many bytes of text, with so many records: the part of these that is read.
    share: Callable[[int, int], float]
    seed: int

    def of(self, size: int, records: int, *, fewest: int | None = None) -> Drawing:
        """The drawing from a source of so many bytes, and about so many records, of which FEWEST are read at least."""
        least = (FEWEST if fewest is None else fewest) / max(1, records)
        share = min(1.0, max(self.share(size, records), least))
        return Drawing(share, np.random.default_rng([self.seed, records]))

    def of_table(self, table: Table) -> Table:
        """A table that has been read with all its rows."""
        drawing = self.of(CELL * table.rows * len(table.columns), table.rows)
        drawn = drawing.next(table.rows)
        return replace(table.take(np.flatnonzero(drawn)), passed=drawing.passed) if drawing.passed else table


@dataclass(slots=True)
class Drawing:
    """Says of each record in turn whether it is read."""

    share: float = 1.0
    rng: np.random.Generator = field(default_factory=np.random.default_rng)
    passed: int = 0  # records that were not drawn

    def next(self, records: int) -> NDArray[np.bool_]:
        """Of so many records, shape (records,)."""
        if self.share >= 1:
            return np.ones(records, bool)
        drawn = self.rng.random(records) < self.share
        self.passed += records - int(drawn.sum())
        return drawn
