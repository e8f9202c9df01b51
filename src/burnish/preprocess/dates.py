"""Dates: a trend, and the rhythms of day, week and year where the training rows show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.data.table import Column
from burnish.preprocess import numbers as numbers_
from burnish.preprocess.numbers import Floats, Scaling

DAY = 86_400.0  # seconds
WEEK = 7  # days
EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0
# Seconds beyond this (about the year ±31 million) are held there: the calendar of NumPy counts in int64.
LAST_SECOND = 1e15


@dataclass(frozen=True, slots=True)
class DatePlan:
    """A date becomes continuous columns, and a flag where it was missing in training rows."""

    name: str
    parts: tuple[tuple[str, Scaling], ...]  # part of the date, and how it is scaled
    indicator: bool

    @property
    def numbers(self) -> tuple[str, ...]:
        return tuple(f"{self.name}: {part}" for part, _ in self.parts)

    @property
    def flags(self) -> tuple[str, ...]:
        return (f"{self.name} is missing",) if self.indicator else ()

    def fill(self, column: Column, numbers: NDArray[np.float32], flags: NDArray[np.float32]) -> None:
        """Writes the prepared rows into views of shape (rows, numbers) and (rows, flags)."""
        seconds = numbers_.values_of(column)
        places = {part: (slot, scaling) for slot, (part, scaling) in enumerate(self.parts)}
        for part, values in parts_of(seconds):
            if part in places:
                slot, scaling = places[part]
                numbers[:, slot] = scaling.apply(values)
        if self.indicator:
            flags[:, 0] = np.isnan(seconds)

    def describe(self) -> tuple[str, str]:
        """What is done, and why."""
        return "date in parts: " + ", ".join(part for part, _ in self.parts), "the parts that vary in the training rows"

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> DatePlan:
        return cls(values["name"], tuple((p, Scaling(**s)) for p, s in values["parts"]), values["indicator"])


def parts_of(seconds: Floats) -> Iterator[tuple[str, Floats]]:
    """Names and values of the parts of dates (seconds since 1970, UTC; NaN = missing), each of shape (rows,)."""
    missing = np.isnan(seconds)
    held = np.clip(np.where(missing, 0.0, seconds), -LAST_SECOND, LAST_SECOND)
    yield "trend", seconds
    day = np.floor(held / DAY)
    yield from _circle("time of day", (held - day * DAY) / DAY, missing)
    yield from _circle("day of week", ((day + EPOCH_WEEKDAY) % WEEK) / WEEK, missing)
    days = day.astype(np.int64).astype("datetime64[D]")
    years = days.astype("datetime64[Y]")
    start = years.astype("datetime64[D]").astype(np.int64)
    length = (years + np.timedelta64(1, "Y")).astype("datetime64[D]").astype(np.int64) - start
    yield from _circle("day of year", (day - start) / length, missing)


def _circle(name: str, turn: Floats, missing: NDArray[np.bool_]) -> Iterator[tuple[str, Floats]]:
    """A share of a period as a point on the circle, so that its end lies next to its beginning."""
    angle = np.where(missing, np.nan, 2 * np.pi * turn)
    yield f"{name}, sine", np.sin(angle)
    yield f"{name}, cosine", np.cos(angle)


def fit_date(name: str, seconds: Floats) -> DatePlan | None:
    """Plan from training values (seconds, NaN = missing); None where neither the dates nor the gaps vary."""
    missing = np.isnan(seconds)
    indicator = bool(missing.any()) and not bool(missing.all())
    fitted = ((part, numbers_.fit_scaling(values)) for part, values in parts_of(seconds))
    parts = tuple((part, scaling) for part, scaling in fitted if scaling)
    return DatePlan(name, parts, indicator) if parts or indicator else None
