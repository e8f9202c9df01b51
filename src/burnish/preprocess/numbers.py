"""Numbers and booleans: standardised, heavy tails tamed, gaps filled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from burnish.data.table import Column, Physical
from burnish.errors import DataError

Floats = NDArray[np.float64]
Rule = Literal["plain", "signed_log", "smooth_clip", "none"]

# Interquartile range of a normal variable in standard deviations: 2·Φ⁻¹(0.75).
NORMAL_IQR = 1.3489795003921634
# A row this many robust standard deviations from the median is far out. Of a million normal rows the farthest lies at
# 4.9, so that a column without heavy tails is never bent; of a thousand exponential ones the farthest lies at 7.6.
FAR = 6.0
# The logarithm must bring back more than this share of the far rows. Where the tail goes on from the body (lognormal
# up to σ = 3, Cauchy) 3/4 or more come back; where a few rows stand apart from it (a typing error, a sentinel such as
# 999999) none do.
LOG_BRINGS_BACK = 0.5
# Bend of the smooth clip in robust standard deviations: x / √(1 + (x/3)²), 0.95 of x at 1, never beyond 3 (Holzmüller
# et al. 2024, "Better by default", section 3.1).
CLIP_BEND = 3.0
# No training row ends up further than this from 0, in the units of the network's input: a column that is 0 but in one
# row of 100,000 would have that row at 316 under plain standardising. Such a column is divided by more than its
# standard deviation.
REACH = 10.0
# At prediction values are held within ±HELD: twice as far out as any training row nothing has been learnt, and a unit
# error (grams for tonnes) must not drown all other inputs.
HELD = 2 * REACH
# The robust scale is at least this share of the farthest distance, so that no quotient overflows.
SCALE_FLOOR = 1e-12
# Without a scaling, values are held within this, so that they fit float32.
LARGEST_RAW = 1e30
# Larger magnitudes count as this, so that squares and their sums stay finite in float64.
LARGEST = 1e100
# A range below this is no variation: quotients would overflow.
SMALLEST_RANGE = 1e-100


def values_of(column: Column) -> Floats:
    """The column as float64, NaN = missing; shape (rows,).

    Raises:
        DataError: the column holds text, or an infinity.
    """
    if column.physical is Physical.TEXT:
        if bool(np.all(column.values < 0)):
            return np.full(len(column.values), np.nan)
        first = column.levels[int(column.values[column.values >= 0][0])]
        raise DataError(
            f"Column {column.name!r} should hold numbers, but holds text.",
            f"One of its values is {first[:80]!r}.",
            "Write the column as it was written in the training data.",
        )
    values = np.asarray(column.values, dtype=np.float64)
    if bool(np.isinf(values).any()):
        raise DataError(
            f"Column {column.name!r} holds infinite values.",
            f"{int(np.isinf(values).sum())} rows are infinite; a mean and a standard deviation need finite ones.",
            "Leave these cells empty (missing), or correct them.",
        )
    return values


@dataclass(frozen=True, slots=True)
class Scaling:
    """x ← (f((x − center) / scale) − mean) / spread, with f as `rule` says; missing becomes 0.

    With the rule "none" x stays as it is, and missing becomes the center.
    """

    rule: Rule
    center: float  # median of the training rows
    scale: float  # robust standard deviation of the training rows
    mean: float  # of f(...) over the training rows
    spread: float  # standard deviation of f(...), or a tenth of its reach where that is larger
    reason: str

    def apply(self, values: Floats) -> Floats:
        """Network input for these values, in standard deviations (in units without a rule); shape (rows,)."""
        if self.rule == "none":
            return np.where(np.isnan(values), self.center, np.clip(values, -LARGEST_RAW, LARGEST_RAW))
        out = _tame((np.clip(values, -LARGEST, LARGEST) - self.center) / self.scale, self.rule)
        out -= self.mean
        out /= self.spread
        np.clip(out, -HELD, HELD, out=out)
        out[np.isnan(out)] = 0.0
        return out


def fit_scaling(values: Floats) -> Scaling | None:
    """Scaling learnt from training values (NaN = missing), or None where they do not vary.

    The gentlest of three: nothing but standardising where no row lies beyond `FAR` robust standard deviations; the
    signed logarithm where it brings most of the far rows back; else the smooth clip. Then mean 0 and standard
    deviation 1.
    """
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    values = np.clip(values, -LARGEST, LARGEST)
    low, high = float(values.min()), float(values.max())
    if high - low < SMALLEST_RANGE:
        return None
    center, scale = _robust(values)
    z = (values - center) / scale
    rule, reason = _choose(z)
    tamed = _tame(z, rule)
    mean, deviation = float(tamed.mean()), float(tamed.std())
    reach = max(float(tamed.max()) - mean, mean - float(tamed.min()))
    if not reach > 0:  # the variation is lost in rounding
        return None
    if reach > REACH * deviation:
        reason += f"; nearly constant, so its farthest row is put at {REACH:g}"
    return Scaling(rule, center, scale, mean, max(deviation, reach / REACH), reason)


def unscaled(scaling: Scaling) -> Scaling:
    """The same column as it stands in the table, gaps filled with its median: to see what scaling is worth."""
    return replace(scaling, rule="none", reason="left as it is")


def _robust(values: Floats) -> tuple[float, float]:
    """Median, and a robust standard deviation that is never 0 for values that vary.

    The interquartile range over that of a normal; where more than half of the rows share one value, the median
    distance from it of those that differ.
    """
    low, center, high = (float(q) for q in np.quantile(values, (0.25, 0.5, 0.75)))
    scale = (high - low) / NORMAL_IQR
    distance = np.abs(values - center)
    farthest = float(distance.max())
    if scale <= 0:
        scale = float(np.median(distance[distance > 0]))
    return center, max(scale, SCALE_FLOOR * farthest)


def _tame(z: Floats, rule: Rule) -> Floats:
    """f(z), a new array or z itself."""
    if rule == "signed_log":
        return np.copysign(np.log1p(np.abs(z)), z)
    if rule == "smooth_clip":
        return z / np.hypot(1.0, z / CLIP_BEND)  # hypot: the square of a far-out z must not overflow
    return z


def _choose(z: Floats) -> tuple[Rule, str]:
    """The rule for robustly scaled training values, and why."""
    far = int(np.count_nonzero(np.abs(z) > FAR))
    if not far:
        return "plain", f"no training row beyond {FAR:g} robust standard deviations"
    share = f"{far} of {len(z)} training rows beyond {FAR:g} robust standard deviations"
    logs = _tame(z, "signed_log")
    center, scale = _robust(logs)
    left = int(np.count_nonzero(np.abs(logs - center) > FAR * scale))
    if left <= (1 - LOG_BRINGS_BACK) * far:
        return "signed_log", f"{share}; the logarithm brings {far - left} of them back"
    return "smooth_clip", f"{share}; they stand apart, {left} of them even on a logarithmic scale"


@dataclass(frozen=True, slots=True)
class NumberPlan:
    """A number becomes one continuous column, and a flag where it was missing in training rows."""

    name: str
    scaling: Scaling | None  # None: the value never varies, only the flag says something
    indicator: bool

    @property
    def numbers(self) -> tuple[str, ...]:
        return (self.name,) if self.scaling else ()

    @property
    def flags(self) -> tuple[str, ...]:
        return (f"{self.name} is missing",) if self.indicator else ()

    def fill(self, column: Column, numbers: NDArray[np.float32], flags: NDArray[np.float32]) -> None:
        """Writes the prepared rows into views of shape (rows, numbers) and (rows, flags)."""
        values = values_of(column)
        if self.scaling:
            numbers[:, 0] = self.scaling.apply(values)
        if self.indicator:
            flags[:, 0] = np.isnan(values)

    def describe(self) -> tuple[str, str]:
        """What is done, and why."""
        if self.scaling is None:
            return "missing flag only", "its value never varies, but it is missing in some training rows"
        words = {
            "plain": "standardised",
            "signed_log": "signed logarithm, then standardised",
            "smooth_clip": "smoothly clipped, then standardised",
            "none": "as it is",
        }
        gap = "; missing in training rows: mean, with a flag" if self.indicator else ""
        return words[self.scaling.rule], self.scaling.reason + gap

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> NumberPlan:
        scaling = values["scaling"]
        return cls(values["name"], scaling and Scaling(**scaling), values["indicator"])


@dataclass(frozen=True, slots=True)
class BooleanPlan:
    """A boolean becomes one flag, and a second where it was missing in training rows.

    A gap holds the training share of true.
    """

    name: str
    share: float  # of the known training rows that are true; 0 to 1
    indicator: bool

    @property
    def numbers(self) -> tuple[str, ...]:
        return ()

    @property
    def flags(self) -> tuple[str, ...]:
        return (self.name, f"{self.name} is missing") if self.indicator else (self.name,)

    def fill(self, column: Column, numbers: NDArray[np.float32], flags: NDArray[np.float32]) -> None:
        """Writes the prepared rows into views of shape (rows, 0) and (rows, flags)."""
        values = values_of(column)
        missing = np.isnan(values)
        flags[:, 0] = np.where(missing, self.share, values != 0)
        if self.indicator:
            flags[:, 1] = missing

    def describe(self) -> tuple[str, str]:
        """What is done, and why."""
        gap = "; missing in training rows: a second flag" if self.indicator else ""
        return "flag", f"true or false, true in {self.share:.1%} of the training rows{gap}"

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> BooleanPlan:
        return cls(**values)


def fit_number(name: str, values: Floats) -> NumberPlan | None:
    """Plan from training values (NaN = missing); None where neither the values nor the gaps vary."""
    missing = np.isnan(values)
    indicator = bool(missing.any()) and not bool(missing.all())
    scaling = fit_scaling(values)
    return NumberPlan(name, scaling, indicator) if scaling or indicator else None


def fit_boolean(name: str, values: Floats) -> BooleanPlan | NumberPlan | None:
    """Plan from training values 0, 1 or NaN; None where neither the values nor the gaps vary."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    share = float(np.mean(known != 0))
    indicator = len(known) < len(values)
    if 0 < share < 1:
        return BooleanPlan(name, share, indicator)
    return NumberPlan(name, None, True) if indicator else None
