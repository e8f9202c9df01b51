"""Categories: few levels as 0/1 flags, many as codes for a learned embedding. Levels are known by their text alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.data import distinct
from burnish.data.table import Column, Physical

# Up to so many levels a category becomes flags; above, an embedding has fewer weights than one column per level, and
# shares strength between levels. 16 flags of 500,000 rows are 32 MB.
MAX_ONE_HOT = 16
# A level of fewer training rows is merged with the other rare ones: one or two rows say nothing about a level, and
# the merged place is the one that unseen levels take, so that it has to be trained.
RARE_ROWS = 3
# At most so many levels have a code of their own, the most frequent ones; the embedding table then has at most 2,001
# rows.
MAX_CODES = 2000
# Integers beyond 2^53 are not exact in float64.
EXACT_INTEGER = 2.0**53

OTHER = "(other)"


def text_of(column: Column) -> Column:
    """The same column as coded text, so that numbers and booleans can be categories too: 3.0 becomes "3".

    Booleans get the words of their source ("no", "yes"), so that predictions speak as the data do.
    """
    if column.physical is Physical.TEXT:
        return column
    values = np.asarray(column.values, dtype=np.float64)
    known = ~np.isnan(values)
    found, place = distinct.taken_apart(values[known] + 0.0)  # + 0.0: −0 is 0
    coded = np.full(len(values), -1, dtype=np.int32)
    coded[known] = place
    if column.physical is Physical.BOOLEAN:
        words = column.words or ("False", "True")
        levels = tuple(words[int(v)] for v in found)
    else:
        levels = tuple(number_text(float(v)) for v in found)
    return replace(column, physical=Physical.TEXT, values=coded, levels=levels)


def number_text(value: float) -> str:
    """The shortest text that reads back as this number; whole numbers without a point."""
    return str(int(value)) if value.is_integer() and abs(value) < EXACT_INTEGER else repr(value)


def places(column: Column, slots: dict[str, int], *, unseen: int, missing: int) -> NDArray[np.int32]:
    """For each row of a text column the slot of its level; shape (rows,)."""
    table = np.empty(len(column.levels) + 1, dtype=np.int32)
    table[:-1] = [slots.get(level, unseen) for level in column.levels]
    table[-1] = missing  # code −1 is the last entry
    return table[column.values]


@dataclass(frozen=True, slots=True)
class FlagsPlan:
    """A category of few levels becomes one flag for each; of two, one flag.

    Rare levels share the place "other", and unseen levels take it; where there is none, they have all flags 0. With
    one flag for two levels an unseen or missing one holds the training share of the flag, between 0 and 1. Missing
    has a flag where training had it.
    """

    name: str
    levels: tuple[str, ...]  # levels with a place of their own; with one flag, the flagged one comes last
    other: bool  # rare levels were merged
    indicator: bool
    share: float  # of the known training rows, in the last place; used with one flag only

    @property
    def numbers(self) -> tuple[str, ...]:
        return ()

    @property
    def flags(self) -> tuple[str, ...]:
        shown = self._places[-1:] if self._single else self._places
        names = tuple(f"{self.name} = {level}" for level in shown)
        return (*names, f"{self.name} is missing") if self.indicator else names

    @property
    def _places(self) -> tuple[str, ...]:
        return (*self.levels, OTHER) if self.other else self.levels

    @property
    def _single(self) -> bool:
        return len(self._places) == 2

    def fill(self, column: Column, numbers: NDArray[np.float32], flags: NDArray[np.float32]) -> None:
        """Writes the prepared rows into views of shape (rows, 0) and (rows, flags); `flags` holds zeros."""
        unseen = len(self.levels) if self.other else -1
        slots = {level: slot for slot, level in enumerate(self.levels)}
        place = places(text_of(column), slots, unseen=unseen, missing=-2)
        if self._single:
            flags[:, 0] = np.where(place < 0, self.share, place)
        else:
            rows = np.flatnonzero(place >= 0)
            flags[rows, place[rows]] = 1.0
        if self.indicator:
            flags[:, -1] = place == -2

    def describe(self) -> tuple[str, str]:
        """What is done, and why."""
        why = f"{len(self.levels)} levels of at least {RARE_ROWS} training rows, no more than {MAX_ONE_HOT}"
        if self.other:
            why += "; rarer ones are merged"
        return "one flag" if self._single else "one flag for each level", why

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> FlagsPlan:
        return cls(**{**values, "levels": tuple(values["levels"])})


@dataclass(frozen=True, slots=True)
class CodesPlan:
    """A category of many levels becomes codes: 0 for unseen, missing or rare, then by frequency."""

    name: str
    levels: tuple[str, ...]

    @property
    def numbers(self) -> tuple[str, ...]:
        return ()

    @property
    def flags(self) -> tuple[str, ...]:
        return ()

    @property
    def vocabulary(self) -> int:
        return len(self.levels) + 1

    def codes(self, column: Column) -> NDArray[np.int32]:
        """Shape (rows,), values from 0 to `vocabulary` − 1."""
        slots = {level: slot for slot, level in enumerate(self.levels, start=1)}
        return places(text_of(column), slots, unseen=0, missing=0)

    def describe(self) -> tuple[str, str]:
        """What is done, and why."""
        return (
            f"codes for a learned embedding of {self.vocabulary} entries",
            f"{len(self.levels)} levels of at least {RARE_ROWS} training rows (the first {MAX_CODES} at most), "
            f"more than {MAX_ONE_HOT}",
        )

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> CodesPlan:
        return cls(values["name"], tuple(values["levels"]))


def fit_category(column: Column) -> FlagsPlan | CodesPlan | None:
    """Plan from a column of training rows; None where neither the levels nor the gaps vary."""
    column = text_of(column)
    codes = np.asarray(column.values, dtype=np.int64)
    counts = np.bincount(codes + 1, minlength=len(column.levels) + 1)
    gaps, counts = int(counts[0]), counts[1:]
    seen = np.flatnonzero(counts)
    kept = seen[counts[seen] >= RARE_ROWS]
    order = sorted(kept.tolist(), key=lambda code: (-int(counts[code]), column.levels[code]))
    levels = tuple(column.levels[code] for code in order)
    if len(levels) > MAX_ONE_HOT:
        return CodesPlan(column.name, levels[:MAX_CODES])
    other = len(kept) < len(seen)
    known = int(counts.sum())
    last = int(counts[seen].sum() - counts[kept].sum()) if other else int(counts[order[-1]]) if order else 0
    indicator = 0 < gaps < len(codes)
    if len(levels) + other < 2:
        return FlagsPlan(column.name, (), False, True, 0.0) if indicator else None
    return FlagsPlan(column.name, levels, other, indicator, last / known)
